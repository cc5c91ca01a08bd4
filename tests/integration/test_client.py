"""The client, and the example till that is made with it, on a real Kafka and Redis with a real worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from cli.policy import load
from cx.rules import compile_policy
from examples.till import ARTICLES, SOURCE, Payment, Scanned, Till, purchase
from ops.embedded.stack import Stack
from schemas.answers import Basket, Redemption
from schemas.purchases import PurchaseCompleted
from serving.app import build
from serving.client import Client, RefusedError
from streams import admin
from streams.settings import KafkaSettings, RedisSettings, Settings
from tests.integration.worker import Worker
from tests.serving.api import bearer, service

PARTITIONS = 2
SNEAKERS, BAG = "8930000000028", "8930000000042"
WAIT_MS = 10_000
SETTLE_S = 60.0


@pytest.fixture(scope="module")
def settings(own_stack: Stack) -> Settings:
    kafka, redis = KafkaSettings(bootstrap=own_stack.bootstrap), RedisSettings(url=own_stack.redis_url)
    made = Settings(partitions=PARTITIONS, kafka=kafka, redis=redis)
    asyncio.run(admin.create(made, keep_for_ever=True))
    return made


@pytest.fixture(scope="module")
def worker(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    folder = tmp_path_factory.mktemp("worker")
    servers = {"KAFKA__BOOTSTRAP": settings.kafka.bootstrap, "REDIS__URL": settings.redis.url}
    with Worker(folder / "log", **servers, PARTITIONS=str(PARTITIONS), DATA=str(folder)) as running:
        yield running.until_ready()


@pytest.fixture
async def client(settings: Settings, worker: Worker) -> AsyncIterator[Client]:
    del worker
    served = service(settings.redis.url, settings.kafka.bootstrap, compile_policy(load("retail-vn")))
    app = build(served)
    async with app.router.lifespan_context(app):
        sent = await bearer(served, sources=(SOURCE,))
        async with Client("http://api", sent, transport=httpx.ASGITransport(app), timeout_s=60) as made:
            yield made


def bought(customer: str, order: str, **counts: int) -> PurchaseCompleted:
    data = purchase(Scanned(customer=customer, counts=counts), order)
    return PurchaseCompleted(
        specversion="1.0",
        id=order,
        source=SOURCE,
        type="purchase.completed",
        time=datetime.now(UTC),
        subject=customer,
        data=data,
    )


async def test_a_customer_is_quoted_pays_and_is_shown_from_all_sides(client: Client, unique: str) -> None:
    lan = f"{unique[-20:]}/ä"
    assert (await client.customer(lan)).known is False
    event = bought(lan, f"{unique}-1", **{SNEAKERS: 1})
    quote = await client.quote(Basket(customer_id=lan, purchase=event.data))
    assert (quote.tier_before, quote.tier_after, quote.upgraded) == ("member", "silver", True)

    answer = await client.settle(await client.send(event, wait_ms=WAIT_MS), SETTLE_S)
    assert answer.decision is not None
    assert (answer.decision.outcome, answer.decision.tier_after) == ("applied", "silver")
    assert (await client.send(event, wait_ms=WAIT_MS)).decision == answer.decision
    with pytest.raises(RefusedError) as conflict:
        await client.send(bought(lan, f"{unique}-1", **{BAG: 1}), wait_ms=WAIT_MS)
    assert (conflict.value.status, conflict.value.code) == (409, "conflicting-id")

    assert (await client.customer(lan)).tier == "silver"
    assert (await client.decisions(lan)).orders
    assert (await client.journey(lan)).customer_id == lan
    assert (await client.points(lan)).points is not None
    assert (await client.rewards(lan)).rewards is not None
    redemption = Redemption(id=f"{unique}-r", time=datetime.now(UTC), points=1_000_000)
    async with asyncio.timeout(SETTLE_S):
        while (spent := await client.redeem(lan, redemption)).decision is None:
            continue
    assert (spent.spent, spent.refused_for) == (False, "not-enough")


async def test_many_events_go_in_one_call(client: Client, unique: str) -> None:
    events = [bought(f"{unique[-20:]}-{number}", f"{unique}-{number}", **{SNEAKERS: 1}) for number in range(3)]
    told = await client.send_all(events, wait_ms=WAIT_MS)
    settled = [await client.settle(one, SETTLE_S) for one in told.events]

    assert [one.decision and one.decision.tier_after for one in settled] == ["silver"] * 3


async def test_the_till_shows_the_tier_that_the_paying_call_brings(client: Client, unique: str) -> None:
    lan = unique[-20:]
    transport = httpx.ASGITransport(Till(client).app())
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as page:
        assert "<title>Till</title>" in (await page.get("/")).text
        assert {one["barcode"] for one in (await page.get("/articles")).json()} == set(ARTICLES)
        first = {"customer": lan, "counts": {SNEAKERS: 1}}
        assert (await page.post("/quote", json=first)).json()["tier_after"] == "silver"
        assert (await paid(page, first, f"{unique}-1"))["tier_after"] == "silver"
        second = {"customer": lan, "counts": {BAG: 1}}
        shown = await paid(page, second, f"{unique}-2")
        assert (shown["tier_before"], shown["tier_after"]) == ("silver", "gold")
        assert shown["benefits"]
        again = await paid(page, second, f"{unique}-2")
        assert {name: again[name] for name in ("tier_after", "status")} == {"tier_after": "gold", "status": "applied"}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"json": {"customer": "lan", "counts": {"none": 1}}}, 422),
        ({"json": {"customer": "lan", "counts": {SNEAKERS: 0}}}, 422),
        ({"json": {"customer": "", "counts": {SNEAKERS: 1}}}, 422),
        ({"content": "{}", "headers": {"content-type": "text/plain"}}, 415),
        ({"json": {"customer": "lan", "counts": {SNEAKERS: 1}}, "headers": {"host": "evil.example"}}, 400),
    ],
)
async def test_the_till_refuses_what_it_cannot_sell_and_who_is_elsewhere(sent: dict[str, Any], status: int) -> None:
    client = Client("http://127.0.0.1:1", "cx_a_b")
    transport = httpx.ASGITransport(Till(client).app())
    async with client, httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as page:
        assert (await page.post("/quote", **sent)).status_code == status


AT = datetime.now(UTC).isoformat()


async def paid(page: httpx.AsyncClient, scanned: dict[str, Any], order: str) -> dict[str, Any]:
    """Press the button until it is decided, as who stands there does."""
    async with asyncio.timeout(SETTLE_S):
        while True:
            shown: dict[str, Any] = (await page.post("/pay", json=scanned | {"order": order, "at": AT})).json()
            if shown.get("status") != "paid":
                return shown


def test_a_payment_needs_what_makes_it_the_same_one() -> None:
    with pytest.raises(ValueError, match="order"):
        Payment.model_validate_json('{"customer": "lan", "counts": {"x": 1}, "at": "2026-03-01T00:00:00Z"}')
