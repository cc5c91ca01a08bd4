"""Size: bytes that a customer takes in state, changelog, store and Redis; memory that a worker takes for all of them.

`python -m bench.size --help` tells how to try it with fewer customers; `bench/README.md` how to read it.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

from bench.harness import machine
from bench.harness.chart import Bar, Group, bars
from bench.harness.figures import Target, verdict
from bench.harness.footprint import SOURCE, Footprint, footprint
from bench.harness.holding import Held
from bench.harness.lives import END, EVENTS_A_MONTH, LIVES, POLICY, Folding, Lives, lately, save, states_of, traffic
from bench.harness.memory import growth
from bench.harness.occupancy import MOMENTS, Occupancy, occupancy, told_by
from bench.harness.page import table, target_table
from bench.harness.stand import Stand, conduct, facts, finish, say, stand
from schemas.topics import CUSTOMER_PARTITIONS
from streams.effects import DECODED_FACTOR
from streams.partition import CACHE_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.customers import CustomerFold
    from bench.harness.lives import State

CUSTOMERS = 1_000_000
FEW_SHARE = 10  # so many fewer beside them: memory is not to grow with customers
SOAK_S = 240.0
TYPICAL_BYTES_MAX, GROWTH_MAX = 4_096, 1.1
FOLDED_MIN = 0.9  # repeats and what comes too late have no effect; a soak without any would be no work
# How many events a customer had in the last month: a few, and twenty or so.
GROUPS: Final = {"typical": range(1, 6), "busy": range(15, 26)}
ALL: Final = "all"
LABELS: Final = {
    "typical": "typical: 1 to 5 events in the last 30 days",
    "busy": "busy: 15 to 25 events in the last 30 days",
    ALL: "all, silent ones among them",
}
MIB = 1 << 20
WIDTH = 118


def main() -> bool:
    """Measure, print tables and last the line of JSON, write the docs if it is a full one; return whether it is ok."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--soak-seconds", type=float, default=SOAK_S)
    options = parser.parse_args()
    load_before = machine.load()
    with stand() as ground:
        lives, agent, groups = live(min(LIVES, options.customers))
        path = ground.folder / "lives"
        save(path, lives)
        footprints = asyncio.run(_footprints(ground, agent, groups, lives.tick))
        factor = told_by(path, "decoded", ground.folder, options.customers)
        say(f"decoded, a state takes {factor['resident']} times its encoded size")
        few = _occupancy(path, ground.folder, max(1, options.customers // FEW_SHARE))
        many = _occupancy(path, ground.folder, options.customers, options.soak_seconds)
    figures, targets = summarise(footprints, factor, few, many)
    full = options.customers >= CUSTOMERS and options.soak_seconds >= SOAK_S
    figures |= facts(full=full, load_before=load_before, customers=options.customers)
    chart = bars("Resident memory of a worker that holds all customers", "MiB", chart_groups(few, many))
    return finish(
        "size", describe(footprints, few, many, figures, targets), figures, targets, chart, ok=verdict(targets)
    )


def live(count: int) -> tuple[Lives, CustomerFold, dict[str, list[State]]]:
    """Let customers live for a year; return what became of them, the agent that folded them, and groups of them."""
    say(f"folding a year of {count:,} customers")
    past, ahead = traffic(count)
    with tempfile.TemporaryDirectory() as folder:
        held = Held(Path(folder))
        folding = Folding(held.partitions)
        folding.take(past)
        states = states_of(held.partitions)
        held.close()
    end_ms = round(END.timestamp() * 1_000)
    return Lives(end_ms * 1_000, states, ahead), folding.agent, group(states, lately(past, end_ms))


def group(states: Sequence[State], events: Mapping[bytes, int]) -> dict[str, list[State]]:
    """Return *states* by group, after how many *events* each customer had in the last month; empty ones left out."""
    found = {name: [one for one in states if events.get(one[0], 0) in within] for name, within in GROUPS.items()}
    return {name: own for name, own in (found | {ALL: list(states)}).items() if own}


async def _footprints(
    ground: Stand, agent: CustomerFold, groups: Mapping[str, Sequence[State]], tick: int
) -> dict[str, Footprint]:
    await ground.cluster.create([SOURCE])
    found = {}
    for name, states in groups.items():
        found[name] = await footprint(ground, agent, states, tick, name)
        say(f"{name}, {len(states):,} customers: {found[name].state_median:,.0f} bytes encoded")
    return found


def _occupancy(lives: Path, folder: Path, customers: int, soak_s: float = 0.0) -> Occupancy:
    say(f"holding {customers:,} customers" + (f", then {soak_s:.0f} s of work" if soak_s else ""))
    found = occupancy(lives, folder, customers, soak_s)
    say(", ".join(f"{words}: {found.moments[how] / MIB:,.0f} MiB" for how, words in MOMENTS.items()))
    return found


def summarise(
    footprints: Mapping[str, Footprint], factor: Mapping[str, float], few: Occupancy, many: Occupancy
) -> tuple[dict[str, Any], list[Target]]:
    """Return the figures, and the targets with their values; *factor* is what `holding.decoded` found."""
    figures: dict[str, Any] = {}
    for name, one in footprints.items():
        figures[f"customers_{name}"] = one.customers
        figures |= {f"{field}_bytes_{name}": round(getattr(one, field)) for field in one._fields[1:]}
    typical = footprints.get("typical")
    figures["state_bytes_typical"] = round(typical.state_median) if typical else None
    figures |= {f"decoded_factor_{name}": value for name, value in factor.items()}
    figures["decoded_factor_assumed"] = DECODED_FACTOR
    figures["rss_mib_empty"] = round(many.empty / MIB)
    for held in (few, many):
        figures |= {f"rss_mib_{how}_at_{held.customers}": round(rss / MIB) for how, rss in held.moments.items()}
        figures[f"cached_at_{held.customers}"] = held.cached
        figures |= {f"waiting_{how}_at_{held.customers}": waiting for how, waiting in held.waiting.items()}
    soak = many.soak
    figures["soak_s"] = round(soak.samples[-1][0]) if soak else None
    figures["soak_events"] = soak.taken if soak else 0
    figures["soak_rss_mib"] = [round(rss / MIB) for rss in soak.fifths] if soak else []
    figures["soak_growth"] = growth(soak.samples) if soak else None
    figures["soak_folded_share"] = round(soak.folded / soak.taken, 3) if soak and soak.taken else None
    return figures, [
        Target("state_bytes_typical", figures["state_bytes_typical"], TYPICAL_BYTES_MAX, at_most=True),
        Target("soak_growth", figures["soak_growth"], GROWTH_MAX, at_most=True),
        Target("soak_folded_share", figures["soak_folded_share"], FOLDED_MIN),
    ]


def describe(
    footprints: Mapping[str, Footprint],
    few: Occupancy,
    many: Occupancy,
    figures: Mapping[str, Any],
    targets: Sequence[Target],
) -> str:
    """Return the section of the page."""
    head = ["customers", "number", "state", "mean", "most", "changelog, shared", "changelog, alone", "store", "Redis"]
    sizes = [[LABELS[name], *(f"{size:,.0f}" for size in one)] for name, one in footprints.items()]
    rows = [[words, *(f"{held.moments[how] / MIB:,.0f}" for held in (few, many))] for how, words in MOMENTS.items()]
    parts = [
        "## Size",
        fill(
            f"Customers after a year of lifelike traffic, {EVENTS_A_MONTH} events a month on average, under "
            f"`{POLICY}`; {figures['at']}. Bytes a customer: encoded states in the median, the mean and at most, else "
            "means over the group. A change in the changelog shares its transaction with many, or has one for itself.",
            WIDTH,
        ),
        table(head, sizes),
        fill(
            f"Decoded, a state takes {figures['decoded_factor_resident']} times its encoded size in resident memory. "
            f"What Python allocates for one is {figures['decoded_factor_median']} times in the median and "
            f"{figures['decoded_factor_most']} times at most; the cache, of {CACHE_BYTES // MIB} MiB, counts "
            f"{DECODED_FACTOR}.",
            WIDTH,
        ),
        "![Resident memory](benchmarks/size.svg)",
        fill(
            f"A worker that has all {CUSTOMER_PARTITIONS} partitions, resident memory in MiB, "
            f"{figures['rss_mib_empty']} of them before it opens a store:",
            WIDTH,
        ),
        table(["moment", *(f"{held.customers:,} customers" for held in (few, many))], rows),
        fill(
            f"While Redis is away, at most {many.waiting['redis_away']:,} of these customers find room to wait for it; "
            f"while Kafka is away, the changes of {many.waiting['kafka_away']:,} before folds wait as well. Here they "
            "are others than those in the caches, where most of them would be.",
            WIDTH,
        ),
    ]
    if many.soak:
        parts.append(
            fill(
                f"Then, with {many.customers:,} customers, it folded and committed {figures['soak_events']:,} events "
                f"in {figures['soak_s']} s, for customers from all over the store. Resident memory in the fifths of "
                f"that time: {', '.join(f'{rss:,}' for rss in figures['soak_rss_mib'])} MiB; growth is from the "
                "second to the last.",
                WIDTH,
            )
        )
    return "\n\n".join([*parts, target_table(targets), f"Machine: {machine.sentence(figures['machine'])}"])


def chart_groups(few: Occupancy, many: Occupancy) -> list[Group]:
    """Return the bars, those of one number of customers together; one of the soak ranges over all its fifths."""
    found = []
    for held in (few, many):
        sizes = [(words, held.moments[how] / MIB) for how, words in MOMENTS.items()]
        shown = [Bar(words, size, size, size, ours=True) for words, size in sizes]
        if held.soak and (fifths := held.soak.fifths):
            low, high = min(fifths) / MIB, max(fifths) / MIB
            shown.append(Bar("at work, last fifth", fifths[-1] / MIB, low, high, ours=True))
        found.append(Group(f"{held.customers:,} customers", shown))
    return found


if __name__ == "__main__":
    conduct("size", main)
