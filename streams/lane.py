"""The batch lane: one fold, one state and one writer per partition number, over all topics of the lane together."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from typing import TYPE_CHECKING, Any, cast

from aiokafka.errors import KafkaError
from faust.types import TP

from schemas.errors import CxError
from streams.effects import Effects
from streams.partition import OWN_KEY, Partition
from streams.recovery import recover
from streams.settings import EXIT_CONFIG
from streams.writer import Folded, Writer

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping

    from aiokafka import ConsumerRecord
    from faust import Stream
    from faust.types import StreamT

    from streams.effects import Fold, View
    from streams.hooks import LaneApp
    from streams.readmodel import ReadModel
    from streams.settings import Settings

log = logging.getLogger(__name__)

EXIT_BROKEN = 70  # what we promised cannot be kept: nothing of the batch is committed, and somebody has to look
TICKS_MAX = 256  # waiting ticks of a partition; past them its clock is not fetched
TICK_LIMIT = 1_000  # customers a tick brings forward before others get a turn
CLOSE_S = 2.0
HOUSEKEEPING_S = 0.5
IDLE_COMMIT_S = 1.0
REPUBLISH_MAX = 1_000


class LostBatchError(CxError):
    """A batch that the consumer handed over did not reach the fold in its turn."""


class Slot:
    """One partition number that this worker owns."""

    def __init__(self, partition: Partition, writer: Writer) -> None:
        """Put state and writer together."""
        self.partition = partition
        self.writer = writer
        self.received: dict[str, int] = {}  # by topic, the offset behind what the consumer handed over
        self.coming: dict[str, deque[int]] = {}  # by topic, first offsets of the batches handed over and not yet folded
        self.folded: dict[str, int] = {}  # by topic, the offset behind what was folded
        self.ticks: deque[ConsumerRecord[bytes, bytes]] = deque()
        self.ticking = False
        self.logged = -1  # offset of the last changelog record

    def reached(self, topic: str) -> int:
        """Return the offset before which everything of *topic* is folded; -1 when that is not known yet."""
        return self.folded.get(topic, -1)


class Lane:
    """Runs a fold over the lane's topics inside a Faust app.

    An agent of the app gives its stream to `drive`; everything else happens here: assignment, recovery, ticks,
    transactions, read model.
    """

    def __init__(self, app: LaneApp, name: str, fold: Fold, readmodel: ReadModel, settings: Settings) -> None:
        """Tie *fold* to *app*; *name* is the lane's part in transactional ids and in the changelog's name."""
        self.name, self.fold = name, fold
        self.changelog = f"{settings.app}-{name}-changelog"
        self._app, self._readmodel, self._settings = app, readmodel, settings
        self._slots: dict[int, Slot] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.epoch = 0  # counts revocations
        self._generation = -1
        self._inputs = tuple(topic for topic in fold.topics if topic != fold.clock)
        self._idle_since = 0.0
        self._wanted: set[TP] = set()
        self._assigning = asyncio.Lock()

    # What agents call

    async def drive(self, stream: StreamT[Any]) -> None:
        """Fold every batch that *stream* brings; the body of an agent."""
        async for event in cast("Stream[Any]", stream).noack().events():
            message = event.message
            slot = self._slots.get(message.partition)
            if slot is None:
                continue
            await slot.writer.room()
            # Checked after waiting and before folding, with no await in between.
            if message.generation_id != self._generation or self._slots.get(message.partition) is not slot:
                continue  # of an earlier assignment: the owner of today reads it again
            try:
                self._take(slot, message.topic, event.value)
                await self._apply_ticks(slot)
            except Exception as error:  # noqa: BLE001  # Faust would restart the agent, and commit what comes behind
                self._failed(message.partition, error)

    # What the group's side calls (streams/hooks.py)

    async def assign(self, assigned: Iterable[TP], generation: int, epoch: int) -> bool:
        """Fence, recover and open the numbers in *assigned*; return False if another rebalance overtook this one.

        *epoch* is that of the lane when it was assigned: a generation alone does not tell of a revocation since.
        """
        try:
            return await self._assign(assigned, generation, epoch)
        except (CxError, KafkaError, OSError) as error:
            self._failed(-1, error)
            raise

    async def _assign(self, assigned: Iterable[TP], generation: int, epoch: int) -> bool:
        async with self._assigning:
            await self._drop_all()
            if epoch != self.epoch:
                return False
            numbers = sorted({tp.partition for tp in assigned if tp.topic in self.fold.topics})
            self._check_whole(assigned, numbers)
            writers = {number: self._writer(number) for number in numbers}
            started = time.monotonic()
            await asyncio.gather(*(writer.start() for writer in writers.values()))
            states = {number: Partition(number, self._settings.partitions, {}) for number in numbers}
            told = {number: await self._readmodel.position(number) for number in numbers}
            recovered = await recover(self._settings.kafka, self.changelog, states, told) if numbers else {}
            if epoch != self.epoch or generation != self._app.consumer_generation_id:
                await asyncio.gather(*(writer.stop(CLOSE_S) for writer in writers.values()))
                return False
            for number, (last, unseen) in recovered.items():
                self._check_policy(states[number])
                self._slots[number] = Slot(states[number], writers[number])
                self._republish(number, last, unseen)
            self._generation = generation
            self._start_tasks()
            seconds = round(time.monotonic() - started, 3)
            log.info("partitions opened", extra={"partitions": len(numbers), "seconds": seconds})
            return True

    async def revoke(self) -> None:
        """Commit what is in flight, within a deadline, and forget all partitions; what is not done is read again."""
        self.epoch += 1
        await self._drop_all()

    async def _drop_all(self) -> None:
        self._generation = -1
        slots, self._slots = self._slots, {}
        whole = await asyncio.gather(*(slot.writer.stop(CLOSE_S) for slot in slots.values()))
        if slots:
            log.info("partitions closed", extra={"partitions": len(slots), "given_up": whole.count(False)})

    async def close(self) -> None:
        """End the lane for good."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self.revoke()
        await self._readmodel.stop()

    def handed_over(self, tp: TP, first: int, behind: int) -> None:
        """Note that a batch of *tp*, from offset *first* to before *behind*, is on its way to an agent."""
        slot = self._slots.get(tp.partition)
        if slot is not None:
            slot.received[tp.topic] = behind
            slot.coming.setdefault(tp.topic, deque()).append(first)

    def wanted_positions(self) -> set[TP]:
        """Return, once, the partitions whose reading position the lane wants to know."""
        wanted, self._wanted = self._wanted, set()
        return wanted

    def note_positions(self, positions: Mapping[TP, int]) -> None:
        """Take reading positions, told between two fetches: behind them stand control records only."""
        for tp, position in positions.items():
            slot = self._slots.get(tp.partition)
            if slot is None or slot.received.get(tp.topic, -1) > slot.reached(tp.topic):
                continue  # handed over and not folded yet: the position is ahead of the fold
            slot.folded[tp.topic] = max(slot.reached(tp.topic), position)

    # Folding

    def _take(self, slot: Slot, topic: str, records: list[ConsumerRecord[bytes, bytes]]) -> None:
        coming = slot.coming.get(topic)
        if not coming or coming.popleft() != records[0].offset:
            # To fold on would commit offsets behind a batch that nobody has folded.
            raise LostBatchError(topic)
        if topic == self.fold.clock:
            slot.ticks.extend(records)
            if len(slot.ticks) > TICKS_MAX:
                self._app.consumer.on_buffer_full(TP(topic, slot.partition.number))
        else:
            self._fold(slot, topic, records)

    def _fold(self, slot: Slot, topic: str, records: list[ConsumerRecord[bytes, bytes]]) -> None:
        effects = self.fold.fold(slot.partition, records)
        self._done(slot, effects, topic, records[0].offset, records[-1].offset)

    def _done(self, slot: Slot, effects: Effects, topic: str, first: int, last: int) -> None:
        """Give the effects of the records *first* to *last* to the writer, with the offset behind them."""
        slot.folded[topic] = last + 1
        self._put(slot, effects, {topic: last + 1}, [(topic, first, last)])

    def _put(self, slot: Slot, effects: Effects, offsets: dict[str, int], batches: list[tuple[str, int, int]]) -> None:
        for key, value in effects.changed.items():
            slot.partition.put(key, value)
        own = slot.partition.own_record(self.fold.policy) if effects.changed or batches else None
        slot.writer.put(Folded(effects, offsets, batches, own))

    async def _apply_ticks(self, slot: Slot) -> None:
        """Apply the ticks whose time has come: everything that was written before them is folded."""
        if slot.ticking:
            return
        slot.ticking = True
        try:
            while slot.ticks and self._is_live(slot):
                record = slot.ticks[0]
                clock = self.fold.clock
                try:
                    at, upto = self.fold.read_tick(record)
                except CxError as error:
                    reason, loc = getattr(error, "reason", "invalid"), getattr(error, "loc", "")
                    effects = Effects(outputs=[self.fold.reject(record, str(reason), str(loc))])
                    slot.ticks.popleft()
                    self._done(slot, effects, clock, record.offset, record.offset)
                    continue
                short = {topic for topic in self._inputs if slot.reached(topic) < upto.get(topic, 0)}
                if short:
                    self._wanted |= {TP(topic, slot.partition.number) for topic in short}
                    return
                slot.partition.tick = max(slot.partition.tick, at)
                while True:
                    await slot.writer.room()
                    if not self._is_live(slot):
                        return
                    effects = self.fold.tick(slot.partition, TICK_LIMIT)
                    if not effects.more:
                        break
                    self._put(slot, effects, {}, [])
                    await asyncio.sleep(0)
                slot.ticks.popleft()
                self._done(slot, effects, clock, record.offset, record.offset)
        finally:
            slot.ticking = False
            if len(slot.ticks) <= TICKS_MAX // 2 and self._is_live(slot):
                self._app.consumer.on_buffer_drop(TP(self.fold.clock, slot.partition.number))

    def _is_live(self, slot: Slot) -> bool:
        return self._slots.get(slot.partition.number) is slot

    # Housekeeping

    def _start_tasks(self) -> None:
        if self._tasks:
            return
        self._readmodel.start()
        self._tasks += [self._guarded(self._keep_house()), self._guarded(self._mend())]
        if self._settings.clock == "owner":
            self._tasks.append(self._guarded(self._write_ticks()))

    def _guarded(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run *work* beside the folds; where it fails the worker stops, instead of going on without it."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(-1, error)

    async def _keep_house(self) -> None:
        """Retry waiting ticks, and commit positions behind control records."""
        while True:
            await asyncio.sleep(HOUSEKEEPING_S if not self._waiting() else HOUSEKEEPING_S / 10)
            now = time.monotonic()
            for slot in list(self._slots.values()):
                await self._apply_ticks(slot)
            if now - self._idle_since >= IDLE_COMMIT_S:
                self._idle_since = now
                self._commit_idle()

    async def _mend(self) -> None:
        """Push partitions again of which the read model has lost something."""
        while True:
            await asyncio.sleep(IDLE_COMMIT_S)
            for number in self._readmodel.dirty():
                if slot := self._slots.get(number):
                    await self._republish_all(slot)

    def _waiting(self) -> bool:
        return any(slot.ticks for slot in self._slots.values())

    def _commit_idle(self) -> None:
        """Commit reading positions that stand behind control records, so that lag is 0 when all is done."""
        for number, slot in self._slots.items():
            self._wanted |= {TP(topic, number) for topic in self.fold.topics}
            if slot.writer.idle and not slot.ticks:
                committed = slot.writer.committed
                ahead = {t: offset for t, offset in slot.folded.items() if offset > committed.get(t, 0)}
                if ahead:
                    slot.writer.put(Folded(Effects(), ahead))

    async def _write_ticks(self) -> None:
        """Write one tick per owned partition and interval, each in its partition's transaction."""
        while True:
            await asyncio.sleep(self._settings.tick_seconds)
            slots = dict(self._slots)
            if not slots:
                continue
            at = time.time_ns() // 1_000  # before the ends are read: what is recorded until now lies before them
            tps = [TP(topic, number) for number in slots for topic in self._inputs]
            try:
                ends = await self._app.consumer.highwaters(*tps)
            except Exception as error:  # noqa: BLE001  # the broker is away: ticks wait, as events do
                log.warning("no tick: end offsets unknown", extra={"error": type(error).__name__})
                continue
            for number, slot in slots.items():
                if self._is_live(slot):
                    upto = {topic: ends[TP(topic, number)] for topic in self._inputs if ends.get(TP(topic, number))}
                    tick = self.fold.make_tick(at, upto, number)
                    slot.writer.put(Folded(Effects(outputs=[tick]), {}))

    # Read model

    def _committed(self, number: int, offset: int, views: list[View]) -> None:
        if slot := self._slots.get(number):
            slot.logged = offset
        self._readmodel.push(number, offset, views)

    def _republish(self, number: int, last: int, keys: set[bytes]) -> None:
        """Push again what the worker before us may have committed without telling the read model."""
        self._slots[number].logged = last
        partition = self._slots[number].partition
        views = [view for key in keys if key != OWN_KEY and (view := self._view(partition, key))]
        if views:
            log.info("read model repaired", extra={"partition": number, "views": len(views)})
        self._readmodel.push(number, last, views)

    async def _republish_all(self, slot: Slot) -> None:
        """Push a whole partition again, in portions: Redis was away for too long, or has lost what it had."""
        log.info(
            "read model is made again", extra={"partition": slot.partition.number, "customers": len(slot.partition)}
        )
        logged = slot.logged
        for keys in _chunks(list(slot.partition.keys()), REPUBLISH_MAX):
            views = [view for key in keys if (view := self._view(slot.partition, key))]
            self._readmodel.push(slot.partition.number, None, views)
            await self._readmodel.drained()
            if not self._is_live(slot):
                return
        self._readmodel.mended(slot.partition.number, logged)

    def _view(self, partition: Partition, key: bytes) -> View | None:
        value = partition.encoded(key)
        return self.fold.view(value, partition.tick) if value is not None else None

    # Guards

    def _writer(self, number: int) -> Writer:
        settings = self._settings
        return Writer(
            settings.kafka,
            group=settings.app,
            lane=self.name,
            number=number,
            changelog=self.changelog,
            on_commit=self._committed,
            on_failure=self._failed,
        )

    def _failed(self, number: int, error: BaseException) -> None:
        log.critical(
            "partition cannot be written, worker stops",
            extra={"partition": number, "error": type(error).__name__},
            exc_info=error,
        )
        _exit(EXIT_BROKEN)

    def _check_whole(self, assigned: Iterable[TP], numbers: list[int]) -> None:
        """Refuse an assignment that gives us a number of one topic and not of another."""
        have = {(tp.topic, tp.partition) for tp in assigned}
        torn = [n for n in numbers if any((topic, n) not in have for topic in self.fold.topics)]
        if torn:
            log.critical("assignment splits partition numbers over workers", extra={"partitions": torn})
            _exit(EXIT_CONFIG)

    def _check_policy(self, partition: Partition) -> None:
        if partition.policy and partition.policy != self.fold.policy:
            log.critical(
                "state was made under another policy; publishing a new one is not supported yet",
                extra={"state": partition.policy[:12], "configured": self.fold.policy[:12]},
            )
            _exit(EXIT_CONFIG)


def _chunks(keys: list[bytes], size: int) -> Iterable[list[bytes]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))


def _exit(code: int) -> None:
    logging.shutdown()
    os._exit(code)
