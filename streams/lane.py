"""The batch lane: one fold, one state and one writer per partition number, over all topics of the lane together."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from aiokafka.structs import TopicPartition
from faust.types import TP

from schemas.errors import CxError
from streams.effects import Effects, TooLargeError
from streams.failpoints import AFTER_FOLD, BEFORE_REDIS, reach
from streams.housekeeping import Housekeeping
from streams.measured import measure
from streams.meter import SILENT
from streams.opening import Opening, close
from streams.partition import PartitionFormatError
from streams.recovery import BrokenOffError
from streams.settings import EXIT_CONFIG
from streams.shown import Shown
from streams.store import StoreError
from streams.ticks import Ticks
from streams.transactions import Member, ReplacedError, partition_of
from streams.writer import Folded, Writer, Written

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from aiokafka import ConsumerRecord
    from faust import Stream
    from faust.types import StreamT

    from streams.effects import Fold
    from streams.hooks import LaneApp, LaneConsumer
    from streams.measured import Measured
    from streams.meter import Meter
    from streams.settings import Settings
    from streams.showing import Showing
    from streams.slot import Slot

log = logging.getLogger(__name__)

EXIT_BROKEN = 70  # what we promised cannot be kept: nothing of the batch is committed, and somebody has to look
CLOSE_S = 2.0
HANDED_MAX = 256  # batches on their way to the agents; more, and nothing is fetched until some are folded
HANDED_RECORDS_MAX = 20_000  # of them, likewise: a batch is what fits into a fetch compressed, which may be very many
READY_S = 1.0
REMIND_S = 10.0  # for the client to notice by itself that the group has replaced us
REJOIN_S = 60.0  # for it to begin to join again


class LostBatchError(CxError):
    """A batch that the consumer handed over did not reach the fold in its turn, or was folded before."""


class Lane:
    """Runs a fold over the lane's topics inside a Faust app.

    An agent of the app gives its stream to `drive`; everything else happens here: assignment, recovery, ticks,
    transactions, read model.
    """

    def __init__(
        self, app: LaneApp, name: str, fold: Fold, readmodel: Showing, settings: Settings, *, meter: Meter = SILENT
    ) -> None:
        """Tie *fold* to *app*; *name* is the lane's part in transactional ids and in the changelog's name."""
        self.name, self.fold = name, fold
        self.changelog = f"{settings.app}-{name}-changelog"
        self._app, self._readmodel, self._settings, self._meter = app, readmodel, settings, meter
        self._slots: dict[int, Slot] = {}
        self._leaving: dict[int, Slot] = {}  # folded no more; what they have in flight is still committed and shown
        self._opening = Opening(name, fold.topics, self.changelog, settings, meter)
        self._ticks = Ticks(self, fold, self._opening, meter)
        self._shown = None if meter is SILENT else Shown(readmodel, meter)
        self._housekeeping = Housekeeping(self, fold, self._ticks, readmodel, shown=self._shown, meter=meter)
        self._moved_at = 0.0  # when there was nothing to do last, by `time.monotonic`
        self._writer: Writer | None = None
        self.epoch = 0  # counts revocations
        self._generation = -1
        self._member: Member | None = None  # who we were when we were given partitions last
        self._taken = asyncio.Event()
        self._assigning = asyncio.Lock()
        self._dropping = asyncio.Lock()
        self._rejoining: asyncio.Task[None] | None = None

    # What agents call

    async def drive(self, stream: StreamT[Any]) -> None:
        """Fold every batch that *stream* brings; the body of an agent."""
        async for event in cast("Stream[Any]", stream).noack().events():
            message = event.message
            slot, writer = self._slots.get(message.partition), self._writer
            if slot is None or writer is None:
                continue
            await writer.room()
            # Checked after waiting and before folding, with no await in between.
            if message.generation_id != self._generation or self._slots.get(message.partition) is not slot:
                continue  # of an earlier assignment: the owner of today reads it again
            try:
                self._take(slot, message.topic, event.value)
                await self._ticks.apply(slot)
            except Exception as error:  # noqa: BLE001  # Faust would restart the agent, and commit what comes behind
                self.failed(error)

    # What the group's side calls (streams/hooks.py)

    async def assign(self, assigned: Iterable[TP], member: Member, epoch: int) -> bool:
        """Fence, recover and open the numbers in *assigned*; return False if that was not to be.

        Another rebalance overtook this one, or partitions cannot be opened and the worker ends. *epoch* is that of the
        lane when it was assigned: a generation alone does not tell of a revocation since.
        """
        try:
            return await self._assign(assigned, member, epoch)
        except Exception as error:  # noqa: BLE001  # Faust would end the worker with a code of its own
            self.failed(error)
            return False

    async def _assign(self, assigned: Iterable[TP], member: Member, epoch: int) -> bool:
        async with self._assigning:
            await self._drop_all()
            if self._rejoining is not None:
                self._rejoining.cancel()  # we are back: what it waits for has come

            def still_wanted() -> bool:
                return epoch == self.epoch and member.generation == self._app.consumer_generation_id

            if not still_wanted():
                return False
            numbers = sorted({tp.partition for tp in assigned if tp.topic in self.fold.topics})
            self._check_whole(assigned, numbers)
            started = time.monotonic()
            slots: dict[int, Slot] = {}
            committed: dict[TopicPartition, int] = {}
            if numbers:
                try:
                    slots, committed = await self._opening.open(numbers, self._readmodel, still_wanted)
                except BrokenOffError:
                    self._meter.assigned(0)  # what was told of numbers that may go elsewhere
                    return False
            for slot in slots.values():
                self._check_state(slot)
                if slot.unseen != set():
                    self._readmodel.soil(slot.number)
            if numbers:
                self._writer = Writer(
                    await self._opening.transactions(),
                    member,
                    changelog=self.changelog,
                    on_commit=self._committed,
                    on_failure=self.failed,
                    committed=committed,
                    meter=self._meter,
                )
                self._writer.start()
            self._slots = slots
            self._generation, self._member = member.generation, member
            self._meter.assigned(len(slots))
            self._housekeeping.start(self._settings)
            seconds = round(time.monotonic() - started, 3)
            self._meter.joined(seconds)
            log.info("partitions opened", extra={"partitions": len(numbers), "seconds": seconds})
            return True

    def failed(self, error: BaseException) -> None:
        """End the worker for *error*; or only its assignment, where the group has replaced it."""
        if isinstance(error, ReplacedError):
            log.warning("the group has given our partitions away", extra={"detail": str(error)})
            if not self._leaving:  # else the consumer found out before us, and is at it
                self._rejoining = asyncio.create_task(self._rejoin(self.epoch))
            return
        if isinstance(error, PartitionFormatError):
            log.critical("state is of another format", extra={"detail": str(error)})
            _exit(EXIT_CONFIG)
            return
        if isinstance(error, StoreError):
            for slot in (*self._slots.values(), *self._leaving.values()):
                if slot.partition.is_hit_by(error):
                    with suppress(StoreError):
                        slot.partition.reset()
        log.critical(
            "partitions cannot be written, worker stops", extra={"error": type(error).__name__}, exc_info=error
        )
        _exit(EXIT_BROKEN)

    def check_own(self, foreign: Container[str]) -> None:
        """Refuse to work where some of our topics are *foreign*: the group knows them as those of another lane."""
        if shared := [topic for topic in self.fold.topics if topic in foreign]:
            log.critical(
                "another lane of the same app reads topics of ours: give this one an app of its own",
                extra={"topics": shared},
            )
            _exit(EXIT_CONFIG)

    async def revoke(self) -> None:
        """Commit what is in flight, within a deadline, and forget all partitions; what is not done is read again."""
        self.epoch += 1
        await self._drop_all()

    async def _drop_all(self) -> None:
        self._generation = -1
        self._meter.joined(None)
        async with self._dropping:  # whoever comes second may open the stores again: they have to be closed
            slots, self._slots = self._slots, {}
            self._leaving = slots
            writer, self._writer = self._writer, None
            whole = writer is None or await writer.stop(CLOSE_S)
            self._leaving = {}
            close(slot.partition for slot in slots.values())
            if slots:
                self._meter.assigned(0)
                log.info("partitions closed", extra={"partitions": len(slots), "whole": whole})

    async def close(self) -> None:
        """End the lane for good."""
        await self._housekeeping.stop()
        await self.revoke()
        await self._opening.stop()
        await self._readmodel.stop()

    def leave(self, *, crashed: bool) -> None:
        """End the process: nothing is lost after `close`, and the group forgets us after a session time-out."""
        log.warning("the group was left without a goodbye")
        _exit(EXIT_BROKEN if crashed else 0)

    def handed_over(self, tp: TP, first: int, behind: int) -> None:
        """Note that a batch of *tp*, from offset *first* to before *behind*, is on its way to an agent."""
        slot = self._slots.get(tp.partition)
        if slot is not None:
            slot.received[tp.topic] = behind
            slot.coming.setdefault(tp.topic, deque()).append(first)

    async def ready(self) -> bool:
        """Wait, for a while at most, until more may be fetched; return whether that came to be.

        Only here does pressure from behind hold the consumer up. A partition that Faust pauses over a full stream is
        fetched again a poll later, which made seconds of latency out of a burst.
        """
        self._taken.clear()
        if not self._has_room():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._taken.wait(), READY_S)
        return self._has_room()

    def _has_room(self) -> bool:
        """Whether more may be handed over to the agents."""
        if self._writer is None:
            return True
        waiting = [(slot.received[t], firsts) for slot in self._slots.values() for t, firsts in slot.coming.items()]
        batches = sum(len(firsts) for _, firsts in waiting)
        records = sum(behind - firsts[0] for behind, firsts in waiting if firsts)
        return batches < HANDED_MAX and records < HANDED_RECORDS_MAX

    def wanted_positions(self) -> set[TP]:
        """Return, once, the partitions whose reading position the lane wants to know."""
        return self._housekeeping.wanted() | self._ticks.wanted()

    def note_positions(self, positions: Mapping[TP, int]) -> None:
        """Take reading positions, told between two fetches: behind them stand control records only."""
        for tp, position in positions.items():
            slot = self._slots.get(tp.partition)
            if slot is None or slot.received.get(tp.topic, -1) > slot.reached(tp.topic):
                continue  # handed over and not folded yet: the position is ahead of the fold
            slot.folded[tp.topic] = max(slot.reached(tp.topic), position)

    def encoded(self, key: bytes) -> bytes | None:
        """Return the encoded state of *key* where this worker has it, what is not committed yet included."""
        slot = self._slots.get(partition_of(key, self._settings.partitions))
        return None if slot is None else slot.partition.encoded(key)

    # Folding

    def _take(self, slot: Slot, topic: str, records: list[ConsumerRecord[bytes, bytes]]) -> None:
        coming, first = slot.coming.get(topic), records[0].offset
        if not coming or coming.popleft() != first or first < slot.reached(topic):
            # To fold on would commit offsets behind a batch that nobody has folded, or fold one twice.
            raise LostBatchError(topic)
        self._taken.set()
        if topic == self.fold.clock:
            self._ticks.take(slot, records)
        else:
            self._fold(slot, topic, records)

    def _fold(self, slot: Slot, topic: str, records: list[ConsumerRecord[bytes, bytes]]) -> None:
        began = time.perf_counter()
        effects = self.fold.fold(slot.partition, records)
        reach(AFTER_FOLD)
        try:
            self._folded(slot, effects, topic, records, time.perf_counter() - began)
        except TooLargeError as error:
            self._fold_again(slot, topic, records, effects, error)

    def _fold_again(
        self,
        slot: Slot,
        topic: str,
        records: list[ConsumerRecord[bytes, bytes]],
        dropped: Effects,
        error: TooLargeError,
    ) -> None:
        """Fold each of *records* alone, to find the one whose effects are too large, and refuse that one."""
        for key in dropped.changed:
            slot.partition.cache.drop(key)  # decoded, it is a state that will never be
        if len(records) > 1:
            for record in records:
                self._fold(slot, topic, [record])
            return
        log.warning("record refused", extra={"topic": topic, "partition": slot.number, "detail": str(error)})
        letter = self.fold.reject(records[0], error.reason, "")
        effects = Effects(outputs=[letter], receipts=self.fold.refused(records[0], error.reason))
        self._folded(slot, effects, topic, records, 0.0)

    def _folded(
        self, slot: Slot, effects: Effects, topic: str, records: list[ConsumerRecord[bytes, bytes]], seconds: float
    ) -> None:
        measured = None if self._meter is SILENT else measure(topic, records, effects, seconds)
        self.done(slot, effects, topic, records[0].offset, records[-1].offset, measured=measured)

    # What ticks call (streams/ticks.py)

    def done(
        self, slot: Slot, effects: Effects, topic: str, first: int, last: int, *, measured: Measured | None = None
    ) -> None:
        """Give the effects of the records *first* to *last* to the writer, with the offset behind them."""
        self.put(slot, Folded(effects, {topic: last + 1}, [(topic, first, last)], measured=measured))
        slot.folded[topic] = last + 1

    def put(self, slot: Slot, folded: Folded) -> None:
        """Let folds see the new states, and the writer make them durable.

        Raises:
            TooLargeError: Kafka would refuse some of it; nothing has happened.
        """
        folded.effects.check_sizes()
        for key, value in folded.effects.changed.items():
            slot.partition.put(key, value)
        if folded.effects.changed or folded.batches:
            folded.own_record = slot.partition.own_record(self.fold.policy, self.fold.state_format)
        if self._writer is not None:
            self._writer.put(slot.number, folded)

    async def room(self) -> None:
        """Wait until more may be folded."""
        if self._writer is not None:
            await self._writer.room()

    def is_live(self, slot: Slot) -> bool:
        """Whether *slot* is still ours."""
        return self._slots.get(slot.number) is slot

    def pause(self, tp: TP) -> None:
        """Fetch no more of *tp* for now."""
        self._app.consumer.on_buffer_full(tp)

    def resume(self, tp: TP) -> None:
        """Fetch *tp* again."""
        self._app.consumer.on_buffer_drop(tp)

    # What housekeeping asks (streams/housekeeping.py)

    @property
    def slots(self) -> Mapping[int, Slot]:
        """The partitions that we own, by number."""
        return self._slots

    @property
    def standing_s(self) -> float:
        """For how long there has been work of which nothing moved, in seconds; that Kafka is waited for is a move."""
        now, writer = time.monotonic(), self._writer
        coming = any(firsts for slot in self._slots.values() for firsts in slot.coming.values())
        if writer is None or not (coming or writer.has_work):
            self._moved_at = now
            return 0.0
        return now - max(self._moved_at, writer.moved_at, self._opening.tried_at)

    @property
    def writer(self) -> Writer | None:
        """What writes for them; none where there are none."""
        return self._writer

    # Read model

    def _committed(self, written: Written) -> None:
        self._show(written)
        if written.receipts:
            self._readmodel.answer(written.receipts)

    def _show(self, written: Written) -> None:
        slot = self._slots.get(written.number) or self._leaving.get(written.number)
        if slot is None:
            return
        slot.ticked = False
        if written.offset < 0:
            return
        slot.partition.committed(written.changed, written.own_record, written.offset)
        reach(BEFORE_REDIS)
        slot.logged = written.offset
        ticket = self._readmodel.push(written.number, written.offset, written.views)
        if self._shown is not None:
            self._shown.add(ticket, written.measured)

    # Guards

    async def _rejoin(self, epoch: int) -> None:
        """Forget everything and wait for a new assignment; a client that does not notice is told to join again."""
        await self._drop_all()
        with suppress(TimeoutError):
            async with asyncio.timeout(REJOIN_S):
                while self.epoch == epoch:
                    await asyncio.sleep(REMIND_S)
                    if self.epoch == epoch and self._member is not None:
                        await cast("LaneConsumer", self._app.consumer).join_again(self._member)
        if self.epoch == epoch:
            log.critical("no partitions were assigned again, worker stops")
            _exit(EXIT_BROKEN)

    def _check_whole(self, assigned: Iterable[TP], numbers: list[int]) -> None:
        """Refuse an assignment that gives us a number of one topic and not of another."""
        have = {(tp.topic, tp.partition) for tp in assigned}
        torn = [n for n in numbers if any((topic, n) not in have for topic in self.fold.topics)]
        if torn:
            log.critical("assignment splits partition numbers over workers", extra={"partitions": torn})
            _exit(EXIT_CONFIG)

    def _check_state(self, slot: Slot) -> None:
        """Refuse to continue state of another format, or made under another policy."""
        partition = slot.partition
        policies = {0: self.fold.policy, **self.fold.older, self.fold.state_format: self.fold.policy}
        if partition.state_format not in policies:
            log.critical(
                "state is of another format",
                extra={"state": partition.state_format, "reads": self.fold.state_format},
            )
            _exit(EXIT_CONFIG)
        if partition.policy and partition.policy != policies[partition.state_format]:
            log.critical(
                "state was made under another policy; publishing a new one is not supported yet",
                extra={"state": partition.policy[:12], "configured": self.fold.policy[:12]},
            )
            _exit(EXIT_CONFIG)


def _exit(code: int) -> None:
    logging.shutdown()
    os._exit(code)
