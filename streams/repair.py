"""Mending the read model: what a crash cut off, or Redis lost, is pushed again from the state."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from streams.effects import forgotten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streams.effects import Fold, View
    from streams.partition import Partition
    from streams.showing import Showing
    from streams.slot import Slot

log = logging.getLogger(__name__)

PORTION: Final = 100  # decoding so many takes 10 ms, in which nothing else happens
PORTION_BYTES: Final = 4 << 20  # so that a portion finds room among what waits for Redis


class Repair:
    """Pushes views of partitions that the read model calls dirty."""

    def __init__(self, readmodel: Showing, fold: Fold) -> None:
        """Mend *readmodel* with what *fold* shows of a state."""
        self._readmodel, self._fold = readmodel, fold

    async def mend(self, slot: Slot, is_live: Callable[[Slot], bool]) -> None:
        """Push again, in portions, what the read model lacks of *slot*; stop where it is taken from us."""
        if not await self._readmodel.mending(slot.number):
            return
        logged, soiled, views = slot.logged, self._readmodel.soiled(slot.number), 0
        if not is_live(slot):  # its store may have been closed meanwhile
            return
        # Only what was missing when the partition was opened can be known by key: not what got lost since.
        known = slot.unseen if soiled <= 1 else None
        keys: Iterable[bytes] = known or slot.partition.keys()
        slot.unseen = None  # what gets lost from here on is of another time, and may concern any key
        for portion in _portions(view for key in keys if (view := self._view(slot.partition, key))):
            views += len(portion)
            ticket = self._readmodel.push(slot.number, slot.logged, portion, whole=False)
            await self._readmodel.written(ticket)  # not until nothing waits: under steady load something always does
            if not is_live(slot):
                return
        log.info("read model repaired", extra={"partition": slot.number, "views": views})
        self._readmodel.mended(slot.number, logged, soiled)

    def _view(self, partition: Partition, key: bytes) -> View | None:
        value = partition.stored(key)  # committed: what is folded and not yet written may never be
        return forgotten(key) if value is None else self._fold.view(value, partition.tick)


def _portions(views: Iterable[View]) -> Iterator[list[View]]:
    portion: list[View] = []
    size = 0
    for view in views:
        portion.append(view)
        size += view.bytes
        if len(portion) >= PORTION or size >= PORTION_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
