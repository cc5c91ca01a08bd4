"""The policy of a command: a preset that comes along wherever one stands, or a file; else a line that says where."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from streams.settings import PRESETS, Settings
from tests.house.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

AWAY = "cx: Kafka at 127.0.0.1:1 does not answer as it should (ConnectionRefusedError)"


def worker(cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a worker in the folder *cwd*, where Kafka is away: past its policy, it says so."""
    environment = os.environ | {"CX_CONFIG": os.devnull, "CX_KAFKA__BOOTSTRAP": "127.0.0.1:1"} | settings
    command = [sys.executable, "-P", "-m", "cli", "worker"]
    return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, check=False)


def test_a_worker_finds_the_preset_from_any_folder(tmp_path: Path) -> None:
    said = worker(tmp_path)

    assert said.stderr.startswith(AWAY)
    assert said.stderr.count("\n") == 1


@pytest.mark.parametrize(("given", "found"), [("retail-vn", "retail-vn.yaml"), ("minimal", "minimal.yaml")])
def test_a_bare_word_is_a_preset(given: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CX_POLICY", given)

    assert Settings().policy == ROOT / "policies" / found


@pytest.mark.parametrize("given", ["own.yaml", "own/minimal", "own.yml"])
def test_what_has_a_folder_or_an_ending_is_a_file_from_where_one_stands(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CX_POLICY", given)

    assert Settings().policy == tmp_path / given


def test_a_preset_that_is_none_is_told_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CX_POLICY", "retial")

    with pytest.raises(
        ValidationError,
        match="there is no preset retial, but airline-style, cafe-visits, minimal, retail-vn; a file is",
    ):
        Settings()


def test_a_file_that_is_not_there_is_told_with_its_place(tmp_path: Path) -> None:
    said = worker(tmp_path, CX_POLICY="policies/own.yaml")

    assert said.returncode == 78
    place = tmp_path / "policies" / "own.yaml"
    assert said.stderr == (
        f"cx: policy {place} cannot be read (No such file or directory);"
        " presets: airline-style, cafe-visits, minimal, retail-vn\n"
    )


def test_an_installed_command_brings_its_presets(tmp_path: Path) -> None:
    build = [sys.executable, "-c", "from setuptools import setup; setup()", "-q"]
    into = ["egg_info", "--egg-base", str(tmp_path), "build_py", "--build-lib", str(tmp_path / "installed")]
    subprocess.run([*build, *into], cwd=ROOT, check=True, capture_output=True)
    show = "from streams.settings import Settings; print(Settings().policy.read_text('utf-8'), end='')"
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "installed"), "CX_CONFIG": os.devnull}
    shown = subprocess.run(
        [sys.executable, "-P", "-c", show], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )

    assert shown.stdout == (PRESETS / "retail-vn.yaml").read_text("utf-8")
