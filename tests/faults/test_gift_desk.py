"""Gift desks, and workers before them, that die all the time under a run of 20,000 requests for 5,000 codes."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from streams.failpoints import POINTS
from tests.faults.gift_shop import ARMED, ARMED_WORKER, Sale, dies, gift_shop, passes
from tests.faults.rush import Rush
from tests.faults.table import GIFTS, GiftRow

PROGRAMMES = ("shop", "cafe", "spa", "books")
SEED = 29
ROUNDS = 2


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_desks_that_die_at_every_point_give_each_code_once_and_never_exceed_a_budget(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    async with gift_shop(tmp_path) as shop:
        sale = Sale(shop, PROGRAMMES, coffees=1_000, cakes=250, requests=5_000)
        await sale.open()
        steady = await shop.ready(shop.desk())
        for _ in range(ROUNDS):
            for point in POINTS:
                await dies(sale, shop.desk(*ARMED, point, passes(rng)))
            other = await shop.ready(shop.desk())
            await sale.goes_on(rng.randint(100, 500))
            await asyncio.sleep(rng.uniform(0, 1))
            await shop.kill(steady)
            steady = other
        await sale.goes_on(len(PROGRAMMES) * sale.requests)
        counts = await sale.judge()
    kills = ROUNDS * (len(POINTS) + 1)
    done = f"{len(PROGRAMMES)} programmes, {kills} kills -9 of one of two desks, {ROUNDS} of them at random"
    GIFTS.append(GiftRow("desks killed under a sale", done, *counts))


@pytest.mark.faults
@pytest.mark.timeout(2_400)
async def test_orders_of_20_000_customers_bring_5_000_codes_home_whoever_dies_on_the_way(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    async with gift_shop(tmp_path) as shop:
        rush = Rush(shop, tmp_path / "policy.yaml", coffees=4_000, cakes=1_000, customers=20_000)
        await rush.open()
        desk, worker = await shop.ready(shop.desk()), await shop.ready(shop.worker(rush.policy))
        for point in POINTS:
            await dies(rush, shop.worker(rush.policy, *ARMED_WORKER, point, passes(rng)))
            armed = await shop.ready(shop.desk(*ARMED, point, passes(rng)))
            await shop.kill(desk)  # a programme is one desk's alone: it may have been this one's
            await dies(rush, armed)
            desk = await shop.ready(shop.desk())
        others = await shop.ready(shop.desk()), await shop.ready(shop.worker(rush.policy))
        await rush.goes_on(rng.randint(100, 500))
        await asyncio.sleep(rng.uniform(0, 1))
        await asyncio.gather(shop.kill(desk), shop.kill(worker))
        await rush.goes_on(rush.customers)
        counts = await rush.judge()
        assert all(one.alive for one in others)
    kills = 3 * len(POINTS) + 2
    done = f"customers in four partitions, {kills} kills -9 of one of two workers, or of a desk, 2 of them at random"
    GIFTS.append(GiftRow("workers and desks killed under orders", done, *counts))
