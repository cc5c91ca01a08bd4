"""A Kafka of one broker for a changelog: gives what is in its logs, but for answers that a test wrote down before."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Final

from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

LZ4: Final = 3
CONTROL: Final = 0x20


def batch(offset: int, *keys: bytes, values: Sequence[bytes] = (), producer: int = 5, marker: bool = False) -> bytes:
    """Return a batch of a transaction with a record for each of *keys*, or one with a control record."""
    builder = DefaultRecordBatchBuilder(2, LZ4, 1, producer, 0, 0, 1 << 20)
    values = values or [b"of " + key for key in keys]
    for number, (key, value) in enumerate(zip(keys, values, strict=True) if keys else [(b"marker", b"")]):
        builder.append(number, 1, key, value, [])
    built = bytearray(builder.build())
    built[:8] = offset.to_bytes(8)
    if marker:
        built[22] |= CONTROL
        built[17:21] = calc_crc32c(bytes(built[21:])).to_bytes(4)
    return bytes(built)


class Broker:
    """Stands where `aiokafka.client.AIOKafkaClient` does; what it answers next may be written down before.

    Attributes:
        logs: Batches by partition, each behind the offset after its last record.
        aborted: Producer and first offset of what was aborted, by partition.
        script: What becomes of the next fetches: error codes by partition, or an error.
        asked: Offsets by partition, of each fetch.
        connecting: What becomes of the next attempts to connect, and to learn where logs begin: errors or codes.
        is_open: Whether it was not closed since it was made.
    """

    def __init__(self) -> None:
        self.logs: dict[int, list[tuple[int, bytes]]] = {}
        self.aborted: dict[int, list[tuple[int, int]]] = {}
        self.script: deque[dict[int, int] | Exception] = deque()
        self.asked: list[dict[int, int]] = []
        self.leaders: dict[int, int] = {}
        self.starts: dict[int, int] = {}
        self.connecting: deque[Exception | int | None] = deque()
        self.is_open = True
        self.cluster = self

    async def bootstrap(self) -> None:
        self._fail()

    async def close(self) -> None:
        self.is_open = False

    async def set_topics(self, topics: list[str]) -> None:
        """Know all topics already."""

    def force_metadata_update(self) -> None:
        """Know everything already."""

    def leader_for_partition(self, tp: TopicPartition) -> int:
        return self.leaders.get(tp.partition, 1)

    async def send(self, _: int, request: Any, *, group: object = None) -> Any:
        del group
        if not isinstance(request, FetchRequest):
            code = self._fail()
            return SimpleNamespace(topics=[("log", [(number, code, -1, at) for number, at in self.starts.items()])])
        ((_, partitions),) = request.topics
        self.asked.append({number: offset for number, offset, _ in partitions})
        codes = self.script.popleft() if self.script else {}
        if isinstance(codes, Exception):
            raise codes
        await asyncio.sleep(0)
        return SimpleNamespace(
            topics=[("log", [self._part(number, offset, codes.get(number, 0)) for number, offset, _ in partitions])]
        )

    def _fail(self) -> int:
        error = self.connecting.popleft() if self.connecting else None
        if isinstance(error, Exception):
            raise error
        return error or 0

    def _part(self, number: int, offset: int, code: int) -> tuple[Any, ...]:
        data = b"".join(found for end, found in self.logs.get(number, []) if end > offset)
        return number, code, -1, -1, -1, self.aborted.get(number), -1, b"" if code else data
