"""A run of customers on gifts: each buys once and reaches a tier whose reward the gift desk gives, while it has any."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cli.policy import load
from cx.calendar import micros, rfc3339
from cx.desk.book import parts_of
from cx.desk.state import Account, Gift
from cx.desk.state import decode as entry_of
from cx.rules import compile_policy
from cx.state import decode
from cx.view import profile_of
from streams.readmodel import connect, read_customer
from tests.faults.gift_shop import CAKE, CHUNK, COFFEE, FINAL

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.gift_shop import Shop

POLICY: Final = f"""
programme: shop
currency: VND
gifts_from: desk
tiers:
  ladder:
    - {{name: member}}
    - {{name: silver, enter: {{spend: 1000}}}}
rewards:
  - id: welcome
    when: {{tier_reached: silver}}
    gift: {{id: coffee, brand: Highlands, face_value: {COFFEE}}}
    fallbacks: [cake]
"""
ISSUED, UNAVAILABLE = "reward.issued", "reward.unavailable"
AGAIN: Final = 20  # one order in so many is sent twice


class Rush:
    """So many customers; coffees, cakes to fall back on, and a budget that ends amid the cakes."""

    def __init__(self, shop: Shop, policy: Path, coffees: int, cakes: int, customers: int) -> None:
        self.shop, self.policy = shop, policy
        self.coffees, self.cakes, self.customers = coffees, cakes, customers
        self.paid_cakes = cakes * 3 // 5
        self.spent = coffees * COFFEE + self.paid_cakes * CAKE
        self._sent = 0
        self._times: dict[str, str] = {}

    async def open(self) -> None:
        self.policy.write_text(POLICY, encoding="utf-8")
        gifts = [("gift_id", "brand", "face_value"), ("coffee", "Highlands", str(COFFEE)), ("cake", "Paris", str(CAKE))]
        self.shop.imports("shop", gifts)
        self.shop.imports("shop", [("scope", "name", "total"), ("programme", "", str(self.spent + CAKE - 1))])
        self.shop.codes("shop", "coffee", self.coffees)
        self.shop.codes("shop", "cake", self.cakes)

    async def goes_on(self, count: int = CHUNK) -> None:
        """Let *count* more customers buy; once all have bought, the first orders come again."""
        numbers = range(self._sent, min(self._sent + count, self.customers)) or range(count)
        for number in numbers:
            for _ in range(1 + (number % AGAIN == 0)):
                await self._buys(f"kh-{number:06}")
        self._sent = max(self._sent, numbers[-1] + 1)
        await self.shop.producer.flush()

    async def _buys(self, customer: str) -> None:
        line = {"line_id": "l1", "sku": "s1", "category": "food", "quantity": 1, "amount": 1_000}
        payments = [{"kind": "money", "amount": 1_000}]
        event = {
            "specversion": "1.0",
            "id": f"order of {customer}",
            "source": "test",
            "type": "purchase.completed",
            "time": self._time(customer),
            "subject": customer,
            "data": {"order_id": customer, "channel": "web", "currency": "VND", "lines": [line], "payments": payments},
        }
        await self.shop.producer.send("cx.purchases", json.dumps(event).encode(), customer.encode())

    def _time(self, customer: str) -> str:
        """Return when *customer* bought: the same if it is told again."""
        return self._times.setdefault(customer, rfc3339(micros(datetime.now(UTC))))

    @property
    def given(self) -> int:
        """How many gifts there are to be given."""
        return self.coffees + self.paid_cakes

    async def judge(self) -> tuple[int, int, int]:
        """Find out whether each customer has one answer, and gifts and money are what they should be.

        Returns:
            Requests, gifts and refusals.
        """
        answers = await self.shop.until_answered(self.customers)
        assert Counter(one["type"] for one in answers if one["type"] in FINAL).total() == len(answers) == self.customers
        assert len({one["data"]["request_id"] for one in answers}) == self.customers, "each request is answered once"
        gifts = Counter(one["data"]["gift_id"] for one in answers if one["type"] == "gift.allocated")
        assert gifts == {"coffee": self.coffees, "cake": self.paid_cakes}
        codes = {one["data"]["ciphertext"] for one in answers if one["type"] == "gift.allocated"}
        assert len(codes) == self.given, "a code was given twice"
        fates = await self._told()
        assert Counter(kind for kind, _ in fates.values()) == {
            ISSUED: self.given,
            UNAVAILABLE: self.customers - self.given,
        }
        reasons = {reason for kind, reason in fates.values() if kind == UNAVAILABLE}
        assert reasons <= {"out-of-stock", "budget-programme-total"}, "each refusal is explained"
        await self._judge_entries()
        await self._judge_redis({customer: kind for customer, (kind, _) in fates.items()})
        assert await self.shop.dead_letters() == []
        assert await self.shop.leaks() == []
        return self.customers, self.given, self.customers - self.given

    async def _told(self) -> dict[str, tuple[str, str]]:
        """Return by customer what was told of the reward, and why; each was told once, once all were."""
        events = await self.shop.until_told(self.customers)
        assert len({event["id"] for event in events}) == len(events) == self.customers, "each reward is told once"
        found = {event["subject"]: (event["type"], event["data"].get("reason", "")) for event in events}
        assert len(found) == self.customers, "each customer is told"
        return found

    async def _judge_entries(self) -> None:
        for key, value in (await self.shop.entries()).items():
            entry = entry_of(value)
            if isinstance(entry, Account) and parts_of(key)[1] in {b"programme:", b"tier:silver"}:
                assert entry.spent[2] == self.spent
            if isinstance(entry, Gift):
                left = 0 if parts_of(key)[1] == b"coffee" else self.cakes - self.paid_cakes
                assert (entry.stock.count, entry.waiting.count) == (left, 0)

    async def _judge_redis(self, fates: dict[str, str]) -> None:
        """Hold what Redis shows of every customer against what was told."""
        rules = compile_policy(load(str(self.policy)))
        async with connect(self.shop.settings.redis) as client:
            for customer, kind in fates.items():
                stored = await read_customer(client, customer)
                assert stored is not None, "a customer is not shown"
                (reward,) = profile_of(decode(stored.state), stored.as_of, rules)["rewards"]
                assert f"reward.{reward['status']}" == kind
