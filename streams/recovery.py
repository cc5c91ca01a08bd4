"""Recovery: a partition's store brought up to the end of its changelog, batched, and saying how far it is.

The end is where the log ended once no transaction of a predecessor was open any more, and completion is judged by the
reading position: control records and compacted gaps may stand at the end, or nothing at all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from schemas.errors import CxError
from streams.changelog import ChangelogReader
from streams.meter import SILENT
from streams.partition import OWN_KEY, OtherChangelogError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from streams.changelog import Portion
    from streams.meter import Meter
    from streams.partition import Partition
    from streams.settings import KafkaSettings

log = logging.getLogger(__name__)
T = TypeVar("T")

LOOK_S: Final = 0.2
STUCK_AFTER_S: Final = 30.0
PROGRESS_EVERY_S: Final = 5.0
MANY: Final = 50_000  # offsets of a partition; as many take longer to read than to have the store prepared for them
UNSEEN_MAX: Final = 10_000  # more keys that the read model lacks, and all of the partition is pushed again


class BrokenOffError(CxError):
    """Broken off, because the partitions are not wanted any more; their stores lack what was not read."""


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
    still_wanted: Callable[[], bool] = lambda: True,
) -> dict[int, Recovered]:
    """Bring *partitions* up to date, all at once.

    Args:
        kafka: How to connect.
        changelog: Name of the changelog topic.
        partitions: By number; nobody else adds to their changelogs meanwhile.
        told: By number, the changelog offset up to which the read model was written, or -1.
        ends: By number, where the changelog ends, open transactions included.
        meter: Is told what remains.
        still_wanted: Is asked several times a second.

    Raises:
        BrokenOffError: *still_wanted* said no.
    """
    reader = ChangelogReader(kafka, changelog)

    async def begin() -> dict[int, int]:
        # Again for as long as Kafka is away: a restart of a broker is what brings rebalances about.
        await reader.patience.until_done(reader.start)
        return await reader.patience.until_done(lambda: reader.earliest(partitions))

    try:
        starts = await unless_overtaken(begin(), still_wanted)
        catching = {
            number: _CatchUp(partition, starts[number], ends[number], told.get(number, -1))
            for number, partition in partitions.items()
        }
        await _read(reader, catching, meter, still_wanted)
    finally:
        await reader.stop()
    return {number: one.result() for number, one in catching.items()}


async def _read(
    reader: ChangelogReader, catching: Mapping[int, _CatchUp], meter: Meter, still_wanted: Callable[[], bool]
) -> None:
    progress = _Progress(sum(one.remaining for one in catching.values()), meter)
    unfinished = dict(catching)
    for number, one in catching.items():
        reader.seek(number, one.position)
    while True:
        for number, one in unfinished.items():
            if not one.remaining and one.is_unproved():
                reader.seek(number, one.restart())
        meter.recovering({number: one.remaining for number, one in unfinished.items()})
        for number in [number for number, one in unfinished.items() if not one.remaining]:
            reader.finish(number)
            unfinished.pop(number).finish()
        if not unfinished:
            break
        insist(still_wanted)
        portions = await reader.read()
        for portion in portions:
            one = catching[portion.number]
            try:
                one.take(portion)
            except OtherChangelogError:
                reader.seek(portion.number, one.restart())
            await asyncio.sleep(0)  # each takes milliseconds, and the answer to the next fetch may be here
        records = sum(len(portion.records) for portion in portions)
        progress.report(records, sum(one.remaining for one in unfinished.values()), len(unfinished))
    progress.done()


async def unless_overtaken(work: Awaitable[T], still_wanted: Callable[[], bool]) -> T:
    """Return what *work* does; give it up once it is not *still_wanted*, for Kafka may make it wait for ever.

    Raises:
        BrokenOffError: *still_wanted* said no.
    """
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=LOOK_S))[0]:
            insist(still_wanted)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return task.result()


def insist(still_wanted: Callable[[], bool]) -> None:
    """Raise `BrokenOffError` where *still_wanted* says no."""
    if not still_wanted():
        message = "the partitions were taken away"
        raise BrokenOffError(message)


class _CatchUp:
    """One partition on its way to the end of its changelog."""

    def __init__(self, partition: Partition, earliest: int, end: int, told: int) -> None:
        self.partition, self.earliest, self.end = partition, earliest, end
        self.told = told if told < end else -1  # the read model was written from another changelog
        self.last = -1
        self.unseen: set[bytes] | None = set()
        self._expected: tuple[int, bytes] | None = None  # the own record that the store knows the changelog by
        self.position = self._start()
        self._filling = False
        self._prepare()

    @property
    def remaining(self) -> int:
        """How many offsets there are before the end."""
        return max(self.end - self.position, 0)

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

    def take(self, portion: Portion) -> None:
        """Apply *portion*.

        Raises:
            OtherChangelogError: the store was made from another changelog.
        """
        if portion.records:
            self._take(portion.records)
        self.position = portion.next_offset

    def _take(self, records: list[tuple[int, bytes, bytes | None]]) -> None:
        if self._expected is not None:
            first, expected = records[0], self._expected
            if first[0] == expected[0] and first[1:] != (OWN_KEY, expected[1]):
                raise OtherChangelogError
            # Compacted away: then a later one tells by its incarnation.
            self._expected = None
        self.partition.recover(records)
        self.last = records[-1][0]
        if self.unseen is not None:
            self.unseen |= {key for offset, key, _ in records if offset > self.told and key != OWN_KEY}
            if len(self.unseen) > UNSEEN_MAX:
                self.unseen = None

    def is_unproved(self) -> bool:
        """Whether nothing was read that could tell whose changelog this is.

        The own record at the mark, or one that replaced it, is never compacted away: where only control records or
        what was aborted stand behind the mark, the store is of another changelog.
        """
        return self._expected is not None

    def restart(self) -> int:
        """Forget the store; return where reading begins anew."""
        log.warning("local store is of another changelog; made again", extra={"partition": self.partition.number})
        self.partition.reset()
        self._expected, self.last, self.position = None, -1, self.earliest
        self.told, self.unseen = -1, set()  # what the read model has is of the other changelog, too
        self._prepare()
        return self.position

    def finish(self) -> None:
        """Have the store as it is at work."""
        if self._filling:
            self.partition.fill(on=False)

    def _prepare(self) -> None:
        self._filling = self.remaining >= MANY
        if self._filling:
            self.partition.fill(on=True)

    def result(self) -> Recovered:
        return Recovered(self.last, self.unseen)


class _Progress:
    """Says how far recovery is, and when it is stuck; both by offsets, of which some have no record to be seen."""

    def __init__(self, remaining: int, meter: Meter) -> None:
        self.meter = meter
        self.started = self.moved = self.said = time.monotonic()
        self.remaining = self.remaining_max = remaining
        self.records = 0

    def report(self, records: int, remaining: int, partitions: int) -> None:
        now = time.monotonic()
        self.records += records
        if remaining != self.remaining:
            self.moved = now
        self.remaining, self.remaining_max = remaining, max(remaining, self.remaining_max)
        if now - self.said < PROGRESS_EVERY_S:
            return
        self.said = now
        done = self.remaining_max - remaining
        facts = {"records": done, "records_max": self.remaining_max, "partitions": partitions}
        if now - self.moved > STUCK_AFTER_S:
            log.error("recovery is stuck", extra=facts)
        else:
            log.info("recovering", extra=facts)

    def done(self) -> None:
        seconds = time.monotonic() - self.started
        self.meter.recovered(self.records, seconds)
        log.info("recovered", extra={"records": self.records, "seconds": round(seconds, 3)})
