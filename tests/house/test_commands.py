"""The two commands, and the others: what `make` says and does before anything is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

TARGETS = ("demo", "test", "check", "bench", "faults", "verify", "properties", "mutants", "lock", "clean")


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `make` as a person would, not as the child of the one that runs these tests."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_make_alone_lists_its_targets_with_a_line_each() -> None:
    lines = [line.split(maxsplit=2) for line in make().stdout.splitlines()]

    assert [words[:2] for words in lines] == [["make", target] for target in TARGETS]
    assert all(words[2] for words in lines)


@pytest.mark.parametrize(("arguments", "seconds"), [([], "60"), (["SECONDS=20"], "20")])
def test_demo_runs_for_as_many_seconds_as_asked(arguments: list[str], seconds: str) -> None:
    said = make("-n", "demo", *arguments).stdout.splitlines()

    assert said[-1].endswith(f"cx demo --seconds '{seconds}'")


@pytest.mark.parametrize("python", ["", "false", "no-such-python"])
def test_without_a_suitable_python_one_line_says_what_is_needed(python: str, tmp_path: Path) -> None:
    refused = make("setup", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}")

    assert refused.returncode == 2
    assert [line[:22] for line in refused.stderr.splitlines()][:-1] == ["Python 3.11 or newer w"]
    assert not (tmp_path / "venv").exists()


def test_the_shell_cannot_send_packages_elsewhere() -> None:
    foreign = {"PIP_USER": "1", "PIP_TARGET": "x", "PYTHONPATH": "x", "VIRTUAL_ENV": "x"}
    shown = make("--eval=shown: ; @env", "shown", **foreign).stdout.splitlines()

    assert "PIP_USER=0" in shown
    assert "PIP_TARGET=" in shown
    assert not any(line.startswith(("PYTHONPATH=", "VIRTUAL_ENV=")) for line in shown)


def test_all_benchmarks_run_also_after_one_that_fails_and_the_end_tells(tmp_path: Path) -> None:
    python = tmp_path / "bin/python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exec {sys.executable} "$@"\necho "$2"\n[ "$2" != bench.latency ]\n')
    python.chmod(0o755)
    for name in ("packages", "project"):
        (tmp_path / f"{name}.stamp").write_text(f"{ROOT}\n")

    ran = make("bench", f"VENV_BENCH={tmp_path}")

    assert sorted(ran.stdout.split()) == sorted(f"bench.{path.stem}" for path in (ROOT / "bench").glob("*.py"))
    assert ran.returncode != 0
    assert "short of a target: latency" in ran.stderr
    assert make("bench", f"VENV_BENCH={tmp_path}", "ONLY=lane").returncode == 0
