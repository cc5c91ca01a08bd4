"""Kafka that goes away and comes back, shorter and longer than a transaction may last; and one that refuses writes."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from ops.embedded import brokers
from ops.embedded.brokers import Extras
from tests.faults.arena import Arena, arena
from tests.faults.flow import PER_SECOND
from tests.faults.logs import changelog_of, positions
from tests.faults.subject import Subject

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

BEYOND_TRANSACTION_S = 14
BROKEN = 70
STOPPED_S = 20  # Kubernetes gives a process 30, and kills it
AUTHORIZED = Extras(
    properties={
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
    }
)


@pytest.mark.parametrize(
    ("how", "seconds"),
    [
        ("stopped", 2),
        ("stopped", BEYOND_TRANSACTION_S),
        ("killed", BEYOND_TRANSACTION_S),
        ("paused", BEYOND_TRANSACTION_S),
    ],
)
async def test_a_broker_that_comes_back_finds_everything_going_on(how: str, seconds: float, tmp_path: Path) -> None:
    async with arena(tmp_path, seed=31) as ring:
        worker = await ring.ready(ring.worker())
        # A record that was written, but not answered before Kafka went, is sent again by the generator.
        ring.repeats = how != "paused"
        (broker,) = ring.stack.brokers
        ring.allow(PER_SECOND * 3)
        await asyncio.sleep(1.5)
        await asyncio.to_thread({"stopped": broker.stop, "killed": broker.kill, "paused": broker.pause}[how])
        await asyncio.sleep(seconds)
        await asyncio.to_thread(broker.resume if how == "paused" else broker.start)
        ring.allow(PER_SECOND * 3)
        await asyncio.sleep(8)
        await ring.settled()
        assert worker.alive, worker.text()[-3000:]
        done = f"{seconds} s; the worker stayed"
        verdict = await ring.verdict(f"broker {how}", done)
    assert verdict.ok, verdict


@pytest.mark.parametrize("how", ["killed", "paused"])
async def test_a_worker_that_is_asked_to_stop_while_kafka_is_away_stops_soon(how: str, tmp_path: Path) -> None:
    async with arena(tmp_path, seed=47) as ring:
        worker = await ring.ready(ring.worker())
        # A record that was written, but not answered before Kafka went, is sent again by the generator.
        ring.repeats = how != "paused"
        (broker,) = ring.stack.brokers
        ring.allow(PER_SECOND * 3)
        await asyncio.sleep(1.5)
        await asyncio.to_thread(broker.pause if how == "paused" else broker.kill)
        began = time.monotonic()
        code = await ring.stop(worker)
        seconds = time.monotonic() - began
        assert (code, seconds < STOPPED_S) == (0, True), worker.text()[-3000:]
        assert "Traceback" not in worker.text()
        await asyncio.to_thread(broker.resume if how == "paused" else broker.start)
        ring.worker()
        verdict = await ring.verdict(f"SIGTERM, broker {how}", f"exit code 0 after {seconds:.0f} s")
    assert verdict.ok, verdict


async def refused(ring: Arena, worker: Subject) -> str:
    """Let traffic come that cannot be written; the worker ends with 70, and nothing of it is to be seen."""
    before = await ring.committed_records(), (await positions(ring.settings, ring.topics))[0]
    ring.allow(PER_SECOND)
    code = await ring.exits(worker)
    assert code == BROKEN, worker.text()[-3000:]
    assert not await ring.open_records(), "a transaction was left open"
    assert (await ring.committed_records(), (await positions(ring.settings, ring.topics))[0]) == before
    behind = await ring.lag()
    assert behind
    return f"exit code {code}, {behind} records not committed, nothing visible"


async def quiet(ring: Arena) -> Subject:
    """Return a worker that has committed some traffic, and waits for more."""
    worker = await ring.ready(ring.worker())
    ring.allow(PER_SECOND)
    await asyncio.sleep(2)
    await ring.settled()
    return worker


def configured(ring: Arena, topic: str, change: str, *more: str) -> None:
    tool = ring.stack.kafka_tool(
        "kafka-configs", "--entity-type", "topics", "--entity-name", topic, "--alter", change, *more
    )
    tool.check_returncode()


async def test_a_changelog_record_that_is_too_large_stops_the_worker_and_nothing_of_the_batch_is_visible(
    tmp_path: Path,
) -> None:
    async with arena(tmp_path, seed=37) as ring:
        worker = await quiet(ring)
        changelog = changelog_of(ring.settings)
        await asyncio.to_thread(configured, ring, changelog, "--add-config", "max.message.bytes=100")
        done = await refused(ring, worker)
        warned = ring.worker()
        assert await ring.exits(warned) == 78
        assert "max.message.bytes is 100" in warned.text()
        await asyncio.to_thread(configured, ring, changelog, "--add-config", "max.message.bytes=4194304")
        ring.worker()
        verdict = await ring.verdict("changelog record too large", done)
    assert verdict.ok, verdict


async def test_a_changelog_that_may_not_be_written_stops_the_worker_and_nothing_of_the_batch_is_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(brokers.TOOLS, "kafka-acls", "org.apache.kafka.tools.AclCommand")
    async with arena(tmp_path, seed=41, extras=AUTHORIZED) as ring:
        worker = await quiet(ring)
        rule = ("--deny-principal", "User:*", "--operation", "Write", "--topic", changelog_of(ring.settings))
        others = ("--allow-principal", "User:*", "--operation", "All", "--topic", changelog_of(ring.settings))
        for part in (others, rule):
            (await asyncio.to_thread(ring.stack.kafka_tool, "kafka-acls", "--add", *part)).check_returncode()
        done = await refused(ring, worker)
        again = ring.worker()
        assert await ring.exits(again) == BROKEN
        (await asyncio.to_thread(ring.stack.kafka_tool, "kafka-acls", "--remove", "--force", *rule)).check_returncode()
        ring.worker()
        verdict = await ring.verdict("changelog may not be written", done)
    assert verdict.ok, verdict


async def test_a_changelog_without_enough_copies_is_waited_for(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=43, brokers=3, replication=3) as ring:
        worker = await quiet(ring)
        await asyncio.to_thread(configured, ring, changelog_of(ring.settings), "--add-config", "min.insync.replicas=3")
        away = ring.stack.brokers[2]
        ring.allow(PER_SECOND * 3)
        await asyncio.to_thread(away.kill)
        await asyncio.sleep(BEYOND_TRANSACTION_S)
        stuck = await ring.lag()
        await asyncio.sleep(2)
        assert stuck
        assert await ring.lag() >= stuck, "nothing was read-only"
        assert worker.alive, worker.text()[-3000:]
        await asyncio.to_thread(away.start)
        await ring.settled()
        assert worker.alive
        done = f"one of three brokers killed, three copies asked for, {BEYOND_TRANSACTION_S} s; the worker waited"
        verdict = await ring.verdict("changelog read-only", done)
    assert verdict.ok, verdict
