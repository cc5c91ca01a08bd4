"""Cells: how many customers of a week and place stood where; pure sums, to which stands are added and taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from cx.rules import DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.aggregates.weeks import Stand

LEVEL: Final = 0  # kind of the cells of CX levels; those of the dimensions are 1 to 5, in the order of `DIMENSIONS`
BAND: Final = 10  # points of a score
BANDS: Final = 10  # the last one holds 100 as well
_TOP: Final = BAND * BANDS
_SUMS: Final = (1 + len(DIMENSIONS)) * BANDS


class Cell(NamedTuple):
    """One cell: of a week (the ordinal of its Monday), a place and a kind; a level, or a band of scores."""

    week: int
    store: str
    channel: str
    kind: int
    band: int


class Changes:
    """What has to be added to cells: customers, and the sum of their scores."""

    def __init__(self) -> None:
        """Begin with nothing."""
        # Week, store and channel -> customers by kind and band, one after the other, and behind them the sums likewise.
        self._by_place: dict[tuple[int, str, str], list[int]] = {}

    def replace(self, week: int, before: Stand | None, after: Stand | None) -> None:
        """Let a customer count in *week* as they stand *after*, and no more as *before*; None for not at all."""
        if before is not None:
            self._add(week, before, -1)
        if after is not None:
            self._add(week, after, 1)

    def __iter__(self) -> Iterator[tuple[Cell, int, int]]:
        """Yield the cells that change, with what to add to their customers and to their sums."""
        for place, counts in self._by_place.items():
            for number in range(_SUMS):
                customers, total = counts[number], counts[_SUMS + number]
                if customers or total:
                    yield Cell(*place, *divmod(number, BANDS)), customers, total

    def _add(self, week: int, stand: Stand, times: int) -> None:
        store, channel, level, scores = stand
        counts = self._by_place.get((week, store, channel))
        if counts is None:
            counts = self._by_place[week, store, channel] = [0] * (2 * _SUMS)
        counts[level] += times
        number = 0
        for score in scores:
            number += BANDS
            band = number + (score // BAND if score < _TOP else BANDS - 1)
            counts[band] += times
            counts[_SUMS + band] += score * times
