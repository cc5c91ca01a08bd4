"""Every private name of Faust, and of aiokafka's consumer, that we lean on; a contract test holds it to what was read.

What is sent to Kafka, or read of it, without them is in protocol.py, transactions.py, leaders.py, changelog.py and
access.py.

What is changed, and why (measured in docs/decisions.md):
- the consumer hands over one message per fetched batch of a partition, not one per record;
- it reads committed, and waits at most `FETCH_MAX_WAIT_MS` for a fetch (Faust has 1,500 ms written in);
- the assignor gives out partition *numbers*, the same of all topics that a worker reads, whoever reads what;
- recovery and commits are the lane's: Faust's own neither fence nor see transactions.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, cast

from aiokafka.errors import IllegalStateError, KafkaError
from faust.app import App
from faust.assignor.client_assignment import ClientAssignment, ClientMetadata
from faust.assignor.partition_assignor import PartitionAssignor
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery
from faust.tables.table import Table
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, TopicT
from faust.types.tuples import ConsumerMessage
from mode import Service
from mode.types.services import ServiceT

from streams.dealing import Reader, deal, lanes
from streams.patience import is_passing
from streams.transactions import Member

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from aiokafka import AIOKafkaConsumer
    from aiokafka.cluster import ClusterMetadata

    from streams.lane import Lane

log = logging.getLogger(__name__)

FETCH_MAX_WAIT_MS = 20
POLL_S = 1.0
SEEK_S = 20.0  # less than Faust's own patience of 30 s
SEEK_AGAIN_S = 1.0
READ_ONLY = "a lane's table changes by the effects of its fold only"
BY_KEY = "a lane's table tells a state by its key only: its states are in other workers too, and too many to go through"
LEAVE_S = 5.0
POLL_WAITING_S = 0.05  # while the lane waits for positions, or a buffer was full


class LaneConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to Kafka."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:  # noqa: ANN401  # Faust's own type
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS  # noqa: SLF001
        return consumer

    async def positions(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Return the reading positions of the partitions still assigned; they pass control records, records do not."""
        return cast("dict[TP, int]", await self.call_thread(self._positions, list(tps)))

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to what is committed, or to the beginning: where nothing is, aiokafka leaves the position as it is.

        What was fetched during a rebalance and dropped would never be read again.
        """
        return cast("Mapping[TP, int]", await self.call_thread(self._seek_to_committed))

    async def _seek_to_committed(self) -> dict[TP, int]:
        consumer = self._ensure_consumer()
        if not consumer.assignment():
            raise IllegalStateError  # aiokafka asserts it
        # A seek that somebody gave up from outside would go on here, and take the position back later.
        async with asyncio.timeout(SEEK_S):
            committed = await consumer.seek_to_committed()
            if fresh := [tp for tp, offset in committed.items() if not offset]:
                await consumer.seek_to_beginning(*fresh)
        return cast("dict[TP, int]", committed)

    async def on_thread_stop(self) -> None:
        """Stop the client; where Kafka is away, aiokafka stumbles over a fetch that it has cancelled itself."""
        with suppress(asyncio.CancelledError):
            await super().on_thread_stop()

    def member(self) -> Member:
        """Return who we are in the group."""
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001
        return Member(coordinator.member_id, coordinator.generation)

    async def join_again(self, member: Member) -> None:
        """Have the client join the group anew, if it still takes itself for *member*, whom the group has replaced.

        It finds out by its own heartbeats, and one may hang for as long as a request is waited for.
        """
        await self.call_thread(self._join_again, member)

    async def _join_again(self, member: Member) -> None:
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001
        if (coordinator.member_id, coordinator.generation) == member:
            log.warning("the client has not noticed that it was replaced, and joins again")
            coordinator.reset_generation()

    async def _positions(self, tps: list[TP]) -> dict[TP, int]:
        consumer = self._ensure_consumer()
        found = {}
        for tp in tps:
            try:
                found[tp] = await consumer.position(tp)
            except IllegalStateError:
                continue  # taken from us meanwhile
        return found


class LaneConsumer(driver.Consumer):
    """Hands whole batches to the lane's agents, and ties the lane to the group."""

    _thread: LaneConsumerThread
    _leaving: threading.Timer

    @property
    def lane(self) -> Lane:
        """The lane of this worker's app."""
        return cast("LaneApp", self.app).lane

    def member(self) -> Member:
        """Return who we are in the group."""
        return self._thread.member()

    async def join_again(self, member: Member) -> None:
        """Join the group anew, if we still take ourselves for *member*."""
        await self._thread.join_again(member)

    def _new_consumer_thread(self) -> LaneConsumerThread:
        return LaneConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109  # Faust's signature
        """Fetch, and yield one message per partition whose value is the list of its records."""
        lane = self.lane
        if not await lane.ready():
            return
        wanted = lane.wanted_positions()
        hurry = wanted or self._buffered_partitions
        records, active = await self._wait_next_records(min(timeout, POLL_WAITING_S if hurry else POLL_S))
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            # Records of before a rebalance: they are read again from the committed offsets by whoever owns them.
            try:
                await self.perform_seek()
            except (IllegalStateError, KafkaError, TimeoutError) as error:
                log.info("no seek: the assignment is changing", extra={"error": type(error).__name__})
            return
        for tp, batch in records.items():
            if active is not None and tp not in active and tp not in self._buffered_partitions:
                continue
            if self._is_stale(generation):
                return
            lane.handed_over(tp, batch[0].offset, batch[-1].offset + 1)
            yield tp, _message(tp, batch, generation)
        if wanted and not self._is_stale(generation):
            # Between two fetches, so that all before the position has been handed over.
            positions = await self._thread.positions(wanted)
            if not self._is_stale(generation):  # else they are of before a rebalance, and ahead of what is folded
                lane.note_positions(positions)

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        """Hand every batch to its agent's queue.

        Faust makes two tasks and several turns of the event loop of each message; with batches of 60 partitions from
        one fetch that held the next fetch up by more than a second.
        """
        try:
            while not (self.should_stop or fetcher.should_stop):
                async for _, message in self.getmany(POLL_S):
                    await self.callback(message)
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise
        except Exception as error:  # noqa: BLE001  # whatever makes reading fail, such as a right that was taken away
            # While we stop, the thread with the client may be gone before this loop is. Else Faust would end the worker
            # with a code of its own.
            if not self.app.should_stop:
                self.lane.failed(error)

    def _is_stale(self, generation: int) -> bool:
        return not self.flow_active or self.app.consumer_generation_id != generation

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop the flow, then let the lane finish or give up what is in flight.

        Faust leaves the flow of a worker that had no partitions as it is. What that worker is given would be read, and
        folded, from where the client happens to stand before it is sent to the committed offsets, and then again.
        """
        self.stop_flow()
        await super().on_partitions_revoked(revoked)
        await self.lane.revoke()

    async def commit(self, *_: object, **__: object) -> bool:
        """Do nothing: offsets are committed with the outputs, by the lane's transactions."""
        return True

    async def on_stop(self) -> None:
        """Finish what is in flight while we are still in the group, then leave it, if need be without a goodbye.

        Where Kafka is away, Faust waits for its consumer for a minute, and blocks the event loop meanwhile.
        """
        await self.lane.close()
        self._leaving = threading.Timer(LEAVE_S, self.lane.leave, kwargs={"crashed": self.app.crashed})
        self._leaving.daemon = True
        self._leaving.start()
        await super().on_stop()

    async def on_shutdown(self) -> None:
        """Note that we have left."""
        self._leaving.cancel()
        await super().on_shutdown()


