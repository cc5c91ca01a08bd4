"""What a lane asks of its read model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from streams.effects import Receipt, View


class Showing(Protocol):
    """Shows views after their commit, never holds the lane up, and knows of which partitions it lacks something."""

    def start(self) -> None:
        """Begin to write."""

    async def stop(self) -> None:
        """Write what waits, for a moment at most, and close."""

    def push(self, partition: int, offset: int, views: Iterable[View], *, whole: bool = True) -> int:
        """Take *views* of a partition as of the changelog *offset*; return what `written` waits for."""

    def answer(self, receipts: Iterable[Receipt]) -> None:
        """Take *receipts* of what is committed, to be written after all views that were pushed before."""

    async def written(self, ticket: int) -> None:
        """Wait until what `push` gave *ticket* for is written."""

    def soil(self, partition: int) -> None:
        """Take note that something of *partition* is missing."""

    def soiled(self, partition: int) -> int:
        """Return how often something of *partition* was found missing since it was whole."""

    def dirty(self) -> set[int]:
        """Return the partitions whose views must be made again from their state."""

    async def mending(self, partition: int) -> bool:
        """Make ready for the views of *partition*, made again; return whether they may come."""

    def mended(self, partition: int, offset: int, soiled: int) -> None:
        """Take note that all views of *partition* up to *offset* were pushed again, as of *soiled* losses."""

    async def positions(self, partitions: Collection[int]) -> dict[int, int]:
        """Return by partition the changelog offset up to which it was written, or -1."""

    async def take_over(self, incarnations: Mapping[int, str]) -> set[int]:
        """Write for these *incarnations* of partitions; return those of which another changelog was written."""
