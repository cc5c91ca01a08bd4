"""Small runs of made-up traffic, and sinks that remember, for the tests of traffic."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from ops.traffic.arrivals import events
from ops.traffic.options import Options
from ops.traffic.programme import Programme
from ops.traffic.records import Arrival, Kind
from schemas.policy_file import parse_policy

NOW = datetime(2026, 3, 31, 17, 0, tzinfo=UTC)  # midnight in Vietnam
YEAR = timedelta(days=400)
POLICIES = Path(__file__).parents[2] / "policies"
RETAIL = parse_policy((POLICIES / "retail-vn.yaml").read_text("utf-8"))
PROGRAMME = Programme.of(RETAIL)


def run(**wanted: Any) -> Options:
    """Return options of a run of 400 days, as fast as possible, without faults of transport."""
    quiet = {"late_share": 0.0, "duplicate_share": 0.0, "poison_share": 0.0}
    return Options(**{"now": NOW, "rate": 0.0, "events": 6_000, "customers": 400, "span": YEAR, **quiet, **wanted})


@lru_cache(maxsize=8)
def made(options: Options) -> tuple[Arrival, ...]:
    """Return all records of a run; tests share them."""
    return tuple(events(options))


def lived(options: Options) -> list[tuple[Arrival, dict[str, Any]]]:
    """Return the valid events of a run with their values, in the order in which they happened."""
    found = [(one, orjson.loads(one.value or b"")) for one in made(options) if one.kind is Kind.EVENT]
    return sorted(found, key=lambda pair: pair[0].time)


def by_customer(options: Options) -> dict[str, list[tuple[Arrival, dict[str, Any]]]]:
    """Return the valid events of a run by customer, each in the order in which they happened."""
    found = defaultdict(list)
    for one, value in lived(options):
        found[one.customer].append((one, value))
    return found


class Memory:
    """A sink that remembers what it was given."""

    def __init__(self) -> None:
        self.taken: list[Arrival] = []
        self.flushed = 0

    async def send(self, arrival: Arrival) -> None:
        self.taken.append(arrival)

    async def tick(self, arrival: Arrival) -> int:
        self.taken.append(arrival)
        return 3

    async def flush(self) -> None:
        self.flushed = len(self.taken)
