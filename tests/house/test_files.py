"""What no file of the project may hold, and what every module must."""

import ast
import re

import pytest

from tests.house.tree import ROOT, files

# In pieces, because this file is one of those that are searched.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("maven", "org"),
        ("maven", "apache", "org"),
        ("central", "sonatype", "com"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
        ("deb", "debian", "org"),
    )
]
MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:home|root|Users|work|farm|builds)/\w|\b[A-Z]:\\Users\\")
FORBIDDEN_MODULES = {"cloudpickle", "dill", "marshal", "pickle", "shelve"}
FORBIDDEN_CALLS = {"__import__", "compile", "eval", "exec"}


def forbidden_names(source: str) -> set[str]:
    """Return the names in *source* that would run data as code."""
    nodes = list(ast.walk(ast.parse(source)))
    modules = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {(node.module or "").split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return (modules & FORBIDDEN_MODULES) | (names & FORBIDDEN_CALLS)


def texts() -> dict[str, str]:
    """Return each file's path and text; what is no text, such as a picture, reads as far as it is."""
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8", errors="ignore") for path in files("*")}


@pytest.mark.parametrize("host", REGISTRIES)
def test_no_file_names_a_package_registry(host: str) -> None:
    assert [name for name, text in texts().items() if host in text] == []


def test_no_file_names_a_place_on_one_machine() -> None:
    found = {name: place[0] for name, text in texts().items() if (place := MACHINE_PATH.search(text))}

    assert found == {}


@pytest.mark.parametrize("parts", [("/ho", "me/lan/cx"), ("cd /ro", "ot/x"), ("C:\\", "Users\\x")])
def test_a_place_on_one_machine_is_seen(parts: tuple[str, str]) -> None:
    assert MACHINE_PATH.search("".join(parts))


@pytest.mark.parametrize("word", ["docs/work/plan.md", "src/home/page", "redis://127.0.0.1:6379/0", "/var/lib/kafka"])
def test_an_ordinary_path_is_let_through(word: str) -> None:
    assert not MACHINE_PATH.search(word)


def test_no_module_runs_data_as_code() -> None:
    found = {path.name: forbidden_names(path.read_text("utf-8")) for path in files("*.py")}

    assert {name: names for name, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "source", ["eval('1')", "from pickle import loads", "import marshal", "run = exec", "import shelve as s"]
)
def test_data_run_as_code_is_seen(source: str) -> None:
    assert len(forbidden_names(source)) == 1


def test_every_module_says_in_its_first_line_what_it_is() -> None:
    modules = files("*.py")
    silent = [path.name for path in modules if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]

    assert len(modules) > len(files("tests/*.py")) > 0
    assert silent == []
