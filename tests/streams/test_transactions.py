"""What answers of Kafka mean to a transaction, the rare ones above all; test_transactions.py asks a real Kafka."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError, RequestTimedOutError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.structs import TopicPartition

from streams import patience, transactions
from streams.patience import UnreadyError
from streams.settings import KafkaSettings
from streams.transactions import (
    BATCH_BYTES_MAX,
    NOBODY,
    Member,
    Record,
    RefusedError,
    ReplacedError,
    Transactions,
    partition_of,
)
from tests.streams.scripted import FIRST_OFFSET, ScriptedKafka

MEMBER = Member("m1", 7)
SOURCE = TopicPartition("in", 0)
INT32_MAX = (1 << 31) - 1
PATIENCE_S = 10.0

BEFORE_THE_END = ["AddPartitionsToTxn", "AddOffsetsToTxn", "TxnOffsetCommit", "Produce"]
AGAIN = ["Heartbeat", "InitProducerId"]


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> ScriptedKafka:
    made = ScriptedKafka()
    monkeypatch.setattr(transactions, "AIOKafkaClient", lambda **_: made)
    monkeypatch.setattr(transactions, "RETRY_PAUSE_S", 0.0)
    monkeypatch.setattr(patience, "RETRY_PAUSE_S", 0.0)
    return made


@pytest.fixture
async def writing(kafka: ScriptedKafka) -> Transactions:
    made = Transactions(KafkaSettings(), "cx", "cx-lane")
    await made.start(["in", "out"])
    await made.fence([0])
    kafka.asked.clear()
    return made


def record(value: bytes = b"value", partition: int = 0) -> Record:
    return Record("out", partition, b"key", value)


def sequences(kafka: ScriptedKafka) -> list[tuple[int, int]]:
    """Return first sequence number and number of records of each batch that was taken."""
    return [
        (int.from_bytes(batch[53:57]), len(list(DefaultRecordBatch(bytearray(batch))))) for _, batch in kafka.batches
    ]


async def commit(writing: Transactions, *records: Record, member: Member = MEMBER) -> dict[TopicPartition, int]:
    return await writing.commit(records or [record()], {SOURCE: 9}, member)


async def test_partitions_and_offsets_are_announced_before_anything_is_written_under_them(
    writing: Transactions, kafka: ScriptedKafka
) -> None:
    assert await commit(writing) == {TopicPartition("out", 0): FIRST_OFFSET}
    assert kafka.asked == [*BEFORE_THE_END, "EndTxn"]
    assert kafka.committed[SOURCE][0] == 9


async def test_offsets_alone_announce_no_partition(writing: Transactions, kafka: ScriptedKafka) -> None:
    assert await writing.commit([], {SOURCE: 9}, MEMBER) == {}
    assert kafka.asked == ["AddOffsetsToTxn", "TxnOffsetCommit", "EndTxn"]


async def test_without_offsets_there_is_no_transaction(writing: Transactions, kafka: ScriptedKafka) -> None:
    with pytest.raises(ValueError, match="without offsets"):
        await writing.commit([record()], {}, MEMBER)
    assert kafka.asked == []


# The coordinator and the leaders are busy


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("AddPartitionsToTxn", [51, 14, 51]),
        ("AddOffsetsToTxn", [51, 14]),
        ("Produce", [19, 19, 19]),
        ("TxnOffsetCommit", [14, 14]),
        ("EndTxn", [51, 14, 51]),
    ],
)
async def test_what_is_busy_is_asked_again_without_another_epoch(
    writing: Transactions, kafka: ScriptedKafka, name: str, codes: list[int]
) -> None:
    kafka.script[name].extend(codes)
    await commit(writing)
    assert kafka.asked.count(name) == len(codes) + 1
    assert kafka.asked.count("InitProducerId") == 0
    assert len(kafka.batches) == 1


@pytest.mark.parametrize("name", ["AddPartitionsToTxn", "AddOffsetsToTxn", "EndTxn", "TxnOffsetCommit"])
async def test_a_coordinator_that_has_moved_is_looked_up_again(
    writing: Transactions, kafka: ScriptedKafka, name: str
) -> None:
    await commit(writing)
    kafka.looked_up.clear()
    kafka.script[name].extend([16, 15])
    await commit(writing)
    group = name == "TxnOffsetCommit"
    assert kafka.looked_up == (["cx"] * 2 if group else ["cx-lane-0"] * 2)


async def test_a_leader_that_stays_unready_is_not_asked_for_ever(
    writing: Transactions, kafka: ScriptedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "UNREADY_TRIES", 2)
    kafka.script["Produce"].extend([19, 19, 19])
    await commit(writing)
    assert kafka.asked[-7:-5] == AGAIN
    assert kafka.asked.count("Produce") == 4


async def test_what_takes_a_moment_is_asked_for_at_once_and_what_takes_long_now_and_then(
    writing: Transactions, kafka: ScriptedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def note(seconds: float) -> None:
        paused.append(seconds)

    paused: list[float] = []
    monkeypatch.setattr(transactions, "RETRY_PAUSE_S", 0.1)
    monkeypatch.setattr(asyncio, "sleep", note)
    kafka.script["AddPartitionsToTxn"].extend([51] * 110)
    await commit(writing)
    assert paused[:100] == [0.001] * 100
    assert paused[100:] == [0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.1, 0.1, 0.1, 0.1]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "SAY_AFTER_S", 0.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("busy", "told"),
    [
        (("AddPartitionsToTxn", 51), "an earlier transaction is still being ended"),
        (("AddOffsetsToTxn", 14), "a coordinator is not ready"),
        (("EndTxn", 16), "a coordinator is not ready"),
        (("StableOffsetFetch", 88), "offsets are part of an open transaction"),
    ],
)
async def test_what_takes_long_is_told(
    writing: Transactions, kafka: ScriptedKafka, caplog: pytest.LogCaptureFixture, busy: tuple[str, int], told: str
) -> None:
    name, code = busy
    kafka.script[name].extend([code, code])
    await commit(writing)
    await writing.committed([SOURCE])
    assert caplog.messages == [f"{told}, waiting"]


async def test_what_takes_a_moment_is_not_told(
    writing: Transactions, kafka: ScriptedKafka, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(transactions, "SAY_AFTER_S", 1e9)
    kafka.script["AddPartitionsToTxn"].extend([51, 16, 14])
    await commit(writing)
    assert caplog.messages == []


# An attempt fails


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("AddPartitionsToTxn", 47),
        ("AddPartitionsToTxn", 3),
        ("AddOffsetsToTxn", 48),
        ("Produce", 6),
        ("Produce", 45),
        ("Produce", KafkaConnectionError()),
        ("Produce", RequestTimedOutError()),
        ("TxnOffsetCommit", 90),
        ("TxnOffsetCommit", KafkaConnectionError()),
    ],
)
async def test_an_attempt_that_fails_is_made_again_whole_under_a_new_epoch(
    writing: Transactions, kafka: ScriptedKafka, name: str, failure: int | Exception
) -> None:
    kafka.script[name].append(failure)
    await commit(writing, record(), record(partition=1))
    at = kafka.asked.index("Heartbeat")
    assert kafka.asked[at : at + 2] == AGAIN
    assert sorted(kafka.asked[at + 2 :]) == sorted([*BEFORE_THE_END, "EndTxn"])
    assert kafka.committed[SOURCE][0] == 9
    assert sequences(kafka)[-2:] == [(0, 1), (0, 1)], "a new epoch counts from 0"


@pytest.mark.parametrize("code", [22, 25, 27, 82])
async def test_a_member_that_was_replaced_is_told_so_and_ends_nothing(
    writing: Transactions, kafka: ScriptedKafka, code: int
) -> None:
    kafka.script["TxnOffsetCommit"].append(code)
    with pytest.raises(ReplacedError):
        await commit(writing)
    assert "EndTxn" not in kafka.asked
    assert "InitProducerId" not in kafka.asked


@pytest.mark.parametrize("code", [22, 25, 82])
async def test_a_member_that_was_replaced_meanwhile_takes_no_new_epoch(
    writing: Transactions, kafka: ScriptedKafka, code: int
) -> None:
    kafka.script["Produce"].append(47)
    kafka.script["Heartbeat"].append(code)
    with pytest.raises(ReplacedError):
        await commit(writing)
    assert kafka.asked[-1] == "Heartbeat"


async def test_as_long_as_the_group_does_not_say_who_is_a_member_no_epoch_is_taken(
    writing: Transactions, kafka: ScriptedKafka
) -> None:
    kafka.script["Produce"].append(47)
    kafka.script["Heartbeat"].extend([14, 16, KafkaConnectionError(), 15, 22])
    with pytest.raises(ReplacedError):
        await commit(writing)
    assert kafka.asked[-5:] == ["Heartbeat"] * 5


async def test_a_member_goes_on_while_others_join(writing: Transactions, kafka: ScriptedKafka) -> None:
    kafka.script["Produce"].append(47)
    kafka.script["Heartbeat"].append(27)
    await commit(writing)
    assert kafka.committed[SOURCE][0] == 9


async def test_nobody_is_not_asked_whether_it_is_a_member(writing: Transactions, kafka: ScriptedKafka) -> None:
    kafka.script["Produce"].append(47)
    await commit(writing, member=NOBODY)
    assert "Heartbeat" not in kafka.asked


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("Produce", 10),
        ("Produce", 18),
        ("Produce", 87),
        ("AddPartitionsToTxn", 29),
        ("AddPartitionsToTxn", 53),
        ("TxnOffsetCommit", 30),
        ("TxnOffsetCommit", MessageSizeTooLargeError()),
        ("EndTxn", -1),
    ],
)
async def test_what_is_refused_for_good_is_not_tried_again(
    writing: Transactions, kafka: ScriptedKafka, name: str, failure: int | Exception
) -> None:
    kafka.script[name].append(failure)
    with pytest.raises(RefusedError):
        await commit(writing)
    assert kafka.asked.count(name) == 1
    assert not kafka.committed


async def test_of_several_failures_the_gravest_counts(writing: Transactions, kafka: ScriptedKafka) -> None:
    kafka.script["Produce"].append(10)
    kafka.script["TxnOffsetCommit"].append(22)
    with pytest.raises(ReplacedError):
        await commit(writing)
    kafka.script["Produce"].append(KafkaConnectionError())
    kafka.script["TxnOffsetCommit"].append(30)
    with pytest.raises(RefusedError):
        await commit(writing)


# The commit is in doubt


@pytest.mark.parametrize("lost", [KafkaConnectionError(), RequestTimedOutError()])
async def test_a_commit_whose_answer_is_lost_is_asked_for_again(
    writing: Transactions, kafka: ScriptedKafka, lost: Exception
) -> None:
    kafka.script["EndTxn"].extend([lost, lost])
    await commit(writing)
    assert kafka.asked == [*BEFORE_THE_END, *["EndTxn"] * 3]


@pytest.mark.parametrize("code", [47, 48, 49, 90, 7, 56])
async def test_a_commit_that_took_place_and_is_denied_afterwards_is_not_made_again(
    writing: Transactions, kafka: ScriptedKafka, code: int
) -> None:
    kafka.script["EndTxn"].extend([KafkaConnectionError(), code])
    assert await commit(writing) == {TopicPartition("out", 0): FIRST_OFFSET}
    assert kafka.asked[-3:] == [*AGAIN, "StableOffsetFetch"]
    assert len(kafka.batches) == 1


@pytest.mark.parametrize("code", [47, 48, 49, 90, 7, 56])
async def test_a_commit_that_did_not_take_place_is_made_again(
    writing: Transactions, kafka: ScriptedKafka, code: int
) -> None:
    kafka.committed[SOURCE] = (9, "tag of another")
    kafka.script["EndTxn"].append(code)
    await commit(writing)
    assert kafka.asked.count("EndTxn") == 2
    assert len(kafka.batches) == 2


async def test_whether_a_commit_took_place_is_asked_until_there_is_an_answer(
    writing: Transactions, kafka: ScriptedKafka
) -> None:
    kafka.script["EndTxn"].extend([KafkaConnectionError(), 47])
    kafka.script["StableOffsetFetch"].extend([14, KafkaConnectionError(), 16, 15, 88, 7])
    await commit(writing)
    assert len(kafka.batches) == 1


# Taking over


async def test_a_kafka_that_is_not_there_yet_is_waited_for(kafka: ScriptedKafka) -> None:
    kafka.script["bootstrap"].extend([KafkaConnectionError(), KafkaConnectionError()])
    await Transactions(KafkaSettings(), "cx", "cx-lane").start(["in"])
    assert kafka.asked == ["bootstrap"] * 3


async def test_whoever_takes_numbers_over_ends_what_was_open_under_each_and_writes_under_the_lowest(
    kafka: ScriptedKafka,
) -> None:
    made = Transactions(KafkaSettings(), "cx", "cx-lane")
    await made.fence([5, 2, 11])
    assert sorted(kafka.looked_up) == ["cx-lane-11", "cx-lane-2", "cx-lane-5"]
    kafka.looked_up.clear()
    await commit(made)
    assert kafka.ids == {"cx-lane-2"}
    assert kafka.looked_up == ["cx"], "the coordinator of cx-lane-2 is known"


@pytest.mark.parametrize("codes", [[51, 51], [14, 16, 15], [47, 90], [KafkaConnectionError()]])
async def test_an_id_is_asked_for_until_it_is_there(kafka: ScriptedKafka, codes: list[int | Exception]) -> None:
    made = Transactions(KafkaSettings(), "cx", "cx-lane")
    kafka.script["InitProducerId"].extend(codes)
    await made.fence([0])
    assert kafka.asked == ["InitProducerId"] * (len(codes) + 1)


@pytest.mark.parametrize("code", [53, 50])
async def test_an_id_that_is_refused_is_not_asked_for_again(kafka: ScriptedKafka, code: int) -> None:
    made = Transactions(KafkaSettings(), "cx", "cx-lane")
    kafka.script["InitProducerId"].append(code)
    with pytest.raises(RefusedError):
        await made.fence([0])


async def test_committed_offsets_are_those_after_the_last_open_transaction(
    writing: Transactions, kafka: ScriptedKafka
) -> None:
    kafka.committed[SOURCE] = (7, "tag")
    kafka.script["StableOffsetFetch"].extend([88, 88, 14, KafkaConnectionError(), 16])
    other = TopicPartition("in", 1)
    assert await writing.committed([SOURCE, other]) == {SOURCE: (7, "tag"), other: (-1, "")}


def test_an_open_transaction_on_one_offset_and_a_broker_that_is_away_for_another_are_both_waited_for() -> None:
    with pytest.raises(UnreadyError):
        transactions._check({88, 7})  # noqa: SLF001


async def test_to_give_up_is_tried_once(writing: Transactions, kafka: ScriptedKafka) -> None:
    kafka.script["EndTxn"].extend([47, KafkaConnectionError()])
    await writing.abort()
    await writing.abort()
    assert kafka.asked == ["EndTxn"] * 2
    assert not kafka.committed


# Batches


async def test_what_does_not_fit_into_one_batch_goes_into_several_in_order(
    writing: Transactions, kafka: ScriptedKafka
) -> None:
    noise = random.Random(5)
    records = [record(noise.randbytes(100_000)) for _ in range(12)]
    last = await commit(writing, *records, record(partition=1))
    found: defaultdict[int, list[bytes]] = defaultdict(list)
    for tp, batch in kafka.batches:
        assert len(batch) <= BATCH_BYTES_MAX
        found[tp.partition] += [each.value for each in DefaultRecordBatch(bytearray(batch))]
    assert found == {0: [each.value for each in records], 1: [b"value"]}
    assert [at for at in sequences(kafka) if at != (0, 1)] == [(0, 5), (5, 5), (10, 2)]
    assert last[TopicPartition("out", 0)] == FIRST_OFFSET + 1, "its last batch has two"


async def test_one_record_may_be_larger_than_a_batch(writing: Transactions, kafka: ScriptedKafka) -> None:
    await commit(writing, record(random.Random(5).randbytes(BATCH_BYTES_MAX + 1)), record())
    assert sequences(kafka) == [(0, 1), (1, 1)]


async def test_sequence_numbers_go_on_from_one_transaction_to_the_next(
    writing: Transactions, kafka: ScriptedKafka
) -> None:
    for _ in range(3):
        await commit(writing, record(), record())
    await commit(writing, record(partition=1))
    assert sequences(kafka) == [(0, 2), (2, 2), (4, 2), (0, 1)]


async def test_after_the_largest_sequence_number_comes_0(writing: Transactions, kafka: ScriptedKafka) -> None:
    writing._sequences[TopicPartition("out", 0)] = INT32_MAX - 1  # noqa: SLF001  # two thousand million records later
    await commit(writing, record(), record(), record())
    await commit(writing, record())
    assert sequences(kafka) == [(INT32_MAX - 1, 3), (1, 1)]


async def test_a_batch_names_its_producer_and_belongs_to_a_transaction(
    writing: Transactions, kafka: ScriptedKafka
) -> None:
    await commit(writing, Record("out", 0, None, None, (("name", b"header"),)))
    ((_, data),) = kafka.batches
    batch = DefaultRecordBatch(bytearray(data))
    assert (batch.is_transactional, batch.producer_id, batch.producer_epoch) == (True, 5, 0)
    (only,) = batch
    assert (only.key, only.value, list(only.headers)) == (None, None, [("name", b"header")])


# Topics that are not there

ASKS: list[Callable[[Transactions], Awaitable[object]]] = [
    lambda transactions: transactions.partition_for("typo", b"lan"),
    lambda transactions: transactions.ends("typo", [0]),
]


async def first_said(caplog: pytest.LogCaptureFixture, waiting: Awaitable[object]) -> tuple[str, str]:
    """Return what is said first, and in detail, of what has to be waited for."""
    task = asyncio.ensure_future(waiting)
    async with asyncio.timeout(PATIENCE_S):
        while not caplog.records:  # noqa: ASYNC110  # a log has no event
            await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    return caplog.messages[0], vars(caplog.records[0])["detail"]


@pytest.mark.parametrize("ask", ASKS)
async def test_a_topic_that_is_not_there_is_waited_for_and_told_by_its_name(
    writing: Transactions,
    kafka: ScriptedKafka,
    caplog: pytest.LogCaptureFixture,
    ask: Callable[[Transactions], Awaitable[object]],
) -> None:
    kafka.missing = {"typo"}
    message, detail = await first_said(caplog, ask(writing))
    assert message == "a topic does not exist, or may not be seen, waiting"
    assert "typo" in detail


@pytest.mark.parametrize("ask", ASKS)
async def test_where_nobody_answers_no_topic_is_said_to_be_missing(
    writing: Transactions,
    kafka: ScriptedKafka,
    caplog: pytest.LogCaptureFixture,
    ask: Callable[[Transactions], Awaitable[object]],
) -> None:
    kafka.missing, kafka.answers = {"typo"}, False
    message, _ = await first_said(caplog, ask(writing))
    assert message == "Kafka is away, waiting"


async def test_where_one_partition_has_no_leader_kafka_is_not_said_to_be_away(
    writing: Transactions, kafka: ScriptedKafka, caplog: pytest.LogCaptureFixture
) -> None:
    kafka.leaderless = {SOURCE}
    message, detail = await first_said(caplog, writing.ends("in", [0, 1]))
    assert message == "a partition has no leader, waiting"
    assert "in has no leader for partition 0" in detail


async def test_a_broker_that_answers_is_not_said_to_be_away(
    writing: Transactions, kafka: ScriptedKafka, caplog: pytest.LogCaptureFixture
) -> None:
    kafka.script["StableOffsetFetch"].extend([13] * 100)
    message, _ = await first_said(caplog, writing.committed([SOURCE]))
    assert message == "Kafka is not ready, waiting"


# Where keys go


# From Kafka's own UtilsTest: what its murmur2 makes of these.
@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"21", -973_932_308),
        (b"foobar", -790_332_482),
        (b"a-little-bit-long-string", -985_981_536),
        (b"a-little-bit-longer-string", -1_486_304_829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        (b"abc", 479_470_107),
    ],
)
def test_a_key_goes_where_java_puts_it(key: bytes, hashed: int) -> None:
    for count in (1, 2, 12, 1_000):
        assert partition_of(key, count) == (hashed & INT32_MAX) % count


def test_a_key_goes_where_other_clients_put_it() -> None:
    noise = random.Random(5)
    keys = [noise.randbytes(length) for length in range(1, 65) for _ in range(5)]
    there = DefaultPartitioner()
    assert [partition_of(key, 12) for key in keys] == [there(key, list(range(12)), []) for key in keys]
