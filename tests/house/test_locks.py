"""The lock files: hashes for everything, no address, and true to `pyproject.toml`."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.tree import ROOT

ENTRY = re.compile(r"([a-z0-9-]+)==([\w.!+]+)(?: ; [^\n\\]+)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
WANTED = {
    "base": PROJECT["dependencies"],
    "dev": [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]],
    "bench": [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["bench"]],
}
HELD_BACK = {"pydantic", "pydantic-core", "pydantic-settings"}  # by Quix Streams, which allows none newer


def locked(name: str) -> dict[str, str]:
    """Return distribution and version of each entry of a lock file."""
    return {entry[1]: entry[2] for entry in ENTRY.finditer(text(name))}


def text(name: str) -> str:
    """Return a lock file as it is."""
    return (ROOT / "requirements" / f"{name}.lock").read_text("utf-8")


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_holds_pinned_hashed_entries_and_nothing_else(name: str) -> None:
    assert ENTRY.sub("", text(name)) == ""
    assert len(locked(name)) > len(WANTED[name])


@pytest.mark.parametrize("line", ["--index-url x\n", "a==1\n", "a>=1 \\\n    --hash=sha256:0\n", "a @ git+x\n"])
def test_another_kind_of_line_is_seen(line: str) -> None:
    assert ENTRY.sub("", line) == line


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_satisfies_the_project(name: str) -> None:
    versions = locked(name)
    wanted = {canonicalize_name(one.name): one.specifier for one in map(Requirement, WANTED[name])}

    assert wanted.keys() - versions.keys() == set()
    assert [package for package, specifier in wanted.items() if versions[package] not in specifier] == []


def test_work_and_development_run_the_same_versions() -> None:
    assert locked("base").items() <= locked("dev").items()


def test_a_benchmark_runs_the_versions_that_work_runs() -> None:
    measured = locked("bench")

    assert {name for name, version in locked("base").items() if measured.get(name) != version} == HELD_BACK
