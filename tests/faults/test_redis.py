"""Redis that is killed and emptied while workers run: Kafka never waits for it, and it comes to show everything."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

import pytest
from redis.asyncio import Redis

from schemas.topics import Lane
from streams.readmodel import position_key
from tests.faults.arena import arena
from tests.faults.flow import PER_SECOND
from tests.faults.test_members import FAILOVER_S, busy, first_commits

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

ANOTHER = "fedcba9876543210"  # the incarnation of its changelog


async def test_a_redis_that_comes_back_empty_is_filled_again(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=47) as ring:
        worker = await ring.ready(ring.worker())
        ring.allow(PER_SECOND * 8)
        await asyncio.sleep(3)
        await asyncio.to_thread(ring.stack.redis.kill)
        committed = len(await ring.committed_records())
        await asyncio.sleep(3)
        assert len(await ring.committed_records()) > committed, "Kafka waited for Redis"
        shutil.rmtree(ring.stack.root / "redis" / "appendonlydir", ignore_errors=True)
        for file in (ring.stack.root / "redis").glob("*.aof*"):
            file.unlink()
        await asyncio.to_thread(ring.stack.redis.start)
        redis = Redis.from_url(ring.settings.redis.url)
        left = await redis.dbsize()
        await redis.aclose()
        ring.allow(PER_SECOND)
        await asyncio.sleep(2)
        assert worker.alive
        verdict = await ring.verdict("Redis killed and emptied", f"3 s away, came back with {left} keys")
    assert verdict.ok, verdict


async def test_a_redis_that_was_emptied_under_the_workers_is_filled_again(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=53) as ring:
        await ring.ready(ring.worker())
        redis = Redis.from_url(ring.settings.redis.url)
        lost = []
        for _ in range(3):
            ring.allow(PER_SECOND)
            await asyncio.sleep(1)
            lost.append(str(await redis.dbsize()))
            await redis.flushall()
        await redis.aclose()
        verdict = await ring.verdict("Redis emptied while running", f"of {', '.join(lost)} keys", times=3)
    assert verdict.ok, verdict


async def test_a_redis_that_is_empty_when_a_worker_starts_is_filled(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=59) as ring:
        worker = await ring.ready(ring.worker())
        ring.allow(PER_SECOND * 2)
        await asyncio.sleep(2)
        await ring.kill(worker)
        redis = Redis.from_url(ring.settings.redis.url)
        await redis.flushall()
        await redis.aclose()
        ring.worker()
        verdict = await ring.verdict("Redis emptied between two workers", "flushed after kill -9")
    assert verdict.ok, verdict


async def test_what_another_kafka_has_left_in_redis_gives_way(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=71) as ring:
        worker = await ring.ready(ring.worker())
        ring.allow(PER_SECOND * 4)
        await asyncio.sleep(5)
        await ring.kill(worker)
        redis = Redis.from_url(ring.settings.redis.url)
        customers = [key async for key in redis.scan_iter(match="cx:customer:*")]
        for key in customers:
            await redis.hset(key, mapping={"version": 10**6, "state": b"another", "source": f"{ANOTHER}:{10**9}"})
        for number, records in (await ring.changelog()).items():
            # As far as ours goes: nothing would seem to be missing.
            await redis.set(
                position_key(ring.settings.app, Lane.CUSTOMERS, number), f"{ANOTHER}:1:{records[-1].offset}"
            )
        await redis.aclose()
        ring.worker()
        verdict = await ring.verdict("Redis of another Kafka", f"{len(customers)} customers as another one had them")
    assert verdict.ok, verdict


async def test_a_last_worker_that_stops_under_traffic_leaves_redis_as_the_changelog_ends(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=61) as ring:
        for _ in range(3):
            worker = await ring.ready(ring.worker())
            ring.allow(PER_SECOND * 2)
            await asyncio.sleep(1.5)
            assert await ring.stop(worker) == 0
            assert await ring.behind() == 0
        ring.worker()
        verdict = await ring.verdict(
            "last worker stopped", "SIGTERM under traffic; Redis was complete each time", times=3
        )
    assert verdict.ok, verdict


async def test_a_redis_that_hangs_holds_no_failover_up_and_is_right_in_the_end(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=67, session_s=6.0) as ring:
        dying = await ring.ready(ring.worker())
        staying = await ring.ready(ring.worker())
        await ring.ready(dying, 2)
        await busy(ring, 3)
        ring.stack.redis.pause()
        await busy(ring, 1)
        killed_at = time.time()
        await ring.kill(dying)
        await busy(ring, FAILOVER_S + 1)
        took = await first_commits(ring, killed_at) - killed_at
        opened = staying.opened
        replacing = await ring.ready(ring.worker())
        await ring.ready(staying, opened + 1)
        await busy(ring, 3)
        assert staying.alive
        assert replacing.alive
        ring.stack.redis.resume()
        done = f"kill -9 of one of two meanwhile, all partitions committed again after {took:.1f} s; then one more came"
        verdict = await ring.verdict("Redis paused", done)
    assert verdict.ok, verdict
    assert took <= FAILOVER_S, took
