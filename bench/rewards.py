"""Rewards: how long it takes from a tier that was reached to the gift that was issued for it, hop by hop.

`python -m bench.rewards --help` tells how to try it for a shorter time; `bench/README.md` how to read it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from base64 import b64encode
from contextlib import ExitStack, contextmanager
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.gifts import P99_MS_MAX, PATIENCE_S, PER_SECOND, PROGRAMME, SECONDS, WIDTH, event
from bench.harness import machine
from bench.harness.chart import Bar, Group, bars
from bench.harness.contest import GRACE_S, ROOT
from bench.harness.figures import Target, percentile, verdict
from bench.harness.page import table, target_table
from bench.harness.stand import PARTITIONS, conduct, facts, finish, say, stand
from cx.calendar import rfc3339
from cx.desk.answers import ANSWERS
from ops.embedded.process import Child
from schemas.topics import GIFT_PARTITIONS
from streams import admin
from streams.settings import KafkaSettings, RedisSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.harness.stand import Stand

ROUNDS: Final = 3
FIRST: Final = 100  # customers before those who are measured: caches are warm, and the desk has its first tick
POLICY: Final = f"""
programme: {PROGRAMME}
currency: VND
gifts_from: desk
tiers:
  ladder:
    - {{name: member}}
    - {{name: silver, enter: {{spend: 1000}}}}
rewards:
  - {{id: welcome, when: {{tier_reached: silver}}, gift: {{id: coffee, brand: Highlands, face_value: 50000}}}}
"""
STEPS: Final = ("tier.upgraded", "gift.requested", "gift.allocated", "reward.issued")
TOPICS: Final = {"cx.tier-changes": PARTITIONS, "cx.gift-requests": GIFT_PARTITIONS, ANSWERS: PARTITIONS}
HOPS: Final = {
    "tier to issued": ("tier.upgraded", "reward.issued"),
    "tier told, gift asked for": ("tier.upgraded", "gift.requested"),
    "desk": ("gift.requested", "gift.allocated"),
    "answer to reward": ("gift.allocated", "reward.issued"),
}

Seen = dict[str, dict[str, float]]
"""By customer, when each of `STEPS` was seen, in seconds."""


def main() -> bool:
    """Measure, print tables and last the line of JSON, write the docs if it is a full one; return whether it is ok."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of customers at an even rate")
    options = parser.parse_args()
    load_before = machine.load()
    rounds = []
    for _ in range(options.rounds):
        with stand() as stood:
            rounds.append(asyncio.run(measure(stood, options.seconds)))
    figures, targets = summarise(rounds)
    full = options.rounds >= ROUNDS and options.seconds >= SECONDS
    figures |= facts(full=full, load_before=load_before)
    found = [
        Bar(name, figures[f"{key(name)}_p99_ms"], low, high, ours=True)
        for name in HOPS
        for low, high in [_ends(figures, name)]
    ]
    chart = bars("From tier to gift at 200 a second, p99 in milliseconds", "", [Group("", found)])
    return finish("rewards", describe(figures, targets), figures, targets, chart, ok=verdict(targets))


async def measure(stood: Stand, seconds: int) -> Seen:
    """Return what was seen of customers who each reach a tier, at an even rate."""
    kafka = KafkaSettings(bootstrap=stood.cluster.bootstrap)
    settings = Settings(kafka=kafka, redis=RedisSettings(url=stood.redis_url), partitions=PARTITIONS)
    await admin.create(settings)
    policy = stood.folder / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    producer = AIOKafkaProducer(enable_idempotence=True, linger_ms=1, **kafka.client_options())
    reader = AIOKafkaConsumer(isolation_level="read_committed", fetch_max_wait_ms=5, **kafka.client_options())
    await producer.start()
    await reader.start()
    counts = TOPICS | {"cx.rewards": PARTITIONS}
    reader.assign([TopicPartition(topic, number) for topic, count in counts.items() for number in range(count)])
    await reader.seek_to_beginning(*reader.assignment())
    total = FIRST + seconds * PER_SECOND
    with ExitStack() as running:
        for verb in ("desk", "worker"):
            running.enter_context(_process(verb, stood, policy))
        for topic, value in gifts(total):
            await producer.send(topic, value, PROGRAMME.encode())
        for number in range(FIRST):
            await _buys(producer, number)
        seen: Seen = {}
        await _issued(reader, seen, FIRST)
        say("worker and desk are at work")
        pacing = asyncio.create_task(_paced(producer, total))
        await _issued(reader, seen, total)
        await pacing
    await producer.stop()
    await reader.stop()
    return {customer: steps for customer, steps in seen.items() if int(customer[3:]) >= FIRST}


