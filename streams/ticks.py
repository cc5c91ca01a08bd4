"""Time in a partition: ticks are written by its owner, and applied once all that was written before them is folded."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final, Protocol

from aiokafka.structs import TopicPartition
from faust.types import TP

from schemas.errors import CxError, Reason
from streams.effects import Effects
from streams.ends import End, Ends
from streams.meter import SILENT
from streams.patience import Reminder
from streams.writer import Folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aiokafka import ConsumerRecord

    from streams.effects import Fold
    from streams.meter import Meter
    from streams.opening import Opening
    from streams.slot import Slot

log = logging.getLogger(__name__)

WAITING_MAX: Final = 256  # ticks of a partition; past them its clock is not fetched
KEYS_MAX: Final = 1_000  # that a tick brings forward before others get a turn
CHECK_S: Final = 2.0  # a tick that waits so long is held against the ends of its topics
TIMELESS_S: Final = 3.0  # without a tick, before that is told: an answer may be late


class Host(Protocol):
    """What ticks need of the lane."""

    def is_live(self, slot: Slot) -> bool:
        """Whether *slot* is still ours."""

    async def room(self) -> None:
        """Wait until more may be folded."""

    def put(self, slot: Slot, folded: Folded) -> None:
        """Take what was folded."""

    def done(self, slot: Slot, effects: Effects, topic: str, first: int, last: int) -> None:
        """Take the effects of the records from *first* to *last* of *topic*."""

    def pause(self, tp: TP) -> None:
        """Fetch no more of *tp* for now."""

    def resume(self, tp: TP) -> None:
        """Fetch *tp* again."""


class Ticks:
    """Applies and writes the ticks of a lane's partitions."""

    def __init__(self, host: Host, fold: Fold, opening: Opening, meter: Meter = SILENT) -> None:
        """Work for *host*, with the ticks that *fold* reads and makes."""
        self._meter = meter
        self._host, self._fold = host, fold
        self._inputs = tuple(topic for topic in fold.topics if topic != fold.clock)
        self._wanted: set[TP] = set()
        # To write one is no reason to wait for what is asked in order to check another.
        self._ends_to_write, self._ends_to_check = Ends(opening.leaders), Ends(opening.leaders)
        self._timeless: dict[int, float] = {}  # partitions that got no tick the last time, and since when
        self._reminder = Reminder(log)

    async def stop(self) -> None:
        """Wait for no answer any more."""
        await self._ends_to_write.stop()
        await self._ends_to_check.stop()

    def take(self, slot: Slot, records: Iterable[ConsumerRecord[bytes, bytes]]) -> None:
        """Let *records* wait for their turn."""
        slot.ticks.extend(records)
        if len(slot.ticks) > WAITING_MAX:
            self._host.pause(TP(self._fold.clock, slot.number))

    def wanted(self) -> set[TP]:
        """Return, once, the partitions whose reading position would let a tick go on."""
        wanted, self._wanted = self._wanted, set()
        return wanted

    async def apply(self, slot: Slot) -> None:
        """Apply the ticks of *slot* whose turn has come."""
        if slot.ticking:
            return
        slot.ticking = True
        try:
            while slot.ticks and self._host.is_live(slot) and await self._apply_first(slot):
                pass
        finally:
            slot.ticking = False
            if len(slot.ticks) <= WAITING_MAX // 2 and self._host.is_live(slot):
                self._host.resume(TP(self._fold.clock, slot.number))

    async def _apply_first(self, slot: Slot) -> bool:
        """Apply or refuse the first tick; return False if it has to wait."""
        record = slot.ticks[0]
        try:
            at, upto = self._fold.read_tick(record)
        except CxError as error:
            self._refuse(slot, str(getattr(error, "reason", Reason.INVALID)), str(getattr(error, "loc", "")))
            return True
        if short := self._short(slot, upto):
            self._wanted |= {TP(topic, slot.number) for topic in short}
            slot.waiting_since = slot.waiting_since or time.monotonic()
            return False
        slot.partition.tick = max(slot.partition.tick, at)
        while True:
            await self._host.room()
            if not self._host.is_live(slot):
                return False
            effects = self._fold.tick(slot.partition, KEYS_MAX)
            if not effects.more:
                break
            self._host.put(slot, Folded(effects, {}))
            await asyncio.sleep(0)
        self._finish(slot, effects)
        self._meter.ticked(slot.number, at)
        return True

    def _refuse(self, slot: Slot, reason: str, loc: str) -> None:
        """Make a dead letter of the first tick: a clock must not stand still for one that is wrong."""
        self._finish(slot, Effects(outputs=[self._fold.reject(slot.ticks[0], reason, loc)]))

    def _finish(self, slot: Slot, effects: Effects) -> None:
        record = slot.ticks.popleft()
        slot.waiting_since = slot.checked = 0.0
        self._host.done(slot, effects, self._fold.clock, record.offset, record.offset)

    def _short(self, slot: Slot, upto: Mapping[str, int]) -> dict[str, int]:
        """Return what of *upto*, an offset by topic, is not folded yet."""
        return {topic: upto.get(topic, 0) for topic in self._inputs if slot.reached(topic) < upto.get(topic, 0)}

    async def check(self, slots: Iterable[Slot]) -> None:
        """Refuse the ticks of *slots* that have waited for a while and name offsets that their topics do not reach.

        Asks Kafka, and is therefore nothing for whoever folds.
        """
        now = time.monotonic()
        late = {slot: slot.ticks[0] for slot in slots if slot.ticks and self._is_late(slot, now)}
        named: dict[Slot, dict[TopicPartition, int]] = {}
        for slot, record in late.items():
            slot.checked = now
            short = self._short(slot, self._fold.read_tick(record)[1])
            named[slot] = {TopicPartition(topic, slot.number): offset for topic, offset in short.items()}
        ends = await self._ends_to_check.now({tp for own in named.values() for tp in own}) if named else {}
        for slot, record in late.items():
            if slot.ticking or not self._host.is_live(slot) or not slot.ticks or slot.ticks[0] is not record:
                continue
            # What was asked for before the tick was here does not say what there was by then.
            told = {tp: end.offset for tp, end in ends.items() if end.asked >= slot.waiting_since}
            if any(offset > told.get(tp, offset) for tp, offset in named[slot].items()):
                self._refuse(slot, Reason.INVALID, "data.upto")

    async def write(self, slots: Sequence[Slot]) -> None:
        """Write a tick for each of *slots* whose last one is written, in its partition's transaction.

        Time goes on where Kafka takes nothing, and what cannot be written must not pile up. A partition of which
        nothing new is known of how far its topics are gets no tick now: another that has no leader must not stop its
        time. A tick's instant is that before its ends were asked for: what is recorded until then lies before them.
        """
        slots = [slot for slot in slots if not slot.ticked]
        if not slots:
            return
        began = End(0, time.time_ns() // 1_000, time.monotonic())  # for a lane that reads nothing but its clock
        ends = await self._ends_to_write.now([TopicPartition(t, slot.number) for t in self._inputs for slot in slots])
        timeless = set()
        for slot in slots:
            own = {topic: ends[tp] for topic in self._inputs if (tp := TopicPartition(topic, slot.number)) in ends}
            if not self._host.is_live(slot):
                continue
            oldest = min(own.values(), key=_asked, default=began)
            if len(own) < len(self._inputs) or oldest.asked <= slot.told:
                timeless.add(slot.number)
            else:
                slot.ticked, slot.told = True, oldest.asked
                upto = {topic: end.offset for topic, end in own.items() if end.offset}
                tick = self._fold.make_tick(oldest.at, upto, slot.number)
                self._host.put(slot, Folded(Effects(outputs=[tick]), {}))
        self._remind(timeless)

    def _remind(self, timeless: set[int]) -> None:
        """Say of which partitions time has been standing still for a while."""
        now = time.monotonic()
        self._timeless = {number: self._timeless.get(number, now) for number in timeless}
        if lasting := sorted(number for number, since in self._timeless.items() if now - since >= TIMELESS_S):
            self._reminder.say("no tick: end offsets unknown", partitions=lasting)

    def _is_late(self, slot: Slot, now: float) -> bool:
        """Whether the first tick of *slot* has waited for long enough to be looked at, or looked at again."""
        return slot.waiting_since > 0 and now - max(slot.waiting_since, slot.checked) >= CHECK_S


def _asked(end: End) -> float:
    return end.asked
