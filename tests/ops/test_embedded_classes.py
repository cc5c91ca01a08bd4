"""The archive of Kafka's classes: one for each Java and class path, made by a run that ends in order, never a need."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ops.embedded.classes import Archive

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def java(tmp_path: Path) -> Path:
    home = tmp_path / "java"
    for file in ("bin/java", "lib/server/classes.jsa"):
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        (home / file).touch()
    return home / "bin" / "java"


@pytest.fixture
def jar(tmp_path: Path) -> Path:
    path = tmp_path / "repository" / "kafka.jar"
    path.parent.mkdir()
    path.write_bytes(b"classes")
    return path


def test_before_there_is_an_archive_only_one_program_leaves_one(java: Path, jar: Path, tmp_path: Path) -> None:
    archive, record = Archive.of(java, (jar,)), tmp_path / "record.jsa"

    assert archive.options() == ()
    assert archive.options(record)[-1] == f"-XX:ArchiveClassesAtExit={record}"


def test_all_programs_take_the_archive_and_none_makes_it_again(java: Path, jar: Path, tmp_path: Path) -> None:
    archive = Archive.of(java, (jar,))
    archive.path.touch()

    assert archive.options()[-1] == f"-XX:SharedArchiveFile={archive.path}"
    assert archive.options(tmp_path / "record.jsa") == archive.options()


def test_a_java_without_an_archive_of_its_own_gets_a_whole_one(java: Path, jar: Path, tmp_path: Path) -> None:
    (java.parents[1] / "lib" / "server" / "classes.jsa").unlink()
    archive, record = Archive.of(java, (jar,)), tmp_path / "record.jsa"

    assert archive.options(record)[-1] == f"-XX:AOTCacheOutput={record}"
    archive.path.touch()
    assert archive.options()[-1] == f"-XX:AOTCache={archive.path}"


def test_another_java_or_another_jar_has_another_archive(java: Path, jar: Path) -> None:
    before = Archive.of(java, (jar,))
    assert Archive.of(java, (jar,)) == before
    for file in (java, jar):
        os.utime(file, (1, 1))
        after = Archive.of(java, (jar,))
        assert after.path != before.path
        before = after


@pytest.mark.parametrize(("exit_code", "kept"), [(143, True), (0, True), (137, False), (1, False), (None, False)])
def test_what_a_program_left_is_kept_if_it_ended_in_order(
    exit_code: int | None, java: Path, jar: Path, tmp_path: Path, *, kept: bool
) -> None:
    archive, record, older = Archive.of(java, (jar,)), tmp_path / "record.jsa", jar.with_name("classes-older.jsa")
    record.write_bytes(b"parsed")
    older.touch()
    archive.keep(record, exit_code)

    assert (archive.path.exists(), record.exists(), older.exists()) == (kept, not kept, not kept)
    assert {found.name for found in jar.parent.iterdir()} == {jar.name, archive.path.name if kept else older.name}


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(java: Path, jar: Path, tmp_path: Path) -> None:
    archive, record = Archive.of(java, (jar,)), tmp_path / "record.jsa"
    record.write_bytes(b"parsed")
    archive.path.mkdir()  # where not even root can put a file
    archive.keep(record, 143)

    assert archive.path.is_dir()
    assert {found.name for found in jar.parent.iterdir()} == {jar.name, archive.path.name}
