"""Transactions of one worker: outputs, changelogs and source offsets of all its partitions, together or not at all.

Two things keep a worker that was replaced from adding anything (KIP-447). Offsets are committed in the name of a
member and its generation, so the group refuses them from anybody else, and a transaction without offsets is never
made. And whoever owns a partition number initialises the transactional id of that number; a worker writes under the
id of its lowest number, so its open transaction is ended by a successor at once, not by a time-out.

An attempt that fails for a passing reason is made again, whole, under a new epoch; whether a commit whose answer was
lost took place, the committed offsets tell: each transaction leaves its tag in their metadata.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError, for_code
from aiokafka.partitioner import murmur2
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
)
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from schemas.errors import CxError
from streams.failpoints import IN_TRANSACTION, OFFSETS_SENT, reach
from streams.leaders import LATEST, Leaders
from streams.meter import SILENT
from streams.patience import PASSING, RETRY_PAUSE_S, Patience, UnreadyError, is_passing
from streams.protocol import StableOffsetFetchRequest, TxnOffsetCommitRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

    from aiokafka.protocol.api import Request

    from streams.meter import Meter
    from streams.settings import KafkaSettings

log = logging.getLogger(__name__)
T = TypeVar("T")

TRANSACTION_TIMEOUT_MS: Final = 10_000
REQUEST_TIMEOUT_MS: Final = 5_000
BATCH_BYTES_MAX: Final = 512 * 1024  # before compression; one record may be larger
BUSY_PAUSE_S: Final = 0.001  # Kafka is still ending our last transaction
EAGER_POLLS: Final = 100  # with that pause; what takes longer is asked for less and less often
UNREADY_TRIES: Final = 100
SAY_AFTER_S: Final = 3.0
_MAGIC: Final = 2
_LZ4: Final = 3
_ALL: Final = -1
_INT32_MAX: Final = 0x7FFFFFFF
_NONE: Final = 0

_BUSY: Final = frozenset({14, 51})  # the coordinator is loading; the transaction before is still being ended
_MOVED: Final = frozenset({15, 16})  # the coordinator is elsewhere
_REPLACED: Final = frozenset({22, 25, 27, 82})  # illegal generation, unknown member, rebalance in progress, fenced
_FENCED: Final = frozenset({47, 48, 49, 90})  # epoch, state or id of the transaction are not what they were
_UNKNOWN: Final = 3  # topic or partition
_UNSTABLE: Final = 88
_CONCURRENT: Final = 51
_REBALANCING: Final = 27
_UNREADY: Final = 19
_NOT_ATTEMPTED: Final = 55
_LOADING: Final = 14
# Kafka answers with these for as long as it takes; mostly that is milliseconds.
_WAITED_FOR: Final = {
    _UNSTABLE: "offsets are part of an open transaction",
    _CONCURRENT: "an earlier transaction is still being ended",
}


class Record(NamedTuple):
    """One record to write; *timestamp* in milliseconds, None for that of writing."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int | None = None


class Member(NamedTuple):
    """Who we are in the group."""

    id: str
    generation: int


NOBODY: Final = Member("", -1)  # who writes without being in the group: a tool, while no worker runs


class ReplacedError(CxError):
    """The group has given our partitions away; nothing of the transaction is visible."""


class RefusedError(CxError):
    """Kafka refuses the transaction for good; nothing of it is visible."""


class _InDoubtError(Exception):
    """The commit may or may not have taken place."""


