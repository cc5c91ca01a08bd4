"""Facts about gifts in one file of SQLite: each event once, with the offsets up to which the topics were read."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from cx.calendar import micros
from schemas import inputs, outputs
from schemas.errors import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from aiokafka import ConsumerRecord

FILE: Final = "gifts.sqlite"
TOPICS: Final = ("cx.rewards", "cx.reward-events", "cx.gift-answers")
# What is gathered, and under which name; all else on these topics says nothing that is counted.
KINDS: Final = {
    "reward.offered": "offered",
    "reward.chosen": "chosen",
    "reward.issued": "issued",
    "reward.unavailable": "unavailable",
    "reward.expired": "expired",
    "reward.revoked": "revoked",
    "gift.redeemed": "redeemed",
    "gift.allocated": "paid",
    "gift.lapsed": "returned",
    "gift.withdrawn": "returned",
}
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS positions (topic TEXT, number INTEGER, offset INTEGER, PRIMARY KEY (topic, number));
CREATE TABLE IF NOT EXISTS facts (
    id TEXT PRIMARY KEY, reward TEXT, claim TEXT, kind TEXT, at INTEGER,
    tier TEXT, gift TEXT, brand TEXT, amount INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_reward ON facts (reward, at);
"""

Place = tuple[str, int]
"""A topic and the number of a partition."""


class Fact(NamedTuple):
    """One event about a reward.

    Attributes:
        id: Of the event, with its source: the same event again is no other fact.
        claim: At the gift desk; empty where the gift is not from there.
        at: When it happened, in microseconds.
        amount: The face value of what was issued, or what the budgets paid; 0 where neither is said.
    """

    id: str
    reward: str
    claim: str
    kind: str
    at: int
    tier: str
    gift: str
    brand: str
    amount: int


class Facts:
    """The file, open."""

    def __init__(self, path: Path) -> None:
        """Open the file at *path*, made where it is missing: all of it can be read from the topics again."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, isolation_level=None)
        self._file.executescript(_TABLES)

    def __enter__(self) -> Self:
        """Return what is open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._file.close()

    def positions(self) -> dict[Place, int]:
        """Return up to which offset each partition was read."""
        return {(topic, number): offset for topic, number, offset in self._file.execute("SELECT * FROM positions")}

    def add(self, facts: Iterable[Fact], positions: Mapping[Place, int]) -> None:
        """Take *facts*, and that all before *positions* was read, both or neither."""
        with self._whole():
            self._file.executemany("INSERT OR IGNORE INTO facts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", facts)
            rows = ((topic, number, offset) for (topic, number), offset in positions.items())
            self._file.executemany("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", rows)

    def empty(self) -> None:
        """Forget everything: the topics are others than those that were read."""
        with self._whole():
            self._file.execute("DELETE FROM facts")
            self._file.execute("DELETE FROM positions")

    def by_reward(self) -> Iterator[Fact]:
        """Yield all facts, those of a reward one after another and in the order in which they happened."""
        return map(Fact._make, self._file.execute("SELECT * FROM facts ORDER BY reward, at, kind, id"))

    @contextmanager
    def _whole(self) -> Iterator[None]:
        self._file.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")


def fact_of(record: ConsumerRecord[bytes, bytes]) -> Fact | None:
    """Return what *record* says of a gift; None where that is nothing that counts, or it cannot be read."""
    try:
        if record.topic in outputs.READERS:
            event: Any = outputs.read(record.topic, record.value, record.headers)
        else:
            event = inputs.parse(record.topic, record.key, record.value, record.headers)
    except Unreadable:
        return None  # it is among the dead letters
    kind, data = KINDS.get(event.type), event.data
    if kind is None or (kind == "unavailable" and data.wait_until) or (kind == "returned" and not data.returned):
        return None
    amount = {"issued": "face_value", "paid": "cost"}.get(kind)
    return Fact(
        id=f"{event.source}\n{event.id}",
        reward=str(data.reward_id),
        claim=str(getattr(data, "claim_id", None) or getattr(data, "request_id", None) or ""),
        kind=kind,
        at=micros(event.time),
        tier=getattr(data, "tier", None) or "",
        gift=getattr(data, "gift_id", None) or "",
        brand=getattr(data, "brand", None) or "",
        amount=(getattr(data, amount, None) or 0) if amount else 0,
    )
