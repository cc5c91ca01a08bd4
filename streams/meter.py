"""What a lane tells of its work in figures: the small interface between it and whatever shows them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Phase(StrEnum):
    """What is done while partition numbers are opened, in this order; Kafka may make each of them take long."""

    FENCING = "fencing"  # what predecessors have open is ended
    OFFSETS = "offsets"  # the committed ones, once no open transaction can change them
    ENDS = "ends"  # of the changelogs
    STATE = "state"  # is read back


class Meter(Protocol):
    """Takes figures; called once a batch, a transaction or a rebalance, never once an event."""

    def assigned(self, partitions: int) -> None:
        """Partition numbers were opened (a rebalance ended with so many), or all given up: 0."""

    def opening(self, phase: Phase | None) -> None:
        """Partition numbers are being opened, and this is done now; None once they are open or given up."""

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

    def opening(self, phase: Phase | None) -> None:
        """Take it."""

    def recovering(self, remaining: Mapping[int, int]) -> None:
        """Take it."""

    def recovered(self, records: int, seconds: float) -> None:
        """Take it."""

    def committed(self, records: int, seconds: float) -> None:
        """Take it."""


SILENT: Final[Meter] = Silent()
