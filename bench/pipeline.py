"""The full rules from Kafka to Kafka and Redis, exactly once: our worker, and Quix Streams hosting the same `decide`.

`python -m bench.pipeline --help` tells how to try it with fewer events; `bench/README.md` how to read it.
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass, field
from statistics import median
from textwrap import fill
from typing import TYPE_CHECKING, Any

from bench.harness import contest, hosts, machine, trade
from bench.harness.chart import Bar, Group, bars
from bench.harness.contestants import everyone
from bench.harness.figures import Spread, Target, ratio, spread, verdict
from bench.harness.lives import EVENTS_A_MONTH, MONTH_DAYS, POLICY
from bench.harness.page import table, target_table
from bench.harness.parts import PARTS, measure
from bench.harness.stand import PARTITIONS, Stand, conduct, facts, finish, say, stand
from bench.harness.workload import events, expect, records
from ops.traffic.records import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.harness.hosts import Host
    from bench.harness.trade import Trade

EVENTS = 200_000
EVENTS_A_CUSTOMER = 10
SAMPLE = 4  # one customer in so many is taken through the parts alone
ROUNDS = 3
EVERY = 10  # events of the simple fold to an answer, as in the lane's benchmark
SLOW_PER_SECOND = 500  # slower than that is given up
TARGETS = {"ratio_to_sum_of_parts": 0.8, "ours_per_second": 10_000, "ratio_to_quix": 1.1}
SUMMED = ("parse", "moment", "decide", "encode", "lane")
WIDTH = 118


@dataclass
class Found:
    """What came of all rounds: runs by host, and microseconds an event by part, `lane` being the bare one."""

    runs: dict[str, list[hosts.Run]] = field(default_factory=dict)
    parts: dict[str, list[float]] = field(default_factory=dict)


def main() -> bool:
    """Measure, print tables and last the line of JSON, write the docs if it is a full one; return whether it is ok."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    load_before = machine.load()
    say(f"making {options.events:,} events")
    made = trade.trade(options.events, max(1, options.events // EVENTS_A_CUSTOMER))
    contestants = hosts.everyone()
    with stand() as ground:
        found = asyncio.run(_rounds(contestants, ground, made, options.rounds))
    figures, targets = summarise(contestants, found, made.events)
    full = options.events >= EVENTS and options.rounds >= ROUNDS
    figures |= facts(full=full, load_before=load_before, events=made.events, customers=len(made.states))
    chart = bars("The full rules, events a second", "/s", [Group("exactly once", _bars(contestants, found))])
    ok = verdict(targets) and not figures["faults"]
    return finish("pipeline", describe(contestants, found, figures, targets), figures, targets, chart, ok=ok)


async def _rounds(contestants: Sequence[Host], ground: Stand, made: Trade, rounds: int) -> Found:
    """Measure everything once a round, the hosts in turns first, so that what drifts meets all alike."""
    [lane] = [one for one in everyone() if one.name == "ours"]
    source = await _fill(ground, made)
    within_s = 60 + made.events / SLOW_PER_SECOND
    sample = [one for one in made.arrivals if one.kind is Kind.EVENT and sum(one.customer.encode()) % SAMPLE == 0]
    policy = trade.rules()
    runnable = [one for one in contestants if one.command]
    found = Found({one.name: [] for one in contestants})
    for number in range(rounds):
        for one in runnable if number % 2 == 0 else reversed(runnable):
            folder = ground.folder / f"{one.name.replace('_', '-')}-{number}"
            done = await hosts.run(one, ground, made, folder, within_s=within_s)
            found.runs[one.name].append(done)
            rate = f"{done.pace.per_second:,.0f} events/s" if done.pace else f"no figure: {'; '.join(done.faults)}"
            say(f"round {number + 1}, {one.name}: {rate}, {done.changelog_records} changes, {done.seconds:.0f} s")
        bare = await contest.run(lane, ground.cluster, source, every=EVERY, folder=ground.folder / f"lane-{number}")
        parts = measure(sample, policy).parts | ({"lane": 1e6 / bare.pace.per_second} if bare.pace else {})
        for name, value in parts.items():
            found.parts.setdefault(name, []).append(value)
        say(f"round {number + 1}, µs: {', '.join(f'{name} {value:.0f}' for name, value in parts.items())}")
    return found


async def _fill(ground: Stand, made: Trade) -> contest.Source:
    say(f"writing {made.events:,} events, and as many purchases for the bare lane")
    await hosts.make_topics(ground.cluster, ground.folder / "filling", "filling")
    await trade.fill(ground.cluster.bootstrap, made.arrivals)
    topic = "simple-purchases"
    await ground.cluster.create([topic])
    await ground.cluster.fill(topic, records(made.events))
    return contest.Source(topic, expect(events(made.events), EVERY), within_s=60 + made.events / SLOW_PER_SECOND)


def summarise(contestants: Sequence[Host], found: Found, events: int) -> tuple[dict[str, Any], list[Target]]:
    """Return the figures of all rounds, and the targets with their values."""
    rates = {one.name: _rate(found.runs[one.name]) for one in contestants}
    figures: dict[str, Any] = {
        f"{name}_per_second": round(rate.median) if rate else None for name, rate in rates.items()
    }
    figures["spread"] = {name: [round(rate.low), round(rate.high)] for name, rate in rates.items() if rate}
    cpus = {name: spread(done.pace.cpu_us for done in own if done.pace) for name, own in found.runs.items()}
    figures["cpu_us_per_event"] = {name: round(cpu.median, 1) for name, cpu in cpus.items() if cpu}
    changes = {name: _changes(own) for name, own in found.runs.items()}
    figures["changes_per_event"] = {name: round(many.median / events, 2) for name, many in changes.items() if many}
    parts = {name: median(values) for name, values in found.parts.items()}
    if many := changes.get("ours"):  # a customer is written once a batch, however many events it had in it
        parts["encode"] *= many.median / events
    figures["parts_us"] = {name: round(value, 1) for name, value in parts.items()}
    whole = sum(parts[name] for name in SUMMED) if parts.keys() >= set(SUMMED) else None
    figures["sum_of_parts_us"] = round(whole, 1) if whole else None
    ours = rates.get("ours")
    figures["ratio_to_sum_of_parts"] = round(ours.median * whole / 1e6, 2) if ours and whole else None
    figures |= {f"ratio_to_{name}": ratio(ours, rate) for name, rate in rates.items() if name != "ours"}
    figures["absent"] = {one.name: one.absent for one in contestants if one.absent}
    faults = {name: {fault for done in own for fault in done.faults} for name, own in found.runs.items()}
    figures["faults"] = {name: sorted(some) for name, some in faults.items() if some}
    return figures, [Target(name, figures[name], bound) for name, bound in TARGETS.items()]


def _rate(own: Sequence[hosts.Run]) -> Spread | None:
    return spread(done.pace.per_second for done in own if done.pace)


def _changes(own: Sequence[hosts.Run]) -> Spread | None:
    return spread(done.changelog_records for done in own if done.pace)


def describe(contestants: Sequence[Host], found: Found, figures: Mapping[str, Any], targets: Sequence[Target]) -> str:
    """Return the section of the page."""
    rows = []
    for one in contestants:
        rate = _rate(found.runs[one.name])
        cells = [f"{rate.median:,.0f}", f"{rate.low:,.0f} to {rate.high:,.0f}"] if rate else ["no figure", ""]
        cells += [str(figures[name].get(one.name, "")) for name in ("cpu_us_per_event", "changes_per_event")]
        rows.append([one.label, *cells])
    words = PARTS | {"lane": "the lane alone, with the simple fold"}
    parts = [[words[name], str(figures["parts_us"][name])] for name in SUMMED if name in figures["parts_us"]]
    parts.append(["together", str(figures["sum_of_parts_us"])])
    head = ["host", "events/s", "least and greatest", "CPU µs/event", "changes an event"]
    sections = [
        "## Pipeline",
        fill(
            f"The full rules of `{POLICY}` over {figures['events']:,} lifelike events of {figures['customers']:,} "
            f"customers, {EVENTS_A_MONTH} in {MONTH_DAYS} days each on average, in {PARTITIONS} partitions; state in "
            f"RocksDB with its changelog, everything exactly once; medians of "
            f"{max(map(len, found.runs.values()))} interleaved rounds; {figures['at']}.",
            WIDTH,
        ),
        "![Events a second](benchmarks/pipeline.svg)",
        table(head, rows),
        "What an event of these takes our worker, each part measured by itself in the same rounds:",
        table(["part", "µs an event"], parts),
        fill(
            "Encoding is once a change. Not in the sum, though the worker does it: writing to Redis.",
            WIDTH,
        ),
        target_table(targets),
        f"Machine: {machine.sentence(figures['machine'])}",
    ]
    notes = figures["absent"] | {name: "; ".join(some) for name, some in figures["faults"].items()}
    sections += [f"No figure of {name}: {note}." for name, note in notes.items()]
    return "\n\n".join(sections)


def _bars(contestants: Sequence[Host], found: Found) -> list[Bar]:
    rates = [(one, _rate(found.runs[one.name])) for one in contestants]
    return [Bar(one.label, rate.median, rate.low, rate.high, ours=one.ours) for one, rate in rates if rate]


if __name__ == "__main__":
    conduct("pipeline", main)
