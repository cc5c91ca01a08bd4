"""Where the time of an event goes in the rules alone: parsed, boiled down, decided, encoded, shown; no Kafka."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Final

from cx.calendar import HOUR
from cx.decide import Arrival, decide
from cx.intake import moment_of
from cx.state import Customer, encode
from cx.view import profile_of
from schemas.inputs import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cx.rules import Rules
    from ops.traffic import records

TICK_BEFORE: Final = HOUR  # the last tick is as old when an event comes
PARTS: Final = {
    "parse": "parse and validate the event",
    "moment": "boil it down to what the rules read",
    "decide": "decide: fold it, tell what changed",
    "encode": "encode the customer",
    "profile": "profile, for whoever reads",
}
HISTORY: Final = {"to 10": 10, "to 100": 100, "to 1,000": 1_000, "more": 10**9}


@dataclass
class Round:
    """Microseconds an event, by part, and by how many events its customer holds."""

    parts: dict[str, float] = field(default_factory=dict)
    by_history: dict[str, float] = field(default_factory=dict)


def measure(arrivals: Sequence[records.Arrival], policy: Rules) -> Round:
    """Take *arrivals* through each part, one event at a time, as if each came alone."""
    found, count = Round(), len(arrivals)
    gc.collect()
    start = perf_counter()
    events = [parse(one.topic, one.key, one.value, ()) for one in arrivals]
    found.parts["parse"] = (perf_counter() - start) / count * 1e6
    start = perf_counter()
    moments = [moment_of(event, policy) for event in events]
    found.parts["moment"] = (perf_counter() - start) / count * 1e6
    customers: dict[bytes, Customer] = {}
    taken = [
        (one.key or b"", (Arrival(moment, one.at * 1_000),), one.at * 1_000 - TICK_BEFORE)
        for one, moment in zip(arrivals, moments, strict=True)
    ]
    spent: dict[str, list[float]] = {name: [0.0, 0] for name in HISTORY}
    del events, moments
    gc.collect()  # what a worker holds at this point is its customers, and no heap of parsed events
    for key, arrival, tick in taken:
        before = customers.get(key) or Customer(key.decode())
        begun = perf_counter()
        customers[key] = decide(before, arrival, tick, policy).customer
        group = spent[_history(before)]
        group[0] += perf_counter() - begun
        group[1] += 1
    found.parts["decide"] = sum(total for total, _ in spent.values()) / count * 1e6
    found.by_history = {name: total / number * 1e6 for name, (total, number) in spent.items() if number}
    states = list(customers.values())
    start = perf_counter()
    for state in states:
        encode(state, policy.lateness)
    found.parts["encode"] = (perf_counter() - start) / len(states) * 1e6
    start = perf_counter()
    for state in states:
        profile_of(state, state.head.reached, policy)
    found.parts["profile"] = (perf_counter() - start) / len(states) * 1e6
    return found


def _history(customer: Customer) -> str:
    return next(name for name, most in HISTORY.items() if customer.events_held <= most)