def gifts(count: int) -> Iterator[tuple[str, bytes]]:
    """Yield the gift, and as many codes of it."""
    yield event("gift.listed", {"gift_id": "coffee", "brand": "Highlands", "face_value": 50_000, "currency": "VND"})
    sealed = b64encode(bytes(48)).decode()
    for number in range(count):
        data = {"code_id": str(UUID(int=number)), "gift_id": "coffee", "masked": "••••1234"}
        yield event("code.added", data | {"ciphertext": sealed, "key_id": "2026"})


def purchase(number: int, at: int) -> bytes:
    """Return what brings a customer to a tier."""
    line = {"line_id": "l1", "sku": "s1", "category": "food", "quantity": 1, "amount": 1_000}
    payments = [{"kind": "money", "amount": 1_000}]
    data = {"order_id": "o1", "channel": "web", "currency": "VND", "lines": [line], "payments": payments}
    envelope = {"specversion": "1.0", "id": "p1", "source": "bench", "type": "purchase.completed", "time": rfc3339(at)}
    return json.dumps(envelope | {"subject": f"kh-{number}", "data": data}).encode()


async def _buys(producer: AIOKafkaProducer, number: int) -> None:
    await producer.send("cx.purchases", purchase(number, time.time_ns() // 1_000), f"kh-{number}".encode())


async def _paced(producer: AIOKafkaProducer, total: int) -> None:
    begin = time.time()
    for number in range(FIRST, total):
        await asyncio.sleep(max(0.0, begin + (number - FIRST) / PER_SECOND - time.time()))
        await _buys(producer, number)


async def _issued(reader: AIOKafkaConsumer, seen: Seen, count: int) -> None:
    """Read until *count* customers have their gifts."""
    issued = sum(STEPS[-1] in steps for steps in seen.values())
    async with asyncio.timeout(PATIENCE_S):
        while issued < count:
            for records in (await reader.getmany(timeout_ms=20)).values():
                now = time.time()
                for record in records:
                    told: dict[str, Any] = json.loads(record.value)
                    if told["type"] in STEPS:
                        customer = told["data"].get("customer_id") or told["subject"]
                        seen.setdefault(customer, {})[told["type"]] = now
                        issued += told["type"] == STEPS[-1]


@contextmanager
def _process(verb: str, stood: Stand, policy: Path) -> Iterator[None]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CX_")}
    environment = clean | {
        "CX_KAFKA__BOOTSTRAP": stood.cluster.bootstrap,
        "CX_REDIS__URL": stood.redis_url,
        "CX_DATA": str(stood.folder / verb),
        "CX_PARTITIONS": str(PARTITIONS),
        "CX_POLICY": str(policy),
    }
    command = [sys.executable, "-m", "cli", verb]
    log = stood.folder / f"{verb}.log"
    child = Child(verb, command, log_path=log, cwd=ROOT, grace_seconds=GRACE_S, environment=environment)
    child.start()
    try:
        yield
    finally:
        child.stop()


def _ends(figures: dict[str, Any], name: str) -> tuple[float, float]:
    """Return the lowest and the highest p99 of the rounds."""
    values: list[float] = figures[f"{key(name)}_p99_ms_by_round"]
    return min(values), max(values)


def key(name: str) -> str:
    """Return a hop's name as that of a figure."""
    return name.replace(",", "").replace(" ", "_")


def _ms(seen: Seen, name: str) -> list[float]:
    """Return how long a hop took, sorted; two topics of one transaction are read in any order."""
    begin, end = HOPS[name]
    return sorted(max(0.0, steps[end] - steps[begin]) * 1e3 for steps in seen.values())


def summarise(rounds: Sequence[Seen]) -> tuple[dict[str, Any], list[Target]]:
    """Return the figures, and the target with its value."""
    figures: dict[str, Any] = {}
    for name in HOPS:
        ms = sorted(value for seen in rounds for value in _ms(seen, name))
        figures[f"{key(name)}_p50_ms"] = round(percentile(ms, 0.5), 1)
        figures[f"{key(name)}_p99_ms"] = round(percentile(ms, 0.99), 1)
        figures[f"{key(name)}_p99_ms_by_round"] = [round(percentile(_ms(seen, name), 0.99), 1) for seen in rounds]
    return figures, [Target("tier_to_issued_p99_ms", figures["tier_to_issued_p99_ms"], P99_MS_MAX, at_most=True)]


def describe(figures: dict[str, Any], targets: Sequence[Target]) -> str:
    """Return the section of the page."""
    rows = [[name, *(str(figures[f"{key(name)}_{which}_ms"]) for which in ("p50", "p99"))] for name in HOPS]
    parts = [
        "## Rewards",
        fill(
            f"{PER_SECOND} customers a second reach a tier, and each is given a code by the gift desk: one worker, "
            "one desk, Kafka and Redis beside them, seen by a reader of committed records. Milliseconds:",
            WIDTH,
        ),
        table(["hop", "median", "p99"], rows),
        target_table(targets),
        f"Machine: {machine.sentence(figures['machine'])}",
    ]
    return "\n\n".join(parts)


if __name__ == "__main__":
    conduct("rewards", main)
