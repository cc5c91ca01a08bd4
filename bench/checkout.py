"""Checkout: how long a till waits for a profile, a quote, and a purchase with its decision, at rising rates.

`python -m bench.checkout --help` tells how to try it for a few seconds; `bench/README.md` how to read it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpx
import orjson
from redis.asyncio import Redis

from bench.harness import bare, machine
from bench.harness.calls import SHARES, Answered, Phase, drive, written
from bench.harness.chart import Bar, Group, bars
from bench.harness.contest import GRACE_S, ROOT
from bench.harness.figures import Spread, Target, spread, verdict
from bench.harness.page import table, target_table
from bench.harness.stand import BROKER_HEAP_MB, PARTITIONS, conduct, facts, finish, say
from ops.embedded.ports import HOST, choose
from ops.embedded.process import Child
from ops.embedded.stack import Stack
from ops.local import Local
from ops.supervise import environment
from serving.profiles import Breaker
from serving.tokens import SCOPES, Tokens, made
from streams.settings import ApiSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

CUSTOMERS: Final = 1_000
WARM_S, MEASURED_S, ROUNDS = 3, 20, 3
READY_S: Final = 120.0
LOOK_S: Final = 0.1
BATCH: Final = 100
WAIT_MS: Final = 5_000
RATES: Final = {"bare": (200, 500, 1_000), "read": (200, 500, 1_000), "quote": (50, 200, 400), "pay": (50, 100, 200)}
LABELS: Final = {"bare": "bare GET of Redis", "read": "profile", "quote": "quote", "pay": "purchase with its decision"}
FINE: Final = {"bare": {200}, "read": {200}, "quote": {200}, "pay": {200}}
JUDGED_AT: Final = 200
BOUNDS_MS: Final = {"read": 5.0, "pay": 120.0}
EVENT: Final = "application/cloudevents+json"
EVENTS: Final = "application/cloudevents-batch+json"
Rounds = dict[tuple[str, int], list[Answered]]


class Served(NamedTuple):
    """Where the API and what it is held against answer, and the token for it."""

    api: tuple[str, int]
    bare: tuple[str, int]
    bearer: str


def main() -> bool:
    """Measure, print a table and last the line of JSON, write the docs if it is a full one; return whether it is ok."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=MEASURED_S, help="measured at each rate")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    load_before = machine.load()
    with serving() as served:
        rounds = asyncio.run(measured(served, options.seconds, options.rounds))
    figures, targets = summarise(rounds)
    full = options.seconds >= MEASURED_S and options.rounds >= ROUNDS
    figures |= facts(full=full, load_before=load_before, seconds=options.seconds)
    chart = bars("From when a call was due to its answer", "ms", chart_groups(rounds))
    ok = verdict(targets) and not figures["faults"]
    return finish("checkout", describe(rounds, figures, targets), figures, targets, chart, ok=ok)


@contextmanager
def serving() -> Iterator[Served]:
    """Run Kafka, Redis, a worker, the API, and a bare server beside it."""
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as folder:
        stack = Stack(Path(folder) / "stack", heap_mb=BROKER_HEAP_MB, jvm="full", notify=say)
        settings = Settings(partitions=PARTITIONS, api=ApiSettings(calls_per_second=100_000))
        local = Local(stack, settings, api=True)
        port = choose(None, set())
        try:
            local.start()
            command = (sys.executable, "-m", "bench.harness.bare", stack.redis_url, str(port))
            log = Path(folder) / "bare.log"
            own = environment(settings)
            other = Child("bare", command, log_path=log, cwd=ROOT, grace_seconds=GRACE_S, environment=own)
            other.launch()
            try:
                _await(local)
                bearer = asyncio.run(_prepare(local))
                yield Served((local.settings.api.host, local.settings.api.port), (HOST, port), bearer)
            finally:
                other.stop()
        finally:
            local.stop()


def _await(local: Local) -> None:
    deadline = time.monotonic() + READY_S
    while not local.ready:
        local.news()
        local.check()
        if time.monotonic() > deadline:
            message = "the worker or the API is not ready"
            raise TimeoutError(message)
        time.sleep(LOOK_S)


async def _prepare(local: Local) -> str:
    """Let a till in, and have everybody buy something; return what the till sends."""
    redis = Redis.from_url(local.settings.redis.url)
    breaker, now = Breaker(redis, READY_S), datetime.now(UTC)
    token, bearer = made("bench", SCOPES, now=now, expires=now + timedelta(days=1))
    await Tokens(breaker).keep(token)
    url = f"http://{local.settings.api.listen}"
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {bearer}"}, timeout=READY_S) as api:
        for first in range(0, CUSTOMERS, BATCH):
            events = [purchase(f"first-{number}", number) for number in range(first, first + BATCH)]
            content = b"[" + b",".join(events) + b"]"
            (await api.post("/v1/events", content=content, headers={"content-type": EVENTS})).raise_for_status()
        deadline = time.monotonic() + READY_S
        for number in range(CUSTOMERS):
            while not (await api.get(f"/v1/customers/{customer(number)}")).json()["known"]:
                if time.monotonic() > deadline:
                    message = "customers are not decided on"
                    raise TimeoutError(message)
                await asyncio.sleep(LOOK_S)
        profile = await api.get(f"/v1/customers/{customer(0)}")
    await redis.set(bare.KEY, profile.content)
    await breaker.close()
    return bearer


def customer(number: int) -> str:
    """Return the id of a customer."""
    return f"kh-{number % CUSTOMERS:04}"


def purchase(order: str, number: int) -> bytes:
    """Return the event of a purchase."""
    event = {
        "specversion": "1.0",
        "id": order,
        "source": "/bench",
        "type": "purchase.completed",
        "time": datetime.now(UTC).isoformat(),
        "subject": customer(number),
        "data": data(order),
    }
    return orjson.dumps(event)


