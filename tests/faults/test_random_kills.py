"""Twenty kills -9 at random moments: while starting, recovering, catching up, working."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.faults.arena import arena
from tests.faults.flow import PER_SECOND

KILLS = 20
SEED = 5


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_a_worker_killed_at_twenty_random_moments_loses_and_repeats_nothing(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    working = 0
    async with arena(tmp_path, seed=SEED, events=6_000) as ring:
        for _ in range(KILLS):
            worker = ring.worker()
            if rng.random() < 0.75:
                await ring.ready(worker)
                ring.allow(PER_SECOND)
                await asyncio.sleep(rng.uniform(0, 2))
            else:
                ring.allow(PER_SECOND)
                await asyncio.sleep(rng.uniform(0, 5))
            assert worker.alive, worker.text()[-3000:]
            working += worker.opened
            await ring.kill(worker)
        last = await ring.ready(ring.worker())
        verdict = await ring.verdict("kill -9 at random", f"{working} of them while it had partitions", times=KILLS)
    assert working >= KILLS // 2
    assert last.opened
    assert verdict.ok, verdict
