"""Gifts: allocations a second of the gift desk with 300 gifts, alone and through Kafka, and how long one takes.

`python -m bench.gifts --help` tells how to try it with fewer codes; `bench/README.md` how to read it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import time
from base64 import b64encode
from contextlib import contextmanager
from statistics import median
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from agents.gift_desk import DeskFold
from bench.harness import machine
from bench.harness.chart import Bar, Group, bars
from bench.harness.contest import GRACE_S, ROOT
from bench.harness.figures import Spread, Target, percentile, spread, verdict
from bench.harness.page import table, target_table
from bench.harness.stand import conduct, facts, finish, say, stand
from cx.calendar import rfc3339
from cx.desk.answers import ANSWERS
from cx.rules import compile_policy
from ops.embedded.process import Child
from schemas.desk import TOPIC_OF
from schemas.policy_file import parse_policy
from streams import admin
from streams.effects import deadline_of
from streams.partition import HotCache
from streams.settings import PRESETS, KafkaSettings, RedisSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from bench.harness.stand import Stand

PROGRAMME: Final = "shop"
GIFTS: Final = 300
BATCH: Final = 500
ROUNDS: Final = 3
ASKED: Final = 10_000  # requests of a round
STOCKS: Final = (100_000, 1_000_000)
PER_SECOND: Final = 200
SECONDS: Final = 30
PATIENCE_S: Final = 300.0
WIDTH: Final = 118
START: Final = 1_772_000_000_000_000  # microseconds
P99_MS_MAX, PER_SECOND_MIN = 250, 1_000
_ANSWERED: Final = {"gift.allocated", "gift.refused"}


class Memory:
    """A partition's state in dictionaries."""

    number, partitions, tick = 0, 1, START

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.cache = HotCache()

    def encoded(self, key: bytes) -> bytes | None:
        """Return the value of *key*."""
        return self.values.get(key)

    def due(self, until: int, limit: int) -> list[bytes]:
        """Return keys that are due."""
        return [key for key, value in self.values.items() if deadline_of(value) <= until][:limit]


class Heard(NamedTuple):
    """What Kafka's readers saw: requests answered a second at once, and milliseconds of each at an even rate."""

    per_second: float
    ms: list[float]


