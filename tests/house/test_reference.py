"""The reference of the rules stands on its own feet, and stays small enough to be read."""

import ast
from pathlib import Path

from tests.house.test_imports import imported
from tests.house.tree import files

# Of code: blank lines, comments and docstrings are for the reader. Every module that is not named here is of what a
# customer goes through.
LINES_MAX = {"tiers and points": 600, "experience": 250, "care": 275, "rewards": 275, "gifts": 175}
PARTS = dict.fromkeys(("books.py", "days.py", "ledger.py", "policy.py", "states.py", "walk.py"), "tiers and points")
PARTS |= {"care.py": "care", "journey.py": "care", "rewards.py": "rewards", "gifts.py": "gifts"}
ALLOWED = {
    "__future__",
    "collections",
    "copy",
    "dataclasses",
    "datetime",
    "decimal",
    "fractions",
    "functools",
    "itertools",
    "pathlib",
    "typing",
    "uuid",
    "yaml",
    "zoneinfo",
}
OWN = "tests.reference."


def modules() -> list[Path]:
    return files("tests/reference/*.py")


def code_lines(source: str) -> int:
    """Return how many lines of *source* hold code."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    tree = ast.parse(source)
    docs = [node.body[0] for node in ast.walk(tree) if isinstance(node, documented) and ast.get_docstring(node)]
    silent = {line for doc in docs for line in range(doc.lineno, (doc.end_lineno or doc.lineno) + 1)}
    lines = enumerate(source.splitlines(), 1)
    return sum(bool(line.strip()) and not line.strip().startswith("#") and n not in silent for n, line in lines)


def test_the_reference_knows_nothing_of_the_product() -> None:
    names = {name for path in modules() for name in imported(path.read_text("utf-8")) if not name.startswith(OWN)}

    assert len(modules()) > 1
    assert {name.split(".")[0] for name in names} <= ALLOWED


def test_the_reference_is_short() -> None:
    lines = dict.fromkeys(LINES_MAX, 0)
    for path in modules():
        lines[PARTS.get(path.name, "experience")] += code_lines(path.read_text("utf-8"))

    assert all(lines[part] < most for part, most in LINES_MAX.items()), lines
    assert code_lines('"""A module."""\n\n# Why.\ndef one() -> int:\n    """Return one."""\n    return 1\n') == 2
