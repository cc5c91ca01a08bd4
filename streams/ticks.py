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
from streams.writer import Folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aiokafka import ConsumerRecord

    from streams.effects import Fold
    from streams.opening import Opening
    from streams.slot import Slot

log = logging.getLogger(__name__)

WAITING_MAX: Final = 256  # ticks of a partition; past them its clock is not fetched
KEYS_MAX: Final = 1_000  # that a tick brings forward before others get a turn
CHECK_S: Final = 2.0  # a tick that waits so long is held against the ends of its topics


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

    def __init__(self, host: Host, fold: Fold, opening: Opening) -> None:
        """Work for *host*, with the ticks that *fold* reads and makes."""
        self._host, self._fold, self._opening = host, fold, opening
        self._inputs = tuple(topic for topic in fold.topics if topic != fold.clock)
        self._wanted: set[TP] = set()
        self._timeless: set[int] = set()  # partitions that got no tick the last time

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
        return True

    def _refuse(self, slot: Slot, reason: str, loc: str) -> None:
        """Make a dead letter of the first tick: a clock must not stand still for one that is wrong."""
        self._finish(slot, Effects(outputs=[self._fold.reject(slot.ticks[0], reason, loc)]))

    def _finish(self, slot: Slot, effects: Effects) -> None:
        record = slot.ticks.popleft()
        slot.waiting_since = 0.0
        self._host.done(slot, effects, self._fold.clock, record.offset, record.offset)

    def _short(self, slot: Slot, upto: Mapping[str, int]) -> dict[str, int]:
        """Return what of *upto*, an offset by topic, is not folded yet."""
        return {topic: upto.get(topic, 0) for topic in self._inputs if slot.reached(topic) < upto.get(topic, 0)}

    async def check(self, slots: Iterable[Slot]) -> None:
        """Refuse the ticks of *slots* that have waited for a while and name offsets that their topics do not reach.

        Asks Kafka, and is therefore nothing for whoever folds.
        """
        now = time.monotonic()
        late = {slot: slot.ticks[0] for slot in slots if slot.ticks and now - (slot.waiting_since or now) >= CHECK_S}
        named: dict[Slot, dict[TopicPartition, int]] = {}
        for slot, record in late.items():
            slot.waiting_since = now
            short = self._short(slot, self._fold.read_tick(record)[1])
            named[slot] = {TopicPartition(topic, slot.number): offset for topic, offset in short.items()}
        ends = await self._opening.ends_now({tp for own in named.values() for tp in own}) if named else {}
        for slot, record in late.items():
            if slot.ticking or not self._host.is_live(slot) or not slot.ticks or slot.ticks[0] is not record:
                continue
            if any(offset > ends.get(tp, offset) for tp, offset in named[slot].items()):
                self._refuse(slot, Reason.INVALID, "data.upto")

    async def write(self, slots: Sequence[Slot]) -> None:
        """Write a tick for each of *slots* whose last one is written, in its partition's transaction.

        Time goes on where Kafka takes nothing, and what cannot be written must not pile up. A partition of which it is
        not known how far its topics are gets no tick now: another that has no leader must not stop its time.
        """
        slots = [slot for slot in slots if not slot.ticked]
        if not slots:
            return
        at = time.time_ns() // 1_000  # before the ends are read: what is recorded until now lies before them
        ends = await self._opening.ends_now([TopicPartition(t, slot.number) for t in self._inputs for slot in slots])
        timeless = set()
        for slot in slots:
            known = {topic: ends.get(TopicPartition(topic, slot.number)) for topic in self._inputs}
            if not self._host.is_live(slot):
                continue
            if None in known.values():
                timeless.add(slot.number)
            else:
                slot.ticked = True
                tick = self._fold.make_tick(at, {topic: end for topic, end in known.items() if end}, slot.number)
                self._host.put(slot, Folded(Effects(outputs=[tick]), {}))
        if timeless - self._timeless:
            log.warning("no tick: end offsets unknown", extra={"partitions": sorted(timeless)})
        self._timeless = timeless
