"""The example till in a headless Chromium: a silver customer becomes gold in the paying call, and sees it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from ops.embedded.ports import choose
from tests.integration.processes import Command
from tests.integration.test_cli import exported
from tests.verify.npm import installed

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PROJECT = Path(__file__).with_name("till")
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
DEADLINE_S = 90.0

pytestmark = [pytest.mark.verify, pytest.mark.timeout(600)]


@pytest.fixture
def chromium() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "make verify needs Chromium: on Debian, apt-get install chromium"
    return found


@pytest.fixture
def till(tmp_path: Path) -> Iterator[str]:
    """The address of the till, with `cx up` behind it."""
    with Command("up", "--root", str(tmp_path / "data"), PARTITIONS="2") as up:
        up.until("worker: ready: 2 partitions")
        up.until("export CX_REDIS__URL=")
        found = re.search(r"http://[\d.:]+", up.until("API      http://"))
        assert found
        _until_there(f"{found[0]}/live")
        servers = {name.removeprefix("CX_"): value for name, value in exported(up).items()}
        scopes = ("--scope", "cx:read", "--scope", "cx:events", "--source", "/examples/till")
        with Command("token", "create", "till", *scopes, **servers) as token:
            assert token.ends() == 0, token.lines
        address = f"http://127.0.0.1:{(port := choose(None, set()))}"
        command = [sys.executable, str(ROOT / "examples" / "till.py"), "--api", found[0], "--port", str(port)]
        with subprocess.Popen(command, env=os.environ | {"CX_TILL_TOKEN": token.lines[-1]}, cwd=ROOT) as running:
            try:
                _until_there(address)
                yield address
            finally:
                running.terminate()


def _until_there(url: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            if httpx.get(url, timeout=5).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            assert time.monotonic() < deadline, url
        time.sleep(0.1)


def test_a_silver_customer_becomes_gold_in_the_paying_call(till: str, chromium: str, tmp_path: Path) -> None:
    project = installed(PROJECT, tmp_path)
    done = subprocess.run(
        ["node", "till.js", chromium, till, "lan"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    seen = json.loads(done.stdout)

    assert seen["errors"] == []
    assert [sale["tier"] for sale in seen["sales"]] == ["silver", "gold"]
    first, second = seen["sales"]
    assert first["quote"] == "Paying this lifts them from member to silver."
    assert second["quote"] == "Paying this lifts them from silver to gold."
    assert second["story"].startswith("Was silver until now. Answered")
    assert second["is_upgraded"]
    assert second["benefits"]
