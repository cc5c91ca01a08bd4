"""Lag as we tell it beside what Kafka's own tool tells, on a real Kafka."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from ops.embedded.stack import Stack
from ops.lag import oldest
from ops.lag.groups import GroupLag, PartitionLag, Verdict
from ops.lag.looker import LagError, Looker
from streams.settings import KafkaSettings
from tests.integration.processes import Command
from tests.integration.rig import Rig

HUNDRED_S_MS = 100_000


class Case:
    """Topics of one test, a group that reads them, and both ways to ask how far it is."""

    def __init__(self, stack: Stack, unique: str, rig: Rig) -> None:
        self.stack, self.group, self.rig, self.topic = stack, unique, rig, rig.source
        # Of an app of another name, whose topics would be looked at too where another test has made them.
        self.looker = Looker(rig.kafka, f"{unique}-app", groups=(unique,), stalled_after_s=0.0)

    def tp(self, number: int = 0) -> TopicPartition:
        return TopicPartition(self.topic, number)

    @asynccontextmanager
    async def producer(self, **options: object) -> AsyncIterator[AIOKafkaProducer]:
        made = AIOKafkaProducer(**options, **self.rig.kafka.client_options())
        await made.start()
        try:
            yield made
        finally:
            await made.stop()

    @asynccontextmanager
    async def consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        """Return a member of the group that has its partitions."""
        made = AIOKafkaConsumer(
            self.topic,
            group_id=self.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **self.rig.kafka.client_options(),
        )
        await made.start()
        try:
            async with asyncio.timeout(30):
                while len(made.assignment()) < 2:
                    await made.getmany(timeout_ms=50)
            yield made
        finally:
            await made.stop()

    async def send(self, count: int, *, partition: int = 0, ago_ms: int = 0, sent_ago_ms: int | None = None) -> None:
        now = time.time_ns() // 1_000_000
        header = [] if sent_ago_ms is None else [("cx-sent", b"%d" % (now - sent_ago_ms))]
        async with self.producer() as producer:
            for _ in range(count):
                await producer.send_and_wait(
                    self.topic, b"{}", partition=partition, timestamp_ms=now - ago_ms, headers=header
                )

    async def commit(self, **offsets: int) -> None:
        async with self.consumer() as consumer:
            await consumer.commit({self.tp(int(name[1:])): offset for name, offset in offsets.items()})

    async def look(self) -> GroupLag:
        (found,) = await self.looker.look()
        return found

    async def of(self, number: int = 0) -> PartitionLag:
        return next(one for one in (await self.look()).partitions if one.partition == number)

    async def kafkas(self) -> dict[tuple[str, int], tuple[str, int, str]]:
        """Return by partition what Kafka's tool says: committed, end, lag."""
        told = await asyncio.to_thread(
            self.stack.kafka_tool, "kafka-consumer-groups", "--describe", "--group", self.group
        )
        rows = [line.split() for line in told.stdout.decode().splitlines()]
        return {(row[1], int(row[2])): (row[3], int(row[4]), row[5]) for row in rows if row[:1] == [self.group]}


@pytest.fixture
async def case(stack: Stack, unique: str, tmp_path: Path) -> AsyncIterator[Case]:
    made = Case(stack, unique, Rig(stack.bootstrap, unique, tmp_path))
    await made.rig.make_topics(made.rig.source)
    yield made
    await made.looker.close()
    await made.rig.close()


def ours(group: GroupLag) -> dict[tuple[str, int], tuple[str, int | None, str]]:
    return {(p.topic, p.partition): (str(p.committed), p.end, str(p.messages)) for p in group.partitions}


async def test_the_numbers_are_those_of_kafkas_own_tool(case: Case) -> None:
    await case.send(7)
    await case.send(5, partition=1)
    async with case.consumer() as consumer:
        await consumer.commit({case.tp(0): 3, case.tp(1): 5})
        found = await case.look()
        (member,) = found.members

        assert ours(found) == await case.kafkas()
        assert (found.messages, found.state, found.verdict) == (4, "Stable", Verdict.STALLED)  # after no time at all
        assert {part.member for part in found.partitions} == {member}

    left = await case.look()
    assert ours(left) == await case.kafkas()
    assert (left.messages, left.state, left.members) == (4, "Empty", ())
    assert [part.member for part in left.partitions] == [None, None]


async def test_seconds_are_those_of_the_oldest_record_that_is_not_committed(case: Case) -> None:
    await case.send(1, ago_ms=9 * HUNDRED_S_MS)
    await case.send(1, ago_ms=HUNDRED_S_MS)
    await case.send(1)
    await case.send(1, partition=1, ago_ms=9 * HUNDRED_S_MS, sent_ago_ms=HUNDRED_S_MS)
    await case.commit(p0=1, p1=0)

    for number in (0, 1):
        seconds = (await case.of(number)).seconds
        assert seconds is not None
        assert 100 <= seconds < 200
    again = (await case.of(0)).seconds  # remembered, and still growing
    assert again is not None
    assert again >= 100


async def test_a_record_that_will_be_sent_only_later_waits_for_no_time(case: Case) -> None:
    await case.send(1, ago_ms=-18 * HUNDRED_S_MS)
    await case.commit(p0=0)

    found = await case.of()
    assert (found.messages, found.seconds) == (1, 0.0)


async def test_a_group_that_has_never_committed_has_all_before_it(case: Case) -> None:
    await case.send(4, ago_ms=HUNDRED_S_MS)
    async with case.consumer():
        found = await case.look()

    assert [(part.committed, part.messages) for part in found.partitions] == [(None, 4), (None, 0)]
    assert found.seconds >= 100
    assert {name: row[0] for name, row in (await case.kafkas()).items()} == {}  # Kafka's tool knows nothing any more


