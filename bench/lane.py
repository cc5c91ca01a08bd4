"""The lane against its peers: events a second of the simple fold, from first to last committed effect.

`python -m bench.lane --help` tells how to try it with fewer events; `bench/README.md` how to read it.
"""

from __future__ import annotations

import argparse
import asyncio
from textwrap import fill
from typing import TYPE_CHECKING, Any

from bench.harness import machine
from bench.harness.chart import Bar, Group, bars
from bench.harness.contest import Run, Source, run
from bench.harness.contestants import Contestant, everyone
from bench.harness.figures import Spread, Target, ratio, spread, verdict
from bench.harness.page import table, target_table
from bench.harness.stand import PARTITIONS, Stand, conduct, facts, finish, say, stand
from bench.harness.workload import events, expect, records

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.harness.cluster import Cluster

EVENTS = 400_000
SLOW_SHARE = 8  # the slow get an eighth, else their runs would be half of all the time
SLOW_PER_SECOND = 1_000  # slower than that is given up
ROUNDS = 3
EVERY = 10
SUSPECT = 0.85
TARGETS = {"ratio_to_bare": 0.8, "ratio_to_quix": 1.2, "ratio_to_kafka_streams": 1.0, "ratio_to_plain_faust": 10.0}
# Without a Java there is nobody to be compared with, and nobody's fault.
OPTIONAL = frozenset({"ratio_to_kafka_streams"})
# There in every line of JSON, as null where they were not measured.
ALWAYS = ("ours", "plain_faust", "quix", "bytewax", "bare_loop", "kafka_streams")
WIDTH = 118

Runs = dict[str, list[Run]]


