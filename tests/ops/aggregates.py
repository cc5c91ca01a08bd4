"""A store of aggregates in a folder, portions of a changelog to count, and what the cells have to be."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from cx import scores
from cx.decide import Arrival, decide
from cx.moments import AnyMoment
from cx.rules import DIMENSIONS, Rules
from cx.state import Customer
from ops.aggregates.cells import Cell
from ops.aggregates.store import FILE
from streams.changelog import Portion

CELLS = "SELECT week, store, channel, kind, band, customers, total FROM cells JOIN places ON places.id = place"
POSITIONS = "SELECT number, offset FROM partitions"

Cells = dict[Cell, tuple[int, int]]


def cells(folder: Path) -> Cells:
    """Return customers and sum of scores of each cell, as another process sees them."""
    with closing(sqlite3.connect(folder / FILE)) as db:
        return {Cell(*row[:5]): (row[5], row[6]) for row in db.execute(CELLS)}


def positions(folder: Path) -> dict[int, int]:
    """Return how far each partition is counted; nothing while there is no file."""
    if not (folder / FILE).exists():
        return {}
    with closing(sqlite3.connect(folder / FILE)) as db:
        return dict(db.execute(POSITIONS))


def portion(*records: tuple[str, bytes | None], start: int = 0, number: int = 0) -> Portion:
    """Return a portion of states by customer, at offsets from *start* on."""
    numbered = [(start + place, name.encode(), value) for place, (name, value) in enumerate(records)]
    return Portion(number, numbered, start + len(records))


def expected(lives: Iterable[Iterable[AnyMoment]], rules: Rules) -> Cells:
    """Return the cells of customers from the head that each event leaves, in order; no state is read."""
    found: defaultdict[Cell, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for moments in lives:
        customer, stands = Customer("lan"), dict[int, dict[Cell, int]]()
        for moment in sorted(moments, key=lambda moment: moment.key):
            customer = decide(customer, [Arrival(moment, moment.at)], 0, rules).customer
            head, day = customer.head, rules.calendar.day(moment.at)
            week = day - (day - 1) % 7
            marks = [scores.score(head, place, day, rules) for place in range(len(DIMENSIONS))]
            stands[week] = {Cell(week, *head.place, 0, head.level): 0} | {
                Cell(week, *head.place, kind, min(mark // 10, 9)): mark for kind, mark in enumerate(marks, 1)
            }
        for cell, mark in (pair for stand in stands.values() for pair in stand.items()):
            found[cell] = (found[cell][0] + 1, found[cell][1] + mark)
    return dict(found)
