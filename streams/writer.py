"""The writer: makes what a worker's partitions folded durable, one transaction after the other, in the order folded."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import orjson
from aiokafka.structs import TopicPartition

from schemas.topics import DEAD_LETTERS
from streams.effects import Effects, forgotten
from streams.failpoints import COMMITTED, reach
from streams.meter import SILENT
from streams.partition import OWN_KEY
from streams.transactions import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streams.effects import Receipt, View
    from streams.measured import Measured
    from streams.meter import Meter
    from streams.transactions import Member, Transactions

log = logging.getLogger(__name__)

# Folded and not yet taken into a transaction; more, and the fold waits. In bytes some 3,000 customers, half as many
# again as a transaction may hold; what is shown of them are the same bytes.
PENDING_RECORDS_MAX: Final = 20_000
PENDING_BYTES_MAX: Final = 12 << 20
GROUP_RECORDS_MAX: Final = 5_000  # per transaction: an open one blocks every read-committed reader of what it touched
GROUP_BYTES_MAX: Final = 8 << 20
BATCHES_HEADER: Final = "cx-batches"
ABORT_S: Final = 0.5


class Folded(msgspec.Struct):
    """A folded batch: its effects, the offset to commit behind it, and what it was made of."""

    effects: Effects
    offsets: dict[str, int]
    batches: list[tuple[str, int, int]] = []  # topic, first and last offset, in the order of folding
    own_record: bytes | None = None
    measured: Measured | None = None

    @property
    def records(self) -> int:
        """How many records this will write."""
        return len(self.effects.outputs) + len(self.effects.changed) + 1

    @property
    def bytes(self) -> int:
        """About how large they are."""
        values = sum(len(value) for value in self.effects.changed.values() if value)
        return values + sum(len(out.value or b"") for out in self.effects.outputs)


class Written(NamedTuple):
    """What a transaction has made durable of one partition."""

    number: int
    changed: dict[bytes, bytes | None]
    own_record: bytes | None
    views: list[View]
    offset: int  # of its last changelog record, which is its own; -1 where the changelog was not written to
    receipts: Sequence[Receipt] = ()
    measured: Sequence[Measured] = ()


class _Share:
    """One partition's part of a transaction, put together from what was folded."""

    def __init__(self) -> None:
        self.changed: dict[bytes, bytes | None] = {}
        self.views: dict[str, View] = {}
        self.receipts: list[Receipt] = []
        self.measured: list[Measured] = []
        self.batches: list[tuple[str, int, int]] = []
        self.own_record: bytes | None = None

    def add(self, folded: Folded) -> None:
        self.changed |= folded.effects.changed
        self.views |= {view.key: view for view in folded.effects.views}
        # In their place among the views: a key may have come back since it was forgotten, or been forgotten since.
        gone = [forgotten(key) for key, value in folded.effects.changed.items() if value is None]
        self.views |= {view.key: view for view in gone}
        self.receipts += folded.effects.receipts
        if folded.measured is not None:
            self.measured.append(folded.measured)
        self.batches += folded.batches
        self.own_record = folded.own_record or self.own_record


