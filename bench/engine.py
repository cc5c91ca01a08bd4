"""Engine: the pure fold of the full rules in memory, one core, no Kafka: events a second, and where the time goes.

`python -m bench.engine --help` tells how to try it with fewer customers; `bench/README.md` how to read it.
"""

from __future__ import annotations

import argparse
from statistics import median
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

import yaml

from bench.harness import machine
from bench.harness.chart import Bar, Group, bars
from bench.harness.figures import Spread, Target, spread, verdict
from bench.harness.lives import DAYS, EVENTS_A_MONTH, POLICY, traffic
from bench.harness.page import table, target_table
from bench.harness.parts import HISTORY, PARTS, Round, measure
from bench.harness.stand import conduct, facts, finish, say
from cx.rules import compile_policy
from ops.traffic.records import Kind
from schemas.policy_file import parse_policy
from streams.settings import PRESETS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cx.rules import Rules

LIVES: Final = 600
ROUNDS: Final = 5
PER_SECOND_MIN: Final = 20_000
WIDTH: Final = 118
POINTS: Final = {"rates": [{"per": 10_000}], "pending_days": 14, "expiry": {"after_months": 12}}


def main() -> bool:
    """Measure, print tables and last the line of JSON, write the docs if it is a full one; return whether it is ok."""
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
    return finish("engine", describe(found, figures, targets), figures, targets, chart, ok=verdict(targets))


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
        "Encoding is per changed customer, once a batch; the profile is made by whoever reads, not by the worker.",
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
    conduct("engine", main)
