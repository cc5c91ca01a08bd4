"""The reader: follows every topic of the lane read committed, feeds the ledger, and asks how far workers are."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from ops.audit.gifts import REQUESTS
from ops.audit.ledger import Ledger
from schemas.topics import DEAD_LETTERS, GIFT_PARTITIONS, Lane, Role, lane_topics

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from aiokafka import ConsumerRecord

    from schemas.outputs import OutputEvent
    from streams.settings import Settings

PROMPT_MS: Final = 100
PORTION_MS: Final = 300
PORTION_BYTES: Final = 1 << 20
RECORDS_MAX: Final = 2_000
PAUSE_S: Final = 0.1

_INPUTS: Final = frozenset(topic.name for topic in lane_topics(Lane.CUSTOMERS, Role.INPUT))
_OF_THE_DESK: Final = frozenset(topic.name for topic in lane_topics(Lane.GIFTS, Role.INPUT))
_OUTPUTS: Final = frozenset(topic.name for topic in lane_topics(Lane.CUSTOMERS, Role.OUTPUT)) - {DEAD_LETTERS}


class Audit:
    """Reads everything from the first record on, so it wants topics that are young or small enough for that.

    It shares nothing with the workers: neither their group nor their counters.
    """

    def __init__(
        self, settings: Settings, *, desk: bool = False, heard: Callable[[OutputEvent], None] = lambda _event: None
    ) -> None:
        """Describe it, in a running event loop; nothing connects yet.

        Args:
            desk: Whether there is a gift desk, to be followed as well.
            heard: Gets each output once.
        """
        self.ledger = Ledger(heard)
        self.accounted_at = (
            0  # wall instant, in microseconds, at which the latest changelog record or dead letter was seen
        )
        self._groups = {settings.app: self._all(_INPUTS, range(settings.partitions))}
        if desk:
            self._groups[f"{settings.app}-desk"] = self._all(_OF_THE_DESK, range(GIFT_PARTITIONS))
        self._requests = self._all(frozenset({REQUESTS}), range(GIFT_PARTITIONS)) if desk else []
        self._changelog = f"{settings.app}-{Lane.CUSTOMERS}-changelog"
        self._partitions = range(settings.partitions)
        options = {"enable_auto_commit": False, "auto_offset_reset": "earliest", **settings.kafka.client_options()}
        committed = {"isolation_level": "read_committed", **options}
        # Outputs at once, because their latency is measured. All else in portions: each fetch names every partition,
        # which would cost the broker more than the events themselves.
        self._outputs = AIOKafkaConsumer(fetch_max_wait_ms=PROMPT_MS, **committed)
        self._others = AIOKafkaConsumer(fetch_max_wait_ms=PORTION_MS, fetch_min_bytes=PORTION_BYTES, **committed)
        # A log's true end, open transactions included, is told only to those who read uncommitted.
        self._ends = AIOKafkaConsumer(**options)
        self._admin = AIOKafkaAdminClient(**settings.kafka.client_options())

    async def __aenter__(self) -> Self:
        """Connect, and stand at the first record of everything."""
        await asyncio.gather(*(client.start() for client in (*self._readers, self._ends, self._admin)))
        others = self._all(_INPUTS | {DEAD_LETTERS, self._changelog}, self._partitions) + self._requests
        for reader, tps in ((self._outputs, self._all(_OUTPUTS, self._partitions)), (self._others, others)):
            reader.assign(tps)
            await reader.seek_to_beginning(*reader.assignment())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        await asyncio.gather(*(reader.stop() for reader in (*self._readers, self._ends)), self._admin.close())

    async def read(self, timeout_s: float) -> int:
        """Feed the ledger with what there is, waiting up to *timeout_s* for it; return how many records it was."""
        outputs = await self._outputs.getmany(timeout_ms=int(timeout_s * 1_000), max_records=RECORDS_MAX)
        seen = time.time_ns() // 1_000
        others = await self._others.getmany(max_records=RECORDS_MAX)
        ledger = self.ledger
        for record in sorted((one for records in outputs.values() for one in records), key=_timestamp):
            ledger.output(record, seen)
        for tp, records in others.items():
            take = ledger.input if tp.topic in _INPUTS else ledger.changelog
            if tp.topic == DEAD_LETTERS:
                take = ledger.dead_letter
            elif tp.topic == REQUESTS:
                take = ledger.gifts.take
            if tp.topic not in _INPUTS:
                self.accounted_at = seen
            for record in records:
                take(record)
        return sum(map(len, (*outputs.values(), *others.values())))

    @property
    def _readers(self) -> tuple[AIOKafkaConsumer, AIOKafkaConsumer]:
        return self._outputs, self._others

    async def lag(self) -> int:
        """Return how many records of the input topics, ticks and control records too, workers have not committed.

        Raises:
            KafkaError: Kafka does not say.
        """
        return sum([await self._lag_of(group, tps) for group, tps in self._groups.items()])

    async def _lag_of(self, group: str, tps: list[TopicPartition]) -> int:
        committed = await self._admin.list_consumer_group_offsets(group, partitions=tps)
        ends = await self._ends.end_offsets(tps)
        never = [tp for tp in tps if tp not in committed or committed[tp].offset < 0]
        first = await self._ends.beginning_offsets(never) if never else {}
        return sum(max(0, ends[tp] - (first[tp] if tp in first else committed[tp].offset)) for tp in tps)

    async def read_to_end(self, deadline_s: float) -> bool:
        """Read until every topic's end as it is now is reached; return False if that takes longer than *deadline_s*."""
        deadline = time.monotonic() + deadline_s
        reader_of = {tp: reader for reader in self._readers for tp in reader.assignment()}
        ends = await self._ends.end_offsets(reader_of)
        while reader_of := {tp: own for tp, own in reader_of.items() if await own.position(tp) < ends[tp]}:
            if time.monotonic() > deadline:
                return False
            await self.read(PAUSE_S)
        return True

    @staticmethod
    def _all(topics: frozenset[str], numbers: range) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for topic in sorted(topics) for number in numbers]


def _timestamp(record: ConsumerRecord[bytes, bytes]) -> int:
    return int(record.timestamp)