class Writer:
    """Writes for all partitions of a worker, from one assignment to the next.

    Batches that come in while a transaction is on its way share the next one, whatever partitions they are of.
    """

    def __init__(
        self,
        transactions: Transactions,
        member: Member,
        *,
        changelog: str,
        on_commit: Callable[[Written], None],
        on_failure: Callable[[BaseException], None],
        committed: Mapping[TopicPartition, int],
        meter: Meter = SILENT,
    ) -> None:
        """Prepare; *committed* is what the group has read so far, *on_failure* gets the end of the writer."""
        self._meter = meter
        self.committed = dict(committed)
        self._transactions, self._member, self._changelog = transactions, member, changelog
        self._on_commit, self._on_failure = on_commit, on_failure
        self._pending: deque[tuple[int, Folded, int]] = deque()  # with its size
        self._records = self._bytes = 0
        self._unwritten: Counter[int] = Counter()
        self._wake, self._room, self._empty = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room.set()
        self._empty.set()
        self._failed = False
        self.moved_at = time.monotonic()  # when something was committed last
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="writer")

    def has_room(self) -> bool:
        """Whether another batch may be folded."""
        return self._records < PENDING_RECORDS_MAX and self._bytes < PENDING_BYTES_MAX

    async def room(self) -> None:
        """Wait until another batch may be folded, or nothing is written any more."""
        await self._room.wait()

    def put(self, number: int, folded: Folded) -> None:
        """Take what partition *number* folded; the order of calls is the order of its changelog."""
        size = folded.bytes
        self._pending.append((number, folded, size))
        self._unwritten[number] += 1
        self._records += folded.records
        self._bytes += size
        self._empty.clear()
        self._wake.set()
        if not self.has_room():
            self._room.clear()

    @property
    def pending(self) -> int:
        """How many records wait to be taken into a transaction."""
        return self._records

    @property
    def has_work(self) -> bool:
        """Whether anything that was put is not committed yet."""
        return not self._empty.is_set()

    def is_idle(self, number: int) -> bool:
        """Whether all that was put for partition *number* is committed."""
        return not self._unwritten[number]

    async def stop(self, deadline_s: float) -> bool:
        """Commit what is pending, for *deadline_s* at most; return False if something had to be given up."""
        whole = True
        if not self._failed:
            try:
                await asyncio.wait_for(self._empty.wait(), deadline_s)
            except TimeoutError:
                whole = False
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if not whole:
            await self._abort()
        self._room.set()  # whoever waits finds that the partition is not its own any more
        return whole and not self._failed

    async def _run(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._pending:
                    await self._write(self._take())
                self._empty.set()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever it was, nothing of the group is committed
            await self._abort()
            self._failed = True
            self._empty.set()  # nothing that waits will ever be written: `stop` need not wait for it
            self._on_failure(error)

    async def _abort(self) -> None:
        try:
            await asyncio.wait_for(self._transactions.abort(), ABORT_S)
        except TimeoutError:
            log.info("an open transaction is left to the successor")

    def _take(self) -> list[tuple[int, Folded]]:
        """Take what waits, as far as one transaction should hold."""
        group: list[tuple[int, Folded]] = []
        records = taken = 0
        while self._pending and records < GROUP_RECORDS_MAX and taken < GROUP_BYTES_MAX:
            number, folded, size = self._pending.popleft()
            records += folded.records
            taken += size
            group.append((number, folded))
        self._records -= records
        self._bytes -= taken
        if self.has_room():
            self._room.set()
        return group

    async def _write(self, group: list[tuple[int, Folded]]) -> None:
        shares: dict[int, _Share] = {}
        offsets: dict[TopicPartition, int] = {}
        records: list[Record] = []
        for number, folded in group:
            shares.setdefault(number, _Share()).add(folded)
            offsets |= {TopicPartition(topic, number): offset for topic, offset in folded.offsets.items()}
            records += [
                Record(
                    out.topic,
                    await self._partition_of(out.topic, out.key, out.partition),
                    out.key,
                    out.value,
                    out.headers,
                    out.timestamp,
                )
                for out in folded.effects.outputs
            ]
        for number in shares.keys() - {tp.partition for tp in offsets}:
            offsets |= self._known_offset(number)
        for number, share in shares.items():
            records += [Record(self._changelog, number, key, value) for key, value in share.changed.items()]
            if share.own_record is not None:
                headers = ((BATCHES_HEADER, orjson.dumps(share.batches)),)
                records.append(Record(self._changelog, number, OWN_KEY, share.own_record, headers))
        began = time.monotonic()
        last = await self._transactions.commit(records, offsets, self._member)
        self.moved_at = time.monotonic()
        self._meter.committed(len(records), self.moved_at - began)
        reach(COMMITTED)
        self.committed |= offsets
        for number, _ in group:
            self._unwritten[number] -= 1
        if self._meter is not SILENT:
            batches = [folded.measured for _, folded in group if folded.measured is not None]
            self._meter.decided(batches, _letters(group))
        for number, share in shares.items():
            offset = last.get(TopicPartition(self._changelog, number), -1)
            views = list(share.views.values())
            self._on_commit(
                Written(number, share.changed, share.own_record, views, offset, share.receipts, share.measured)
            )

    def _known_offset(self, number: int) -> dict[TopicPartition, int]:
        """Return an offset of partition *number* that is committed already.

        By offsets the group knows whether we are still its member, and whoever takes *number* over waits for a
        transaction on its offsets, also where the records come late.
        """
        tp, offset = next((tp, offset) for tp, offset in self.committed.items() if tp.partition == number)
        return {tp: max(offset, 0)}

    async def _partition_of(self, topic: str, key: bytes | None, partition: int | None) -> int:
        if partition is not None:
            return partition
        return await self._transactions.partition_for(topic, key)


def _letters(group: Sequence[tuple[int, Folded]]) -> Counter[tuple[str, str]]:
    """Count the dead letters among the outputs of *group*, by the topic that they came from and by reason."""
    found: Counter[tuple[str, str]] = Counter()
    for _, folded in group:
        for output in folded.effects.outputs:
            if output.topic == DEAD_LETTERS:
                said = dict(output.headers)
                found[said.get("cx-topic", b"").decode(), said.get("cx-reason", b"").decode()] += 1
    return found
