"""The looker: asks Kafka for groups, what they committed, where their partitions end, and what waits between."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError, for_code
from aiokafka.structs import TopicPartition

from ops.lag.groups import GroupLag, Member, Movement, PartitionLag
from ops.lag.oldest import OldestRecords
from schemas.errors import CxError
from schemas.topics import Lane, Role, lane_topics
from streams.leaders import EARLIEST, LATEST, Leaders

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from ops.lag.oldest import Oldest
    from streams.settings import KafkaSettings

REQUEST_TIMEOUT_MS: Final = 5_000
LOOK_S: Final = 20.0  # at most
GROUPS_MAX: Final = 200  # of those whose names begin like ours
NO_SUCH_GROUP: Final = "Dead"  # Kafka's word
_INPUTS: Final = tuple(topic.name for topic in lane_topics(Lane.CUSTOMERS, Role.INPUT))


class LagError(CxError):
    """Kafka does not say how far groups are; the text is one line for a person."""


class Looker:
    """Looks at the groups of one app, again and again; connects when it has to, and anew after Kafka was away."""

    def __init__(self, kafka: KafkaSettings, app: str, *, groups: Collection[str] = (), stalled_after_s: float) -> None:
        """Prepare.

        Args:
            app: Whose groups to look at: the one of its workers, also where it does not exist yet, and all whose names
                begin with it and a hyphen.
            groups: To look at these instead.
            stalled_after_s: For how long a partition with records may stand still.
        """
        self._kafka, self._app, self._groups = kafka, app, tuple(groups)
        self._movement = Movement(stalled_after_s)
        self._admin: AIOKafkaAdminClient | None = None
        self._client: AIOKafkaClient | None = None
        self._oldest: OldestRecords | None = None
        self._leaders: Leaders | None = None

    async def __aenter__(self) -> Self:
        """Do nothing yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self.close()

    async def close(self) -> None:
        """Disconnect; the next look connects again."""
        clients = [client for client in (self._admin, self._client) if client is not None]
        self._admin = self._client = self._oldest = self._leaders = None
        for client in clients:
            await client.close()

    async def look(self) -> list[GroupLag]:
        """Return the groups as they are now, ours first.

        Raises:
            LagError: Kafka does not answer, or does not let us ask.
        """
        try:
            async with asyncio.timeout(LOOK_S):
                return await self._look()
        except (KafkaError, OSError) as error:  # TimeoutError is one
            await self.close()
            message = f"Kafka at {self._kafka.bootstrap} does not say how far groups are: {type(error).__name__}"
            raise LagError(message) from error

    async def _connect(self) -> tuple[AIOKafkaAdminClient, AIOKafkaClient, Leaders, OldestRecords]:
        if self._admin is None or self._client is None or self._leaders is None or self._oldest is None:
            await self.close()
            options = self._kafka.client_options()
            self._admin = AIOKafkaAdminClient(request_timeout_ms=REQUEST_TIMEOUT_MS, **options)
            self._client = AIOKafkaClient(request_timeout_ms=REQUEST_TIMEOUT_MS, **options)
            await self._admin.start()
            await self._client.bootstrap()
            self._leaders = Leaders(self._client)
            self._oldest = OldestRecords(self._client, self._leaders)
        return self._admin, self._client, self._leaders, self._oldest

    async def _look(self) -> list[GroupLag]:
        admin, client, leaders, oldest = await self._connect()
        names = self._groups or await self._ours(admin)
        described = {name: await _described(admin, name) for name in names}
        committed = {name: await _committed(admin, name) for name in names}
        # After what was committed, so that nobody is ahead of the end.
        topics = set(await admin.list_topics())
        owners = {name: _owners(answer) for name, answer in described.items()}
        wanted = {name: {tp for tp in (*committed[name], *owners[name]) if tp.topic in topics} for name in names}
        present = {tp.topic for own in wanted.values() for tp in own} | (topics & set(_INPUTS))
        await client.set_topics(sorted(present))
        if self._app in wanted:
            wanted[self._app] |= _partitions(client, topics & set(_INPUTS))
        every = set().union(*wanted.values())
        starts = await _told(leaders, every, EARLIEST)
        ends = await _told(leaders, every, LATEST)
        places = {
            name: {tp: max(committed[name].get(tp, 0), starts[tp]) for tp in own if tp in ends and tp in starts}
            for name, own in wanted.items()
        }
        waiting = {(tp, at) for own in places.values() for tp, at in own.items() if at < ends[tp]}
        found = await oldest.of(waiting, ends)
        now, at_ms = time.monotonic(), time.time_ns() / 1e6
        looks = []
        for name in names:
            facts = _Facts(committed[name], starts, ends, found, owners[name], at_ms)
            partitions = []
            for tp in sorted(wanted[name]):
                one = facts.of(tp)
                stalled = self._movement.stalled(name, tp, places[name].get(tp, 0), one.messages or 0, now)
                partitions.append(one._replace(stalled=stalled))
            answer = described[name]
            looks.append(GroupLag(name, answer[2], tuple(map(_member, answer[5])), tuple(partitions)))
        self._movement.keep({(name, tp) for name, own in wanted.items() for tp in own})
        return looks

    async def _ours(self, admin: AIOKafkaAdminClient) -> list[str]:
        listed = {name for name, _ in await admin.list_consumer_groups() if name.startswith(f"{self._app}-")}
        return [self._app, *sorted(listed - {self._app})[:GROUPS_MAX]]


