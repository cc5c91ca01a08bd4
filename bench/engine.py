"""Engine: the pure fold of the full rules in memory, one core, no Kafka: events a second, and where the time goes.

`python -m bench.engine --help` tells how to try it with fewer customers; `bench/README.md` how to read it.
"""

from __future__ import annotations

import argparse
import gc
from dataclasses import dataclass, field
from statistics import median
from textwrap import fill
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import yaml

from bench.harness import machine
from bench.harness.chart import Bar, Group, bars
from bench.harness.figures import Spread, Target, spread, verdict
from bench.harness.lives import DAYS, EVENTS_A_MONTH, POLICY, traffic
from bench.harness.page import table, target_table
from bench.harness.stand import facts, finish, say
from cx.decide import Arrival, decide
from cx.intake import moment_of
from cx.rules import compile_policy
from cx.state import Customer, encode
from cx.view import profile
from ops.traffic.records import Kind
from schemas.inputs import parse
from schemas.policy_file import parse_policy
from streams.settings import PRESETS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cx.rules import Rules
    from ops.traffic import records

LIVES: Final = 600
ROUNDS: Final = 5
PER_SECOND_MIN: Final = 20_000
TICK_BEFORE: Final = 3_600 * 1_000_000  # the last tick is an hour old when an event comes, in microseconds
WIDTH: Final = 118
PARTS: Final = {
    "parse": "parse and validate the event",
    "moment": "boil it down to what the rules read",
    "decide": "decide: fold it, tell what changed",
    "encode": "encode the customer",
    "profile": "profile for the read model",
}
POINTS: Final = {"rates": [{"per": 10_000}], "pending_days": 14, "expiry": {"after_months": 12}}


@dataclass
class Round:
    """Microseconds an event, by part, and by how many events its customer holds."""

    parts: dict[str, float] = field(default_factory=dict)
    by_history: dict[str, float] = field(default_factory=dict)


def main() -> None:
    """Measure, print tables and last the line of JSON; write the docs where the measurement is a full one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=LIVES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    load_before = machine.load()
    say(f"making {DAYS} days of {options.customers} customers")
    arrivals = [one for one in traffic(options.customers)[0] if one.kind is Kind.EVENT]
    variants = {"full rules": rules(), "with points": rules(points=POINTS), "20 tiers": rules(tiers=20)}
    found: dict[str, list[Round]] = {name: [] for name in variants}
    for number in range(options.rounds):
        for name, policy in variants.items():  # interleaved, so that a busy moment of the machine hits all
            found[name].append(measure(arrivals, policy))
        say(f"round {number + 1}: {1e6 / found['full rules'][-1].parts['decide']:,.0f} events/s")
    figures, targets = summarise(found, len(arrivals))
    full = options.customers >= LIVES and options.rounds >= ROUNDS
    figures |= facts(full=full, load_before=load_before, customers=options.customers)
    chart = bars("Microseconds an event, full rules, one core", "µs", [Group("", _bars(found["full rules"]))])
    finish("engine", describe(found, figures, targets), figures, targets, chart, ok=verdict(targets))


def rules(points: dict[str, Any] | None = None, tiers: int = 0) -> Rules:
    """Return the rules of the preset, with *points* or with so many *tiers*."""
    data = yaml.safe_load((PRESETS / f"{POLICY}.yaml").read_text("utf-8"))
    if points:
        data["points"] = points
    if tiers:
        steps = [{"name": f"t{n}", "enter": {"spend": n * 1_500_000}} for n in range(1, tiers - 3)]
        top = [one | {"enter": {"spend": one["enter"]["spend"] + 10**8}} for one in data["tiers"]["ladder"][1:]]
        data["tiers"]["ladder"] = [data["tiers"]["ladder"][0], *steps, *top]
    return compile_policy(parse_policy(yaml.safe_dump(data, allow_unicode=True)))


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
        profile(state, 0, policy)
    found.parts["profile"] = (perf_counter() - start) / len(states) * 1e6
    return found


HISTORY: Final = {"to 10": 10, "to 100": 100, "to 1,000": 1_000, "more": 10**9}


def _history(customer: Customer) -> str:
    return next(name for name, most in HISTORY.items() if customer.events_held <= most)


def summarise(found: dict[str, list[Round]], events: int) -> tuple[dict[str, Any], list[Target]]:
    """Return the figures, and the targets with their values."""
    full = found["full rules"]
    figures: dict[str, Any] = {"events": events, "rounds": len(full)}
    for name, rounds in found.items():
        word = name.replace(" ", "_")
        figures[f"decide_us_{word}"] = round(median(one.parts["decide"] for one in rounds), 1)
        figures[f"events_per_second_{word}"] = round(1e6 / median(one.parts["decide"] for one in rounds))
    figures |= {f"{part}_us": round(median(one.parts[part] for one in full), 1) for part in PARTS}
    figures["decide_us_by_events_held"] = {
        name: round(median(one.by_history[name] for one in full), 1) for name in HISTORY if name in full[0].by_history
    }
    return figures, [Target("events_per_second", figures["events_per_second_full_rules"], PER_SECOND_MIN)]


def describe(found: dict[str, list[Round]], figures: dict[str, Any], targets: Sequence[Target]) -> str:
    """Return the section of the page."""
    rows = [[words, f"{figures[f'{part}_us']:.1f}", _range(found["full rules"], part)] for part, words in PARTS.items()]
    held = [[name, f"{value:.1f}"] for name, value in figures["decide_us_by_events_held"].items()]
    variants = []
    for name in found:
        word = name.replace(" ", "_")
        variants.append([name, f"{figures[f'decide_us_{word}']:.1f}", f"{figures[f'events_per_second_{word}']:,}"])
    parts = [
        "## Engine",
        fill(
            f"The rules alone, on one core, under `{POLICY}`: {figures['events']:,} events of a year of lifelike "
            f"traffic, {EVENTS_A_MONTH} a month and customer on average, late ones and repeats among them, decided one "
            f"at a time; medians of {figures['rounds']} rounds, {figures['at']}.",
            WIDTH,
        ),
        table(["part", "µs an event", "range"], rows),
        "Encoding and profile are per changed customer; the lane does both once a batch.",
        table(["rules", "decide, µs", "events/s"], variants),
        table(["events that the customer holds", "decide, µs"], held),
        "![Microseconds an event](benchmarks/engine.svg)",
        target_table(targets),
        f"Machine: {machine.sentence(figures['machine'])}",
    ]
    return "\n\n".join(parts)


def _spread(rounds: Sequence[Round], part: str) -> Spread:
    found = spread(one.parts[part] for one in rounds)
    return found or Spread(0.0, 0.0, 0.0, 0)


def _range(rounds: Sequence[Round], part: str) -> str:
    one = _spread(rounds, part)
    return f"{one.low:.1f} to {one.high:.1f}"


def _bars(rounds: Sequence[Round]) -> list[Bar]:
    found = []
    for part, words in PARTS.items():
        one = _spread(rounds, part)
        found.append(Bar(words, one.median, one.low, one.high, ours=True))
    return found


if __name__ == "__main__":
    main()