def main() -> bool:
    """Measure, print a table and last the line of JSON, write the docs if it is a full one; return whether it is ok."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", nargs="*", default=[], help="names of contestants, such as ours quix")
    options = parser.parse_args()
    contestants = [one for one in everyone() if not options.only or one.name in options.only]
    full = options.events >= EVENTS and options.rounds >= ROUNDS and not options.only
    load_before = machine.load()
    with stand() as ground:
        runs = asyncio.run(_rounds(contestants, ground, options.events, options.rounds))
    figures, targets = summarise(contestants, runs)
    figures["suspect"] = suspects(contestants, runs) if full else []
    figures |= facts(full=full, load_before=load_before, events=options.events)
    chart = bars("The simple fold, events a second", "/s", chart_groups(contestants, runs))
    ok = verdict(targets, optional=OPTIONAL) and not figures["faults"]
    return finish("lane", describe(contestants, runs, figures, targets), figures, targets, chart, ok=ok)


async def _rounds(contestants: Sequence[Contestant], ground: Stand, count: int, rounds: int) -> Runs:
    """Run everybody once a round, each round beginning with another, so that what drifts meets all alike."""
    runnable = [one for one in contestants if one.command]
    shares = {True: max(1, count // SLOW_SHARE), False: count}
    sources = {slow: await _fill(ground.cluster, shares[slow]) for slow in {one.slow for one in runnable}}
    runs: Runs = {one.name: [] for one in contestants}
    for number in range(rounds):
        turn = number * len(runnable) // rounds
        for one in runnable[turn:] + runnable[:turn]:
            folder = ground.folder / f"{one.name.replace('_', '-')}-{number}"
            done = await run(one, ground.cluster, sources[one.slow], every=EVERY, folder=folder)
            runs[one.name].append(done)
            rate = f"{done.pace.per_second:,.0f} events/s" if done.pace else f"no figure: {'; '.join(done.faults)}"
            say(f"round {number + 1}, {one.name}: {rate}, {done.changelog_records} changes, {done.seconds:.0f} s")
    return runs


async def _fill(cluster: Cluster, count: int) -> Source:
    topic = f"purchases-{count}"
    say(f"writing {count:,} events")
    await cluster.create([topic])
    await cluster.fill(topic, records(count))
    return Source(topic, expect(events(count), EVERY), within_s=60 + count / SLOW_PER_SECOND)


def summarise(contestants: Sequence[Contestant], runs: Runs) -> tuple[dict[str, Any], list[Target]]:
    """Return the figures of all rounds, and the targets with their values."""
    rates = {one.name: _rate(runs[one.name]) for one in contestants}
    figures: dict[str, Any] = {f"{name}_per_second": None for name in ALWAYS}
    figures |= {f"{name}_per_second": round(rate.median) if rate else None for name, rate in rates.items()}
    on_disk = any(one.name == "ours" and one.store == "disk" for one in contestants)
    peers = {
        "ratio_to_bare": "bare_loop_store" if on_disk else "bare_loop",  # the one that keeps its state as we do
        "ratio_to_quix": "quix",
        "ratio_to_kafka_streams": "kafka_streams",
        "ratio_to_plain_faust": "plain_faust",
    }
    figures |= {name: ratio(rates.get("ours"), rates.get(peer)) for name, peer in peers.items()}
    figures["ratio_to_bare_is_to"] = peers["ratio_to_bare"]
    figures |= {
        f"ratio_to_{name}": ratio(rates.get("ours"), rates.get(name)) for name in ("bare_loop", "bare_loop_store")
    }
    figures["spread"] = {name: [round(rate.low), round(rate.high)] for name, rate in rates.items() if rate}
    cpus = {one.name: _cpu(runs[one.name]) for one in contestants}
    figures["cpu_us_per_event"] = {name: round(cpu.median, 1) for name, cpu in cpus.items() if cpu}
    changes = {name: _changes(own) for name, own in runs.items()}
    figures["changelog_records"] = {name: round(found.median) for name, found in changes.items() if found}
    figures["absent"] = {one.name: one.absent for one in contestants if one.absent}
    faults = {name: {fault for done in own for fault in done.faults} for name, own in runs.items()}
    figures["faults"] = {name: sorted(found) for name, found in faults.items() if found}
    return figures, [Target(name, figures[name], bound) for name, bound in TARGETS.items()]


def suspects(contestants: Sequence[Contestant], runs: Runs) -> list[str]:
    """Return the peers that are so much slower than they once were that the bench may be at fault."""
    rates = [(one, _rate(runs[one.name])) for one in contestants]
    return [one.name for one, rate in rates if rate and rate.median < SUSPECT * (one.earlier_per_second or 0)]


def _rate(own: Sequence[Run]) -> Spread | None:
    return spread(done.pace.per_second for done in own if done.pace)


def _cpu(own: Sequence[Run]) -> Spread | None:
    return spread(done.pace.cpu_us for done in own if done.pace)


def _changes(own: Sequence[Run]) -> Spread | None:
    return spread(done.changelog_records for done in own if done.pace)


def remarks(figures: Mapping[str, Any]) -> list[str]:
    """Return what one has to know to read the figures, as far as it follows from them."""
    found = []
    stored, in_memory = figures.get("ratio_to_bare_loop_store"), figures.get("ratio_to_bare_loop")
    if stored and in_memory and figures["ratio_to_bare_is_to"] == "bare_loop_store":
        found.append(
            "The ratio to bare is to the loop that keeps its state in RocksDB, as ours does; to the one that keeps it "
            f"in memory it is {in_memory}."
        )
    changes = figures["changelog_records"]
    if {"ours", "bare_loop", "quix"} <= changes.keys():
        found.append(
            "Transactions are of like size, not of the same: a customer is written once in each, so that whoever "
            f"makes larger ones writes less. Ours wrote {changes['ours']:,} changelog records, the bare loop "
            f"{changes['bare_loop']:,}, Quix Streams, exactly once, {changes['quix']:,}; some of the distance is that."
        )
    names = ("ours", "kafka_streams", "kafka_streams_at_least_once")
    ours, once, loose = (figures.get(f"{name}_per_second") for name in names)
    if ours and once and loose and once > loose:
        low, high = figures["spread"]["kafka_streams"]
        found.append(
            f"Kafka Streams did more exactly once ({once:,} a second, {low:,} to {high:,}) than at least once at the "
            f"same interval ({loose:,}). Why, is not known. Perhaps because its first transaction, in which the JVM "
            "warms up, is over before the clock begins, while at least once effects are seen, and counted, from the "
            f"first on. To its best round exactly once our ratio is {ours / high:.2f}."
        )
    return [fill(remark, WIDTH) for remark in found]


def describe(
    contestants: Sequence[Contestant], runs: Runs, figures: Mapping[str, Any], targets: Sequence[Target]
) -> str:
    """Return the section of the page."""
    rows = []
    for one in contestants:
        own = runs[one.name]
        rate, cpu, changes = _rate(own), _cpu(own), _changes(own)
        cells = [f"{rate.median:,.0f}", f"{rate.low:,.0f} to {rate.high:,.0f}"] if rate else ["no figure", ""]
        cells += [f"{cpu.median:.0f}" if cpu else "", f"{changes.median:,.0f}" if changes else ""]
        rows.append([one.label, one.guarantee, one.store, *cells])
    head = [
        "contestant",
        "guarantee",
        "state in",
        "events/s",
        "least and greatest",
        "CPU µs/event",
        "changelog records",
    ]
    lines = [
        "## Lane",
        "",
        f"The simple fold over {figures['events']:,} events of some 260 bytes in {PARTITIONS} partitions, an answer",
        f"to one event in {EVERY}; medians of {max(map(len, runs.values()))} interleaved rounds; {figures['at']}.",
        "",
        "![Events a second](benchmarks/lane.svg)",
        "",
        table(head, rows),
        "",
        target_table(targets),
        "",
        *(line for remark in remarks(figures) for line in (remark, "")),
        f"Machine: {machine.sentence(figures['machine'])}",
    ]
    notes = figures["absent"] | {name: "; ".join(found) for name, found in figures["faults"].items()}
    lines += [f"\nNo figure of {name}: {note}." for name, note in notes.items()]
    lines += [f"\nLess than before this bench was made, and to be explained: {name}." for name in figures["suspect"]]
    return "\n".join(lines)


def chart_groups(contestants: Sequence[Contestant], runs: Runs) -> list[Group]:
    """Return the bars, those of one guarantee together, fastest first."""
    groups = []
    for guarantee in ("exactly-once", "at-least-once"):
        found = [(one, _rate(runs[one.name])) for one in contestants if one.guarantee == guarantee]
        rows = [Bar(one.label, rate.median, rate.low, rate.high, one.name == "ours") for one, rate in found if rate]
        groups.append(Group(guarantee.replace("-", " "), sorted(rows, key=lambda bar: -bar.value)))
    return groups


if __name__ == "__main__":
    conduct("lane", main)
