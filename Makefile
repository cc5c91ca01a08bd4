# Everything a person or a build machine does with this project; `make` alone lists it. Set-up is part of each target.

SECONDS ?= 60
EXAMPLES ?= 10000
ONLY ?=
SUITS := -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' </dev/null >/dev/null 2>&1
# By running it: a name on the PATH may be a shim of a version manager that leads nowhere.
PYTHON ?= $(shell for name in python3.12 python3.11 python3 python3.13 python; do $$name $(SUITS) && echo $$name && break; done)

VENV := .venv
BIN := $(VENV)/bin
VENV_BENCH := .venv-bench
BENCHES := $(patsubst bench/%.py,%,$(wildcard bench/*.py))
UNKNOWN := $(filter-out $(BENCHES),$(ONLY))
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header --quiet

# What a shell may carry along from elsewhere would send packages, or imports, to another place than .venv. An empty
# value makes pip take its default even where a pip.conf says otherwise.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PYTHONUSERBASE
export PIP_USER := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_TARGET :=
export PIP_PREFIX :=
export PIP_ROOT :=
export PIP_CONSTRAINT :=
export PIP_REQUIRE_VIRTUALENV :=

.DEFAULT_GOAL := help
.PHONY: help demo test check bench faults verify properties mutants lock clean setup

help:
	@sed -n 's/^\([a-z]*\):.*## /  make \1|/p' Makefile | while IFS='|' read -r target line; do \
		printf '%-14s %s\n' "$$target" "$$line"; done

demo: setup ## watch events become tiers and rewards on a real Kafka; SECONDS=60 by default
	@$(BIN)/cx demo --seconds '$(SECONDS)'

test: setup ## run the test suite, on a real Kafka and Redis
	@$(BIN)/python -m pytest

check: setup ## ruff (rules and format) and mypy strict
	@$(BIN)/ruff check
	@$(BIN)/ruff format --diff --quiet
	@$(BIN)/mypy

bench: $(if $(UNKNOWN),,$(VENV_BENCH)/project.stamp) ## run the benchmarks, or one of them with ONLY=name
ifneq ($(UNKNOWN),)
	@echo 'No benchmark is called $(UNKNOWN); there are: $(BENCHES).' >&2; exit 2
else
	@failed=; for name in $(or $(ONLY),$(BENCHES)); do $(VENV_BENCH)/bin/python -m bench.$$name || failed="$$failed $$name"; done; \
	test -z "$$failed" || { echo "Failed, or short of a target:$$failed" >&2; exit 1; }
endif

faults: setup ## break Kafka, Redis and workers on purpose, and count every event; half an hour
	@FAULTS_PAGE=docs/faults.md $(BIN)/python -m pytest -m faults --session-timeout=5400 tests/faults

verify: setup ## a million events against the reference, and what needs Node or Java build tools
	@VERIFY_PAGE=docs/verify.md $(BIN)/python -m pytest -m verify --session-timeout=14400 tests/verify

properties: setup ## what always holds, on 10,000 logs of chance each; hours; EXAMPLES=200 for fewer
	@CX_EXAMPLES='$(EXAMPLES)' PROPERTIES_PAGE=docs/properties.md $(BIN)/python -m pytest -q --timeout=0 \
		--hypothesis-profile=new -p tests.properties.plugin tests/cx/test_properties.py \
		tests/cx/test_ladder_properties.py tests/cx/test_points_properties.py tests/cx/test_rewards_properties.py \
		tests/cx/desk/test_properties.py tests/generated tests/ops/test_aggregates_properties.py \
		tests/schemas/test_arbitrary_input.py tests/cli/test_replay_and_lane.py

# What runs wild takes no more than 4 GiB; a run that was ended goes on where it was. Few examples, because each mutant
# that lives runs all of them.
mutants: setup ## change the rules in small ways, and list the changes that no test notices; an hour or two
	@ulimit -v 4194304; CX_EXAMPLES=4 nice $(BIN)/python -m mutmut run --max-children 1
	@$(BIN)/python -m tests.mutation.page

lock: ## renew requirements/*.lock from pyproject.toml; needs uv
	@command -v uv >/dev/null || { echo 'uv is needed to renew the lock files; install it and try again.' >&2; exit 1; }
	@$(LOCK) --extra dev --output-file requirements/dev.lock
	@$(LOCK) --constraint requirements/dev.lock --output-file requirements/base.lock
# From what runs, so that only those packages differ that a peer holds back.
	@cp requirements/base.lock requirements/bench.lock
	@$(LOCK) --extra bench --output-file requirements/bench.lock

clean: ## remove .venv and caches; data in .cx stays
	@rm -rf $(VENV) $(VENV_BENCH) bench/peers/kafka-streams/target examples/subscribers/java/target examples/subscribers/node/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist mutants *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first stamp says which folder the environment was made in: one that was moved, copied or left behind by a removed
# Python does not run, and is made anew like one of older packages.
ifneq ($(shell $(BIN)/python -c 'print(open("$(VENV)/packages.stamp").read().strip())' 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/packages.stamp
endif
ifneq ($(shell $(VENV_BENCH)/bin/python -c 'print(open("$(VENV_BENCH)/packages.stamp").read().strip())' 2>/dev/null),$(CURDIR))
.PHONY: $(VENV_BENCH)/packages.stamp
endif

setup: $(VENV)/project.stamp

# The benchmarks have packages of their peers beside ours, in an environment where they disturb nobody.
$(VENV)/packages.stamp: requirements/dev.lock
$(VENV_BENCH)/packages.stamp: requirements/bench.lock
$(VENV)/packages.stamp $(VENV_BENCH)/packages.stamp:
	@{ test -n '$(PYTHON)' && '$(PYTHON)' $(SUITS); } || { echo 'Python 3.11 or newer with venv is needed and was not found; name one: make PYTHON=/path/to/python3' >&2; exit 1; }
	@echo "Setting up $(@D) with $$('$(PYTHON)' -V) (once, a minute or so)"
	@rm -rf $(@D)
	@'$(PYTHON)' -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --require-hashes --requirement $< || { \
		echo 'The packages of $< could not be installed, see above; is there a network?' >&2; exit 1; }
	@echo '$(CURDIR)' > $@

# A new top-level package is visible to `cx` only after another editable install.
$(VENV)/project.stamp: $(VENV)/packages.stamp
$(VENV_BENCH)/project.stamp: $(VENV_BENCH)/packages.stamp
$(VENV)/project.stamp $(VENV_BENCH)/project.stamp: pyproject.toml $(wildcard */__init__.py)
	@$(@D)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
