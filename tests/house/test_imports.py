"""Imports point one way only, and the rules stay pure."""

import ast
import subprocess
import sys

import pytest

from tests.house.tree import ROOT, files

ORDER = ("schemas", "cx", "streams", "agents", "ops", "serving", "cli")  # each may import those before it
READ_MODEL = "streams.readmodel"  # all that `serving` may know of the flow
IMPURE = {"aiokafka", "asyncio", "faust", "os", "random", "redis", "secrets", "socket", "subprocess", "time"}
CLOCKS = {"now", "today", "utcnow"}
# Read where no worker runs: by the API, the console and tools beside a cluster.
FAUST_FREE = (
    "schemas/*.py", "cx/*.py", "streams/readmodel.py", "ops/metrics*.py", "ops/lag/*.py", "ops/dead*.py",
    "ops/aggregates/*.py", "ops/exporter.py", "ops/endpoint.py", "ops/latencies.py", "ops/pulse.py", "serving/*.py",
)  # fmt: skip


def imported(source: str) -> set[str]:
    """Return every absolute name that *source* imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(source)))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    parts = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0]
    return plain | {f"{node.module}.{alias.name}" for node in parts for alias in node.names}


def wrong_arrows(package: str, source: str) -> list[str]:
    """Return what a module of *package* with this *source* may not import."""
    above = ORDER[ORDER.index(package) + 1 :]
    names = sorted(imported(source))
    wrong = [name for name in names if name.split(".")[0] in above]
    if package == "serving":
        wrong += [name for name in names if f"{name}.".startswith(("streams.", "agents.")) and READ_MODEL not in name]
    return wrong


def clock_reads(source: str) -> list[str]:
    """Return the calls in *source* that ask what time it is."""
    calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [ast.unparse(call) for call in calls if isinstance(call, ast.Attribute) and call.attr in CLOCKS]


@pytest.mark.parametrize("package", ORDER)
def test_imports_point_one_way_only(package: str) -> None:
    wrong = {path.name: wrong_arrows(package, path.read_text("utf-8")) for path in files(f"{package}/*.py")}

    assert {name: arrows for name, arrows in wrong.items() if arrows} == {}


def test_every_package_has_its_place_in_the_order() -> None:
    packages = {path.relative_to(ROOT).parts[0] for path in files("*/__init__.py")} - {"tests"}

    assert {"schemas", "cx"} <= packages <= set(ORDER)


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("schemas", "import cx"),
        ("cx", "def late():\n    from streams.lane import Lane"),
        ("streams", "import ops.metrics as metrics"),
        ("agents", "from serving import api"),
        ("serving", "from streams import tables"),
        ("serving", "import agents"),
    ],
)
def test_an_arrow_the_wrong_way_is_seen(package: str, source: str) -> None:
    assert len(wrong_arrows(package, source)) == 1


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("cx", "from schemas.policy import Policy"),
        ("serving", "from streams.readmodel import ReadModel\nfrom streams import readmodel\nimport ops.lag"),
        ("cli", "import schemas, cx, streams, agents, ops, serving"),
    ],
)
def test_an_arrow_the_right_way_is_let_through(package: str, source: str) -> None:
    assert wrong_arrows(package, source) == []


def test_the_rules_know_no_flow_no_store_and_no_chance() -> None:
    known = {path.name: imported(path.read_text("utf-8")) for path in files("cx/*.py")}
    impure = {name: roots for name, names in known.items() if (roots := {one.split(".")[0] for one in names} & IMPURE)}

    assert known
    assert impure == {}


def test_the_lane_knows_no_rules() -> None:
    known = {path.name: imported(path.read_text("utf-8")) for path in files("streams/*.py")}

    assert known
    assert [name for name, names in known.items() if any(one.split(".")[0] == "cx" for one in names)] == []


def test_the_rules_read_no_clock() -> None:
    reads = {path.name: clock_reads(path.read_text("utf-8")) for path in files("cx/*.py")}

    assert {name: calls for name, calls in reads.items() if calls} == {}
    assert clock_reads("then = datetime.now(tz=UTC) - date.today()") == ["datetime.now", "date.today"]


def test_what_runs_beside_a_worker_loads_no_faust() -> None:
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files(*FAUST_FREE)]
    script = f"import sys, {', '.join(modules)}\nsys.exit('faust' in sys.modules)"

    assert "schemas.inputs" in modules
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False, timeout=60).returncode == 0
