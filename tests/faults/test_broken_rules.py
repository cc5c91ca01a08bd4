"""The judge itself: lanes that break a rule on purpose, in a run that the real lane survives, and it has to say so."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from streams.failpoints import IN_TRANSACTION
from tests.faults.arena import Arena, arena
from tests.faults.broken import RULES
from tests.faults.flow import PER_SECOND
from tests.faults.logs import changelog_of

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

FROZEN_S = 6


def script(rule: str) -> tuple[str, str]:
    return "tests.faults.broken", rule


async def killed(ring: Arena, rule: str) -> str:
    """Let it die in a transaction, three times."""
    for passes in (10, 8, 12):
        await ring.killed_at(IN_TRANSACTION, passes, *script(rule))
        ring.never_committed += await ring.ahead()
    ring.worker()
    return f"3 kills -9 at {IN_TRANSACTION}"


async def frozen(ring: Arena, rule: str) -> str:
    """Let it freeze in a transaction until it is replaced, and wake up."""
    worker = await ring.ready(ring.worker("-m", *script(rule), IN_TRANSACTION, "20", "SIGSTOP"))
    other = await ring.ready(ring.worker("-m", *script(rule)))
    await ring.reaches(worker)
    had = other.opened
    async with asyncio.timeout(FROZEN_S * 10):
        while other.opened == had:
            ring.allow(PER_SECOND / 4)
            await asyncio.sleep(1)
    ring.allow(PER_SECOND)
    await asyncio.sleep(2)
    worker.signal(signal.SIGCONT)
    await asyncio.sleep(FROZEN_S)
    return "SIGSTOP in a transaction until another took over"


async def catching_up(ring: Arena, rule: str) -> str:
    """Start it where much has been written already."""
    ring.allow(PER_SECOND * 2)
    await asyncio.sleep(3)
    ring.worker("-m", *script(rule))
    return "a start with a backlog"


async def held_back(ring: Arena, rule: str) -> str:
    """Keep purchases from it for a while, but not the ticks that speak of them."""
    await ring.ready(ring.worker("-m", *script(rule)))
    async with ring.undecided("cx.purchases"):
        ring.allow(PER_SECOND * 4)
        await asyncio.sleep(4)
    return "purchases held back by an open transaction"


async def emptied(ring: Arena, rule: str) -> str:
    """Empty Redis under it."""
    await ring.ready(ring.worker("-m", *script(rule)))
    ring.allow(PER_SECOND * 3)
    await asyncio.sleep(4)
    redis = Redis.from_url(ring.settings.redis.url)
    await redis.flushall()
    await redis.aclose()
    return "Redis emptied"


async def refusing(ring: Arena, rule: str) -> str:
    """Let Kafka refuse some of its batches for their size, for a while."""
    await ring.ready(ring.worker("-m", *script(rule)))
    limit = ("--entity-type", "topics", "--entity-name", changelog_of(ring.settings), "--alter", "--add-config")
    for size in ("max.message.bytes=1500", "max.message.bytes=4194304"):
        tool = await asyncio.to_thread(ring.stack.kafka_tool, "kafka-configs", *limit, size)
        tool.check_returncode()
        ring.allow(PER_SECOND * 4)
        await asyncio.sleep(4)
    return "large changelog batches refused for a while"


@pytest.mark.parametrize(
    ("rule", "run", "found"),
    [
        ("offsets-apart", killed, {"LOST"}),
        ("store-first", killed, {"LOST", "STATE"}),
        ("redis-first", killed, {"REDIS"}),
        ("zombie", frozen, {"REPEATED"}),
        ("reads-uncommitted", catching_up, {"FOREIGN"}),
        ("hasty-clock", held_back, {"STATE"}),
        ("forgetful", catching_up, {"LOST", "STATE"}),
        ("trusts-redis", emptied, {"REDIS"}),
        ("overlooks-refusals", refusing, {"LOST"}),
    ],
)
async def test_a_lane_that_breaks_a_rule_is_found_out(
    rule: str,
    run: Callable[[Arena, str], Awaitable[str]],
    found: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.faults.arena.SHOWN_S", 5.0)
    monkeypatch.setattr("tests.faults.arena.DRAINED_S", 30.0)
    async with arena(tmp_path, seed=89, events=6_000) as ring:
        done = await run(ring, rule)
        verdict = await ring.verdict((RULES[rule].__doc__ or "").rstrip("."), done, broken=True)
    assert {name for name, count in verdict.counts.items() if count} >= found, verdict
