"""Two gift desks, one of them dying all the time, under a run of 20,000 requests for 5,000 codes."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from streams.failpoints import POINTS
from tests.faults.gift_shop import ARMED, Sale, dies, gift_shop, passes
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
