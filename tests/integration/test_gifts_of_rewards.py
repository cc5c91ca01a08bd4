"""Gifts of rewards: a worker, a gift desk and their Kafka and Redis, from the order to the code in plain."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from base64 import b64decode
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from cx.calendar import micros, rfc3339
from ops.codes import Locker
from streams.readmodel import connect
from streams.settings import CodeSettings
from tests.faults.gift_shop import KEYS, PATIENCE_S, gift_shop, plain
from tests.faults.logs import read_topics
from tests.faults.subject import ROOT
from tests.integration.shown import profile_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.gift_shop import Shop

POLICY = """
programme: shop
currency: VND
gifts_from: desk
tiers:
  ladder:
    - {name: member}
    - {name: silver, enter: {spend: 1000}}
rewards:
  - {id: welcome, when: {tier_reached: silver}, gift: {id: coffee, brand: Highlands, face_value: 50000}}
"""


async def send(shop: Shop, topic: str, kind: str, customer: str, data: dict[str, Any]) -> None:
    event = {
        "specversion": "1.0",
        "id": f"{kind} of {customer}",
        "source": "test",
        "type": kind,
        "time": rfc3339(micros(datetime.now(UTC))),
        "subject": customer,
        "data": data,
    }
    await shop.producer.send_and_wait(topic, json.dumps(event).encode(), customer.encode())


async def buys(shop: Shop, customer: str) -> None:
    line = {"line_id": "l1", "sku": "s1", "category": "food", "quantity": 1, "amount": 1_000}
    payments = [{"kind": "money", "amount": 1_000}]
    data = {"order_id": customer, "channel": "web", "currency": "VND", "lines": [line], "payments": payments}
    await send(shop, "cx.purchases", "purchase.completed", customer, data)


async def told(shop: Shop, count: int) -> list[tuple[str, str, str | None]]:
    """Return type, customer and reason or masked code of what was told of rewards, once there is so much."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = await read_topics(shop.settings, ["cx.rewards"])
        events = [json.loads(record.value) for records in found.values() for record in records]
        if len(events) >= count:
            about = ((event, event["data"]) for event in sorted(events, key=lambda event: str(event["time"])))
            return [(one["type"], one["subject"], data.get("reason", data.get("masked"))) for one, data in about]
        assert time.monotonic() < deadline, events
        await asyncio.sleep(0.2)


async def shown(shop: Shop, policy: Path, customer: str, status: str, **more: Any) -> dict[str, Any]:
    """Return what Redis shows of the customer's reward, once that has this *status*, and *more* where it is given."""
    deadline = time.monotonic() + PATIENCE_S
    async with connect(shop.settings.redis) as client:
        while True:
            rewards = (await profile_in(client, customer, str(policy))).get("rewards", [])
            for reward in rewards:
                if reward["status"] == status and all(reward[name] for name in more):
                    return dict(reward)
            assert time.monotonic() < deadline, rewards
            await asyncio.sleep(0.1)


@pytest.mark.timeout(240)
async def test_a_reward_gets_its_gift_from_the_desk_and_no_code_is_seen_on_the_way(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    async with gift_shop(tmp_path) as shop:
        await asyncio.gather(shop.ready(shop.desk()), shop.ready(shop.worker(policy)))
        shop.imports("shop", [("gift_id", "brand", "face_value"), ("coffee", "Highlands", "50000")])
        shop.codes("shop", "coffee", 1)
        await buys(shop, "lan")
        assert await told(shop, 1) == [("reward.issued", "lan", "••••-END")]
        await buys(shop, "mai")
        assert (await told(shop, 2))[1:] == [("reward.unavailable", "mai", "out-of-stock")]

        issued = await shown(shop, policy, "lan", "issued")
        await shop.send("reveal.requested", {"request_id": issued["claim_id"]})
        seen = await shown(shop, policy, "lan", "issued", unsealed=True)
        locker = Locker(CodeSettings.model_validate({"keys": KEYS["CX_CODES__KEYS"], "identity": ""}))
        sealed = b64decode(seen["ciphertext"])
        assert locker.open("shop", "coffee", seen["key_id"], sealed) == plain("shop", "coffee", 0)

        await send(shop, "cx.purchases", "purchase.refunded", "lan", {"order_id": "lan"})
        assert (await told(shop, 3))[2:] == [("reward.revoked", "lan", "refund")]
        (gone,) = (one for one in await shop.until_answered(1, {"gift.withdrawn"}) if one["type"] == "gift.withdrawn")
        assert gone["data"]["returned"] is False, "it was shown"
        assert "ciphertext" not in await shown(shop, policy, "lan", "revoked")
        await report_agrees(shop, policy)
        assert await shop.dead_letters() == []
        assert await shop.leaks() == []


async def report_agrees(shop: Shop, policy: Path) -> None:
    """Hold `cx report gifts` against a plain count of what the topics have, twice, as the second reads nothing anew."""
    found = await read_topics(shop.settings, ["cx.rewards", "cx.gift-answers"])
    events = [json.loads(record.value) for records in found.values() for record in records]
    kinds = Counter(event["type"] for event in events)
    cost = sum(event["data"].get("cost", 0) for event in events if event["type"] == "gift.allocated")
    for _ in range(2):
        (row,) = json.loads(await asyncio.to_thread(reported, shop, policy))
        counted = {name: row[name] for name in ("issued", "unavailable", "revoked", "cost", "liability")}
        assert counted == {
            "issued": kinds["reward.issued"],
            "unavailable": kinds["reward.unavailable"],
            "revoked": kinds["reward.revoked"],
            "cost": cost,
            "liability": 0,
        }
    page = (shop.folder / "gifts.html").read_text("utf-8")
    assert "<td>50,000 VND</td>" in page


def reported(shop: Shop, policy: Path) -> str:
    command = [sys.executable, "-m", "cli", "report", "gifts", "--json", "--html", str(shop.folder / "gifts.html")]
    settings = {"KAFKA__BOOTSTRAP": shop.settings.kafka.bootstrap, "DATA": str(shop.folder), "POLICY": str(policy)}
    environment = os.environ | {f"CX_{name}": value for name, value in settings.items()}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
