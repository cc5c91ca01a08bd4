"""Recovery: a partition's store brought up to the end of its changelog, batched, and saying how far it is.

The end is where the log ended once no transaction of a predecessor was open any more, and completion is judged by the
reading position: control records and compacted gaps may stand at the end, or nothing at all.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.meter import SILENT
from streams.partition import OWN_KEY, OtherChangelogError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka import ConsumerRecord

    from streams.meter import Meter
    from streams.partition import Partition
    from streams.settings import KafkaSettings

log = logging.getLogger(__name__)

FETCH_BYTES: Final = 4 << 20
FETCH_WAIT_MS: Final = 10
POLL_MS: Final = 200
STUCK_AFTER_S: Final = 30.0
PROGRESS_EVERY_S: Final = 5.0
UNSEEN_MAX: Final = 10_000  # more keys that the read model lacks, and all of the partition is pushed again


class Recovered(NamedTuple):
    """A partition that is up to date.

    Attributes:
        last: Offset of the last changelog record, or -1 where there is none.
        unseen: Keys that the read model may not have yet; None for all of the partition.
    """

    last: int
    unseen: set[bytes] | None


async def recover(
    kafka: KafkaSettings,
    changelog: str,
    partitions: Mapping[int, Partition],
    told: Mapping[int, int],
    ends: Mapping[int, int],
    *,
    meter: Meter = SILENT,
) -> dict[int, Recovered]:
    """Bring *partitions* up to date, all at once.

    Args:
        kafka: How to connect.
        changelog: Name of the changelog topic.
        partitions: By number; nobody else adds to their changelogs meanwhile.
        told: By number, the changelog offset up to which the read model was written, or -1.
        ends: By number, where the changelog ends, open transactions included.
        meter: Is told what remains.
    """
    reader = AIOKafkaConsumer(
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        max_partition_fetch_bytes=FETCH_BYTES,
        **kafka.client_options(),
    )
    await reader.start()
    try:
        tps = {TopicPartition(changelog, number): partition for number, partition in partitions.items()}
        reader.assign(sorted(tps))
        starts = await reader.beginning_offsets(list(tps))
        catching = {}
        for tp, partition in tps.items():
            catching[tp] = _CatchUp(partition, starts[tp], ends[tp.partition], told.get(tp.partition, -1))
            reader.seek(tp, catching[tp].start)
        await _read(reader, catching, meter)
    finally:
        await reader.stop()
    return {tp.partition: one.result() for tp, one in catching.items()}


async def _read(reader: AIOKafkaConsumer, catching: Mapping[TopicPartition, _CatchUp], meter: Meter) -> None:
    progress = _Progress(sum(max(one.end - one.start, 0) for one in catching.values()), meter)
    unfinished = dict(catching)
    while True:
        remaining = {}
        for tp, one in list(unfinished.items()):
            remaining[tp.partition] = max(one.end - await reader.position(tp), 0)
            if not remaining[tp.partition] and one.is_unproved():
                one.restart()
                reader.seek(tp, one.begin())
                remaining[tp.partition] = max(one.end - one.earliest, 0)
            if not remaining[tp.partition]:
                reader.pause(tp)
                del unfinished[tp]
        meter.recovering(remaining)
        if not unfinished:
            break
        batches = await reader.getmany(*unfinished, timeout_ms=POLL_MS)
        for tp, records in batches.items():
            try:
                catching[tp].take(records)
            except OtherChangelogError:
                catching[tp].restart()
            if catching[tp].must_restart():
                reader.seek(tp, catching[tp].begin())
        progress.report(sum(map(len, batches.values())), len(unfinished))
    progress.done()


class _CatchUp:
    """One partition on its way to the end of its changelog."""

    def __init__(self, partition: Partition, earliest: int, end: int, told: int) -> None:
        self.partition, self.earliest, self.end = partition, earliest, end
        self.told = told if told < end else -1  # the read model was written from another changelog
        self.last = -1
        self.unseen: set[bytes] | None = set()
        self._expected: tuple[int, bytes] | None = None  # the own record that the store knows the changelog by
        self._restart = False
        self.start = self._start()

    def _start(self) -> int:
        covered = self.partition.covered
        if covered is not None and not self.earliest <= covered[0] < self.end:
            log.warning(
                "local store is ahead of its changelog, or far behind; made again",
                extra={"partition": self.partition.number},
            )
            self.partition.reset()
            covered = None
        if covered is None:
            return self.earliest
        self._expected = covered
        self.last = covered[0]
        if self.told < covered[0]:
            self.unseen = None  # which keys these are, the store does not tell
        return covered[0]

    def take(self, records: list[ConsumerRecord[bytes, bytes]]) -> None:
        """Apply *records*.

        Raises:
            OtherChangelogError: the store was made from another changelog.
        """
        if self._expected is not None:
            offset, own = self._expected
            first = records[0]
            if first.offset == offset and (first.key != OWN_KEY or first.value != own):
                raise OtherChangelogError
            # Compacted away: then a later one tells by its incarnation.
            self._expected = None
        self.partition.recover((record.offset, record.key, record.value) for record in records)
        self.last = records[-1].offset
        if self.unseen is not None:
            self.unseen |= {record.key for record in records if record.offset > self.told and record.key != OWN_KEY}
            if len(self.unseen) > UNSEEN_MAX:
                self.unseen = None

    def is_unproved(self) -> bool:
        """Whether nothing was read that could tell whose changelog this is.

        The own record at the mark, or one that replaced it, is never compacted away: where only control records or
        what was aborted stand behind the mark, the store is of another changelog.
        """
        return self._expected is not None

    def restart(self) -> None:
        """Forget the store, and ask to be read from the beginning."""
        log.warning("local store is of another changelog; made again", extra={"partition": self.partition.number})
        self.partition.reset()
        self._expected, self.last, self._restart = None, -1, True
        self.told, self.unseen = -1, set()  # what the read model has is of the other changelog, too

    def must_restart(self) -> bool:
        """Whether reading has to begin anew."""
        return self._restart

    def begin(self) -> int:
        """Return where reading begins anew."""
        self._restart = False
        return self.earliest

    def result(self) -> Recovered:
        return Recovered(self.last, self.unseen)


class _Progress:
    """Says how far recovery is, and when it is stuck."""

    def __init__(self, records: int, meter: Meter) -> None:
        self.meter = meter
        self.started = self.moved = self.said = time.monotonic()
        self.records_max, self.records = records, 0

    def report(self, records: int, partitions: int) -> None:
        now = time.monotonic()
        self.records += records
        if records:
            self.moved = now
        if now - self.said < PROGRESS_EVERY_S:
            return
        self.said = now
        facts = {"records": self.records, "records_max": self.records_max, "partitions": partitions}
        if now - self.moved > STUCK_AFTER_S:
            log.error("recovery is stuck", extra=facts)
        else:
            log.info("recovering", extra=facts)

    def done(self) -> None:
        seconds = time.monotonic() - self.started
        self.meter.recovered(self.records, seconds)
        log.info("recovered", extra={"records": self.records, "seconds": round(seconds, 3)})