class Transactions:
    """Writes the transactions of one worker, one after the other; not to be called concurrently."""

    def __init__(self, kafka: KafkaSettings, group: str, prefix: str, meter: Meter = SILENT) -> None:
        """Prepare; *prefix* and a partition number make a transactional id."""
        self._meter = meter
        self._group, self._prefix = group, prefix
        self._client = AIOKafkaClient(request_timeout_ms=REQUEST_TIMEOUT_MS, **kafka.client_options())
        self.leaders, self._patience = Leaders(self._client), Patience(self._client.force_metadata_update, log)
        self._id = ""
        self._producer = (-1, -1)
        self._sequences: dict[TopicPartition, int] = {}
        self._coordinators: dict[tuple[int, str], int] = {}
        self._partitions: dict[str, int] = {}

    async def start(self, topics: Iterable[str]) -> None:
        """Connect, and learn where *topics* are."""
        await self._patiently(self._client.bootstrap)
        await self._client.set_topics(list(topics))

    async def stop(self) -> None:
        """Close the connections; an open transaction is the successor's to end."""
        await self._client.close()

    @property
    def tried_at(self) -> float:
        """When Kafka last did not do what was asked, for a reason that passes, by `time.monotonic`."""
        return self._patience.tried_at

    async def fence(self, numbers: Collection[int]) -> None:
        """End what earlier owners of *numbers* have open, and write under the id of the lowest from now on."""
        lowest, *others = sorted(numbers)
        self._id = f"{self._prefix}-{lowest}"
        self._producer, *_ = await asyncio.gather(
            self._init(self._id), *(self._init(f"{self._prefix}-{number}") for number in others)
        )
        self._sequences.clear()

    async def partition_for(self, topic: str, key: bytes | None) -> int:
        """Return the partition that Java's default partitioner takes for *key*; any for none."""
        count = self._partitions.get(topic)
        if count is None:
            count = self._partitions[topic] = await self._patiently(lambda: self._count(topic))
        if key is None:
            return secrets.randbelow(count)
        return partition_of(key, count)

    async def _count(self, topic: str) -> int:
        found = self._client.cluster.partitions_for_topic(topic)
        if not found:
            await self.leaders.look_up(topic)
            found = self._client.cluster.partitions_for_topic(topic)
        if not found:
            raise UnknownTopicOrPartitionError(topic)
        return len(found)

    async def committed(self, tps: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, str]]:
        """Return committed offset (-1 for none) and metadata by partition, once no open transaction can change them."""
        topics = _by_topic((tp.topic, tp.partition) for tp in tps)
        return await self._patiently(lambda: self._committed(topics))

    async def _committed(self, topics: list[tuple[str, list[int]]]) -> dict[TopicPartition, tuple[int, str]]:
        wait = _Wait()
        while True:
            answer = await self._ask(CoordinationType.GROUP, lambda: StableOffsetFetchRequest(self._group, topics))
            codes = {p[4] for _, partitions, _ in answer.topics for p in partitions} | {answer.error_code}
            if codes == {_NONE}:
                return {
                    TopicPartition(name, p[0]): (p[1], p[3] or "")
                    for name, partitions, _ in answer.topics
                    for p in partitions
                }
            unready = (f"{name}-{p[0]}" for name, partitions, _ in answer.topics for p in partitions if p[4])
            wait.of = next(unready, self._group)
            await self._pause_for(codes - {_NONE}, {_UNSTABLE, _LOADING}, wait, CoordinationType.GROUP)

    async def ends(self, topic: str, numbers: Collection[int]) -> dict[int, int]:
        """Return the offset behind the last record of each partition, open transactions included."""
        tps = [TopicPartition(topic, number) for number in numbers]
        found = await self._patiently(lambda: self.leaders.offsets(tps, LATEST))
        return {tp.partition: offset for tp, offset in found.items()}

    async def commit(
        self, records: Sequence[Record], offsets: Mapping[TopicPartition, int], member: Member
    ) -> dict[TopicPartition, int]:
        """Write *records* and *offsets* in one transaction; return the offset of the last record by partition.

        Args:
            records: In the order in which each partition shall have them.
            offsets: What the group has read, at least one: by these a worker that was replaced is known.
            member: In whose name the offsets are committed.

        Raises:
            ReplacedError: *member* does not own the partitions any more.
            RefusedError: Kafka will not take this, now or later.
        """
        if not offsets:
            message = "a transaction without offsets would not be refused from a worker that was replaced"
            raise ValueError(message)
        tag = secrets.token_hex(8)
        while True:
            last: dict[TopicPartition, int] = {}
            try:
                await self._attempt(records, offsets, member, tag, last)
            except (_InDoubtError, KafkaError) as error:
                if isinstance(error, KafkaError) and not is_passing(error):
                    raise RefusedError(type(error).__name__) from None
                self._patience.say_failed(error, "transaction is made again")
                self._meter.repeated(type(error).__name__.strip("_"))
                self._client.force_metadata_update()
                await asyncio.sleep(RETRY_PAUSE_S)
                await self._renew(member)
                if isinstance(error, _InDoubtError) and await self._took_place(offsets, tag):
                    return last
            else:
                return last

    async def abort(self) -> None:
        """Try, once, to end what is open; what that does not reach, the successor ends."""
        try:
            await self._ask(
                CoordinationType.TRANSACTION,
                lambda: EndTxnRequest(self._id, *self._producer, False),  # noqa: FBT003  # a field of the message
            )
        except KafkaError as error:
            log.info("an open transaction is left to the successor", extra={"error": type(error).__name__})

    # One attempt

    async def _attempt(
        self,
        records: Sequence[Record],
        offsets: Mapping[TopicPartition, int],
        member: Member,
        tag: str,
        last: dict[TopicPartition, int],
    ) -> None:
        batches: defaultdict[TopicPartition, list[Record]] = defaultdict(list)
        for record in records:
            batches[TopicPartition(record.topic, record.partition)].append(record)
        if batches:
            topics = _by_topic(batches)
            await self._step(lambda: AddPartitionsToTxnRequest(self._id, *self._producer, topics), _partition_codes)
        await self._step(lambda: AddOffsetsToTxnRequest(self._id, *self._producer, self._group), _code)
        # Side by side: neither changes what the transaction consists of. Both are waited for, whatever becomes of one.
        results = await asyncio.gather(
            self._produce(batches, last), self._commit_offsets(offsets, member, tag), return_exceptions=True
        )
        failures = [result for result in results if isinstance(result, BaseException)]
        for kind in (ReplacedError, RefusedError, Exception, BaseException):
            for failure in failures:
                if isinstance(failure, kind):
                    raise failure
        reach(OFFSETS_SENT)
        await self._end()

    async def _step(self, make: Callable[[], Request[Any]], codes: Callable[[Any], set[int]]) -> None:
        """Send to our transaction coordinator, again while it is busy ending the transaction before."""
        wait = _Wait(self._id)
        while True:
            answer = await self._ask(CoordinationType.TRANSACTION, make)
            found = codes(answer) - {_NONE}
            if not found:
                return
            await self._pause_for(found, _BUSY, wait, CoordinationType.TRANSACTION)

    async def _produce(self, batches: Mapping[TopicPartition, list[Record]], last: dict[TopicPartition, int]) -> None:
        """Send everything, one batch a partition and round: Kafka takes no more in one request."""
        waiting = {tp: _Cursor(records) for tp, records in batches.items()}
        tries = UNREADY_TRIES
        while waiting:
            for tp, cursor in waiting.items():
                cursor.batch = cursor.batch or self._build(tp, cursor)
            unready = set()
            for tp, code, offset in await self._send_batches({tp: cursor.batch for tp, cursor in waiting.items()}):
                if code == _UNREADY and tries:
                    # The partition's leader has not learned of our transaction yet; the same bytes again are no repeat.
                    unready.add(tp)
                    continue
                _check({code} - {_NONE})
                last[tp] = offset + waiting[tp].taken - 1
                waiting[tp].batch = b""
            waiting = {tp: cursor for tp, cursor in waiting.items() if cursor.batch or cursor.records}
            if unready:
                tries -= 1
                await asyncio.sleep(BUSY_PAUSE_S)
        reach(IN_TRANSACTION)

    async def _send_batches(self, batches: Mapping[TopicPartition, bytes]) -> list[tuple[TopicPartition, int, int]]:
        """Send each batch to its leader; return partition, error code and first offset of each."""
        requests = []
        for node, tps in (await self.leaders.of(batches)).items():
            topics = _by_topic((tp.topic, (tp.partition, batches[tp])) for tp in tps)
            requests.append(self._client.send(node, ProduceRequest(self._id, _ALL, REQUEST_TIMEOUT_MS, topics)))
        return [
            (TopicPartition(topic, number), code, offset)
            for answer in await asyncio.gather(*requests)
            for topic, partitions in answer.topics
            for number, code, offset, *_ in partitions
        ]

    def _build(self, tp: TopicPartition, cursor: _Cursor) -> bytes:
        """Return one batch of the records at *cursor*, as many as find room in it."""
        sequence = self._sequences.get(tp, 0)
        builder = DefaultRecordBatchBuilder(_MAGIC, _LZ4, 1, *self._producer, sequence, BATCH_BYTES_MAX)
        now = time.time_ns() // 1_000_000
        taken = 0
        for record in cursor.records:
            at = now if record.timestamp is None else record.timestamp
            if builder.append(taken, at, record.key, record.value, list(record.headers)) is None:
                break
            taken += 1
        cursor.records, cursor.taken = cursor.records[taken:], taken
        self._sequences[tp] = (sequence + taken) & _INT32_MAX  # after the largest comes 0
        return bytes(builder.build())

    async def _commit_offsets(self, offsets: Mapping[TopicPartition, int], member: Member, tag: str) -> None:
        topics = _by_topic((tp.topic, (tp.partition, offset)) for tp, offset in offsets.items())
        codes: set[int] = set()
        for _ in range(UNREADY_TRIES):
            answer = await self._ask(
                CoordinationType.GROUP,
                lambda: TxnOffsetCommitRequest(
                    transactional_id=self._id,
                    producer=self._producer,
                    group=self._group,
                    member=member,
                    offsets=topics,
                    metadata=tag,
                ),
            )
            codes = {code for _, partitions, _ in answer.topics for _, code, _ in partitions} - {_NONE}
            if codes != {_LOADING}:
                break
            # The group's coordinator asks the transaction's, which may be busy with what we sent just before.
            await asyncio.sleep(BUSY_PAUSE_S)
        if codes & _MOVED:
            self._coordinators.pop((CoordinationType.GROUP, self._group), None)
        _check(codes)

    async def _end(self) -> None:
        """Commit; whatever Kafka answers, or does not, until it is known what became of it."""
        wait = _Wait(self._id)
        while True:
            try:
                answer = await self._ask(
                    CoordinationType.TRANSACTION,
                    lambda: EndTxnRequest(self._id, *self._producer, True),  # noqa: FBT003  # a field of the message
                )
            except KafkaError as error:
                self._patience.say_failed(error, "the answer to a commit was lost, asking again")
                await asyncio.sleep(RETRY_PAUSE_S)
                continue
            code = answer.error_code
            if code == _NONE:
                return
            if code in _FENCED | PASSING - _BUSY - _MOVED:
                raise _InDoubtError
            await self._pause_for({code}, _BUSY, wait, CoordinationType.TRANSACTION)

    # After a failure

    async def _renew(self, member: Member) -> None:
        """Take a new epoch, which ends what is open under the last, unless the group has given our place away."""
        # Asked first: a worker that was replaced must not fence the one that replaced it.
        await self._patiently(lambda: self._check_membership(member))
        self._producer = await self._init(self._id)
        self._sequences.clear()

    async def _check_membership(self, member: Member) -> None:
        wait = _Wait(self._group)
        while member != NOBODY:
            answer = await self._ask(
                CoordinationType.GROUP, lambda: HeartbeatRequest(self._group, member.generation, member.id)
            )
            if answer.error_code in {_NONE, _REBALANCING}:
                return
            await self._pause_for({answer.error_code}, {_LOADING}, wait, CoordinationType.GROUP)

    async def _took_place(self, offsets: Mapping[TopicPartition, int], tag: str) -> bool:
        found = await self.committed(list(offsets))
        return any(metadata == tag for _, metadata in found.values())

    async def _init(self, transactional_id: str) -> tuple[int, int]:
        """Return producer id and epoch; nothing is open under *transactional_id* any more."""
        return await self._patiently(lambda: self._init_once(transactional_id))

    async def _init_once(self, transactional_id: str) -> tuple[int, int]:
        wait = _Wait(transactional_id)
        while True:
            answer = await self._ask(
                CoordinationType.TRANSACTION,
                lambda: InitProducerIdRequest(transactional_id, TRANSACTION_TIMEOUT_MS),
                transactional_id,
            )
            if answer.error_code == _NONE:
                return answer.producer_id, answer.producer_epoch
            await self._pause_for({answer.error_code}, _BUSY, wait, CoordinationType.TRANSACTION, transactional_id)

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do what may be done again for as long as Kafka is away."""
        try:
            return await self._patience.until_done(work)
        except KafkaError as error:
            raise RefusedError(type(error).__name__) from None

    # Where to send, and what the answers mean

    async def _ask(self, kind: int, make: Callable[[], Request[Any]], key: str = "") -> Any:  # noqa: ANN401  # one of aiokafka's answers
        """Send to the coordinator of our group, or of a transactional id (ours by default)."""
        key = key or (self._group if kind == CoordinationType.GROUP else self._id)
        node = self._coordinators.get((kind, key))
        if node is None:
            node = self._coordinators[kind, key] = await self._client.coordinator_lookup(kind, key)
        try:
            # On connections of its own: it shall not wait behind batches.
            return await self._client.send(node, make(), group=ConnectionGroup.COORDINATION)
        except KafkaError:
            self._coordinators.pop((kind, key), None)
            self._client.force_metadata_update()
            raise

    async def _pause_for(
        self, codes: set[int], expected: Collection[int], wait: _Wait, kind: int = 0, key: str = ""
    ) -> None:
        """Go on with *wait* for a moment where all *codes* are *expected*; raise what they mean otherwise."""
        if codes & _MOVED:
            self._coordinators.pop((kind, key or (self._group if kind == CoordinationType.GROUP else self._id)), None)
        elif not codes <= set(expected):
            _check(codes)
        if (seconds := wait.seconds) >= SAY_AFTER_S:
            message = next((_WAITED_FOR[code] for code in codes if code in _WAITED_FOR), "a coordinator is not ready")
            self._patience.say(f"{message}, waiting", of=wait.of, seconds=round(seconds))
        await asyncio.sleep(wait.pause() if codes <= _WAITED_FOR.keys() else RETRY_PAUSE_S)


def partition_of(key: bytes, partitions: int) -> int:
    """Return where Java's default partitioner puts *key*."""
    return (int(murmur2(key)) & _INT32_MAX) % partitions


