"""The example's notification service is killed again and again while rewards arrive: everybody is told once."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from examples.notification_service import TOPICS
from schemas.envelope import encode
from schemas.rewards import RewardIssued
from schemas.tier_changes import TierUpgraded
from tests.house.tree import ROOT
from tests.schemas.test_outputs import OUTPUTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ops.embedded.stack import Stack
    from schemas.output import OutputEnvelope

PATIENCE_S = 90.0
PARTITIONS = 3
# Each step of the service, and what the death after it leaves behind.
DEATHS = ("take:before", "take:after", "commit:after", "mark:after", "send:before", "send:after", "mark:before")
NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
SAMPLES = {event.type: event for event in OUTPUTS}


def event(number: int, *, notify: bool = True) -> OutputEnvelope:
    """Return a reward, or every fifth time a change of tier, of one of thirty customers who speak two languages."""
    kind = TierUpgraded if number % 5 == 0 else RewardIssued
    sample = SAMPLES[kind.model_fields["type"].default]
    told: dict[str, Any] = {"locale": ("vi-VN", "en-US", None)[number % 3], "notify": notify}
    data: Any = sample.data
    return sample.model_copy(
        update={
            "id": str(uuid5(NAMESPACE_OID, f"told-{number}")),
            "subject": f"kh-{number % 30}",
            "time": NOW + timedelta(seconds=number),
            "data": data.model_copy(update=told),
        }
    )


class Lane:
    """Writes as a worker does: in transactions, of which some fail."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.producer = producer
        self.told, self.silent, self.undone = list[str](), list[str](), list[str]()
        self.number = 0

    async def write(self, count: int, *, fails: bool = False, again: bool = False) -> None:
        """Write *count* events; *again*: some of them twice, as after a repair."""
        await self.producer.begin_transaction()
        for _ in range(count):
            self.number += 1
            one = event(self.number, notify=self.number % 7 != 0)
            for _ in range(2 if again and self.number % 2 else 1):
                topic = TOPICS[one.type.startswith("tier.")]  # type: ignore[attr-defined]
                await self.producer.send_and_wait(topic, encode(one), one.subject.encode())
            (self.undone if fails else self.told if self.number % 7 else self.silent).append(one.id)
        await (self.producer.abort_transaction() if fails else self.producer.commit_transaction())


class Service:
    """The service as a process, and what its gateway has."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        self.files = {name: folder / f"{name}.sqlite" for name in ("file", "sent")}
        self.log = folder / "service.log"
        self.environment = os.environ | {"CX_KAFKA__BOOTSTRAP": bootstrap}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *module: str) -> subprocess.Popen[bytes]:
        own = [str(part) for name, path in self.files.items() for part in (f"--{name}", path)]
        with self.log.open("ab") as output:
            command = [sys.executable, *module, *own]
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=output, stderr=output)
        return self.process

    def killed(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def sent(self) -> dict[str, tuple[str, str, int]]:
        """Return customer, text and how often it was handed over, by key."""
        return {row[0]: row[1:] for row in self._rows("sent", "SELECT key, customer, text, asked FROM sent")}

    def marks(self) -> dict[str, str]:
        return dict(self._rows("file", "SELECT id, mark FROM messages"))

    def _rows(self, name: str, query: str) -> list[Any]:
        if not self.files[name].exists():
            return []
        with closing(sqlite3.connect(self.files[name], timeout=30)) as file:
            try:
                return file.execute(query).fetchall()
            except sqlite3.OperationalError:  # killed before it had made its table
                return []

    async def until_sent(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while len(self.sent()) < count:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            await asyncio.sleep(0.05)


@asynccontextmanager
async def lane(stack: Stack) -> AsyncIterator[Lane]:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in TOPICS])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap, transactional_id="notifying")
    await producer.start()
    try:
        yield Lane(producer)
    finally:
        await producer.stop()


@pytest.mark.timeout(300)
async def test_everybody_is_told_each_reward_once_however_often_the_service_is_killed(
    own_stack: Stack, tmp_path: Path
) -> None:
    service = Service(tmp_path, own_stack.bootstrap)
    async with lane(own_stack) as writes:
        try:
            for round_, death in enumerate(DEATHS):
                await writes.write(20, again=round_ % 2 == 0)
                await writes.write(3, fails=True)
                process = service.start("-m", "tests.integration.armed_notifier", death, "3")
                deadline = time.monotonic() + PATIENCE_S
                while process.poll() is None:
                    assert time.monotonic() < deadline, f"{death}: {service.log.read_text()[-3000:]}"
                    await writes.write(2)
                    await asyncio.sleep(0.2)
                assert process.returncode == -9, f"{death}: {service.log.read_text()[-3000:]}"
            for _ in range(2):
                known = len(service.sent())
                service.start("examples/notification_service.py")
                await writes.write(40, again=True)
                await service.until_sent(known + 10)
                service.killed()  # wherever it is
            process = service.start("examples/notification_service.py")
            await writes.write(20)
            await service.until_sent(len(writes.told))
            process.terminate()
            assert await asyncio.to_thread(process.wait, PATIENCE_S) == 0, service.log.read_text()[-3000:]
        finally:
            service.killed()

    sent, marks = service.sent(), service.marks()
    assert set(sent) == set(writes.told)
    assert not set(writes.undone) & (set(sent) | set(marks)), "what a failed transaction wrote never was"
    assert {name for name, mark in marks.items() if mark == "silent"} == set(writes.silent)
    assert {name for name, mark in marks.items() if mark == "told"} == set(writes.told)
    # Only who died between handing over and writing it down hands over again: one message a death.
    assert sum(asked - 1 for _, _, asked in sent.values()) <= len(DEATHS) + 2
    assert any(asked > 1 for _, _, asked in sent.values()), "the gateway's key was needed"
    texts = {text for _, text, _ in sent.values()}
    assert {text.split()[0] for text in texts} == {"Quà", "Your", "Chúc", "Congratulations!"}
    assert len(writes.undone) == 3 * len(DEATHS)
