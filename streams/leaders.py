"""The leaders of partitions: which broker to ask, and what it says of where their logs begin and end."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from aiokafka.client import ConnectionGroup
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    LeaderNotAvailableError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.structs import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from aiokafka.client import AIOKafkaClient

EARLIEST: Final = -2
LATEST: Final = -1
_LEADERLESS: Final = -1


class Leaders:
    """Asks the brokers that lead partitions."""

    def __init__(self, client: AIOKafkaClient) -> None:
        """Ask by *client*, which others may use meanwhile."""
        self._client = client

    def known(self, tps: Iterable[TopicPartition]) -> dict[int, list[TopicPartition]]:
        """Group *tps* by the broker that leads them; those without a leader are left out, and asked for."""
        found: defaultdict[int, list[TopicPartition]] = defaultdict(list)
        for tp in tps:
            leader = self._client.cluster.leader_for_partition(tp)
            if leader is None or leader == _LEADERLESS:
                self._client.force_metadata_update()
            else:
                found[leader].append(tp)
        return found

    async def of(self, tps: Iterable[TopicPartition]) -> dict[int, list[TopicPartition]]:
        """Group *tps* by the broker that leads them.

        Raises:
            KafkaError: one has no leader, or is not there, or no broker answers.
        """
        found: defaultdict[int, list[TopicPartition]] = defaultdict(list)
        for tp in tps:
            leader = self._client.cluster.leader_for_partition(tp)
            if leader is None or leader == _LEADERLESS:
                await self.look_up(tp.topic)
                leader = self._client.cluster.leader_for_partition(tp)
            if leader is None:
                message = f"{tp.topic}, partition {tp.partition}"
                raise UnknownTopicOrPartitionError(message)
            if leader == _LEADERLESS:
                message = f"{tp.topic} has no leader for partition {tp.partition}"
                raise LeaderNotAvailableError(message)
            found[leader].append(tp)
        return found

    async def look_up(self, topic: str) -> None:
        """Ask Kafka where *topic* is.

        Raises:
            KafkaError: no broker answers.
        """
        await self._client.add_topic(topic)
        if not await self._client.force_metadata_update():
            message = "no broker answers"
            raise KafkaConnectionError(message)

    async def offsets(
        self, tps: Collection[TopicPartition], which: int, *, committed: bool = False
    ) -> dict[TopicPartition, int]:
        """Return the offset that each of *tps* begins with, or that behind its last record, as *which* says.

        Open transactions are included, unless only what is *committed* is asked for.

        Raises:
            KafkaError: one has no leader, or its leader does not say.
        """
        found: dict[TopicPartition, int] = {}
        for node, own in (await self.of(tps)).items():
            for tp, (code, offset) in (await self._ask(node, own, which, committed=committed)).items():
                if code:
                    self._client.force_metadata_update()
                    raise for_code(code)
                found[tp] = offset
        return found

    async def told_by(self, node: int, tps: Sequence[TopicPartition], which: int = LATEST) -> dict[TopicPartition, int]:
        """Return where those of *tps* end, or begin, of which *node* says it; open transactions are included."""
        try:
            # On a connection of its own: it shall not wait behind batches, which their followers may hold up.
            answers = await self._ask(node, tps, which, ConnectionGroup.COORDINATION)
        except KafkaError:
            return {}
        if any(code for code, _ in answers.values()):
            self._client.force_metadata_update()
        return {tp: offset for tp, (code, offset) in answers.items() if not code}

    async def _ask(
        self,
        node: int,
        tps: Sequence[TopicPartition],
        which: int,
        group: int = ConnectionGroup.DEFAULT,
        *,
        committed: bool = False,
    ) -> dict[TopicPartition, tuple[int, int]]:
        """Return error code and offset by partition, as *node* has them."""
        topics: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for topic, number in tps:
            topics[topic].append((number, which))
        asked = OffsetRequest(-1, int(committed), list(topics.items()))
        answer = await self._client.send(node, asked, group=group)
        return {
            TopicPartition(topic, number): (code, offset)
            for topic, partitions in answer.topics
            for number, code, _, offset, *_ in partitions
        }
