"""A Kafka of one broker for transactions: does what it is asked, but for the answers that a test wrote down before."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from types import SimpleNamespace
from typing import Any, Final

from aiokafka.structs import TopicPartition

FIRST_OFFSET: Final = 100  # of every batch that is taken
UNSTABLE: Final = 88
NOT_ATTEMPTED: Final = 55
_VERSIONS: Final = {0: (3, 3), 9: (7, 7), 12: (0, 0), 22: (0, 0), 24: (0, 0), 25: (0, 0), 26: (0, 0), 28: (3, 3)}


class ScriptedKafka:
    """Stands where `aiokafka.client.AIOKafkaClient` does.

    Attributes:
        script: By kind of request, what becomes of the next ones: an error code, or an error that takes the place of
            the answer to what was done.
        asked: Kinds of the requests that came.
        ids: Transactional ids under which transactions were made.
        looked_up: Whose coordinators were asked for.
        committed: Offsets and metadata of the transactions that were committed.
        batches: As they were taken.
        missing: Topics that there are not.
        leaderless: Partitions that no broker leads.
        answers: Whether anybody tells where topics are.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.script: defaultdict[str, deque[int | Exception]] = defaultdict(deque)
        self.asked: list[str] = []
        self.ids: set[str] = set()
        self.looked_up: list[str] = []
        self.committed: dict[TopicPartition, tuple[int, str | None]] = {}
        self.batches: list[tuple[TopicPartition, bytes]] = []
        self.missing: set[str] = set()
        self.leaderless: set[TopicPartition] = set()
        self.answers = True
        self.cluster = self
        self._pending: dict[TopicPartition, tuple[int, str | None]] = {}
        self._epoch = -1

    async def bootstrap(self) -> None:
        """Connect to nothing, where the script does not say that there is nobody yet."""
        self.asked.append("bootstrap")
        if self.script["bootstrap"]:
            planned = self.script["bootstrap"].popleft()
            assert isinstance(planned, Exception)
            raise planned

    async def set_topics(self, topics: list[str]) -> None:
        """Know all topics already."""

    def force_metadata_update(self) -> asyncio.Future[bool]:
        """Know everything already, unless nobody answers."""
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        told.set_result(self.answers)
        return told

    async def add_topic(self, _: str) -> None:
        """Know all topics already."""

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return None if topic in self.missing else {0, 1}

    async def coordinator_lookup(self, _: int, key: str) -> int:
        self.looked_up.append(key)
        return 1

    def leader_for_partition(self, tp: TopicPartition) -> int | None:
        if tp in self.leaderless:
            return -1
        return None if tp.topic in self.missing else 1

    async def send(self, _: int, request: Any, *, group: object = None) -> Any:
        """Answer *request*, as the script has it or as a broker does."""
        del group
        kind = type(request).__name__.removesuffix("Request")
        self.asked.append(kind)
        planned = self.script[kind].popleft() if self.script[kind] else 0
        message = SimpleNamespace(**request.prepare(_VERSIONS).to_object())
        answer = self._answer(kind, message, planned if isinstance(planned, int) else 0)
        if isinstance(planned, Exception):
            raise planned
        return answer

    def _answer(self, kind: str, message: Any, code: int) -> Any:
        match kind:
            case "InitProducerId":
                self._epoch += not code
                return SimpleNamespace(error_code=code, producer_id=5, producer_epoch=self._epoch)
            case "AddPartitionsToTxn":
                self.ids.add(message.transactional_id)
                return SimpleNamespace(errors=_refused_first(message.topics, code))
            case "Produce":
                return self._produce(message.topics, code)
            case "TxnOffsetCommit":
                return self._take_offsets(message.topics, code)
            case "StableOffsetFetch":
                return self._tell_offsets(message.topics, code)
            case "EndTxn" if message.transaction_result and not code:
                self.committed |= self._pending
        return SimpleNamespace(error_code=code)

    def _produce(self, topics: Any, code: int) -> Any:
        if not code:
            self.batches += [
                (TopicPartition(topic["topic"], part["partition"]), part["messages"])
                for topic in topics
                for part in topic["partitions"]
            ]
        answers = [
            (topic["topic"], [(part["partition"], code, FIRST_OFFSET) for part in topic["partitions"]])
            for topic in topics
        ]
        return SimpleNamespace(topics=answers)

    def _take_offsets(self, topics: Any, code: int) -> Any:
        self._pending = {
            TopicPartition(topic["name"], part["partition"]): (part["offset"], part["metadata"])
            for topic in topics
            for part in topic["partitions"]
        }
        answers: list[Any] = [
            (topic["name"], [(part["partition"], code, {}) for part in topic["partitions"]], {}) for topic in topics
        ]
        return SimpleNamespace(topics=answers)

    def _tell_offsets(self, topics: Any, code: int) -> Any:
        answers: list[Any] = []
        for topic in topics:
            parts: list[Any] = []
            for number in topic["partitions"]:
                offset, metadata = self.committed.get(TopicPartition(topic["name"], number), (-1, None))
                parts.append((number, offset, -1, metadata, code if code == UNSTABLE else 0, {}))
            answers.append((topic["name"], parts, {}))
        return SimpleNamespace(topics=answers, error_code=0 if code == UNSTABLE else code)


def _refused_first(topics: Any, code: int) -> list[tuple[str, list[tuple[int, int]]]]:
    """Return an answer in which the first partition has *code*: no other is attempted then."""
    codes = iter([code])
    return [
        (topic["topic"], [(number, next(codes, NOT_ATTEMPTED if code else 0)) for number in topic["partitions"]])
        for topic in topics
    ]
