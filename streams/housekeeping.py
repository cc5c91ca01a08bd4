"""Housekeeping of a lane: what goes on beside its folds, every now and then."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Protocol

from aiokafka.structs import TopicPartition
from faust.types import TP

from streams.effects import Effects
from streams.meter import SILENT
from streams.repair import Repair
from streams.writer import Folded

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from typing import Any

    from streams.effects import Fold
    from streams.meter import Meter
    from streams.settings import Settings
    from streams.showing import Showing
    from streams.shown import Shown
    from streams.slot import Slot
    from streams.ticks import Ticks
    from streams.writer import Writer

ROUND_S: Final = 0.5
IDLE_COMMIT_S: Final = 1.0
BEAT_S: Final = 1.0
RENEW_S: Final = 900.0  # a store is trusted for hours from its mark on: a quiet partition's is moved now and then


class Host(Protocol):
    """What housekeeping needs of the lane."""

    @property
    def slots(self) -> Mapping[int, Slot]:
        """The owned partitions, by number."""

    @property
    def writer(self) -> Writer | None:
        """What writes for them; none where there are none."""

    def is_live(self, slot: Slot) -> bool:
        """Whether *slot* is still ours."""

    def put(self, slot: Slot, folded: Folded) -> None:
        """Take what is to be written."""

    @property
    def standing_s(self) -> float:
        """For how long there has been work of which nothing moved, in seconds."""

    def failed(self, error: BaseException) -> None:
        """End the worker for *error*."""


class Housekeeping:
    """Keeps the house of *host*, from its first assignment on."""

    def __init__(
        self,
        host: Host,
        fold: Fold,
        ticks: Ticks,
        readmodel: Showing,
        *,
        shown: Shown | None = None,
        meter: Meter = SILENT,
    ) -> None:
        """Prepare to look after the *ticks* of *fold* and its *readmodel*, and to tell *meter* that we are alive."""
        self._shown, self._meter = shown, meter
        self._host, self._fold, self._ticks, self._readmodel = host, fold, ticks, readmodel
        self._repair = Repair(readmodel, fold)
        self._tasks: list[asyncio.Task[None]] = []
        self._wanted: set[TP] = set()
        self._idle_since = 0.0

    def start(self, settings: Settings) -> None:
        """Begin, with the read model, unless that is done already; *settings* say who writes ticks, and how often."""
        if self._tasks:
            return
        self._readmodel.start()
        self._tasks += [self._guarded(self._keep_house()), self._guarded(self._mend())]
        if self._meter is not SILENT:
            self._tasks.append(self._guarded(self._beat()))
        if self._shown is not None:
            self._tasks.append(self._guarded(self._shown.run()))
        if settings.clock == "owner" and self._fold.clock:
            self._tasks.append(self._guarded(self._write_ticks(settings.tick_seconds)))

    async def stop(self) -> None:
        """End, whatever is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._ticks.stop()

    def wanted(self) -> set[TP]:
        """Return, once, the partitions whose reading position is wanted."""
        wanted, self._wanted = self._wanted, set()
        return wanted

    def commit_idle(self) -> None:
        """Commit reading positions that stand behind control records, so that lag is 0 when all is done.

        Of a partition that has been quiet for long, its own record is written anew.
        """
        writer = self._host.writer
        for number, slot in self._host.slots.items():
            self._wanted |= {TP(topic, number) for topic in self._fold.topics}
            if writer is None or not writer.is_idle(number):
                continue
            if slot.partition.is_older_than(RENEW_S):
                # Written anew, and not just stamped: only Kafka knows that nobody else has the partition by now.
                own = slot.partition.own_record(self._fold.policy, self._fold.state_format)
                self._host.put(slot, Folded(Effects(), {}, own_record=own))
            elif not slot.ticks:
                committed = writer.committed
                ahead = {
                    topic: offset
                    for topic, offset in slot.folded.items()
                    if offset > committed.get(TopicPartition(topic, number), 0)
                }
                if ahead:
                    self._host.put(slot, Folded(Effects(), ahead))

    def _guarded(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run *work* beside the folds; where it fails the worker stops, instead of going on without it."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._host.failed(error)

    async def _keep_house(self) -> None:
        """Retry waiting ticks, refuse those that are wrong, and commit positions behind control records."""
        while True:
            waiting = any(slot.ticks for slot in self._host.slots.values())
            await asyncio.sleep(ROUND_S / 10 if waiting else ROUND_S)
            now = time.monotonic()
            slots = list(self._host.slots.values())
            for slot in slots:
                await self._ticks.apply(slot)
            await self._ticks.check(slots)
            if now - self._idle_since >= IDLE_COMMIT_S:
                self._idle_since = now
                self.commit_idle()

    async def _beat(self) -> None:
        """Say that we are alive, and for how long nothing has moved although there is work."""
        while True:
            asked = time.monotonic()
            await asyncio.sleep(BEAT_S)
            late = time.monotonic() - asked - BEAT_S
            writer = self._host.writer
            self._meter.beat(self._host.standing_s, max(late, 0.0), writer.pending if writer is not None else 0)

    async def _mend(self) -> None:
        """Push partitions again of which the read model has lost something."""
        while True:
            await asyncio.sleep(IDLE_COMMIT_S)
            for number in self._readmodel.dirty():
                if slot := self._host.slots.get(number):
                    await self._repair.mend(slot, self._host.is_live)

    async def _write_ticks(self, tick_s: float) -> None:
        """Write one tick per owned partition and interval."""
        while True:
            await asyncio.sleep(tick_s)
            if slots := list(self._host.slots.values()):
                await self._ticks.write(slots)
