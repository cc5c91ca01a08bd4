"""Transactions on a real Kafka: together or not at all, refused from a zombie, once where answers are lost."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Self

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.transaction import EndTxnRequest
from aiokafka.structs import TopicPartition

from ops.embedded.process import Child
from ops.embedded.stack import Stack
from streams import ends as ends_module
from streams import transactions as module
from streams.ends import Ends
from streams.transactions import NOBODY, Member, Record, RefusedError, ReplacedError, Transactions, partition_of
from tests.integration.rig import PATIENCE_S, Rig, until

SHORTLY_S = 0.3
PAUSE_S = 3.0
MISSING = "a topic does not exist, or may not be seen, waiting"


@pytest.fixture
async def rig(bootstrap: str, unique: str, tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(bootstrap, unique, tmp_path)
    await made.make_topics()
    yield made
    await made.close()


def records(rig: Rig, *texts: str) -> list[Record]:
    return [Record(rig.out, 0, b"lan", text.encode()) for text in texts]


async def join(rig: Rig) -> AIOKafkaConsumer:
    consumer = AIOKafkaConsumer(
        rig.source,
        group_id=rig.prefix,
        enable_auto_commit=False,
        heartbeat_interval_ms=100,
        **rig.kafka.client_options(),
    )
    await consumer.start()
    async with asyncio.timeout(PATIENCE_S):
        while not consumer.assignment():
            await consumer.getmany(timeout_ms=50)
    return consumer


def member_of(consumer: AIOKafkaConsumer) -> Member:
    coordinator = consumer._coordinator  # noqa: SLF001  # as streams/hooks.py reads it
    return Member(coordinator.member_id, coordinator.generation)


async def joined_by_another(rig: Rig, old: AIOKafkaConsumer) -> AIOKafkaConsumer:
    """Return a second member, once *old* has another generation for it."""
    former = member_of(old)
    newcomer = asyncio.create_task(join(rig))
    async with asyncio.timeout(PATIENCE_S):
        while not newcomer.done() or member_of(old).generation == former.generation:
            await old.getmany(timeout_ms=50)
    return newcomer.result()


class Held:
    """A transaction of which everything is sent but its end, until it is let go."""

    def __init__(self, rig: Rig, transactions: Transactions, text: str, *, partition: int = 0) -> None:
        self._rig, self._transactions = rig, transactions
        self._records = [
            Record(rig.out, partition, b"lan", text.encode()),
            Record(rig.changelog, 1, b"lan", text.encode()),
        ]
        self._go, self._sent = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> Self:
        """Send all but the end."""
        end = self._transactions._end  # noqa: SLF001  # between these two a worker may die

        async def wait_and_end() -> None:
            self._sent.set()
            await self._go.wait()
            await end()

        self._transactions._end = wait_and_end  # type: ignore[method-assign]  # noqa: SLF001
        self.task = asyncio.create_task(self._transactions.commit(self._records, {self._rig.tp(): 5}, NOBODY))
        await asyncio.wait_for(self._sent.wait(), PATIENCE_S)
        self._transactions._end = end  # type: ignore[method-assign]  # noqa: SLF001
        return self

    async def let_go(self) -> None:
        self._go.set()
        await asyncio.wait_for(self.task, PATIENCE_S)

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


# Together, or not at all


async def test_many_transactions_in_a_row_keep_order_and_offsets(rig: Rig) -> None:
    transactions = await rig.transactions()
    last = {}
    for number in range(30):
        last = await transactions.commit(records(rig, f"{number}a", f"{number}b"), {rig.tp(): number + 1}, NOBODY)
    found = await rig.read(rig.out)
    assert [record.value.decode() for record in found] == [f"{n}{part}" for n in range(30) for part in "ab"]
    assert list(last.values()) == [found[-1].offset]
    assert await rig.committed() == 30


async def test_outputs_and_changelog_of_all_partitions_are_seen_with_the_offsets_or_not_at_all(rig: Rig) -> None:
    transactions = await rig.transactions()
    async with Held(rig, transactions, "all", partition=1) as held:
        assert await rig.read(rig.out, "read_uncommitted"), "it is there"
        assert (await rig.seen(rig.out), await rig.seen(rig.changelog)) == ([], [])
        await held.let_go()
    assert (await rig.values(rig.out), await rig.values(rig.changelog)) == ([b"all"], [b"all"])
    assert await rig.committed() == 5


async def test_offsets_are_told_once_no_transaction_on_them_is_open(rig: Rig) -> None:
    transactions, reader = await rig.transactions(0), await rig.transactions(1)
    async with Held(rig, transactions, "open") as held:
        asked = asyncio.create_task(reader.committed([rig.tp(0), rig.tp(1)]))
        await asyncio.wait({asked}, timeout=SHORTLY_S)
        assert not asked.done()
        assert (await reader.committed([rig.tp(1)]))[rig.tp(1)][0] == -1, "of others they are"
        await held.let_go()
        found = await asyncio.wait_for(asked, PATIENCE_S)
    assert [found[rig.tp(number)][0] for number in (0, 1)] == [5, -1]


async def test_more_than_one_batch_may_hold_is_split_and_stays_in_order(rig: Rig) -> None:
    transactions = await rig.transactions()
    texts = [f"{number:04}" + "x" * 40_000 for number in range(40)]
    last = await transactions.commit(records(rig, *texts), {rig.tp(): 1}, NOBODY)
    found = await rig.read(rig.out)
    assert [record.value.decode() for record in found] == texts
    assert list(last.values()) == [found[-1].offset]


async def test_sequence_numbers_begin_again_after_the_largest(rig: Rig) -> None:
    transactions = await rig.transactions()
    place = TopicPartition(rig.out, 0)
    transactions._sequences[place] = (1 << 31) - 3  # noqa: SLF001  # two thousand million records later
    texts = [f"{number}" for number in range(12)]
    for start in range(0, 12, 2):
        await transactions.commit(records(rig, *texts[start : start + 2]), {rig.tp(): start}, NOBODY)
    assert [value.decode() for value in await rig.values(rig.out)] == texts


async def test_records_without_key_or_value_and_headers_arrive_as_they_are(rig: Rig) -> None:
    transactions = await rig.transactions()
    sent = [
        Record(rig.out, 0, None, b"no key"),
        Record(rig.out, 0, b"tombstone", None),
        Record(rig.out, 0, b"", b"", (("a", b"1"), ("a", b""))),
    ]
    await transactions.commit(sent, {rig.tp(): 1}, NOBODY)
    found = await rig.read(rig.out)
    assert [(each.key, each.value, each.headers) for each in found] == [
        (None, b"no key", ()),
        (b"tombstone", None, ()),
        (b"", b"", (("a", b"1"), ("a", b""))),
    ]


async def test_a_record_bears_the_time_that_it_is_given(rig: Rig) -> None:
    transactions = await rig.transactions()
    await transactions.commit([Record(rig.out, 0, b"k", b"v", (), 1_234)], {rig.tp(): 1}, NOBODY)
    assert [each.timestamp for each in await rig.read(rig.out)] == [1_234]


# Who was replaced


async def test_a_member_that_was_replaced_can_add_nothing(rig: Rig) -> None:
    old = await join(rig)
    zombie = await rig.transactions()
    former = member_of(old)
    await zombie.commit(records(rig, "before"), {rig.tp(): 1}, former)
    newcomer = await joined_by_another(rig, old)
    successor = await rig.transactions()
    await successor.commit(records(rig, "after"), {rig.tp(): 2}, member_of(newcomer))
    with pytest.raises(ReplacedError):
        await zombie.commit(records(rig, "zombie"), {rig.tp(): 9}, former)
    # And it has not fenced the one that replaced it.
    await successor.commit(records(rig, "again"), {rig.tp(): 3}, member_of(newcomer))
    assert await rig.values(rig.out) == [b"before", b"after", b"again"]
    assert await rig.committed() == 3
    await asyncio.gather(old.stop(), newcomer.stop())


async def test_a_member_that_was_replaced_is_refused_by_the_group_before_anybody_has_fenced_it(rig: Rig) -> None:
    old = await join(rig)
    zombie = await rig.transactions()
    former = member_of(old)
    newcomer = await joined_by_another(rig, old)
    with pytest.raises(ReplacedError):
        await zombie.commit(records(rig, "zombie"), {rig.tp(): 9}, former)
    await zombie.abort()
    assert await rig.values(rig.out) == []
    assert await rig.committed() == -1
    await asyncio.gather(old.stop(), newcomer.stop())


async def test_a_member_whose_id_somebody_else_initialised_takes_it_back_and_commits_once(rig: Rig) -> None:
    consumer = await join(rig)
    transactions = await rig.transactions()
    await transactions.commit(records(rig, "first"), {rig.tp(): 1}, member_of(consumer))
    await rig.transactions()
    await transactions.commit(records(rig, "second"), {rig.tp(): 2}, member_of(consumer))
    assert await rig.values(rig.out) == [b"first", b"second"]
    await consumer.stop()


async def test_a_successor_ends_an_open_transaction_at_once(rig: Rig) -> None:
    async with Held(rig, await rig.transactions(0, 1), "open"):
        successor = await rig.transactions(0)
        assert (await successor.committed([rig.tp()]))[rig.tp()][0] == -1
        await successor.commit(records(rig, "next"), {rig.tp(): 1}, NOBODY)
        assert await rig.values(rig.out) == [b"next"]


# Answers get lost, Kafka goes away


@pytest.mark.parametrize("fenced_meanwhile", [False, True])
@pytest.mark.parametrize("reached", [False, True])
async def test_a_commit_whose_answer_is_lost_happens_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, *, fenced_meanwhile: bool, reached: bool
) -> None:
    transactions = await rig.transactions()
    client = transactions._client  # noqa: SLF001  # the wire is what breaks
    send = client.send
    lost: list[Any] = []

    async def losing(node: int, request: Any, **options: Any) -> Any:
        if not isinstance(request, EndTxnRequest) or lost:
            return await send(node, request, **options)
        lost.append(request)
        if reached:
            await send(node, request, **options)
        if fenced_meanwhile:
            await rig.transactions()
        raise KafkaConnectionError

    monkeypatch.setattr(client, "send", losing)
    await transactions.commit(records(rig, "once"), {rig.tp(): 1}, NOBODY)
    await transactions.commit(records(rig, "then"), {rig.tp(): 2}, NOBODY)
    assert lost
    assert await rig.values(rig.out) == [b"once", b"then"]
    assert await rig.committed() == 2


async def test_a_request_that_got_lost_before_the_commit_makes_the_transaction_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    transactions = await rig.transactions()
    client = transactions._client  # noqa: SLF001
    send, calls = client.send, 0

    async def failing(node: int, request: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        answer = await send(node, request, **options)
        if calls <= 8 and calls % 2 == 0:
            raise KafkaConnectionError
        return answer

    monkeypatch.setattr(client, "send", failing)
    await transactions.commit(records(rig, "once"), {rig.tp(): 1}, NOBODY)
    assert calls > 8
    assert await rig.values(rig.out) == [b"once"]


async def test_a_transaction_that_kafka_has_given_up_is_made_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRANSACTION_TIMEOUT_MS", 500)
    transactions = await rig.transactions()
    async with Held(rig, transactions, "once") as held:
        # Where Kafka ends what took too long, the offsets on it are stable again.
        await asyncio.wait_for((await rig.transactions(1)).committed([rig.tp()]), PATIENCE_S)
        await held.let_go()
    assert await rig.values(rig.out) == [b"once"]
    # On a slow machine Kafka may give up more than one.
    assert len(await rig.read(rig.out, "read_uncommitted")) >= 2, "the first attempt was aborted"
    assert await rig.committed() == 5


def restart(broker: Child) -> None:
    broker.stop()
    broker.start()


def pause(broker: Child) -> None:
    broker.pause()
    time.sleep(PAUSE_S)
    broker.resume()


@pytest.mark.parametrize("fault", [restart, pause])
async def test_a_worker_goes_on_where_it_was_when_kafka_comes_back(
    rig: Rig, stack: Stack, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Child], None]
) -> None:
    # Both shorter than the pause: requests time out, and a transaction that was open may have been ended.
    monkeypatch.setattr(module, "REQUEST_TIMEOUT_MS", 500)
    monkeypatch.setattr(module, "TRANSACTION_TIMEOUT_MS", 1_000)
    transactions = await rig.transactions()
    done = 0

    async def commit_all() -> None:
        nonlocal done
        while done < 60 or not over.is_set():
            offset = {rig.tp(): done + 1}
            await transactions.commit(records(rig, f"{done}"), offset, NOBODY)
            done += 1

    over = asyncio.Event()
    writing = asyncio.create_task(commit_all())
    await until(lambda: done >= 20)
    await asyncio.to_thread(fault, stack.brokers[0])
    behind = done
    await until(lambda: done >= behind + 20)
    over.set()
    await asyncio.wait_for(writing, PATIENCE_S)
    assert [value.decode() for value in await rig.values(rig.out)] == [f"{number}" for number in range(done)]
    assert await rig.committed() == done


# What Kafka does not take


async def test_a_record_that_is_too_large_takes_everything_with_it_and_the_next_transaction_goes_through(
    rig: Rig,
) -> None:
    await rig.make_topics(f"{rig.prefix}.small", **{"max.message.bytes": "1000"})
    transactions = await rig.transactions()
    large = Record(f"{rig.prefix}.small", 0, b"lan", random.Random(5).randbytes(5_000))
    with pytest.raises(RefusedError, match="MessageSizeTooLarge"):
        await transactions.commit([*records(rig, "with it"), large], {rig.tp(): 1}, NOBODY)
    await transactions.abort()
    assert (await rig.values(rig.out), await rig.committed()) == ([], -1)
    await transactions.commit(records(rig, "next"), {rig.tp(): 1}, NOBODY)
    assert await rig.values(rig.out) == [b"next"]


async def test_a_topic_that_is_not_there_yet_is_waited_for(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "streams.transactions")
    transactions = await rig.transactions()
    late = f"{rig.prefix}.late"
    both = [*records(rig, "patient"), Record(late, 1, b"lan", b"patient")]
    task = asyncio.create_task(transactions.commit(both, {rig.tp(): 1}, NOBODY))
    await until(lambda: task.done() or caplog.records)
    assert not task.done()
    assert caplog.messages[0] == MISSING
    assert late in vars(caplog.records[0])["detail"]
    await rig.make_topics(late)
    await asyncio.wait_for(task, PATIENCE_S)
    assert (await rig.values(rig.out), await rig.values(late)) == ([b"patient"], [b"patient"])


async def test_how_many_partitions_a_topic_has_is_asked_for_when_it_is_needed(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "streams.transactions")
    transactions = await rig.transactions()
    late = f"{rig.prefix}.late"
    asked = asyncio.create_task(transactions.partition_for(late, b"lan"))
    await until(lambda: asked.done() or MISSING in caplog.messages)
    assert not asked.done()
    await rig.make_topics(late)
    assert await asyncio.wait_for(asked, PATIENCE_S) == partition_of(b"lan", 2)
    assert {await transactions.partition_for(late, None) for _ in range(64)} == {0, 1}


async def test_ends_are_those_behind_open_transactions(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends_module, "ANSWER_S", PATIENCE_S)
    transactions, reader = await rig.transactions(0), await rig.transactions(1)
    assert await reader.ends(rig.changelog, [0, 1]) == {0: 0, 1: 0}
    async with Held(rig, transactions, "open") as held:
        ends = await reader.ends(rig.changelog, [0, 1])
        assert (ends[0], ends[1] >= 1) == (0, True), "more where it had to be made again"
        told = {TopicPartition(rig.changelog, number): end for number, end in ends.items()}
        found = await Ends(lambda: reader.leaders).now([*told, TopicPartition("nowhere", 0)])
        assert {tp: end.offset for tp, end in found.items()} == told
        await held.let_go()
