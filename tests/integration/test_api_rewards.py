"""Rewards over HTTP, with a worker and a gift desk: chosen, shown once the desk lets it be, and points spent."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from cli.policy import load
from cx.rules import compile_policy
from schemas.answers import EventAnswer, RedemptionAnswer, Revealed
from schemas.profiles import RewardsView
from serving import audit
from streams.settings import CodeSettings
from tests.faults.gift_shop import KEYS, gift_shop, plain
from tests.faults.logs import read_topics
from tests.serving.api import calling, problem, service

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from schemas.profiles import Reward

POLICY = """
programme: shop
currency: VND
gifts_from: desk
tiers:
  ladder:
    - {name: member}
    - {name: silver, enter: {spend: 1000}}
points: {rates: [{per: 10}]}
rewards:
  - id: welcome
    when: {tier_reached: silver}
    choices:
      - {id: coffee, brand: Highlands, face_value: 50000}
      - {id: tea, brand: Phuc Long, face_value: 50000}
"""
CODES = CodeSettings.model_validate({"keys": KEYS["CX_CODES__KEYS"], "identity": ""})
PATIENCE_S = 60.0
SLOW = {"wait": "decision", "timeout_ms": "10000"}  # the first of them, for events only
LAN = "lan/1"
PATH = "/v1/customers/lan%2F1"


def now() -> str:
    return datetime.now(UTC).isoformat()


async def decided(api: httpx.AsyncClient, path: str, **sent: Any) -> httpx.Response:
    """Send the same until it is decided, as an app does that has not heard."""
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await api.post(path, params=SLOW, **sent)).status_code == 202:
            continue
    assert answer.status_code == 200, answer.text
    return answer


async def buys(api: httpx.AsyncClient) -> None:
    line = {"line_id": "l1", "sku": "s1", "category": "food", "quantity": 1, "amount": 1_000}
    data = {"order_id": "o1", "channel": "web", "currency": "VND", "lines": [line]}
    event = {"specversion": "1.0", "id": "e1", "source": "till", "type": "purchase.completed", "time": now()}
    body = json.dumps(event | {"subject": LAN, "data": data})
    headers = {"content-type": "application/cloudevents+json"}
    answer = await decided(api, "/v1/events", content=body, headers=headers)
    assert answer.json()["decision"]["tier_after"] == "silver"


async def the_reward(api: httpx.AsyncClient, status: str) -> Reward:
    """Return the one reward, once it has this *status*."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = RewardsView.model_validate_json((await api.get(f"{PATH}/rewards")).content)
            (one,) = found.rewards
            if one.status == status:
                return one
            await asyncio.sleep(0.05)


async def shown(api: httpx.AsyncClient, reward: str) -> Revealed:
    answer = await decided(api, f"{PATH}/rewards/{reward}/reveal")
    assert answer.headers["cache-control"] == "no-store"
    return Revealed.model_validate_json(answer.content)


async def delivered(shop: Any) -> list[dict[str, Any]]:
    found = await read_topics(shop.settings, ["cx.reward-events"])
    events = [json.loads(record.value) for records in found.values() for record in records]
    return [event for event in events if event["type"] == "gift.delivered"]


@pytest.mark.timeout(240)
async def test_a_gift_is_chosen_shown_and_seen_by_nobody_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    caplog.set_level(logging.INFO)
    async with gift_shop(tmp_path) as shop:
        await asyncio.gather(shop.ready(shop.desk()), shop.ready(shop.worker(policy)))
        shop.imports("shop", [("gift_id", "brand", "face_value"), ("tea", "Phuc Long", "50000")])
        shop.codes("shop", "tea", 1)
        rules = compile_policy(load(str(policy)))
        where = (shop.settings.redis.url, shop.settings.kafka.bootstrap, rules)
        async with calling(service(*where, codes=CODES)) as api, calling(service(*where)) as without_keys:
            await buys(api)
            reward = (await the_reward(api, "offered")).reward_id
            path = f"{PATH}/rewards/{reward}"
            choice = {"id": "c1", "time": now(), "gift_id": "tea"}
            another = reward[:-1] + ("0" if reward[-1] != "0" else "1")

            assert problem(await api.post(f"{path}/reveal")) == (409, "no-code")
            assert problem(await api.post(f"{PATH}/rewards/{another}/reveal")) == (404, "no-such-reward")
            assert problem(await api.post(f"{PATH}/rewards/{another}/choose", json=choice)) == (404, "no-such-reward")
            wrong = choice | {"gift_id": "cake", "id": "c0"}
            assert problem(await api.post(f"{path}/choose", json=wrong)) == (409, "not-a-choice")

            chosen, again = [await decided(api, f"{path}/choose", json=choice) for _ in range(2)]
            first, second = (EventAnswer.model_validate_json(one.content) for one in (chosen, again))
            assert first.decision is not None
            assert first.decision.outcome == "applied"
            assert second.decision == first.decision
            issued = await the_reward(api, "issued")
            assert (issued.gift, issued.masked, issued.unsealed) == ("tea", "••••-END", None)
            late = choice | {"gift_id": "coffee", "id": "c2"}
            assert problem(await api.post(f"{path}/choose", json=late)) == (409, "not-offered")

            assert problem(await without_keys.post(f"{path}/reveal")) == (503, "no-key")
            assert (await the_reward(api, "issued")).unsealed is None, "what cannot be shown is not taken out of stock"
            found = await shown(api, reward)
            assert (found.gift, found.code) == ("tea", plain("shop", "tea", 0))
            seen = await the_reward(api, "delivered")
            assert seen.unsealed is not None
            assert (await shown(api, reward)).code == found.code
            assert len(await delivered(shop)) == 1
            stored = (await api.get(f"{PATH}/rewards")).text + (await api.get(PATH)).text
            assert "ciphertext" not in stored

            spends = {"id": "r1", "time": now(), "points": 60}
            sent = [spends, spends, spends | {"id": "r2"}]
            told = [await decided(api, f"{PATH}/points/redeem", json=one) for one in sent]
            answers = [RedemptionAnswer.model_validate_json(one.content) for one in told]
            assert [(one.spent, one.refused_for) for one in answers] == [
                (True, None),
                (True, None),
                (False, "not-enough"),
            ]
            assert (await api.get(f"{PATH}/points")).json()["points"]["balance"] == 40
        audited = [record for record in caplog.records if record.name == audit.LOGGER]
        assert [vars(record)["action"] for record in audited] == ["reveal", "revealed"] * 2
        assert "PLAIN-" not in "".join(str(record.__dict__) for record in caplog.records)
        assert await shop.dead_letters() == []
        assert await shop.leaks() == []
