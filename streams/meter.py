"""What a lane tells of its work in figures: the small interface between it and whatever shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Meter(Protocol):
    """Takes figures; called once a batch, a transaction or a rebalance, never once an event."""

    def assigned(self, partitions: int) -> None:
        """Partition numbers were opened (a rebalance ended with so many), or all given up: 0."""

    def recovering(self, remaining: Mapping[int, int]) -> None:
        """Recovery has so many offsets of the changelog before it, by partition number; 0 for one that is done."""

    def recovered(self, records: int, seconds: float) -> None:
        """A recovery of all partitions taken over has ended."""

    def committed(self, records: int, seconds: float) -> None:
        """A transaction of *records* has been committed, in *seconds* from its first request."""


class Silent:
    """A meter that nobody reads."""

    def assigned(self, partitions: int) -> None:
        """Take it."""

    def recovering(self, remaining: Mapping[int, int]) -> None:
        """Take it."""

    def recovered(self, records: int, seconds: float) -> None:
        """Take it."""

    def committed(self, records: int, seconds: float) -> None:
        """Take it."""


SILENT: Final[Meter] = Silent()