def main() -> bool:
    """Measure, print tables and last the line of JSON, write the docs if it is a full one; return whether it is ok."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codes", type=int, nargs="+", default=list(STOCKS), help="in stock, in memory")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of requests at an even rate")
    options = parser.parse_args()
    load_before = machine.load()
    alone = {stock: [decided(stock, number) for number in range(options.rounds)] for stock in options.codes}
    with stand() as stood:
        heard = [asyncio.run(through_kafka(stood, options.seconds))]
    figures, targets = summarise(alone, heard)
    full = tuple(options.codes) == STOCKS and options.rounds >= ROUNDS and options.seconds >= SECONDS
    figures |= facts(full=full, load_before=load_before, gifts=GIFTS)
    found = [
        Bar(f"{stock:,} codes", one.median, one.low, one.high, ours=True) for stock, one in _spreads(alone).items()
    ]
    chart = bars("Requests a second, decided in memory, one core", "", [Group("", found)])
    return finish("gifts", describe(figures, targets), figures, targets, chart, ok=verdict(targets))


def decided(stock: int, number: int, count: int = ASKED) -> float:
    """Return how many requests a second are decided with *stock* codes, of *count* in batches."""
    fold = DeskFold(compile_policy(parse_policy((PRESETS / "retail-vn.yaml").read_text("utf-8"))))
    state = Memory()
    rng = random.Random(number)
    _folded(fold, state, catalogue())
    _folded(fold, state, codes(stock))
    asked = list(requests(rng, count))
    begin = time.perf_counter()
    answers = _folded(fold, state, asked)
    seconds = time.perf_counter() - begin
    if answers != count:
        message = f"{answers} of {count} requests were answered"
        raise RuntimeError(message)
    say(f"{stock:,} codes, round {number + 1}: {count / seconds:,.0f} requests/s")
    return count / seconds


def _folded(fold: DeskFold, state: Memory, events: Iterable[tuple[str, bytes]]) -> int:
    """Fold *events* as a lane would, and return how many answers there were."""
    told, batch = 0, list[ConsumerRecord[bytes, bytes]]()
    for topic, value in events:
        if batch and (len(batch) == BATCH or batch[0].topic != topic):
            told += _fold(fold, state, batch)
            batch = []
        batch.append(_record(topic, value))
    return told + _fold(fold, state, batch)


def _fold(fold: DeskFold, state: Memory, batch: list[ConsumerRecord[bytes, bytes]]) -> int:
    effects = fold.fold(state, batch)
    for key, value in effects.changed.items():
        if value is not None:
            state.values[key] = value
    return sum(output.topic == ANSWERS for output in effects.outputs)


def _record(topic: str, value: bytes) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord(topic, 0, 0, START // 1_000, 0, PROGRAMME.encode(), value, None, 4, len(value), ())


def event(kind: str, data: dict[str, Any], at: int = START) -> tuple[str, bytes]:
    """Return topic and value of an event for the desk."""
    envelope = {"specversion": "1.0", "id": "e", "source": "bench", "type": kind, "time": rfc3339(at)}
    return TOPIC_OF[kind], json.dumps(envelope | {"subject": PROGRAMME, "data": data}).encode()


def catalogue() -> Iterator[tuple[str, bytes]]:
    """Yield gifts, and budgets of every scope that end nowhere near."""
    for number in range(GIFTS):
        gift = {"gift_id": f"g{number}", "brand": f"Brand {number}", "face_value": 50_000, "currency": "VND"}
        yield event("gift.listed", gift)
    scopes = [("programme", None), ("tier", "gold"), ("tier", "silver"), *(("gift", f"g{n}") for n in range(GIFTS))]
    for scope, name in scopes:
        limits = {"day": 10**12, "month": 10**12, "total": 10**12}
        yield event("budget.set", {"scope": scope, "name": name, "currency": "VND"} | limits)


def codes(count: int) -> Iterator[tuple[str, bytes]]:
    """Yield *count* codes, evenly over the gifts."""
    sealed = b64encode(bytes(48)).decode()
    for number in range(count):
        data = {"code_id": str(UUID(int=number)), "gift_id": f"g{number % GIFTS}", "masked": "••••1234"}
        yield event("code.added", data | {"ciphertext": sealed, "key_id": "2026"})


def requests(rng: random.Random, count: int, at: int = START) -> Iterator[tuple[str, bytes]]:
    """Yield *count* requests, each for one of the gifts and one to fall back on."""
    for _ in range(count):
        gifts = rng.sample(range(GIFTS), 2)
        data = {
            "request_id": str(UUID(int=rng.getrandbits(128))),
            "reward_id": str(UUID(int=rng.getrandbits(128))),
            "customer_id": f"kh-{rng.randrange(100_000)}",
            "gifts": [f"g{number}" for number in gifts],
            "tier": rng.choice(["gold", "silver"]),
        }
        yield event("gift.requested", data, at)


async def through_kafka(stood: Stand, seconds: int) -> Heard:
    """Return what a real desk does on a real Kafka: first with many requests at once, then at an even rate."""
    kafka = KafkaSettings(bootstrap=stood.cluster.bootstrap)
    await admin.create(Settings(kafka=kafka, redis=RedisSettings(url=stood.redis_url)))
    producer = AIOKafkaProducer(enable_idempotence=True, linger_ms=1, **kafka.client_options())
    reader = AIOKafkaConsumer(isolation_level="read_committed", fetch_max_wait_ms=5, **kafka.client_options())
    await producer.start()
    await reader.start()
    tps = [TopicPartition(ANSWERS, number) for number in sorted(await _partitions(producer))]
    reader.assign(tps)
    await reader.seek_to_beginning(*tps)
    rng = random.Random(99)
    with _desk(stood.folder, kafka):
        for topic, value in [*catalogue(), *codes(2 * ASKED + 2 * seconds * PER_SECOND)]:
            await producer.send(topic, value, PROGRAMME.encode())
        await producer.flush()
        await _answered(reader, await _send(producer, rng, 20))  # those who wait for the first tick
        say("the desk is at work")
        sent = await _send(producer, rng, ASKED)
        seen = await _answered(reader, sent)
        per_second = ASKED / (max(seen.values()) - min(sent.values()))
        say(f"through Kafka: {per_second:,.0f} requests/s")
        pacing = asyncio.create_task(_paced(producer, rng, seconds))
        due: dict[str, float] = {}
        seen = await _answered(reader, due, pacing)
    await producer.stop()
    await reader.stop()
    ms = sorted((seen[request] - at) * 1e3 for request, at in due.items())
    return Heard(per_second, ms)


async def _partitions(producer: AIOKafkaProducer) -> set[int]:
    found: set[int] = await producer.partitions_for(ANSWERS)
    return found


async def _send(producer: AIOKafkaProducer, rng: random.Random, count: int) -> dict[str, float]:
    sent = {}
    for topic, value in requests(rng, count, time.time_ns() // 1_000):
        sent[json.loads(value)["data"]["request_id"]] = time.time()
        await producer.send(topic, value, PROGRAMME.encode())
    await producer.flush()
    return sent


async def _paced(producer: AIOKafkaProducer, rng: random.Random, seconds: int) -> dict[str, float]:
    """Send requests at an even rate; return when each was due, so that falling behind makes the figure worse."""
    due, begin = {}, time.time()
    for number in range(seconds * PER_SECOND):
        at = begin + number / PER_SECOND
        await asyncio.sleep(max(0.0, at - time.time()))
        ((topic, value),) = requests(rng, 1, time.time_ns() // 1_000)
        due[json.loads(value)["data"]["request_id"]] = at
        await producer.send(topic, value, PROGRAMME.encode())
    return due


async def _answered(
    reader: AIOKafkaConsumer, wanted: dict[str, float], pacing: asyncio.Task[dict[str, float]] | None = None
) -> dict[str, float]:
    """Return when each of the *wanted* requests was seen to be answered; *pacing* says which, once it is done."""
    seen: dict[str, float] = {}
    async with asyncio.timeout(PATIENCE_S):
        while (pacing and not pacing.done()) or not wanted.keys() <= seen.keys():
            for records in (await reader.getmany(timeout_ms=20)).values():
                now = time.time()
                for record in records:
                    answer = json.loads(record.value)
                    if answer["type"] in _ANSWERED:
                        seen[answer["data"]["request_id"]] = now
            if pacing and pacing.done():
                wanted |= pacing.result()
    return {request: seen[request] for request in wanted}


@contextmanager
def _desk(folder: Path, kafka: KafkaSettings) -> Iterator[None]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CX_")}
    environment = clean | {"CX_KAFKA__BOOTSTRAP": kafka.bootstrap, "CX_DATA": str(folder / "data")}
    command = [sys.executable, "-m", "cli", "desk"]
    log = folder / "desk.log"
    child = Child("gift desk", command, log_path=log, cwd=ROOT, grace_seconds=GRACE_S, environment=environment)
    child.start()
    try:
        yield
    finally:
        child.stop()


def _spreads(alone: dict[int, list[float]]) -> dict[int, Spread]:
    return {stock: one for stock, rates in alone.items() if (one := spread(rates))}


def summarise(alone: dict[int, list[float]], heard: Sequence[Heard]) -> tuple[dict[str, Any], list[Target]]:
    """Return the figures, and the targets with their values."""
    figures: dict[str, Any] = {f"decided_per_second_{stock}": round(median(rates)) for stock, rates in alone.items()}
    figures["per_second"] = round(median(one.per_second for one in heard))
    ms = sorted(value for one in heard for value in one.ms)
    figures |= {"p50_ms": round(percentile(ms, 0.5), 1), "p99_ms": round(percentile(ms, 0.99), 1)}
    return figures, [
        Target("per_second", figures["per_second"], PER_SECOND_MIN),
        Target("p99_ms", figures["p99_ms"], P99_MS_MAX, at_most=True),
    ]


def describe(figures: dict[str, Any], targets: Sequence[Target]) -> str:
    """Return the section of the page."""
    names = {name: int(name.rsplit("_", 1)[1]) for name in figures if name.startswith("decided_per_second_")}
    rows = [[f"{stock:,}", f"{figures[name]:,}"] for name, stock in names.items()]
    parts = [
        "## Gifts",
        fill(
            f"{GIFTS} gifts, budgets of every scope; each request names a gift, one to fall back on, and a tier. "
            f"Alone, on one core, in batches of {BATCH}:",
            WIDTH,
        ),
        table(["codes in stock", "requests a second"], rows),
        fill(
            f"Through Kafka, one desk: {figures['per_second']:,} requests a second where {ASKED:,} come at once; at "
            f"{PER_SECOND} a second from being due to the committed answer {figures['p50_ms']} ms (median) and "
            f"{figures['p99_ms']} ms (p99).",
            WIDTH,
        ),
        target_table(targets),
        f"Machine: {machine.sentence(figures['machine'])}",
    ]
    return "\n\n".join(parts)


if __name__ == "__main__":
    conduct("gifts", main)
