"""The oldest record that a group has not committed: read from Kafka, for what it says of when it was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from aiokafka.errors import KafkaError, UnsupportedCodecError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

from streams.changelog import Part
from streams.measured import sent_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiokafka.client import AIOKafkaClient

    from streams.leaders import Leaders

SIZES: Final = (64 << 10, 512 << 10)  # bytes of a partition to ask for, side by side with all others
WHOLE: Final = 8 << 20  # then one by one: whatever a broker takes as a batch
ALONE_MAX: Final = 16  # of these in one look, so that it ends; who is left out is asked for in the next one
ANSWER_BYTES: Final = 8 << 20
_COMMITTED, _UNCOMMITTED = 1, 0


class Oldest(NamedTuple):
    """A record that waits; or, without an instant, that none does: what is left are control records or aborted ones."""

    sent_ms: int | None


NONE: Final = Oldest(None)


class OldestRecords:
    """Finds them, and remembers what it found: a group that stands still costs nothing."""

    def __init__(self, client: AIOKafkaClient, leaders: Leaders) -> None:
        """Read by *client*, from *leaders*."""
        self._client, self._leaders = client, leaders
        self._found: dict[tuple[TopicPartition, int], int] = {}  # by partition and place, instants of sending

    async def of(
        self, places: Iterable[tuple[TopicPartition, int]], ends: Mapping[TopicPartition, int]
    ) -> dict[tuple[TopicPartition, int], Oldest]:
        """Return what waits from each of *places* on, which lie before *ends*; what is not known is left out."""
        asked = set(places)
        known = {place: Oldest(sent) for place, sent in self._found.items() if place in asked}
        looking = {place: place[1] for place in sorted(asked - known.keys())}  # where to go on
        for size in SIZES:
            await self._look(looking, known, ends, size)
        for place in list(looking)[:ALONE_MAX]:
            await self._look({place: looking[place]}, known, ends, WHOLE)
        self._found = {place: oldest.sent_ms for place, oldest in known.items() if oldest.sent_ms is not None}
        return known

    async def _look(
        self,
        looking: dict[tuple[TopicPartition, int], int],
        known: dict[tuple[TopicPartition, int], Oldest],
        ends: Mapping[TopicPartition, int],
        size: int,
    ) -> None:
        """Read on at *looking*, in place, and move what is found to *known*."""
        # One place of a partition at a time: a request cannot name it twice.
        rounds: list[dict[TopicPartition, tuple[TopicPartition, int]]] = []
        for place in looking:
            free = next((one for one in rounds if place[0] not in one), None)
            if free is None:
                rounds.append(free := {})
            free[place[0]] = place
        for own in rounds:
            asked = {tp: looking[place] for tp, place in own.items()}
            answers = await self._fetch(asked, size, _COMMITTED)
            # Behind the last stable offset an open transaction stands, whose records nobody may read yet.
            open_ = {tp: asked[tp] for tp, (_, stable) in answers.items() if stable <= asked[tp] < ends[tp]}
            answers |= await self._fetch(open_, size, _UNCOMMITTED) if open_ else {}
            for tp, (part, _) in answers.items():
                place = own[tp]
                try:
                    found = _first(part)
                except KafkaError:  # a damaged batch: that something waits is known, for how long is not
                    del looking[place]
                    continue
                if found is not None:
                    known[place] = Oldest(found)
                elif part.next_offset >= ends[tp]:
                    known[place] = NONE
                else:
                    looking[place] = part.next_offset
                    continue
                del looking[place]

    async def _fetch(
        self, asked: Mapping[TopicPartition, int], size: int, isolation: int
    ) -> dict[TopicPartition, tuple[Part, int]]:
        """Return by partition what its leader gives from the offset *asked* on, and the last stable offset."""
        found: dict[TopicPartition, tuple[Part, int]] = {}
        for node, tps in self._leaders.known(asked).items():
            topics: dict[str, list[tuple[int, int, int]]] = {}
            for tp in tps:
                topics.setdefault(tp.topic, []).append((tp.partition, asked[tp], size))
            request = FetchRequest(0, 0, ANSWER_BYTES, isolation, list(topics.items()))
            try:
                answer = await self._client.send(node, request)
            except KafkaError:
                continue
            for topic, partitions in answer.topics:
                for number, code, _, stable, _, aborted, _, data in partitions:
                    tp = TopicPartition(topic, number)
                    if not code:
                        found[tp] = Part.of(number, asked[tp], aborted, data), stable
        return found


def _first(part: Part) -> int | None:
    """Return when the first record of *part* was sent, in milliseconds since 1970; None where it has none."""
    for batch in part.committed():
        try:
            for record in batch:
                if record.offset >= part.asked:
                    return sent_ms(record)
        except UnsupportedCodecError:  # we know the instant of a batch that we cannot open
            return int(batch.first_timestamp)
    return None