def data(order: str) -> dict[str, Any]:
    """Return what was bought."""
    line = {"line_id": "1", "sku": "s", "category": "shoes", "quantity": 1, "amount": 100_000}
    return {"order_id": order, "channel": "store", "store": "bench", "currency": "VND", "lines": [line]}


def requests(served: Served, part: str) -> dict[str, Callable[[int], bytes]]:
    """Return what is sent, by call; *part* sets the ids of a phase apart from those of another."""
    bearer = served.bearer

    def quote(number: int) -> bytes:
        basket = orjson.dumps({"customer_id": customer(number), "purchase": data("quote")})
        return written("POST", "/v1/checkout/quote", bearer, basket)

    def pay(number: int) -> bytes:
        path = f"/v1/events?wait=decision&timeout_ms={WAIT_MS}"
        return written("POST", path, bearer, purchase(f"{part}-{number}", number), EVENT)

    return {
        "bare": lambda _: written("GET", "/bare", bearer),
        "read": lambda number: written("GET", f"/v1/customers/{customer(number)}", bearer),
        "quote": quote,
        "pay": pay,
    }


async def measured(served: Served, seconds: int, count: int) -> Rounds:
    """Drive each call at each of its rates, once a round."""
    rounds: Rounds = {(call, rate): [] for call, rates in RATES.items() for rate in rates}
    for number in range(count):
        for call, rate in rounds:
            request = requests(served, f"{number}-{call}-{rate}")[call]
            host, port = served.bare if call == "bare" else served.api
            answered = await drive(host, port, Phase(rate, WARM_S, seconds), request)
            rounds[call, rate].append(answered)
            told = ", ".join(f"{name} {value:.1f}" for name, value in answered.figures.items())
            say(f"round {number + 1}, {LABELS[call]} at {rate:,}/s: {told} ms {answered.statuses}")
    return rounds


def summarise(rounds: Rounds) -> tuple[dict[str, Any], list[Target]]:
    """Return the figures of all rounds, and the targets with their values."""
    figures: dict[str, Any] = {}
    for (call, rate), answers in rounds.items():
        for share in SHARES:
            value = _spread(answers, share)
            figures[f"{call}_{share}_ms_at_{rate}"] = round(value.median, 2) if value else None
    for share in ("p50", "p99"):
        ours, theirs = (figures[f"{call}_{share}_ms_at_{JUDGED_AT}"] for call in ("read", "bare"))
        figures[f"read_to_bare_{share}_at_{JUDGED_AT}"] = round(ours / theirs, 2) if ours and theirs else None
    names = {call: f"{call}_p99_ms_at_{JUDGED_AT}" for call in BOUNDS_MS}
    targets = [Target(name, figures[name], BOUNDS_MS[call], at_most=True) for call, name in names.items()]
    wrong = {
        f"{call} at {rate}": {status: count for one in answers for status, count in one.statuses.items()}
        for (call, rate), answers in rounds.items()
        if any(set(one.statuses) - FINE[call] for one in answers)
    }
    figures["faults"] = {name: {str(status): count for status, count in found.items()} for name, found in wrong.items()}
    return figures, targets


def _spread(answers: Sequence[Answered], share: str) -> Spread | None:
    return spread(one.figures[share] for one in answers)


def describe(rounds: Rounds, figures: Mapping[str, Any], targets: Sequence[Target]) -> str:
    """Return the section of the page."""
    rows = []
    for (call, rate), answers in rounds.items():
        late = spread(one.late_p99_ms for one in answers)
        cells = [_cell(_spread(answers, share)) for share in SHARES]
        rows.append([LABELS[call], f"{rate:,}", *cells, f"{late.median:.1f}" if late else ""])
    head = ["call", "calls/s", "p50 ms", "p99 ms", "p99.9 ms", "of it until it was sent, p99 ms"]
    count = max(map(len, rounds.values()))
    against = figures[f"read_to_bare_p50_at_{JUDGED_AT}"]
    lines = [
        "## Checkout",
        "",
        "From when a call was due to when its answer was read whole: one `cx serve`, one worker, Kafka and Redis on",
        f"the machine of whoever calls. {CUSTOMERS:,} customers; {figures['seconds']} s at each rate, after {WARM_S} s",
        f"of warm-up; medians of {count} rounds, least and greatest in brackets; {figures['at']}. The generator is our",
        "own and open-loop: tools that wait for an answer before they ask again ask less where it takes long.",
        "",
        "![Latency by rate](benchmarks/checkout.svg)",
        "",
        table(head, rows),
        "",
        f"In the median a profile takes {against} times as long as a bare GET of Redis by the same framework.",
        "",
        target_table(targets),
        "",
        f"Machine: {machine.sentence(figures['machine'])}",
    ]
    faults = "; ".join(f"{name}: {found}" for name, found in figures["faults"].items())
    return "\n".join([*lines, *([f"\nAnswers that should not be: {faults}."] if faults else [])])


def _cell(found: Spread | None) -> str:
    return f"{found.median:,.1f} ({found.low:,.1f} to {found.high:,.1f})" if found else ""


def chart_groups(rounds: Rounds) -> list[Group]:
    """Return the bars, a group for each call and rate."""
    groups = []
    for (call, rate), answers in rounds.items():
        found = [(share, _spread(answers, share)) for share in SHARES]
        rows = [Bar(share, at.median, at.low, at.high, call != "bare") for share, at in found if at]
        groups.append(Group(f"{LABELS[call]}, {rate:,}/s", rows))
    return groups


if __name__ == "__main__":
    conduct("checkout", main)
