"""Recovery: a changelog read back by a worker that takes over, beside aiokafka alone; and workers lost under traffic.

`python -m bench.recovery --help` tells how to try it with fewer customers; `bench/README.md` how to read it.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from textwrap import fill
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from bench.harness import filler, machine
from bench.harness.chart import Bar, Group, bars
from bench.harness.contest import ROOT
from bench.harness.contestants import everyone
from bench.harness.figures import Spread, Target, spread, verdict
from bench.harness.outage import act
from bench.harness.page import table, target_table
from bench.harness.stand import PARTITIONS, Stand, conduct, facts, finish, say, stand
from ops.embedded.process import Child

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.harness.outage import Account

CUSTOMERS = 1_000_000
ROUNDS = 3
RATE = 1_000
SMALL, LARGE = 600, 4_096
LARGE_SHARE = 4  # so many customers fewer: a quarter of a million of 4 KiB is a gigabyte already
RECORDS_MIN, MEGABYTES_MIN, FAILOVER_S_MAX = 80_000, 150.0, 12.0
RUN_S_MAX = 300.0
APP = "outage"
SOURCE = "recovery-purchases"
LABELS = {"ours": "cxstream, into its local store", "bare": "aiokafka's consumer alone, into a dict"}
WIDTH = 118
# Written by hand, to be looked at again where what recovery does has changed.
PROFILE = (
    "Where the time goes, by a profile of 2026-11-27. The thread that recovers: at 4 KiB a state 19 % for the socket, "
    "16 for decompression, 14 for checksums, 13 for RocksDB, 11 for making records of batches, 9 for merging them and "
    "the index of deadlines; at 600 bytes 20, 10, 6, 14, 13 and 22 %; the rest is the event loop, and waiting. Beside "
    "it RocksDB's own threads compress and write files, and Kafka sends: at 4 KiB the thread takes 15 µs of processor "
    "time a state, RocksDB 16 and Kafka 4, at 600 bytes 4, 4 and 1. At 4 KiB that is all that two cores have from some "
    "230 MB/s on, so whatever else the machine does shows at once."
)


class Reading(NamedTuple):
    """One changelog read once: records and megabytes a second, and the most memory that the process had."""

    per_second: float
    megabytes: float
    peak_bytes: int


Readings = dict[tuple[int, str], list[Reading]]


def main() -> bool:
    """Measure, print tables and last the line of JSON, write the docs if it is a full one; return whether it is ok."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    load_before = machine.load()
    with stand() as ground:
        readings = asyncio.run(_read(ground, options.customers, options.rounds))
        account = asyncio.run(_outages(ground, options.customers))
    figures, targets = summarise(readings, account)
    full = options.customers >= CUSTOMERS and options.rounds >= ROUNDS
    figures |= facts(full=full, load_before=load_before, customers=options.customers, rate=RATE)
    chart = bars("Changelog records read back a second", "/s", chart_groups(readings))
    ok = verdict(targets) and not account.faults
    return finish("recovery", describe(readings, account, figures, targets), figures, targets, chart, ok=ok)


