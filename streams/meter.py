"""What a lane tells of its work in figures: the small interface between it and whatever shows them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.measured import Measured


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

    def joined(self, seconds: float | None) -> None:
        """The group has us and all numbers are open, after so long; None once they are given up."""

    def decided(self, batches: Sequence[Measured], letters: Mapping[tuple[str, str], int]) -> None:
        """What *batches* led to is committed, with so many dead letters by topic and reason, just now."""

    def shown(self, batches: Sequence[Measured]) -> None:
        """What *batches* led to can be seen in the read model, just now."""

    def ticked(self, number: int, at: int) -> None:
        """A tick of partition *number* was applied whose instant is *at*, in microseconds."""

    def repeated(self, error: str) -> None:
        """A transaction is made again, because of *error*: the name of a class."""

    def beat(self, standing_s: float, late_s: float, pending: int) -> None:
        """The event loop goes round: *late_s* later than asked for, with *pending* records that are not committed yet.

        There has been work for *standing_s* of which nothing moved; 0 where there is none.
        """

    def wrote(self, seconds: float, waiting: int) -> None:
        """The read model was written to in *seconds*; so many views wait by now."""

    def not_written(self, error: str, waiting: int) -> None:
        """The read model could not be written to, because of *error*; so many views wait."""

    def lost(self, partitions: int) -> None:
        """The read model has lost what it had of *partitions*."""

    def mended(self) -> None:
        """A partition of the read model was made whole again."""


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

    def joined(self, seconds: float | None) -> None:
        """Take it."""

    def decided(self, batches: Sequence[Measured], letters: Mapping[tuple[str, str], int]) -> None:
        """Take it."""

    def shown(self, batches: Sequence[Measured]) -> None:
        """Take it."""

    def ticked(self, number: int, at: int) -> None:
        """Take it."""

    def repeated(self, error: str) -> None:
        """Take it."""

    def beat(self, standing_s: float, late_s: float, pending: int) -> None:
        """Take it."""

    def wrote(self, seconds: float, waiting: int) -> None:
        """Take it."""

    def not_written(self, error: str, waiting: int) -> None:
        """Take it."""

    def lost(self, partitions: int) -> None:
        """Take it."""

    def mended(self) -> None:
        """Take it."""


SILENT: Final[Meter] = Silent()
