"""A store of aggregates in a folder, portions of a changelog to count, and what the cells hold."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ops.aggregates.cells import Cell
from ops.aggregates.store import FILE
from streams.changelog import Portion

CELLS = "SELECT week, store, channel, kind, band, customers, total FROM cells JOIN places ON places.id = place"


def cells(folder: Path) -> dict[Cell, tuple[int, int]]:
    """Return customers and sum of scores of each cell, as another process sees them."""
    with closing(sqlite3.connect(folder / FILE)) as db:
        return {Cell(*row[:5]): (row[5], row[6]) for row in db.execute(CELLS)}


def portion(*records: tuple[str, bytes | None], start: int = 0, number: int = 0) -> Portion:
    """Return a portion of states by customer, at offsets from *start* on."""
    numbered = [(start + place, name.encode(), value) for place, (name, value) in enumerate(records)]
    return Portion(number, numbered, start + len(records))