class _Facts(NamedTuple):
    """What Kafka has told that a group's lag follows from."""

    committed: Mapping[TopicPartition, int]
    starts: Mapping[TopicPartition, int]
    ends: Mapping[TopicPartition, int]
    found: Mapping[tuple[TopicPartition, int], Oldest]
    owners: Mapping[TopicPartition, Member]
    at_ms: float

    def of(self, tp: TopicPartition) -> PartitionLag:
        """Return how far the group is with *tp*."""
        own, member = self.committed.get(tp), self.owners.get(tp)
        start, end = self.starts.get(tp), self.ends.get(tp)
        if start is None or end is None:
            return PartitionLag(tp.topic, tp.partition, start or 0, end, own, None, None, member)
        # As Kafka's own tool counts; where nothing was committed our groups begin with the first record.
        messages = max(end - (start if own is None else own), 0)
        waits = self.found.get((tp, max(own or 0, start)))
        seconds = None
        if not messages or (waits is not None and waits.sent_ms is None):
            messages, seconds = 0, 0.0
        elif waits is not None and waits.sent_ms is not None:
            seconds = max(self.at_ms - waits.sent_ms, 0.0) / 1e3
        return PartitionLag(tp.topic, tp.partition, start, end, own, messages, seconds, member)


async def _described(admin: AIOKafkaAdminClient, name: str) -> tuple[Any, ...]:
    """Return Kafka's description of a group: error code, name, state, protocol's type and name, members."""
    # One at a time: aiokafka reads an answer about several by a schema that lacks a field of each.
    (answer,) = await admin.describe_consumer_groups([name])
    (group,) = answer.groups
    if group[0]:
        raise for_code(group[0])
    return tuple(group)


async def _committed(admin: AIOKafkaAdminClient, name: str) -> dict[TopicPartition, int]:
    found = await admin.list_consumer_group_offsets(name)
    return {tp: told.offset for tp, told in found.items() if told.offset >= 0}


def _member(raw: tuple[Any, ...]) -> Member:
    return Member(raw[0], raw[1], raw[2].removeprefix("/"))


def _owners(answer: tuple[Any, ...]) -> dict[TopicPartition, Member]:
    """Return who reads each partition; nobody while partitions are dealt."""
    if answer[3] != "consumer":
        return {}
    return {
        tp: _member(raw)
        for raw in answer[5]
        if raw[4]
        for tp in ConsumerProtocolMemberAssignment.decode(raw[4]).partitions()
    }


def _partitions(client: AIOKafkaClient, topics: Iterable[str]) -> set[TopicPartition]:
    return {
        TopicPartition(topic, number) for topic in topics for number in client.cluster.partitions_for_topic(topic) or ()
    }


async def _told(leaders: Leaders, tps: Collection[TopicPartition], which: int) -> dict[TopicPartition, int]:
    """Return where *tps* begin or end, as far as their leaders say so."""
    asked = [leaders.told_by(node, own, which) for node, own in leaders.known(sorted(tps)).items()]
    return {tp: offset for told in await asyncio.gather(*asked) for tp, offset in told.items() if offset >= 0}
