"""Gift desks on a real Kafka: codes from a spreadsheet, answers for customers, and nothing twice after a crash."""

from __future__ import annotations

import random
from base64 import b64decode
from pathlib import Path

import pytest

from ops.codes import Locker
from streams.failpoints import COMMITTED, OFFSETS_SENT
from streams.settings import CodeSettings
from tests.faults.gift_shop import ARMED, KEYS, Sale, dies, gift_shop, passes, plain, uuid

SEED = 11


@pytest.mark.timeout(240)
async def test_a_gift_is_given_waited_for_shown_and_taken_back(tmp_path: Path) -> None:
    async with gift_shop(tmp_path) as shop:
        await shop.ready(shop.desk())
        shop.imports("shop", [("gift_id", "brand", "face_value"), ("coffee", "Highlands", "50000")])
        shop.codes("shop", "coffee", 1)
        await shop.asks("r1", "coffee")
        (first,) = await shop.until_answered(1)
        data = first["data"]
        locker = Locker(CodeSettings.model_validate({"keys": KEYS["CX_CODES__KEYS"], "identity": ""}))
        opened = locker.open("shop", "coffee", data["key_id"], b64decode(data["ciphertext"]))
        assert (first["subject"], opened, data["masked"]) == ("kh-r1", plain("shop", "coffee", 0), "••••-END")

        await shop.asks("r2", "coffee", wait_days=1)
        await shop.until_answered(1, {"gift.waitlisted"})
        await shop.send("claim.withdrawn", {"request_id": uuid("r1"), "reason": "refund"})
        told = await shop.until_answered(2)
        second = next(one for one in told if one["type"] == "gift.allocated" and one["subject"] == "kh-r2")
        assert second["data"]["ciphertext"] == data["ciphertext"], "a tick has given the code to who waited"

        assert "1 code, 0 bad rows" in shop.codes("shop", "coffee", 1)
        await shop.asks("r3", "coffee")
        await shop.send("reveal.requested", {"request_id": uuid("r2")})
        told = await shop.until_answered(1, {"gift.unsealed"})
        assert [one["data"]["reason"] for one in told if one["type"] == "gift.refused"] == ["out-of-stock"]
        assert await shop.dead_letters() == []
        assert await shop.leaks() == []


@pytest.mark.timeout(240)
async def test_desks_killed_before_and_after_a_commit_give_exactly_what_there_is(tmp_path: Path) -> None:
    # The other points, a second desk and many more requests are tried by tests/faults/test_gift_desk.py.
    rng = random.Random(SEED)
    async with gift_shop(tmp_path) as shop:
        sale = Sale(shop, ("shop",), coffees=100, cakes=50, requests=500)
        await sale.open()
        for point in (OFFSETS_SENT, COMMITTED):
            await dies(sale, shop.desk(*ARMED, point, passes(rng)))
        await shop.ready(shop.desk())
        await sale.goes_on(sale.requests)
        await sale.judge()