class LaneTransport(driver.Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = LaneConsumer


class LaneMetadata(ClientMetadata, serializer="json", include_metadata=False, namespace="@LaneMetadata"):
    """What members tell one another, with their lane; a version without it reads the rest."""

    lane: str = ""


class LaneAssignor(PartitionAssignor):
    """Gives a worker the same partition numbers of every topic that it reads: one number is one state.

    Faust's own counts only members that read every topic, so that while versions with different topics run side by side
    some of them, or all, would be given nothing. `streams/dealing.py` says who is given what instead.
    """

    @property
    def _metadata(self) -> LaneMetadata:
        return LaneMetadata(
            assignment=self._assignment,
            url=str(self._url),
            changelog_distribution=self.changelog_distribution,
            external_topic_distribution=self.external_topic_distribution,
            topic_groups=self._topic_groups,
            lane=self._lane.changelog,
        )

    def _perform_assignment(self, cluster: ClusterMetadata, member_metadata: Mapping[str, Any]) -> dict[str, Any]:
        told = {member: LaneMetadata.loads(metadata.user_data) for member, metadata in member_metadata.items()}
        readers = {
            member: Reader(
                told[member].lane,
                frozenset(metadata.subscription),
                frozenset(tp.partition for tp in told[member].assignment.active_tps),
            )
            for member, metadata in member_metadata.items()
        }
        self._update_member_urls(told)
        assignments: dict[str, ClientAssignment] = {}
        groups: dict[str, int] = {}
        for number, lane in enumerate(lanes(readers)):
            topics = frozenset[str]().union(*(reader.topics for reader in lane.values())) - groups.keys()
            groups |= dict.fromkeys(topics, number) | {_group_of(reader.lane): number for reader in lane.values()}
            sizes = _sizes(cluster, topics)
            dealt = deal(lane, sizes)
            _tell_waiting(dealt, sizes)
            assignments |= {
                member: ClientAssignment(actives=partitions, standbys={}) for member, partitions in dealt.items()
            }
        return cast(
            "dict[str, Any]",
            self._protocol_assignments(
                assignments, {}, self._get_external_topic_distribution(assignments), topic_groups=groups
            ),
        )

    def on_assignment(self, assignment: Any) -> None:  # noqa: ANN401  # Faust names another type than it is given
        """Take what the leader has dealt; end the worker where another lane of the group has topics of ours."""
        super().on_assignment(assignment)
        ours = self._topic_groups.get(_group_of(self._lane.changelog))
        if ours is not None:  # else the leader is of a version that knows of no lanes
            self._lane.check_own({topic for topic, group in self._topic_groups.items() if group != ours})

    @property
    def _lane(self) -> Lane:
        return cast("LaneApp", self.app).lane


class LaneRecovery(Recovery):
    """Replaces Faust's recovery: fence, restore and only then read from the committed offsets."""

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Note the new assignment, and wake the task below."""
        del revoked, newly_assigned
        if generation_id == self.app.consumer_generation_id:
            self._assigned = set(assigned)
            self._generation_id = generation_id
            self._epoch = self._lane.epoch
            self.completed.clear()
            self.signal_recovery_start.set()

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Do nothing: the consumer tells the lane."""

    @Service.task
    async def _restart_recovery(self) -> None:
        while not self.should_stop:
            if await self.wait_for_stopped(cast("Any", self.signal_recovery_start)):
                return
            self.signal_recovery_start.clear()
            try:
                await self._take_up(self._generation_id, self._epoch)
            except (RebalanceAgain, IllegalStateError):
                continue  # the next assignment is on its way
            except Exception as error:  # noqa: BLE001  # Faust would end the worker with a code of its own
                if not self.should_stop:  # else the thread with the client may be gone already
                    self._lane.failed(error)

    async def _take_up(self, generation: int, epoch: int) -> None:
        """Let the lane open what was assigned, and read on from the committed offsets."""
        member = cast("LaneConsumer", self.app.consumer).member()
        if member.generation != generation or not await self._lane.assign(self._assigned, member, epoch):
            return  # another rebalance came in between
        while self._lane.epoch == epoch and not self.should_stop:
            try:
                await self._resume_streams(generation)
            except (KafkaError, TimeoutError) as error:
                if isinstance(error, KafkaError) and not is_passing(error):
                    raise
                log.warning("no seek to the committed offsets, trying again", extra={"error": type(error).__name__})
                await self.sleep(SEEK_AGAIN_S)
            else:
                if self._lane.epoch != epoch:
                    # All was taken away during the seek: what comes next is read once it is opened, and not before.
                    self.app.consumer.stop_flow()
                return

    @property
    def _lane(self) -> Lane:
        return cast("LaneApp", self.app).lane


class LaneTables(TableManager):
    """Knows the tables without reading their changelogs: the lane does."""

    @property
    def recovery(self) -> LaneRecovery:
        """The recovery service, made on first use."""
        if self._recovery is None:
            self._recovery = LaneRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return cast("LaneRecovery", self._recovery)

    async def on_start(self) -> None:
        """Start without the second that Faust sleeps here."""
        await self._update_channels()
        await self.recovery.start()

    async def _update_channels(self) -> None:
        self._tables_finalized.set()
        for table in self.values():
            await table.maybe_start()
        self._tables_registered.set()


class LaneTable(Table[bytes, bytes]):
    """The lane's state as a Faust table, to look at: encoded state by key, of the partitions that this worker has.

    Only folds change it, by their effects; its changelog is written by the lane's transactions.
    """

    def __getitem__(self, key: bytes) -> bytes:
        """Return the encoded state of *key*, what is not committed yet included.

        Raises:
            KeyError: the key is unknown, or another worker's.
        """
        value = cast("LaneApp", self.app).lane.encoded(key)
        if value is None:
            raise KeyError(key)
        return value

    def __contains__(self, key: object) -> bool:
        """Whether this worker has a state of *key*."""
        return isinstance(key, bytes) and cast("LaneApp", self.app).lane.encoded(key) is not None

    def _refuse_whole(self, *_: object) -> NoReturn:
        """Refuse to show all: Faust would show what is in its own store, which is nothing."""
        raise TypeError(BY_KEY)

    def _refuse_change(self, *_: object, **__: object) -> NoReturn:
        """Refuse: written from here, a state would be in no transaction."""
        raise TypeError(READ_ONLY)

    __iter__ = __len__ = keys = values = items = copy = _refuse_whole
    __setitem__ = __delitem__ = update = raw_update = clear = _refuse_change


class LaneApp(App):
    """A Faust app whose topics are read by a batch lane; `lane` is set before it starts."""

    lane: Lane

    def input(self, name: str) -> TopicT:
        """Return the topic *name* as an agent of the lane reads it: bytes, as they are."""
        return self.topic(
            name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", acks=False
        )

    async def on_first_start(self) -> None:
        """Make the folder of data: Faust makes only the last part of its path."""
        self.conf.datadir.mkdir(parents=True, exist_ok=True)
        await super().on_first_start()

    def _new_transport(self) -> LaneTransport:
        return LaneTransport(self.conf.broker_consumer, self)


def _message(tp: TP, batch: list[Any], generation: int) -> ConsumerMessage:
    first = batch[0]
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        first.offset,
        (first.timestamp or 0) / 1000,
        first.timestamp_type,
        [],
        b"",
        cast("Any", batch),
        None,
        0,
        0,
        tp,
        generation_id=generation,
    )


def _group_of(lane: str) -> str:
    """Return the name under which members are told the group of *lane*; no topic is called so."""
    return f"lane:{lane}"


def _sizes(cluster: ClusterMetadata, topics: Iterable[str]) -> dict[str, int]:
    """Return how many partitions each of a lane's *topics* has; one that is not to be seen has as many as the others.

    Kafka leaves a topic out for a moment after a broker has started, and for good where we may not describe it. Were it
    dealt as none, its partitions would look torn off their numbers to every worker.
    """
    sizes = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in topics}
    if unseen := sorted(topic for topic, size in sizes.items() if not size):
        log.warning("topics are not to be seen, and dealt like the others of their lane", extra={"topics": unseen})
    usual = max(sizes.values(), default=0)
    return {topic: size or usual for topic, size in sizes.items()}


def _tell_waiting(dealt: Mapping[str, Mapping[str, list[int]]], sizes: Mapping[str, int]) -> None:
    for topic, size in sizes.items():
        waiting = size - sum(len(partitions.get(topic, ())) for partitions in dealt.values())
        if waiting:
            log.warning(
                "partitions are not read: whoever has their number does not read their topic",
                extra={"topic": topic, "partitions": waiting},
            )
