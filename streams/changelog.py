"""A changelog as recovery reads it: what is committed, batch by batch, and the next fetch under way meanwhile.

aiokafka's consumer makes an object with twelve fields of every record, and fetches no more of a partition before all
that came of it is taken; half of a recovery's time went there. What it sends and how it reads answers is done here
without it.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    CorruptRecordException,
    KafkaError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from streams.leaders import EARLIEST, LATEST, Leaders
from streams.patience import RETRY_PAUSE_S, Patience, UnreadyError, is_passing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from streams.settings import KafkaSettings

log = logging.getLogger(__name__)

FETCH_BYTES: Final = 1 << 20  # of a partition; as much is decoded without a pause
ANSWER_BYTES: Final = 8 << 20  # of a broker, whatever the number of partitions
FETCH_WAIT_MS: Final = 20  # for a broker that has nothing yet
READ_WAIT_S: Final = 0.2
REQUEST_TIMEOUT_MS: Final = 10_000
_READ_COMMITTED: Final = 1


class Portion(NamedTuple):
    """What one fetch brought of a partition.

    Attributes:
        number: Of the partition.
        records: Offset, key and value of each, in order; none where nothing but what was aborted came.
        next_offset: Behind all that came, control records and what was aborted included.
    """

    number: int
    records: list[tuple[int, bytes, bytes | None]]
    next_offset: int


class ChangelogReader:
    """Reads partitions of one changelog side by side, each from where it is told to."""

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        """Prepare to read *topic*."""
        self._client = AIOKafkaClient(request_timeout_ms=REQUEST_TIMEOUT_MS, **kafka.client_options())
        self._topic = topic
        self._positions: dict[int, int] = {}  # where the next fetch of a partition begins
        self._fetches: dict[int, asyncio.Task[list[Part]]] = {}  # by broker
        self._fetched: set[int] = set()  # partitions that a fetch is under way for
        self._leaders = Leaders(self._client)
        self.patience = Patience(self._client.force_metadata_update, log)

    async def start(self) -> None:
        """Connect; may be called again after it failed.

        Raises:
            KafkaError: no server answers.
        """
        await self._client.bootstrap()
        await self._client.set_topics([self._topic])

    async def stop(self) -> None:
        """Disconnect, whatever is under way."""
        for fetch in self._fetches.values():
            fetch.cancel()
        await asyncio.gather(*self._fetches.values(), return_exceptions=True)
        self._fetches.clear()
        await self._client.close()

    async def earliest(self, numbers: Collection[int]) -> dict[int, int]:
        """Return where the log of each partition begins.

        Raises:
            KafkaError: a broker does not say.
        """
        return await self._offsets(numbers, EARLIEST)

    async def latest(self, numbers: Collection[int]) -> dict[int, int]:
        """Return where what is committed of each partition ends now; see `earliest`."""
        return await self._offsets(numbers, LATEST)

    def numbers(self) -> set[int]:
        """Return the partitions of the topic."""
        return self._client.cluster.partitions_for_topic(self._topic) or set()

    async def _offsets(self, numbers: Collection[int], which: int) -> dict[int, int]:
        tps = [TopicPartition(self._topic, number) for number in numbers]
        found = await self._leaders.offsets(tps, which, committed=True)
        return {tp.partition: offset for tp, offset in found.items()}

    def seek(self, number: int, offset: int) -> None:
        """Read partition *number* from *offset* on; what was fetched of it from elsewhere is dropped."""
        self._positions[number] = offset

    def finish(self, number: int) -> None:
        """Read no more of partition *number*."""
        self._positions.pop(number, None)

    async def read(self) -> list[Portion]:
        """Return what has come; nothing if nothing does for a moment, as while Kafka is away.

        Raises:
            KafkaError: reading on is no use: a record is damaged, or the topic may not be read.
        """
        self._fetch_all()
        if not self._fetches:
            await asyncio.sleep(RETRY_PAUSE_S)
            return []
        fetches = self._fetches.values()
        done, _ = await asyncio.wait(fetches, timeout=READ_WAIT_S, return_when=asyncio.FIRST_COMPLETED)
        parts: list[Part] = []
        for node, fetch in list(self._fetches.items()):
            if fetch in done:
                del self._fetches[node]
                parts += [part for part in fetch.result() if self._positions.get(part.number) == part.asked]
        for part in parts:
            self._positions[part.number] = part.next_offset
        self._fetch_all()
        await asyncio.sleep(0)  # the requests go out before these parts are decoded
        return [Portion(part.number, part.records(), part.next_offset) for part in parts]

    def _fetch_all(self) -> None:
        """Ask every broker that has nothing to do for what it leads."""
        wanted = [number for number in self._positions if number not in self._fetched]
        for node, tps in self._leaders.known(TopicPartition(self._topic, number) for number in wanted).items():
            if node not in self._fetches:
                asked = {tp.partition: self._positions[tp.partition] for tp in tps}
                self._fetched |= asked.keys()
                self._fetches[node] = asyncio.create_task(self._fetch(node, asked))

    async def _fetch(self, node: int, asked: Mapping[int, int]) -> list[Part]:
        try:
            return await self._fetch_once(node, asked)
        except KafkaError as error:
            if not is_passing(error):
                raise
            await self.patience.pause(error)
            return []
        finally:
            self._fetched -= asked.keys()

    async def _fetch_once(self, node: int, asked: Mapping[int, int]) -> list[Part]:
        topics = [(self._topic, [(number, offset, FETCH_BYTES) for number, offset in asked.items()])]
        request = FetchRequest(FETCH_WAIT_MS, 1, ANSWER_BYTES, _READ_COMMITTED, topics)
        answer = await self._client.send(node, request)
        parts, lost = [], []
        error: KafkaError | None = None
        for _, partitions in answer.topics:
            for number, code, _, _, _, aborted, _, data in partitions:
                if not code:
                    parts.append(Part.of(number, asked[number], aborted, data))
                elif for_code(code) is OffsetOutOfRangeError:
                    lost.append(number)
                else:
                    error = _meant_by(code)
        if error is not None:
            if not is_passing(error):
                raise error
            # What it gave of others is not held up.
            await self.patience.pause(error, 0 if any(part.batches for part in parts) else None)
        if lost:
            # The log begins later by now, or ends earlier: what there is of it, is read.
            starts = await self.earliest(lost)
            parts += [Part(number, asked[number], starts[number], (), ()) for number in lost]
        return parts


class Part(NamedTuple):
    """A partition's part of an answer, not decoded yet."""

    number: int
    asked: int  # the offset
    next_offset: int
    aborted: Sequence[tuple[int, int]]  # producer, and the first offset of what it aborted
    batches: Sequence[Any]

    @classmethod
    def of(cls, number: int, asked: int, aborted: Iterable[tuple[int, int]] | None, data: bytes) -> Part:
        """Return the part of partition *number* that was *asked* from this offset on."""
        batches = []
        found = MemoryRecords(data)
        while found.has_next():  # the last one may be there in part
            batches.append(found.next_batch())
        next_offset = batches[-1].next_offset if batches else asked
        return cls(number, asked, next_offset, sorted(aborted or (), key=_first_offset), batches)

    def records(self) -> list[tuple[int, bytes, bytes | None]]:
        """Return offset, key and value of what is committed."""
        found: list[tuple[int, bytes, bytes | None]] = []
        for batch in self.committed():
            found += [(record.offset, record.key, record.value) for record in batch]
        # A batch comes whole, also if it was asked for from its middle.
        del found[: bisect_left(found, (self.asked,))]
        return found

    def committed(self) -> Iterator[Any]:
        """Yield the batches with records, but for those of transactions that were aborted."""
        aborting: set[int] = set()
        ahead = list(reversed(self.aborted))
        for batch in self.batches:
            if not batch.validate_crc():
                message = f"a batch at offset {batch.base_offset} of partition {self.number} is damaged"
                raise CorruptRecordException(message)
            while ahead and ahead[-1][1] <= batch.base_offset:
                aborting.add(ahead.pop()[0])
            if batch.is_control_batch:
                aborting.discard(batch.producer_id)  # its transaction ends here
            elif not (batch.is_transactional and batch.producer_id in aborting):
                yield batch


def _meant_by(code: int) -> KafkaError:
    """Return what *code* of an answer means: something that passes, unless we may not read the topic."""
    error = for_code(code)()
    return (
        error
        if isinstance(error, TopicAuthorizationFailedError) or is_passing(error)
        else UnreadyError(type(error).__name__)
    )


def _first_offset(aborted: tuple[int, int]) -> int:
    return aborted[1]
