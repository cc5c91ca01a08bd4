"""The subscribers in Java and Node on a real Kafka, killed again and again: each reward is told once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from ops.embedded.brokers import Extras
from ops.embedded.stack import Stack
from tests.house.tree import ROOT
from tests.integration.conftest import HURRIED
from tests.integration.test_notification_service import lane
from tests.verify.maven import built
from tests.verify.npm import installed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.test_notification_service import Lane

SUBSCRIBERS = ROOT / "examples" / "subscribers"
PATIENCE_S = 90.0
DEATHS = 4

pytestmark = [pytest.mark.verify, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return ["node", str(installed(SUBSCRIBERS / "node", tmp_path_factory.mktemp("node")) / "subscriber.js")]


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return [*built(SUBSCRIBERS / "java", tmp_path_factory.mktemp("java")), "cxstream.Subscriber"]


class Subscriber:
    """One of them as a process, and the file of what it told."""

    def __init__(self, command: list[str], bootstrap: str, folder: Path) -> None:
        self.file, self.log = folder / "told.tsv", folder / "subscriber.log"
        self.command = [*command, str(self.file)]
        self.environment = os.environ | {"CX_KAFKA__BOOTSTRAP": bootstrap, "SESSION_TIMEOUT_MS": "2000"}

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        with self.log.open("ab") as output:
            process = subprocess.Popen(self.command, env=self.environment, stdout=output, stderr=output)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()

    def told(self) -> Counter[str]:
        text = self.file.read_text("utf-8") if self.file.exists() else ""
        return Counter(line.split("\t")[0] for line in text.splitlines())

    async def until_told(self, count: int, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while len(self.told()) < count:
            assert process.poll() is None, self.log.read_text("utf-8")[-3000:]
            assert time.monotonic() < deadline, self.log.read_text("utf-8")[-3000:]
            await asyncio.sleep(0.05)


async def tried(subscriber: Subscriber, writes: Lane) -> None:
    for _ in range(DEATHS):
        before = len(subscriber.told())
        await writes.write(30, again=True)
        await writes.write(5, fails=True)
        with subscriber.running() as process:
            await subscriber.until_told(before + 5, process)
            await writes.write(20)  # and it is killed wherever it is
    with subscriber.running() as process:
        await subscriber.until_told(len(writes.told), process)
        await writes.write(5)
        await subscriber.until_told(len(writes.told), process)
        process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(process.wait, PATIENCE_S)
        assert code in {0, 128 + signal.SIGTERM}, subscriber.log.read_text("utf-8")[-3000:]  # the latter is Java's

    told = subscriber.told()
    assert told == dict.fromkeys(writes.told, 1)
    assert not set(writes.undone) & told.keys()
    assert not set(writes.silent) & told.keys()
    text = subscriber.file.read_text("utf-8")
    assert "Chúc mừng! Bạn đã lên hạng gold." in text
    assert "Your gift: tea-house." in text


@pytest.mark.parametrize("language", ["node", "java"])
async def test_a_subscriber_tells_each_reward_once_however_often_it_is_killed(
    language: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    command: list[str] = request.getfixturevalue(language)
    with Stack(tmp_path / "stack", extras=Extras(properties=HURRIED)) as stack:
        async with lane(stack) as writes:
            await tried(Subscriber(command, stack.bootstrap, tmp_path), writes)
