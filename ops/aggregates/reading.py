"""What a manager reads of the aggregates: by week, store and channel, while the file is being written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from cx.rules import DIMENSIONS
from ops.aggregates.cells import BANDS, LEVEL
from ops.aggregates.store import FORMAT, AggregatesError, told_of
from ops.aggregates.weeks import WEEK

if TYPE_CHECKING:
    from pathlib import Path

By = Literal["week", "store", "channel", "all"]
LEVELS: Final = 5
_BUSY_S: Final = 10.0
# One text for all: a column that is not asked for is the same in every row.
_CELLS: Final = """
SELECT week, CASE WHEN ?3 THEN store END, CASE WHEN ?4 THEN channel END, kind, band, SUM(customers), SUM(total)
FROM cells JOIN places ON places.id = cells.place
WHERE week BETWEEN ?1 AND ?2 GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3
"""


@dataclass(slots=True)
class Group:
    """The customers of a week, of one store, one channel, or all (None); empty text is for those who were in none.

    Attributes:
        levels: How many stand on each CX level, from the first.
        bands: How many have a score of 0 to 9, of 10 to 19, and so on to 90 to 100, by dimension.
        totals: The sum of their scores, by dimension.
    """

    week: int
    store: str | None
    channel: str | None
    levels: list[int] = field(default_factory=lambda: [0] * LEVELS)
    bands: list[list[int]] = field(default_factory=lambda: [[0] * BANDS for _ in DIMENSIONS])
    totals: list[int] = field(default_factory=lambda: [0] * len(DIMENSIONS))

    @property
    def customers(self) -> int:
        """How many they are; each counts once a week, where they were last."""
        return sum(self.levels)

    @property
    def mean_level(self) -> float:
        """Their mean CX level."""
        return sum(level * number for level, number in enumerate(self.levels, 1)) / self.customers

    @property
    def means(self) -> tuple[float, ...]:
        """The means of their scores, in the order of `DIMENSIONS`."""
        return tuple(total / self.customers for total in self.totals)


@dataclass(frozen=True, slots=True)
class Row:
    """A group, and the same a week before if there was anybody in it."""

    group: Group
    before: Group | None


@dataclass(frozen=True, slots=True)
class Report:
    """Rows by week, store and channel, oldest first.

    Attributes:
        newest: The week of the newest event; None where nothing is counted.
        complete: The first week of which all events are counted, as far as is known; None if that is every week.
    """

    rows: tuple[Row, ...]
    newest: int | None
    complete: int | None


def report(file: Path, first: int | None, last: int | None, by: By, *, weeks: int = 1) -> Report:
    """Read the weeks from *first* to *last*, ordinals of Mondays; None for so many *weeks*, and for the newest.

    Raises:
        AggregatesError: there is no such file yet, or it cannot be read.
    """
    if not file.is_file():
        message = f"there is nothing counted at {file}: does `cx aggregate` run there?"
        raise AggregatesError(message)
    with (
        told_of(file),
        closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)) as db,
    ):
        # One look at all of it: the process goes on writing.
        db.execute("BEGIN")
        if db.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
            message = f"{file} is of another version's format: `cx aggregate` of this one makes it anew"
            raise AggregatesError(message)
        facts = dict(db.execute("SELECT name, value FROM facts"))
        newest = facts.get("newest", 0)
        last = newest if last is None else last
        first = last - WEEK * (weeks - 1) if first is None else first
        asked = (first - WEEK, last, by in {"store", "all"}, by in {"channel", "all"})
        groups = _groups(db.execute(_CELLS, asked))
    rows = [
        Row(group, groups.get((week - WEEK, store, channel)))
        for (week, store, channel), group in groups.items()
        if week >= first
    ]
    return Report(tuple(rows), newest or None, facts.get("complete") or None)


def _groups(cells: sqlite3.Cursor) -> dict[tuple[int, str | None, str | None], Group]:
    found: dict[tuple[int, str | None, str | None], Group] = {}
    for week, store, channel, kind, band, customers, total in cells:
        group = found.get((week, store, channel))
        if group is None:
            group = found[week, store, channel] = Group(week, store, channel)
        if kind == LEVEL:
            group.levels[band - 1] = customers
        else:
            group.bands[kind - 1][band] = customers
            group.totals[kind - 1] += total
    return found
