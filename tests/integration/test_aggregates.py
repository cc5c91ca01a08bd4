"""Counting beside a real worker on a real Kafka: killed again and again, the cells are those of the events in order."""

from __future__ import annotations

import asyncio
import signal
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from cli.worker import load_rules
from cx.intake import moment_of
from cx.moments import AnyMoment
from ops.aggregates.reading import report
from ops.aggregates.store import FILE
from ops.audit.reader import Audit
from ops.embedded.stack import Stack
from ops.local import Local
from ops.traffic.generator import generate
from ops.traffic.kafka import KafkaSink
from ops.traffic.options import Options
from schemas.errors import Unreadable
from schemas.inputs import CLOCK, parse
from schemas.topics import DEAD_LETTERS, Lane, Role, lane_topics
from streams import admin
from streams.settings import EXIT_CONFIG, Settings
from tests.integration.processes import Command, until_ready
from tests.ops.aggregates import Cells, cells, expected, positions

PARTITIONS = 4
KILLS = 2
DEADLINE_S = 90.0
INPUTS = [topic.name for topic in lane_topics(Lane.CUSTOMERS, Role.INPUT) if topic.name != CLOCK]


@dataclass(frozen=True)
class Run:
    """Most of a year in ten seconds, counted by a process that was killed meanwhile, on a system that still runs."""

    settings: Settings
    folder: Path
    moments: dict[bytes, list[AnyMoment]]
    kills: int


@pytest.fixture(scope="module")
def run(own_stack: Stack) -> Iterator[Run]:
    local = Local(own_stack, Settings(partitions=PARTITIONS), clock="external")
    try:
        local.start()
        until_ready(local)
        kills = asyncio.run(killed_now_and_then(local))
        asyncio.run(until_counted(local.settings, own_stack.root))
        yield Run(local.settings, own_stack.root, asyncio.run(taken(local.settings)), kills)
    finally:
        local.stop_workers()


async def killed_now_and_then(local: Local) -> int:
    options = Options(now=datetime.now(UTC), rate=120, seconds=10, customers=150, seed=5, span=timedelta(days=300))
    [counting] = local.counting
    kills = last = 0
    async with Audit(local.settings) as audit, KafkaSink(local.settings.kafka.client_options()) as sink:
        traffic = asyncio.create_task(generate(options, sink))
        while not traffic.done() or await audit.lag() > 0:
            await audit.read(0.05)
            counted = sum(positions(local.stack.root).values())
            if kills < KILLS and counted > last + 50:
                await asyncio.to_thread(counting.child.kill)
                await asyncio.to_thread(counting.launch)
                kills, last = kills + 1, counted
        await traffic
        assert await audit.read_to_end(DEADLINE_S)
    return kills


async def until_counted(settings: Settings, folder: Path) -> None:
    """Wait until all that is committed now is counted."""
    changelog = admin.changelog(settings)
    tps = [TopicPartition(changelog, number) for number in range(PARTITIONS)]
    async with AIOKafkaConsumer(isolation_level="read_committed", **settings.kafka.client_options()) as reader:
        ends = {tp.partition: end for tp, end in (await reader.end_offsets(tps)).items()}
    async with asyncio.timeout(DEADLINE_S):
        while any(positions(folder).get(number, 0) < end for number, end in ends.items()):  # noqa: ASYNC110  # of a process
            await asyncio.sleep(0.1)


async def taken(settings: Settings) -> dict[bytes, list[AnyMoment]]:
    """Return the events of each customer, once each, without what went to the dead letters."""
    rules, refused, found = load_rules(settings), set(), defaultdict[bytes, dict[tuple[str, str], AnyMoment]](dict)
    tps = [TopicPartition(topic, number) for topic in (DEAD_LETTERS, *INPUTS) for number in range(PARTITIONS)]
    async with AIOKafkaConsumer(auto_offset_reset="earliest", **settings.kafka.client_options()) as reader:
        reader.assign(tps)
        ends = await reader.end_offsets(tps)
        records = []
        while any([await reader.position(tp) < ends[tp] for tp in tps]):
            for some in (await reader.getmany(timeout_ms=100)).values():
                records += some
    for record in records:
        if record.topic == DEAD_LETTERS:
            place = {name: value.decode() for name, value in record.headers if name.startswith("cx-")}
            refused.add((place["cx-topic"], int(place["cx-partition"]), int(place["cx-offset"])))
    for record in records:
        if record.topic != DEAD_LETTERS and (record.topic, record.partition, record.offset) not in refused:
            try:
                moment = moment_of(parse(record.topic, record.key, record.value, record.headers), rules)
            except Unreadable:
                pytest.fail("what cannot be read is a dead letter")
            found[record.key].setdefault(moment.identity, moment)
    return {key: list(moments.values()) for key, moments in found.items()}


def since(week: int, all_: Cells) -> Cells:
    return {cell: numbers for cell, numbers in all_.items() if cell.week >= week}


def complete(folder: Path) -> int:
    """Return the first week that is counted in full, or 0."""
    return report(folder / FILE, None, None, "week").complete or 0


def test_killed_in_between_it_counts_what_the_events_say(run: Run) -> None:
    wanted = expected(run.moments.values(), load_rules(run.settings))
    first = complete(run.folder)

    assert run.kills == KILLS
    assert len({cell.week for cell in since(first, wanted)}) > 30
    assert since(first, cells(run.folder)) == since(first, wanted)


def test_made_anew_it_has_what_the_last_states_tell_and_ends_when_asked(run: Run, tmp_path: Path) -> None:
    servers = {"KAFKA__BOOTSTRAP": run.settings.kafka.bootstrap, "PARTITIONS": str(PARTITIONS)}
    with Command("aggregate", DATA=str(tmp_path), **servers) as one:
        one.until("counted all there was")
        with Command("aggregate", DATA=str(tmp_path), **servers) as other:
            assert other.process.wait(DEADLINE_S) == EXIT_CONFIG
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(DEADLINE_S) == 0
    with Command("report", "cx", "--csv", DATA=str(tmp_path)) as told:
        assert told.process.wait(DEADLINE_S) == 0

    first = max(complete(tmp_path), complete(run.folder))
    assert other.lines == [f"cx: another process counts into {tmp_path / FILE}"]
    assert since(first, cells(tmp_path)) == since(first, cells(run.folder)) != {}
    assert len(told.lines) == 1 + 8


def test_without_the_topic_it_says_so(run: Run, tmp_path: Path) -> None:
    servers = {"KAFKA__BOOTSTRAP": run.settings.kafka.bootstrap, "APP": "nobody"}
    with Command("aggregate", DATA=str(tmp_path), **servers) as one:
        assert one.process.wait(DEADLINE_S) == EXIT_CONFIG

    assert one.lines[-1] == "cx: there is no topic nobody-customers-changelog: `cx topics create` makes it"
