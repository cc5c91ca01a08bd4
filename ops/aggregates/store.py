"""The file of the aggregates (SQLite): cells, what they are made of, and how far the changelog is counted.

All of it moves in one transaction, so that nothing counts twice whatever is killed. Customers are in it by their ids;
nothing else in it would tell who they are.
"""

from __future__ import annotations

import fcntl
import logging
import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from ops.aggregates.weeks import Stand
from schemas.errors import CxError
from streams.settings import EXIT_CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ops.aggregates.cells import Changes

log = logging.getLogger(__name__)

FILE: Final = "cx-weeks.sqlite3"
FORMAT: Final = 1
LIFE_S: Final = 12 * 3600  # half of what a tombstone lives in the changelog: a file that was away longer missed some
CACHE_KIB: Final = 64 << 10
HELD_MAX: Final = 50_000  # customers, and stands, held in memory between transactions; some 500 bytes each
EXIT_BROKEN: Final = 70
_SCHEMA: Final = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE partitions (
    number INTEGER PRIMARY KEY, offset INTEGER NOT NULL, incarnation TEXT NOT NULL, sweep_at INTEGER
);
CREATE TABLE places (id INTEGER PRIMARY KEY, store TEXT NOT NULL, channel TEXT NOT NULL, UNIQUE (store, channel));
CREATE TABLE customers (
    id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, partition INTEGER NOT NULL, round INTEGER NOT NULL,
    version INTEGER NOT NULL, floor INTEGER NOT NULL, settled INTEGER NOT NULL, moments INTEGER NOT NULL,
    size INTEGER NOT NULL, checksum INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    at INTEGER NOT NULL
);
CREATE TABLE stands (
    week INTEGER, customer INTEGER, place INTEGER NOT NULL, level INTEGER NOT NULL, scores BLOB NOT NULL,
    PRIMARY KEY (week, customer)
) WITHOUT ROWID;
CREATE TABLE cells (
    week INTEGER, place INTEGER, kind INTEGER, band INTEGER, customers INTEGER NOT NULL, total INTEGER NOT NULL,
    PRIMARY KEY (week, place, kind, band)
) WITHOUT ROWID;
"""
_TABLES: Final = ("facts", "partitions", "places", "customers", "stands", "cells")


class AggregatesError(CxError):
    """The file of the aggregates cannot be used; one line for a person."""

    exit_code = EXIT_BROKEN


class TakenError(AggregatesError):
    """Another process writes the file."""

    exit_code = EXIT_CONFIG


class Known(NamedTuple):
    """What is remembered of a customer's last state.

    Attributes:
        round: The reading of the changelog in which they were met last.
        version: See `cx.state.Customer`, likewise `floor` and `settled`.
        moments: How many recent moments it had; `size` and `checksum` are those of their bytes.
        first: The first week in which they are counted, and `last` that of their last event, which was at `at`.
    """

    id: int
    round: int
    version: int
    floor: int
    settled: int
    moments: int
    size: int
    checksum: int
    first: int
    last: int
    at: int


class Store:
    """The file, held by one process that writes; others may read meanwhile."""

    def __init__(self, folder: Path) -> None:
        """Open or create the file in *folder*; one of another format is made anew.

        Raises:
            TakenError: another process writes it.
            AggregatesError: it cannot be opened.
        """
        self.path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / f"{FILE}.lock").open("wb")
        except OSError as error:
            message = f"{folder} cannot be written: {error.strerror}"
            raise AggregatesError(message) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            message = f"another process counts into {self.path}"
            raise TakenError(message) from None
        self._places: dict[tuple[str, str], int] = {}
        self._names: dict[int, tuple[str, str]] = {}
        # Most of those who come now come again soon. What is changed here is written when the transaction ends.
        self._known: dict[bytes, Known | None] = {}
        self._stands: dict[tuple[int, int], Stand | None] = {}
        self._changed: set[bytes] = set()
        self._set: set[tuple[int, int]] = set()
        try:
            with told_of(self.path):
                self._db = sqlite3.connect(self.path, isolation_level=None)
                self._prepare()
        except AggregatesError:
            self._db.close()
            self._lock.close()
            raise

    def _prepare(self) -> None:
        run = self._db.execute
        run("PRAGMA journal_mode = WAL")
        # A power failure may take the last transactions, but whole: the changelog has them still.
        run("PRAGMA synchronous = NORMAL")
        run("PRAGMA secure_delete = ON")  # who was forgotten is not left in free pages either
        run(f"PRAGMA cache_size = -{CACHE_KIB}")
        found = run("PRAGMA user_version").fetchone()[0]
        if found not in {0, FORMAT}:
            log.warning("aggregates of another format are made again", extra={"format": found})
            self._db.close()
            for name in (self.path.name, f"{self.path.name}-wal", f"{self.path.name}-shm"):
                self.path.with_name(name).unlink(missing_ok=True)
            self._db = sqlite3.connect(self.path, isolation_level=None)
            self._prepare()
        elif not found:
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;")

    def close(self) -> None:
        """Write everything out, and let another process write the file."""
        self._db.close()
        self._lock.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all that is written inside, or nothing of it.

        Raises:
            AggregatesError: the file cannot be written.
        """
        with told_of(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._write()
                self.set_fact("at", int(time.time()))
                self._db.execute("COMMIT")
            except BaseException:
                # A disk that is full has ended it already.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self._drop()
                raise

    # Facts about the whole

    def fact(self, name: str) -> int:
        """Return a number that was set; 0 for none."""
        found = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return found[0] if found else 0

    def set_fact(self, name: str, value: int) -> None:
        """Remember a number."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    # How far the changelog is counted

    def positions(self) -> dict[int, int]:
        """Return the next offset of each partition of which anything is counted."""
        return dict(self._db.execute("SELECT number, offset FROM partitions"))

    def incarnation(self, number: int) -> str:
        """Return what the changelog of a partition is known by, or nothing."""
        found = self._db.execute("SELECT incarnation FROM partitions WHERE number = ?", (number,)).fetchone()
        return found[0] if found else ""

    def move_on(self, number: int, offset: int, incarnation: str) -> list[bytes]:
        """Say that a partition is counted up to *offset*; return who was not met in a whole reading that ends here."""
        run = self._db.execute
        run(
            "INSERT INTO partitions VALUES (?1, ?2, ?3, NULL) ON CONFLICT DO UPDATE SET offset = ?2, incarnation = ?3",
            (number, offset, incarnation),
        )
        due = "SELECT 1 FROM partitions WHERE number = ? AND sweep_at <= offset"
        if run(due, (number,)).fetchone() is None:
            return []
        self._write()
        run("UPDATE partitions SET sweep_at = NULL WHERE number = ?", (number,))
        gone = "SELECT name FROM customers WHERE partition = ? AND round <> ?"
        return [name for (name,) in run(gone, (number, self.fact("round")))]

    @property
    def is_stale(self) -> bool:
        """Whether so much time has gone by that the changelog may have dropped a tombstone that is not counted."""
        at = self.fact("at")
        return bool(at) and not 0 <= time.time() - at < LIFE_S

    def read_again(self, ends: Mapping[int, int]) -> None:
        """Read the whole changelog once more: who is not met before the *ends* of its partitions is forgotten."""
        with self.transaction():
            self.set_fact("round", self.fact("round") + 1)
            self._db.execute("UPDATE partitions SET offset = 0")
            for number, end in ends.items():
                self._db.execute(
                    "INSERT INTO partitions VALUES (?1, 0, '', ?2) ON CONFLICT DO UPDATE SET sweep_at = ?2",
                    (number, end),
                )

    def empty(self) -> None:
        """Forget everything."""
        with self.transaction():
            for table in _TABLES:
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608  # one of our own names
            self._drop()

    # Customers

    def known(self, name: bytes) -> Known | None:
        """Return what is remembered of a customer."""
        if name in self._known:
            return self._known[name]
        found = self._db.execute(
            "SELECT id, round, version, floor, settled, moments, size, checksum, first, last, at FROM customers"
            " WHERE name = ?",
            (name,),
        ).fetchone()
        known = self._known[name] = Known._make(found) if found else None
        return known

    def remember(self, name: bytes, partition: int, known: Known) -> Known:
        """Remember a new customer, and return them with an id."""
        made = self._db.execute(
            "INSERT INTO customers VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (name, partition, *known[1:])
        )
        known = self._known[name] = known._replace(id=made.lastrowid or 0)
        return known

    def update(self, name: bytes, known: Known) -> None:
        """Remember of a customer what changed."""
        self._known[name] = known
        self._changed.add(name)

    def forget(self, name: bytes, known: Known) -> None:
        """Remember nothing of a customer who counts nowhere any more."""
        self._write()
        self._db.execute("DELETE FROM customers WHERE id = ?", (known.id,))
        self._known[name] = None

    def stand(self, week: int, customer: int) -> Stand | None:
        """Return how a customer is counted in a week."""
        if (week, customer) in self._stands:
            return self._stands[week, customer]
        found = self._db.execute(
            "SELECT place, level, scores FROM stands WHERE week = ? AND customer = ?", (week, customer)
        ).fetchone()
        stand = Stand(*self._place(found[0]), found[1], tuple(found[2])) if found else None
        self._stands[week, customer] = stand
        return stand

    def set_stand(self, week: int, customer: int, stand: Stand | None) -> None:
        """Say how a customer is counted in a week."""
        self._stands[week, customer] = stand
        self._set.add((week, customer))

    def _write(self) -> None:
        """Write what has changed in memory, and let go of that where it is much."""
        gone, there = [], []
        for key in self._set:
            stand = self._stands[key]
            if stand is None:
                gone.append(key)
            else:
                place = self._place_id(stand.store, stand.channel)
                there.append((*key, place, stand.level, bytes(stand.scores)))
        changed = [(*known[1:], known.id) for name in self._changed if (known := self._known[name])]
        self._db.executemany("DELETE FROM stands WHERE week = ? AND customer = ?", gone)
        self._db.executemany("INSERT OR REPLACE INTO stands VALUES (?, ?, ?, ?, ?)", there)
        self._db.executemany(
            "UPDATE customers SET round = ?, version = ?, floor = ?, settled = ?, moments = ?, size = ?, checksum = ?,"
            " first = ?, last = ?, at = ? WHERE id = ?",
            changed,
        )
        self._changed.clear()
        self._set.clear()
        if max(len(self._known), len(self._stands)) > HELD_MAX:
            self._known.clear()
            self._stands.clear()

    def _drop(self) -> None:
        """Let go of all that is held in memory."""
        for held in (self._known, self._stands, self._changed, self._set, self._places, self._names):
            held.clear()

    # Cells

    def add(self, changes: Changes) -> None:
        """Add *changes* to the cells; those that nobody is in are gone."""
        rows = [
            (cell.week, self._place_id(cell.store, cell.channel), cell.kind, cell.band, customers, total)
            for cell, customers, total in changes
        ]
        self._db.executemany(
            "INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET customers = customers + excluded.customers, total = total + excluded.total",
            rows,
        )
        self._db.executemany(
            "DELETE FROM cells WHERE week = ? AND place = ? AND kind = ? AND band = ? AND customers = 0",
            [row[:4] for row in rows if row[4] < 0],
        )

    def forget_before(self, week: int) -> None:
        """Forget weeks before *week*, and the customers who had no event since."""
        self._write()
        for statement in (
            "DELETE FROM stands WHERE week < ?1",
            "DELETE FROM cells WHERE week < ?1",
            "DELETE FROM customers WHERE last < ?1",
            "UPDATE customers SET first = ?1 WHERE first < ?1",
            "DELETE FROM places WHERE ?1 AND id NOT IN (SELECT place FROM cells)",
        ):
            self._db.execute(statement, (week,))
        self._drop()

    def _place_id(self, store: str, channel: str) -> int:
        found = self._places.get((store, channel))
        if found is None:
            place = (store, channel)
            self._db.execute("INSERT OR IGNORE INTO places VALUES (NULL, ?, ?)", place)
            row = self._db.execute("SELECT id FROM places WHERE store = ? AND channel = ?", place).fetchone()
            found = self._places[place] = row[0]
        return found

    def _place(self, number: int) -> tuple[str, str]:
        found = self._names.get(number)
        if found is None:
            row = self._db.execute("SELECT store, channel FROM places WHERE id = ?", (number,)).fetchone()
            found = self._names[number] = (row[0], row[1])
        return found


@contextmanager
def told_of(path: Path) -> Iterator[None]:
    """Turn what SQLite says of the file at *path* into a line for a person."""
    try:
        yield
    except sqlite3.Error as error:
        message = (
            f"{path} cannot be used ({getattr(error, 'sqlite_errorname', type(error).__name__)}):"
            " if it is damaged, delete it, and it is made again from what the changelog has"
        )
        raise AggregatesError(message) from error
