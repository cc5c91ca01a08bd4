"""The process that counts: reads what is committed of the customers' changelog for ever, without a group of its own."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from aiokafka.errors import KafkaError

from ops.aggregates.counting import Counting
from ops.aggregates.store import AggregatesError
from schemas.errors import CxError
from streams import admin
from streams.changelog import ChangelogReader
from streams.partition import OtherChangelogError
from streams.settings import EXIT_CONFIG

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import NoReturn

    from cx.rules import Rules
    from ops.aggregates.store import Store
    from ops.metrics_beside import Counted
    from streams.changelog import Portion
    from streams.settings import Settings

log = logging.getLogger(__name__)

PAUSE_S: Final = 0.5  # where little comes: a transaction for each of a worker's would cost more than the counting
MUCH: Final = 200  # records at once, of which more follow at once
KEEP_S: Final = 3_600.0
SAY_EVERY_S: Final = 5.0


class NoChangelogError(CxError):
    """The topic that would be read is not there."""

    exit_code = EXIT_CONFIG


class ReadingError(AggregatesError):
    """The changelog cannot be read on."""


class Consumer:
    """Counts into a store whatever the workers of an app decide."""

    def __init__(self, settings: Settings, rules: Rules, store: Store, figures: Counted | None = None) -> None:
        """Read where *settings* say, by *rules*, into *store*, and tell *figures* of it; nothing connects yet."""
        self._figures = figures
        self._settings = settings
        self._topic = admin.changelog(settings)
        self._store = store
        self._counting = Counting(store, rules, settings.weeks)
        self._reader = ChangelogReader(settings.kafka, self._topic)

    async def run(self) -> NoReturn:
        """Count until cancelled; every transaction is whole.

        Raises:
            NoChangelogError: there is no such topic.
            TopicsError: Kafka does not say whether there is.
            ReadingError: a record is damaged, or the topic may not be read.
            AggregatesError: the file cannot be written.
            StateFormatError: a state cannot be read.
            PartitionFormatError: a partition's own record cannot be read.
        """
        if not await admin.has(self._settings, self._topic):
            message = f"there is no topic {self._topic}: `cx topics create` makes it"
            raise NoChangelogError(message)
        try:
            await self._reader.patience.until_done(self._reader.start)
            numbers = self._reader.numbers()
            ends = await self._reader.patience.until_done(lambda: self._reader.latest(numbers))
            if self._store.is_stale:
                log.info("the file was away for long, the changelog is read once more")
                self._store.read_again(ends)
            self._seek(numbers)
            await self._read(numbers, ends)
        except KafkaError as error:
            message = f"topic {self._topic} cannot be read on: {type(error).__name__}"
            raise ReadingError(message) from error
        finally:
            await self._reader.stop()

    async def _read(self, numbers: Collection[int], ends: dict[int, int]) -> NoReturn:
        said = kept = time.monotonic()
        done = 0
        while True:
            portions = await self._reader.read()
            if portions:
                self._take(portions, numbers)
                kept = time.monotonic()
                done += sum(len(portion.records) for portion in portions)
            elif time.monotonic() - kept > KEEP_S:  # up to date all the same, and younger than any tombstone
                self._take([], numbers)
                kept = time.monotonic()
            if ends:
                positions = self._store.positions()
                ends = {number: end for number, end in ends.items() if positions.get(number, 0) < end}
                if not ends or time.monotonic() - said > SAY_EVERY_S:
                    said = time.monotonic()
                    log.info("counting" if ends else "counted all there was", extra={"records": done})
            came = sum(len(portion.records) for portion in portions)
            if self._figures is not None:
                at = self._store.positions() if ends else {}
                self._figures.read(came, {number: end - at.get(number, 0) for number, end in ends.items()})
            if came < MUCH:
                await asyncio.sleep(PAUSE_S)

    def _take(self, portions: Sequence[Portion], numbers: Collection[int]) -> None:
        try:
            self._counting.take(portions)
        except OtherChangelogError:
            log.warning("another changelog than was counted, all is counted anew", extra={"topic": self._topic})
            self._store.empty()
            self._seek(numbers)

    def _seek(self, numbers: Collection[int]) -> None:
        positions = self._store.positions()
        for number in numbers:
            # Where the log begins later, the reader goes on from there.
            self._reader.seek(number, positions.get(number, 0))
