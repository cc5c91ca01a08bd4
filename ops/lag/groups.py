"""A consumer group as Kafka tells of it: what it has not read yet, for how long that waits, and who should read it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiokafka.structs import TopicPartition


class Member(NamedTuple):
    """One process of a group."""

    id: str
    client: str
    host: str


class Verdict(StrEnum):
    """What there is to say of a group in a word."""

    OK = "ok"  # it has read everything
    BEHIND = "behind"  # it has not, and moves
    STALLED = "stalled"  # a partition of it has records and does not move
    UNKNOWN = "unknown"  # Kafka does not say


class PartitionLag(NamedTuple):
    """One partition for one group.

    Attributes:
        start: Offset of its first record.
        end: Behind its last record, as Kafka counts, open transactions and control records included; None where it
            has no leader to say so.
        committed: What the group has committed; None where it has not yet.
        messages: Offsets that it has before it, 0 where only control records or aborted ones are left; None where
            that is not known.
        seconds: For how long the oldest of them waits; 0 where none does, None where that is not known.
        member: To whom it is assigned; None where it is nobody's.
        stalled: Whether the group has not moved here for a while although there are records.
    """

    topic: str
    partition: int
    start: int
    end: int | None
    committed: int | None
    messages: int | None
    seconds: float | None
    member: Member | None
    stalled: bool = False

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        found = self._asdict()
        return found | {"member": self.member._asdict() if self.member else None}


class GroupLag(NamedTuple):
    """One group.

    Attributes:
        state: Kafka's own word: Stable, Empty, PreparingRebalance, CompletingRebalance; Dead where there is no such
            group.
        partitions: Ordered by topic and number.
    """

    group: str
    state: str
    members: tuple[Member, ...]
    partitions: tuple[PartitionLag, ...]

    @property
    def messages(self) -> int:
        """Offsets before it, as far as known."""
        return total(self.partitions)

    @property
    def seconds(self) -> float:
        """For how long the oldest record waits, as far as known."""
        return longest(self.partitions)

    @property
    def verdict(self) -> Verdict:
        """What there is to say in a word."""
        if any(one.stalled for one in self.partitions):
            return Verdict.STALLED
        if any(one.messages is None for one in self.partitions):
            return Verdict.UNKNOWN
        return Verdict.BEHIND if self.messages else Verdict.OK

    def by_topic(self) -> dict[str, list[PartitionLag]]:
        """Return the partitions of each topic."""
        found: dict[str, list[PartitionLag]] = {}
        for one in self.partitions:
            found.setdefault(one.topic, []).append(one)
        return found

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "group": self.group,
            "verdict": self.verdict.value,
            "state": self.state,
            "members": [member._asdict() for member in self.members],
            "messages": self.messages,
            "seconds": round(self.seconds, 3),
            "partitions": [one.as_data() for one in self.partitions],
        }


def total(partitions: Iterable[PartitionLag]) -> int:
    """Return how many offsets *partitions* have before them, as far as known."""
    return sum(one.messages or 0 for one in partitions)


def longest(partitions: Iterable[PartitionLag]) -> float:
    """Return for how long the oldest record of *partitions* waits, as far as known."""
    return max((one.seconds or 0.0 for one in partitions), default=0.0)


class Movement:
    """Which partitions stand still: those that had a record to read at one and the same place for a while."""

    def __init__(self, after_s: float) -> None:
        """Call a partition stalled that has not moved for *after_s* seconds."""
        self._after_s = after_s
        self._standing: dict[tuple[str, TopicPartition], tuple[int, float]] = {}  # at which offset, since when

    def stalled(self, group: str, tp: TopicPartition, offset: int, messages: int, now: float) -> bool:
        """Take note of a look at *now*, by a clock that only goes forward; return whether the partition stands still.

        Only a record that was there at an earlier look counts: one that has just come is nobody's fault.
        """
        place = group, tp
        if not messages:
            self._standing.pop(place, None)
            return False
        at, since = self._standing.get(place, (offset, now))
        if at != offset:
            since = now
        self._standing[place] = offset, since
        return now - since >= self._after_s

    def keep(self, places: set[tuple[str, TopicPartition]]) -> None:
        """Forget all partitions but *places*."""
        self._standing = {place: told for place, told in self._standing.items() if place in places}
