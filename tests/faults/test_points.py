"""Kill -9 at named points between the fold and Redis: what was open is aborted, what was committed is there."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from streams.failpoints import POINTS
from tests.faults.arena import arena
from tests.faults.points import kill_at

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

HITS = 3


@pytest.mark.parametrize("point", POINTS)
async def test_a_worker_killed_at_a_named_point_loses_and_repeats_nothing(point: str, tmp_path: Path) -> None:
    rng = random.Random(point)
    async with arena(tmp_path, seed=rng.randrange(1_000)) as ring:
        proofs = await kill_at(ring, point, rng, HITS)
        ring.worker()
        verdict = await ring.verdict(f"kill -9 at {point}", "; ".join(proofs), times=len(proofs))
        assert not ring.abandoned & await ring.committed_records(), "what was open then was committed later"
    assert verdict.ok, verdict
