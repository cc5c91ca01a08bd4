"""A process that holds customers, and says how much memory that takes: decoded, recovered, hot, at work, cut off."""

from __future__ import annotations

import argparse
import asyncio
import gc
import time
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import orjson

from bench.harness.lives import Folding, alike, load, shared
from bench.harness.memory import factors, rss_bytes
from cx.state import decode
from ops.traffic.records import Kind
from schemas.topics import CUSTOMER_PARTITIONS
from streams.effects import Effects
from streams.partition import CACHE_BYTES, OWN_KEY, Partition
from streams.readmodel import ReadModel, connect
from streams.settings import RedisSettings
from streams.store import Stores
from streams.transactions import NOBODY, partition_of
from streams.writer import Folded, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agents.customers import CustomerFold
    from bench.harness.memory import Sample

DECODED = 10_000
PORTION = 5_000  # records that a recovery takes at once
SAMPLE_S = 1.0
WARM = 2_000  # customers of each partition, more than its cache holds

Taken = dict[str, Any]


class Held:
    """All partitions, as one worker has them that runs alone."""

    def __init__(self, folder: Path) -> None:
        """Open those in *folder*, or make them."""
        self._stores = Stores(folder)
        count = CUSTOMER_PARTITIONS
        self.partitions = [
            Partition(number, count, self._stores.open(number, count), CACHE_BYTES // count) for number in range(count)
        ]

    def of(self, key: bytes) -> Partition:
        """Return the partition of *key*."""
        return self.partitions[partition_of(key, len(self.partitions))]

    def close(self) -> None:
        """Close all."""
        for partition in self.partitions:
            partition.close()
        self._stores.close()


def decoded(told: argparse.Namespace) -> Taken:
    """Decode states and keep them: what memory grows by, and what Python says that it allocated for each."""
    values = [value for _, value in load(told.lives).states]
    times = max(1, min(told.customers, DECODED) // len(values))
    held = [decode(value) for value in values[:100]]  # what the first ones bring into being stays
    gc.collect()
    before = rss_bytes()
    held += [decode(value) for _ in range(times) for value in values]
    gc.collect()
    grown = rss_bytes() - before
    held.clear()
    found = sorted(factors(values, decode))
    return {
        "resident": round(grown / (times * sum(map(len, values))), 2),
        "median": round(median(found), 2),
        "most": round(found[-1], 2),
        "least": round(found[0], 2),
    }


def recovered(told: argparse.Namespace) -> Taken:
    """Take a changelog in, as a worker does that takes all partitions over with an empty store."""
    empty = rss_bytes()
    lives = load(told.lives)
    held = Held(told.folder)
    agent = Folding(held.partitions).agent
    waiting: dict[int, list[tuple[int, bytes, bytes | None]]] = {}
    for number, (key, value) in enumerate(alike(lives.states, told.customers), start=1):
        waiting.setdefault(held.of(key).number, []).append((number, key, value))
        if number % PORTION == 0 or number == told.customers:
            for place, records in waiting.items():
                partition = held.partitions[place]
                partition.tick = lives.tick
                own = partition.own_record(agent.policy, agent.state_format)
                partition.recover([*records, (number, OWN_KEY, own)])
            waiting.clear()
    taken = {"empty_bytes": empty, "rss_bytes": rss_bytes()}
    held.close()
    return taken


def cold(told: argparse.Namespace) -> Taken:
    """Open the stores that are there."""
    held = Held(told.folder)
    taken = {"rss_bytes": rss_bytes()}
    held.close()
    return taken


def hot(told: argparse.Namespace) -> Taken:
    """Read and decode everybody, so that the caches are full; then work for a while, where that is asked for."""
    held = Held(told.folder)
    for partition in held.partitions:
        for key in partition.keys():  # noqa: SIM118  # not a dict
            if (value := partition.encoded(key)) is not None:
                partition.cache.put(key, decode(value), len(value))
    taken = {"rss_bytes": rss_bytes(), "cached": sum(len(one.cache) for one in held.partitions)}
    if told.seconds:
        taken |= soak(held, told)
    held.close()
    return taken


def redis_away(told: argparse.Namespace) -> Taken:
    """Let customers wait for a Redis that is away, until no more of them find room."""
    held = Held(told.folder)
    lives, agent = load(told.lives), warm(held)
    model = ReadModel(connect(RedisSettings()), "size", "size")
    asyncio.run(model.take_over({one.number: one.known_by() for one in held.partitions}))
    waiting = 0
    for partition, _, value in others(held):
        model.push(partition.number, waiting, [agent.view(value, lives.tick)])
        if model.soiled(partition.number):
            break
        waiting += 1
    taken = {"rss_bytes": rss_bytes(), "waiting": waiting}
    held.close()
    return taken


def kafka_away(told: argparse.Namespace) -> Taken:
    """Let folded customers wait for a Kafka that is away, until folds have to wait as well."""
    held = Held(told.folder)
    lives, agent = load(told.lives), warm(held)
    never: Any = None
    writer = Writer(never, NOBODY, changelog="", on_commit=never, on_failure=never, committed={})
    waiting = 0
    for partition, key, value in others(held):
        writer.put(partition.number, Folded(Effects(changed={key: value}, views=[agent.view(value, lives.tick)]), {}))
        waiting += 1
        if not writer.has_room():
            break
    taken = {"rss_bytes": rss_bytes(), "waiting": waiting}
    held.close()
    return taken


def warm(held: Held) -> CustomerFold:
    """Fill the caches; return an agent."""
    for partition in held.partitions:
        for key in islice(partition.keys(), WARM):
            if (value := partition.encoded(key)) is not None:
                partition.cache.put(key, decode(value), len(value))
    return Folding(held.partitions).agent


def others(held: Held) -> Iterator[tuple[Partition, bytes, bytes]]:
    """Yield customers who are not in the caches, from all partitions in turn."""
    for keys in zip(*(islice(one.keys(), WARM, None) for one in held.partitions), strict=False):
        for partition, key in zip(held.partitions, keys, strict=True):
            if (value := partition.encoded(key)) is not None:
                yield partition, key, value


def soak(held: Held, told: argparse.Namespace) -> Taken:
    """Fold what arrives next, each event for everybody who lives alike, until the time or the traffic is over."""
    lives = load(told.lives)
    folding = Folding(held.partitions)
    crowd = range(max(1, told.customers // len(lives.states)))
    began = time.monotonic()
    samples: list[Sample] = []
    for arrival in lives.ahead:
        if arrival.kind is Kind.TICK:
            folding.tick(arrival.at)
        else:
            folding.fold(shared(arrival, number) for number in crowd)
        at = time.monotonic() - began
        if not samples or at >= samples[-1][0] + SAMPLE_S:
            samples.append((at, rss_bytes()))
        if at >= told.seconds:
            break
    return {"samples": samples, "taken": folding.taken, "folded": folding.folded}


HOW: dict[str, Callable[[argparse.Namespace], Taken]] = {
    "decoded": decoded,
    "recovered": recovered,
    "cold": cold,
    "hot": hot,
    "redis_away": redis_away,
    "kafka_away": kafka_away,
}


def main() -> None:
    """Do it, and leave what it took as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("how", choices=list(HOW))
    parser.add_argument("lives", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--customers", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=0.0, help="how long to work once the caches are full")
    parser.add_argument("--to", type=Path, required=True)
    told = parser.parse_args()
    told.to.write_bytes(orjson.dumps(HOW[told.how](told)))


if __name__ == "__main__":
    main()
