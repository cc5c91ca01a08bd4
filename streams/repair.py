"""Mending the read model: what a crash cut off, or Redis lost, is pushed again from the state."""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streams.effects import Fold, View
    from streams.partition import Partition
    from streams.readmodel import ReadModel
    from streams.slot import Slot

log = logging.getLogger(__name__)

PORTION: Final = 500


class Repair:
    """Pushes views of partitions that the read model calls dirty."""

    def __init__(self, readmodel: ReadModel, fold: Fold) -> None:
        """Mend *readmodel* with what *fold* shows of a state."""
        self._readmodel, self._fold = readmodel, fold

    async def mend(self, slot: Slot, is_live: Callable[[Slot], bool]) -> None:
        """Push again, in portions, what the read model lacks of *slot*; stop where it is taken from us."""
        keys: Iterable[bytes] = slot.partition.keys() if slot.unseen is None else slot.unseen
        slot.unseen = None  # what gets lost from here on is of another time, and may concern any key
        logged, soiled, views = slot.logged, self._readmodel.soiled(slot.number), 0
        for portion in _portions(keys):
            found = [view for key in portion if (view := self._view(slot.partition, key))]
            views += len(found)
            self._readmodel.push(slot.number, None, found)
            await self._readmodel.drained()
            if not is_live(slot):
                return
        log.info("read model repaired", extra={"partition": slot.number, "views": views})
        self._readmodel.mended(slot.number, logged, soiled)

    def _view(self, partition: Partition, key: bytes) -> View | None:
        value = partition.encoded(key)
        return self._fold.view(value, partition.tick) if value is not None else None


def _portions(keys: Iterable[bytes]) -> Iterator[list[bytes]]:
    remaining = iter(keys)
    while portion := list(islice(remaining, PORTION)):
        yield portion
