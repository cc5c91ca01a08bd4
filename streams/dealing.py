"""Dealing partition numbers to the members of a group: by number, evenly, and with as few moves as that takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Reader:
    """A member of the group, as it asks for partitions."""

    lane: str  # empty where its version does not say
    topics: frozenset[str]
    held: frozenset[int]  # the numbers that it had last, by its own account: of two members both may claim one


def lanes(readers: Mapping[str, Reader]) -> list[dict[str, Reader]]:
    """Return *readers* lane by lane; first the lane that holds most, so that one which comes in anew disturbs none.

    All are one lane where somebody does not say: its state must not get a second owner.
    """
    if not all(reader.lane for reader in readers.values()):
        return [dict(readers)]
    found: dict[str, dict[str, Reader]] = {}
    for member, reader in sorted(readers.items(), key=lambda item: item[1].lane):
        found.setdefault(reader.lane, {})[member] = reader
    return sorted(found.values(), key=lambda lane: -len(frozenset[int]().union(*(one.held for one in lane.values()))))


def deal(readers: Mapping[str, Reader], sizes: Mapping[str, int]) -> dict[str, dict[str, list[int]]]:
    """Return the partitions of each of *readers*, of one lane, by topic; the topics have *sizes* partitions.

    A member has its numbers of every topic that it reads. Of a topic that it does not read they are nobody's until the
    number moves on: the state of a number has one owner, whatever it reads.
    """
    return {
        member: {
            topic: [number for number in numbers if number < sizes[topic]]
            for topic in sorted(readers[member].topics & sizes.keys())
        }
        for member, numbers in _numbers(readers, max(sizes.values(), default=0)).items()
    }


def _numbers(readers: Mapping[str, Reader], count: int) -> dict[str, list[int]]:
    """Return who gets which of *count* numbers: the same number each, or one more for those who have one more now."""
    kept: dict[str, list[int]] = {member: [] for member in sorted(readers)}
    free: list[int] = []
    for number in range(count):
        holder = next((member for member in kept if number in readers[member].held), None)
        (free if holder is None else kept[holder]).append(number)
    least, more = divmod(count, len(kept))
    # Where members have the same, one more goes to those who read most: while versions are mixed, to a new one.
    order = sorted(kept, key=lambda member: (-len(kept[member]), -len(readers[member].topics)))
    shares = {member: least + (place < more) for place, member in enumerate(order)}
    for member, share in shares.items():
        free += kept[member][share:]
        del kept[member][share:]
    for member, share in shares.items():
        missing = share - len(kept[member])
        kept[member] += free[:missing]
        del free[:missing]
    return {member: sorted(numbers) for member, numbers in kept.items()}
