"""Latency: from when an event was due to when a read-committed reader has its answer, ours beside Kafka Streams.

`python -m bench.latency --help` tells how to try it for a few seconds; `bench/README.md` how to read it.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING, Any

from bench.harness import machine
from bench.harness.answers import SHARES, Heard, Hearing, run
from bench.harness.chart import Bar, Group, bars
from bench.harness.contestants import Contestant, everyone
from bench.harness.figures import Spread, Target, spread, verdict
from bench.harness.page import table, target_table
from bench.harness.schedule import Phase, plan
from bench.harness.stand import Stand, conduct, facts, finish, say, stand
from bench.harness.workload import events, expect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BOUNDS_MS = {100: 40.0, 1_000: 80.0, 5_000: 150.0}  # of the 99th percentile, by events a second
WARM_S, MEASURED_S = 5, 30
BROKER_WARM_S, BROKER_WARM_RATE = 30, 2_000  # before the first round: Kafka's JVM compiles for the first half minute
ROUNDS = 3
EVERY = 10  # as in the lane's benchmark: what changes a tier is one event in some, not each
PEER = "kafka_streams"

Hearings = dict[str, list[Hearing]]


def main() -> bool:
    """Measure, print a table and last the line of JSON, write the docs if it is a full one; return whether it is ok."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=MEASURED_S, help="measured at each rate")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    contestants = [one for one in everyone() if one.name in {"ours", PEER}]
    phases = plan(BOUNDS_MS, WARM_S, options.seconds)
    load_before = machine.load()
    with stand() as ground:
        hearings = asyncio.run(_rounds(contestants, ground, phases, options.rounds))
    figures, targets = summarise(contestants, hearings)
    full = options.seconds >= MEASURED_S and options.rounds >= ROUNDS
    figures |= facts(full=full, load_before=load_before, seconds=options.seconds)
    chart = bars("From event to committed answer, 99th percentile", "ms", chart_groups(contestants, hearings))
    # Without a Java there is nobody to be compared with, and nobody's fault.
    optional = frozenset(f"p99_to_{PEER}_at_{rate}" for rate in BOUNDS_MS)
    ok = verdict(targets, optional=optional) and not figures["faults"]
    return finish("latency", describe(contestants, hearings, figures, targets), figures, targets, chart, ok=ok)


async def _rounds(contestants: Sequence[Contestant], ground: Stand, phases: Sequence[Phase], rounds: int) -> Hearings:
    """Run everybody once a round, the first one being last in the next."""
    expected = expect(events(phases[-1].first + phases[-1].count), EVERY)
    hearings: Hearings = {one.name: [] for one in contestants}
    runnable = [one for one in contestants if one.command]
    warm = plan([BROKER_WARM_RATE], 0, BROKER_WARM_S)
    warmed = expect(events(warm[-1].count), EVERY)
    for one in runnable:
        say(f"warming Kafka with {one.name}")
        await run(one, ground.cluster, warm, warmed, ground.folder / f"{one.name.replace('_', '-')}-warm", every=EVERY)
    for number in range(rounds):
        for one in runnable if number % 2 == 0 else reversed(runnable):
            folder = ground.folder / f"{one.name.replace('_', '-')}-{number}"
            hearing = await run(one, ground.cluster, phases, expected, folder, every=EVERY)
            hearings[one.name].append(hearing)
            for phase in hearing.phases:
                told = ", ".join(f"{name} {value:.0f}" for name, value in phase.figures.items())
                say(f"round {number + 1}, {one.name} at {phase.rate:,}/s: {told} ms")
            for fault in hearing.faults:
                say(f"round {number + 1}, {one.name}: {fault}")
    return hearings


def summarise(contestants: Sequence[Contestant], hearings: Hearings) -> tuple[dict[str, Any], list[Target]]:
    """Return the figures of all rounds, and the targets with their values."""
    figures: dict[str, Any] = {}
    targets = []
    for rate, bound in BOUNDS_MS.items():
        for one in contestants:
            for share in SHARES:
                value = _spread(hearings[one.name], rate, share)
                figures[f"{one.name}_{share}_ms_at_{rate}"] = round(value.median, 2) if value else None
        ours, theirs = figures[f"ours_p99_ms_at_{rate}"], figures.get(f"{PEER}_p99_ms_at_{rate}")
        against = f"p99_to_{PEER}_at_{rate}"
        figures[against] = round(ours / theirs, 2) if ours and theirs else None
        targets += [
            Target(f"ours_p99_ms_at_{rate}", ours, bound, at_most=True),
            Target(against, figures[against], 1.0, at_most=True),
        ]
    figures["absent"] = {one.name: one.absent for one in contestants if one.absent}
    faults = {name: {fault for hearing in own for fault in hearing.faults} for name, own in hearings.items()}
    figures["faults"] = {name: sorted(found) for name, found in faults.items() if found}
    return figures, targets


def _heard(hearings: Sequence[Hearing], rate: int) -> list[Heard]:
    return [phase for one in hearings if not one.faults for phase in one.phases if phase.rate == rate]


def _spread(hearings: Sequence[Hearing], rate: int, share: str) -> Spread | None:
    return spread(phase.figures.get(share) for phase in _heard(hearings, rate))


def describe(
    contestants: Sequence[Contestant], hearings: Hearings, figures: Mapping[str, Any], targets: Sequence[Target]
) -> str:
    """Return the section of the page."""
    rows = []
    for rate in BOUNDS_MS:
        for one in contestants:
            own = hearings[one.name]
            late = spread(phase.late_p99_ms for phase in _heard(own, rate))
            cells = [_cell(_spread(own, rate, share)) for share in SHARES]
            rows.append([one.label, f"{rate:,}", *cells, f"{late.median:.1f}" if late else ""])
    head = ["contestant", "events/s", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "of it the generator, p99 ms"]
    rounds = max(map(len, hearings.values()))
    lines = [
        "## Latency",
        "",
        f"From when an event was due to when a read-committed reader had its answer; one event in {EVERY} is answered,",
        f"exactly once. {figures['seconds']} s at each rate, after {WARM_S} s of warm-up of the contestant, and",
        f"{BROKER_WARM_S} s of Kafka with each of them; medians of {rounds} rounds, least and greatest in brackets;",
        f"{figures['at']}.",
        "",
        "![99th percentile](benchmarks/latency.svg)",
        "",
        table(head, rows),
        "",
        target_table(targets),
        "",
        f"Machine: {machine.sentence(figures['machine'])}",
    ]
    notes = figures["absent"] | {name: "; ".join(found) for name, found in figures["faults"].items()}
    return "\n".join([*lines, *(f"\nNo figure of {name}: {note}." for name, note in notes.items())])


def _cell(found: Spread | None) -> str:
    return f"{found.median:,.1f} ({found.low:,.1f} to {found.high:,.1f})" if found else ""


def chart_groups(contestants: Sequence[Contestant], hearings: Hearings) -> list[Group]:
    """Return the bars, a group for each rate."""
    groups = []
    for rate in BOUNDS_MS:
        found = [(one, _spread(hearings[one.name], rate, "p99")) for one in contestants]
        rows = [Bar(one.label, at.median, at.low, at.high, one.name == "ours") for one, at in found if at]
        groups.append(Group(f"{rate:,} events/s", rows))
    return groups


if __name__ == "__main__":
    conduct("latency", main)