class _Cursor:
    """What is still to be sent to one partition."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records
        self.batch = b""  # built and not yet taken by Kafka
        self.taken = 0  # how many records are in it


class _Wait:
    """Something that Kafka is busy with: eager at first, for the next transaction may hang on it, and then patient."""

    def __init__(self, of: str = "") -> None:
        self.of = of
        self._since = time.monotonic()
        self._polls, self._pause_s = 0, BUSY_PAUSE_S

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._since

    def pause(self) -> float:
        """Return how long to pause before asking again, in seconds."""
        self._polls += 1
        if self._polls > EAGER_POLLS:
            self._pause_s = min(2 * self._pause_s, RETRY_PAUSE_S)
        return self._pause_s


def _check(codes: set[int]) -> None:
    """Raise what *codes* of an answer mean, the gravest first."""
    if codes & _REPLACED:
        raise ReplacedError(for_code(min(codes & _REPLACED)).__name__)
    if refused := codes - _FENCED - PASSING:
        raise RefusedError(for_code(min(refused)).__name__)
    if codes:
        raise UnreadyError(for_code(min(codes)).__name__)


def _by_topic(pairs: Iterable[tuple[str, Any]]) -> list[tuple[str, list[Any]]]:
    topics: defaultdict[str, list[Any]] = defaultdict(list)
    for topic, item in pairs:
        topics[topic].append(item)
    return list(topics.items())


def _code(answer: Any) -> set[int]:  # noqa: ANN401  # one of aiokafka's answers
    return {answer.error_code}


def _partition_codes(answer: Any) -> set[int]:  # noqa: ANN401
    # Where one partition is refused, the others are not attempted: that says nothing of them.
    found = {code: topic for topic, partitions in answer.errors for _, code in partitions if code != _NOT_ATTEMPTED}
    if found.keys() - {_NONE} == {_UNKNOWN}:
        raise UnknownTopicOrPartitionError(found[_UNKNOWN])
    return set(found)
