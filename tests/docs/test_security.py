"""`docs/security.md` names tests that there are, and all of OWASP's ten."""

import ast
import re

from tests.house.tree import ROOT

PAGE = ROOT / "docs" / "security.md"
ROWS = re.findall(r"^\| (API\d+) [^|]+\| [^|]+\| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)


def functions(path: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / "integration" / path).resolve().read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_each_of_the_ten_is_walked_through() -> None:
    assert [name for name, _ in ROWS] == [f"API{number}" for number in range(1, 11)]


def test_every_test_that_is_named_is_there() -> None:
    named = [found for _, tests in ROWS for found in re.findall(r"`([^`]+)::(\w+)`", tests)]

    assert len(named) >= len(ROWS)
    assert [test for path, test in named if test not in functions(path)] == []