async def test_what_kafka_has_deleted_is_not_waited_for(case: Case) -> None:
    await case.send(6, ago_ms=HUNDRED_S_MS)
    await case.commit(p0=1)
    rows = json.dumps({"version": 1, "partitions": [{"topic": case.topic, "partition": 0, "offset": 4}]})
    file = case.rig.folder / "rows.json"
    file.write_text(rows)
    await asyncio.to_thread(case.stack.kafka_tool, "kafka-delete-records", "--offset-json-file", str(file))

    found = await case.of()
    assert (found.start, found.messages) == (4, 5)  # as Kafka's tool counts
    assert found.seconds is not None
    assert found.seconds >= 100
    assert ours(await case.look())[case.topic, 0] == (await case.kafkas())[case.topic, 0]


@pytest.mark.parametrize("aborted", [False, True])
async def test_behind_the_last_record_only_control_records_are_left_and_that_is_no_lag(
    case: Case, *, aborted: bool
) -> None:
    async with case.producer(transactional_id=case.group) as producer:
        async with producer.transaction():
            await producer.send_and_wait(case.topic, b"{}", partition=0)
        if aborted:
            await producer.begin_transaction()
            await producer.send_and_wait(case.topic, b"{}", partition=0)
            await producer.abort_transaction()
    await case.commit(p0=1)
    async with asyncio.timeout(30):  # a commit is answered before its markers are there
        while (await case.of()).end != (4 if aborted else 2):  # noqa: ASYNC110  # Kafka tells nobody
            await asyncio.sleep(0.05)

    found = await case.of()
    assert (found.messages, found.seconds) == (0, 0.0)
    assert (await case.kafkas())[case.topic, 0][2] == ("3" if aborted else "1")
    assert (await case.look()).verdict is Verdict.OK

    await case.send(1, ago_ms=HUNDRED_S_MS)
    behind = await case.of()
    assert behind.messages == (4 if aborted else 2)  # as Kafka counts again
    assert behind.seconds is not None
    assert behind.seconds >= 100


async def test_what_an_open_transaction_holds_back_waits(case: Case) -> None:
    async with case.producer(transactional_id=case.group) as producer:
        await producer.begin_transaction()
        now = time.time_ns() // 1_000_000
        await producer.send_and_wait(case.topic, b"{}", partition=0, timestamp_ms=now - HUNDRED_S_MS)
        await case.commit(p0=0)
        found = await case.of()
        await producer.abort_transaction()

    assert found.messages == 1
    assert found.seconds is not None
    assert found.seconds >= 100


async def test_a_group_that_moves_is_behind_and_one_that_does_not_is_stalled(case: Case) -> None:
    looker = Looker(case.rig.kafka, case.group, groups=(case.group,), stalled_after_s=0.5)
    await case.send(5)
    await case.commit(p0=1)
    async with looker:
        (first,) = await looker.look()
        await asyncio.sleep(0.6)
        await case.commit(p0=2)
        (moved,) = await looker.look()
        await asyncio.sleep(0.6)
        (stands,) = await looker.look()

    assert [first.verdict, moved.verdict, stands.verdict] == [Verdict.BEHIND, Verdict.BEHIND, Verdict.STALLED]


async def test_batches_larger_than_what_is_asked_for_at_first_are_looked_into_one_by_one(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oldest, "SIZES", (64 << 10,))  # of several such batches Kafka gives one
    old = time.time_ns() // 1_000_000 - HUNDRED_S_MS
    async with case.producer(max_request_size=2_000_000) as producer:
        for number in (0, 1):
            await producer.send_and_wait(case.topic, bytes(900_000), partition=number, timestamp_ms=old)
    await case.commit(p0=0, p1=0)

    seconds = [part.seconds for part in (await case.look()).partitions]
    assert all(one is not None and one >= 100 for one in seconds)


async def test_the_workers_group_is_looked_at_before_there_is_one(case: Case) -> None:
    async with Looker(case.rig.kafka, f"{case.group}-nobody", stalled_after_s=0.0) as looker:
        (found,) = await looker.look()

    assert (found.group, found.state, found.members) == (f"{case.group}-nobody", "Dead", ())


async def test_groups_of_the_same_app_are_found(case: Case) -> None:
    async with Looker(case.rig.kafka, case.group.rpartition("-")[0], stalled_after_s=0.0) as looker:
        await case.send(1)
        await case.commit(p0=0)
        found = {group.group: group.messages for group in await looker.look()}

    assert found[case.group] == 1


async def test_a_kafka_that_is_away_is_one_line() -> None:
    async with Looker(KafkaSettings(bootstrap="127.0.0.1:1"), "cx", stalled_after_s=0.0) as looker:
        with pytest.raises(LagError, match=r"^Kafka at 127\.0\.0\.1:1 does not say how far groups are: "):
            await looker.look()


async def test_the_command_tells_it_as_json_and_as_a_table(case: Case) -> None:
    await case.send(3, ago_ms=HUNDRED_S_MS)
    await case.commit(p0=1, p1=0)
    asked = ("lag", "--group", case.group, "--over", "0.5")
    settings = {"KAFKA__BOOTSTRAP": case.stack.bootstrap}

    with Command(*asked, "--json", **settings) as command:
        assert command.ends() == 0
        (told,) = json.loads(command.lines[-1])
    assert (told["verdict"], told["state"], told["messages"]) == ("stalled", "Empty", 2)
    assert 100 <= told["seconds"] < 200
    with Command(*asked, **settings) as command:
        assert command.ends() == 0
        assert any(case.topic[:20] in line for line in command.lines)
        assert any("stalled" in line for line in command.lines)
