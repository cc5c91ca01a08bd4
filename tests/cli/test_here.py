"""Which servers a command talks to: those that are named, else those of the stack that runs here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cli.here import settings_here
from ops.embedded.root import Addresses, Root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CX_CONFIG", os.devnull)
    for name in ("CX_KAFKA__BOOTSTRAP", "CX_REDIS__URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    held = Root(tmp_path / "running")
    held.open()
    held.remember(Addresses(kafka_ports=(20_001,), controller_ports=(20_002,), redis_port=20_003))
    yield held
    held.close()


def test_the_stack_that_runs_here_is_found(root: Root, tmp_path: Path) -> None:
    found = settings_here((tmp_path / "nothing", root.path))

    assert found.kafka.bootstrap == "127.0.0.1:20001"
    assert found.redis.url == "redis://127.0.0.1:20003/0"
    assert found.data == root.path


def test_a_folder_that_is_named_stays(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CX_DATA", "elsewhere")

    assert str(settings_here((root.path,)).data) == "elsewhere"


def test_a_stack_that_does_not_run_is_not_taken(root: Root) -> None:
    root.close()

    assert settings_here((root.path,)).kafka.bootstrap == "127.0.0.1:9092"


@pytest.mark.parametrize(
    ("name", "value"), [("CX_KAFKA__BOOTSTRAP", "kafka.example:9092"), ("CX_REDIS__URL", "redis://redis.example")]
)
def test_servers_that_are_named_are_taken(root: Root, name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    found = settings_here((root.path,))

    assert value in (found.kafka.bootstrap, found.redis.url)
    assert "2000" not in found.kafka.bootstrap + found.redis.url