async def _read(ground: Stand, customers: int, rounds: int) -> Readings:
    readings: Readings = {}
    await ground.cluster.create([SOURCE])
    for size, count in ((SMALL, customers), (LARGE, customers // LARGE_SHARE)):
        topic = f"recovery-{size}"
        say(f"writing {count:,} states of some {size} bytes")
        await ground.cluster.create([topic], compacted=True)
        total = await asyncio.to_thread(filler.fill, ground.cluster, topic, count, size)
        for number in range(rounds):
            for how in (("ours", "bare"), ("bare", "ours"))[number % 2]:
                taken = await asyncio.to_thread(_reading, ground, topic, how)
                reading = Reading(count / taken["seconds"], total / taken["seconds"] / 1e6, taken["peak_bytes"])
                readings.setdefault((size, how), []).append(reading)
                say(f"round {number + 1}, {how}: {reading.per_second:,.0f} records/s, {reading.megabytes:.0f} MB/s")
        await ground.cluster.delete([topic])
    return readings


def _reading(ground: Stand, topic: str, how: str) -> dict[str, Any]:
    folder = ground.folder / "reading"
    folder.mkdir()
    told = ["--source", SOURCE, "--partitions", str(ground.cluster.partitions), "--folder", str(folder)]
    command = [sys.executable, "-m", "bench.harness.recovering", how, ground.cluster.bootstrap, topic, *told]
    to = folder / "taken"
    log_path = ground.folder / "reading.log"
    child = Child("the reader", [*command, "--to", str(to)], log_path=log_path, cwd=ROOT, grace_seconds=5)
    child.launch()
    try:
        if child.wait(RUN_S_MAX) != 0:
            what = "did not read to the end"
            raise child.failure(what)
        taken: dict[str, Any] = orjson.loads(to.read_bytes())
    finally:
        child.stop()
        shutil.rmtree(folder)
    return taken


async def _outages(ground: Stand, customers: int) -> Account:
    [ours] = [one for one in everyone() if one.name == "ours"]
    topic = ours.changelog_of(APP, "")
    say(f"writing the state of {customers:,} customers, for workers that are lost")
    await ground.cluster.create([topic], compacted=True)
    await asyncio.to_thread(filler.fill, ground.cluster, topic, customers, SMALL)
    account = await act(ours, ground, APP, RATE)
    for one in account.outages:
        say(f"{one.action}: no answer for {one.gap_s:.1f} s, caught up after {one.caught_up_s:.1f} s")
    return account


def summarise(readings: Readings, account: Account) -> tuple[dict[str, Any], list[Target]]:
    """Return the figures, and the targets with their values."""
    figures: dict[str, Any] = {}
    for (size, how), own in readings.items():
        figures[f"{how}_records_per_second_at_{size}"] = round(_of(own, 0).median)
        figures[f"{how}_megabytes_per_second_at_{size}"] = round(_of(own, 1).median, 1)
        figures[f"{how}_peak_mib_at_{size}"] = round(_of(own, 2).median / 2**20)
    figures["cold_start_s"] = round(account.cold_start_s, 2)
    for one in account.outages:
        name = one.action.replace(" ", "_")
        figures[f"{name}_gap_s"], figures[f"{name}_caught_up_s"] = round(one.gap_s, 2), round(one.caught_up_s, 2)
        figures[f"{name}_worst_s"] = round(one.worst_s, 2)
    figures["faults"] = list(account.faults)
    records, megabytes = f"ours_records_per_second_at_{SMALL}", f"ours_megabytes_per_second_at_{LARGE}"
    failover = None if account.faults else figures.get("killed_and_restarted_gap_s")
    return figures, [
        Target(records, figures[records], RECORDS_MIN),
        Target(megabytes, figures[megabytes], MEGABYTES_MIN),
        Target("killed_and_restarted_gap_s", failover, FAILOVER_S_MAX, at_most=True),
    ]


def _of(readings: Sequence[Reading], field: int) -> Spread:
    found = spread(reading[field] for reading in readings)
    assert found is not None  # noqa: S101  # there is a round at least
    return found


def describe(readings: Readings, account: Account, figures: Mapping[str, Any], targets: Sequence[Target]) -> str:
    """Return the section of the page."""
    rows = []
    for (size, how), own in readings.items():
        rate, megabytes, peak = (_of(own, field) for field in range(3))
        spans = f"{rate.median:,.0f} ({rate.low:,.0f} to {rate.high:,.0f})"
        rows.append([LABELS[how], f"{size:,}", spans, f"{megabytes.median:,.0f}", f"{peak.median / 2**20:,.0f}"])
    outages = [
        [one.action, f"{one.gap_s:.1f}", f"{one.caught_up_s:.1f}", f"{one.worst_s:.1f}"] for one in account.outages
    ]
    lines = [
        "## Recovery",
        "",
        f"A changelog of {figures['customers']:,} customers (a quarter of them at 4 KiB) in {PARTITIONS} partitions,",
        "written in transactions, read back cold: fencing, committed offsets, a local store written, partitions",
        f"opened. Medians of {max(map(len, readings.values()))} interleaved rounds; {figures['at']}.",
        "",
        "![Records a second](benchmarks/recovery.svg)",
        "",
        table(["reader", "bytes a state", "records/s", "MB/s", "most memory, MiB"], rows),
        "",
        "With as many customers, a worker whose store is empty gives its first answer",
        f"{account.cold_start_s:.1f} s after its start. Then, under {figures['rate']:,} events/s and 20 s apart, it is",
        "killed (-9) and started again at once, a second one with an empty store is added, and the first is stopped in",
        "order. The second then reads the state of half the customers, which is nearly all of that outage: the first",
        "has left after some 0.2 s, and the second hears of it at its next heartbeat, and goes on until then:",
        "",
        table(["worker", "longest time without an answer, s", "caught up after, s", "slowest answer, s"], outages),
        "",
        fill(PROFILE, WIDTH),
        "",
        target_table(targets),
        "",
        f"Machine: {machine.sentence(figures['machine'])}",
    ]
    return "\n".join([*lines, *(f"\nThe figures of lost workers do not count: {fault}." for fault in account.faults)])


def chart_groups(readings: Readings) -> list[Group]:
    """Return the bars, those of one size together."""
    groups: dict[int, list[Bar]] = {}
    for (size, how), own in readings.items():
        rate = _of(own, 0)
        groups.setdefault(size, []).append(Bar(LABELS[how], rate.median, rate.low, rate.high, how == "ours"))
    return [Group(f"{size:,} bytes a state", rows) for size, rows in groups.items()]


if __name__ == "__main__":
    conduct("recovery", main)
