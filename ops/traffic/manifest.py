"""The manifest: exactly what a run produced, for whoever wants to check what became of it."""

from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import orjson

from ops.traffic.instants import from_ms
from ops.traffic.options import Options
from ops.traffic.records import Arrival, Kind

LATE_FROM: Final = 3_600_000  # milliseconds between happening and arrival that make an event late


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What was produced; instants are simulated ones.

    Attributes:
        run: The run's name, which all its ids begin with.
        options: The options as plain values.
        records: Records in all, ticks not counted: events, duplicates and poison.
        events: Valid events with ids of their own, by type.
        customers: By customer, how many distinct valid events there are; only those that have any.
        duplicates: Records that repeat an earlier one.
        poison: Records for dead letters, by the reason that they must be given.
        late: Valid events that arrived at least an hour after they happened.
        ticks: Instants at which the clock ticked, and `tick_records` how many records that were.
        first_event: Earliest time of a valid event, and `last_event` the latest; None without events.
        first_tick: First instant that was ticked, and `last_tick` the last; None without ticks.
        seconds: How long the run took on the wall.
        behind_ms: By how much the worst record was sent later than the rate asked; 0 where none was asked.
    """

    run: str
    options: dict[str, Any]
    records: int
    events: dict[str, int]
    customers: dict[str, int]
    duplicates: int
    poison: dict[str, int]
    late: int
    ticks: int
    tick_records: int
    first_event: datetime | None
    last_event: datetime | None
    first_tick: datetime | None
    last_tick: datetime | None
    seconds: float = 0.0
    behind_ms: int = 0

    def plus(self, events: Counter[str], customers: Counter[str]) -> Self:
        """Return it with so many valid *events* more, by type, and the same by customer."""
        return replace(
            self,
            records=self.records + events.total(),
            events=dict(Counter(self.events) + events),
            customers=dict(Counter(self.customers) + customers),
        )

    def write(self, path: Path) -> None:
        """Write as JSON, one document."""
        path.write_bytes(self.encoded())

    def encoded(self) -> bytes:
        """Return it as JSON, one document."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is no JSON.
            TypeError: It is no manifest.
        """
        found: dict[str, Any] = orjson.loads(path.read_bytes())
        moments = ("first_event", "last_event", "first_tick", "last_tick")
        return cls(**found | {name: datetime.fromisoformat(found[name]) for name in moments if found[name]})


class Tally:
    """Counts a run's records as they are taken by a sink."""

    def __init__(self, options: Options) -> None:
        """Begin at nothing."""
        self._options: Final = options
        self.records = 0
        self._events: Final = Counter[str]()
        self._customers: Final = Counter[str]()
        self._poison: Final = Counter[str]()
        self._duplicates = self._late = self._ticks = self._tick_records = 0
        self._times: tuple[int, int] | None = None
        self._ticked: tuple[int, int] | None = None

    def add(self, arrival: Arrival) -> None:
        """Count one record that is no tick."""
        self.records += 1
        if arrival.kind is Kind.EVENT:
            self._events[arrival.type] += 1
            self._customers[arrival.customer] += 1
            self._late += arrival.at - arrival.time >= LATE_FROM
            if self._times is None:
                self._times = arrival.time, arrival.time
            elif not self._times[0] <= arrival.time <= self._times[1]:
                self._times = min(self._times[0], arrival.time), max(self._times[1], arrival.time)
        elif arrival.kind is Kind.DUPLICATE:
            self._duplicates += 1
        elif arrival.reason is not None:
            self._poison[arrival.reason.value] += 1

    def add_tick(self, arrival: Arrival, records: int) -> None:
        """Count one tick, of which a sink writes so many *records*."""
        self._ticks += 1
        self._tick_records += records
        self._ticked = (self._ticked or (arrival.at, arrival.at))[0], arrival.at

    def manifest(self, seconds: float = 0.0, behind_ms: int = 0) -> Manifest:
        """Return what was counted so far."""
        first_event, last_event = _moments(self._times)
        first_tick, last_tick = _moments(self._ticked)
        return Manifest(
            run=self._options.run,
            options=self._options.facts(),
            records=self.records,
            events=dict(sorted(self._events.items())),
            customers=dict(sorted(self._customers.items())),
            duplicates=self._duplicates,
            poison=dict(sorted(self._poison.items())),
            late=self._late,
            ticks=self._ticks,
            tick_records=self._tick_records,
            first_event=first_event,
            last_event=last_event,
            first_tick=first_tick,
            last_tick=last_tick,
            seconds=seconds,
            behind_ms=behind_ms,
        )


def _moments(pair: tuple[int, int] | None) -> tuple[datetime | None, datetime | None]:
    return (from_ms(pair[0]), from_ms(pair[1])) if pair else (None, None)
