"""Workers killed at every named point, or frozen until replaced: as much of `make faults` as every run has time for."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path

import pytest

from streams.failpoints import IN_TRANSACTION, POINTS
from tests.faults.arena import ARMED, arena
from tests.faults.flow import PER_SECOND
from tests.faults.points import kill_at

SEED = 101
TAKEN_OVER_S = 30


@pytest.mark.timeout(240)
async def test_workers_killed_at_every_named_point_lose_and_repeat_nothing(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    async with arena(tmp_path, seed=SEED, events=3_000) as ring:
        for point in POINTS:
            await kill_at(ring, point, rng, 1)
        ring.worker()
        verdict = await ring.verdict("kill -9 at every named point", ", ".join(POINTS), times=len(POINTS))
        assert not ring.abandoned & await ring.committed_records(), "what was open then was committed later"
    assert verdict.ok, verdict


@pytest.mark.timeout(240)
async def test_a_worker_frozen_in_a_transaction_until_it_is_replaced_adds_nothing(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=SEED, events=2_000) as ring:
        frozen = await ring.ready(ring.worker("-m", *ARMED, IN_TRANSACTION, "20", "SIGSTOP"))
        other = await ring.ready(ring.worker())
        await ring.reaches(frozen)
        assert await ring.open_records()
        had, opened = other.opened, frozen.opened
        async with asyncio.timeout(TAKEN_OVER_S):
            while other.opened == had:
                ring.allow(PER_SECOND / 4)
                await asyncio.sleep(0.5)
        frozen.signal(signal.SIGCONT)
        await ring.ready(frozen, opened + 1)
        verdict = await ring.verdict("SIGSTOP in a transaction until replaced", "then SIGCONT")
    assert verdict.ok, verdict
