"""The API reads a real Redis: whom it knows, what it does not understand, and that a quote leaves no trace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest
from redis.asyncio import Redis

from cx.state import encode
from schemas.decisions import Outcome, decision_key, write
from schemas.profiles import Profile
from serving import profiles
from serving.profiles import RedisAwayError
from streams.readmodel import customer_key, read_customer
from tests.integration.door import Door
from tests.schemas.samples import LINE
from tests.serving.api import PATIENCE_S, calling, problem, service
from tests.spec import at, bought, given, rules

if TYPE_CHECKING:
    from cx.rules import Rules
    from serving.service import Service

NOW = at("2026-03-10T10:00")
RULES = rules()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def api(redis_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(service(redis_url, by=RULES)) as client:
        yield client


async def store(redis: Redis, name: str, by: Rules = RULES, **other: Any) -> None:
    """Show *name* as a silver customer, decided *by* these rules."""
    customer = given(bought(NOW), by=by).customer
    customer.id = name
    fields: dict[Any, Any] = {
        "version": 1,
        "state": encode(customer, by.lateness),
        "as_of": NOW,
        "source": "test:1",
    } | other
    await redis.hset(customer_key(name), mapping=fields)


@pytest.mark.parametrize("end", ["", "/a/b", "%2Fa", " Đ", "?x=1#y", "/points"])
async def test_a_customer_is_found_whatever_their_id_is_made_of(
    api: httpx.AsyncClient, redis: Redis, unique: str, end: str
) -> None:
    name = unique[-16:] + end
    await store(redis, name)
    path = f"/v1/customers/{quote(name, safe='')}"
    found = Profile.model_validate_json((await api.get(path)).content)

    assert (found.customer_id, found.tier, found.known, found.degraded) == (name, "silver", True, False)
    for view in ("decisions", "journey", "points", "rewards"):
        assert (await api.get(f"{path}/{view}")).json()["customer_id"] == name


async def test_who_was_never_seen_has_the_base_tier(api: httpx.AsyncClient, unique: str) -> None:
    found = (await api.get(f"/v1/customers/{unique[-20:]}")).json()

    assert (found["tier"], found["known"], found["degraded"]) == ("member", False, False)


@pytest.mark.parametrize(
    ("other", "code"),
    [({"state": b"garbage"}, "state-unreadable"), ({"version": "one"}, "state-unreadable")],
)
async def test_what_is_not_understood_is_no_base_tier(
    api: httpx.AsyncClient, redis: Redis, unique: str, other: Any, code: str
) -> None:
    await store(redis, unique[-20:], **other)

    assert problem(await api.get(f"/v1/customers/{unique[-20:]}")) == (503, code)


async def test_what_another_policy_decided_is_not_told_by_ours(
    api: httpx.AsyncClient, redis: Redis, unique: str
) -> None:
    await store(redis, unique[-20:], rules(programme="other"))

    assert problem(await api.get(f"/v1/customers/{unique[-20:]}")) == (503, "policy-mismatch")


async def test_a_quote_leaves_no_trace(api: httpx.AsyncClient, redis: Redis, unique: str) -> None:
    name = unique[-20:]
    await store(redis, name)
    before = await redis.hgetall(customer_key(name))
    purchase = {"order_id": "o9", "channel": "store", "currency": "VND", "lines": [LINE | {"amount": 4_000}]}
    answer = await api.post(
        "/v1/checkout/quote", json={"customer_id": name, "purchase": purchase, "at": "2026-03-11T10:00:00Z"}
    )

    assert (answer.json()["tier_before"], answer.json()["tier_after"]) == ("silver", "gold")
    assert await redis.hgetall(customer_key(name)) == before
    assert (await api.get(f"/v1/customers/{name}")).json()["tier"] == "silver"


async def test_what_redis_says_no_to_is_about_one_customer(api: httpx.AsyncClient, redis: Redis, unique: str) -> None:
    await redis.set(customer_key(unique[-20:]), "something else")
    await store(redis, f"{unique[-18:]}-m")

    assert (await api.get(f"/v1/customers/{unique[-20:]}")).json()["degraded"] is True
    assert (await api.get(f"/v1/customers/{unique[-18:]}-m")).json()["degraded"] is False


async def test_an_answer_that_came_too_late_is_nobody_elses(
    redis_url: str, redis: Redis, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection with an answer on its way would give it to the next who asks: to a till, another customer."""
    lan, mai = f"{unique[-18:]}-1", f"{unique[-18:]}-2"
    for name in (lan, mai):
        await store(redis, name)
        await redis.hset(decision_key("till", name), "f", write(Outcome(outcome="duplicate", customer=name)))
    served = service(redis_url, by=RULES)
    breaker, client = served.profiles.redis, served.profiles.redis.client
    monkeypatch.setattr(profiles, "STRIKES_MAX", 1_000)
    late = 0
    for _ in range(20):
        await redis.client_pause(40)
        for asked in (read_customer(client, lan), decisions_of(served, lan)):
            try:
                await breaker.ask(asked, 0.005)
            except RedisAwayError:
                late += 1
        known = await served.profiles.know(mai)
        assert known.customer.id == mai
        assert [one["f"].customer for one in await served.waiting.known([decision_key("till", mai)])] == [mai]
    assert late
    await breaker.close()


async def decisions_of(served: Service, name: str) -> object:
    pipeline = served.profiles.redis.client.pipeline(transaction=False)
    pipeline.hgetall(decision_key("till", name))
    return await pipeline.execute()


async def test_that_redis_goes_away_is_noticed_at_once_and_that_it_is_back_too(
    redis_url: str, redis: Redis, unique: str
) -> None:
    path = f"/v1/customers/{unique[-20:]}"
    await store(redis, unique[-20:])
    door = Door(redis_url)
    await door.unlock()
    async with calling(service(f"redis://127.0.0.1:{door.port}/0", by=RULES)) as api:
        assert (await api.get(path)).json()["tier"] == "silver"
        assert (await api.get("/ready")).json()["redis"] == "up"
        await door.shut()
        away = (await api.get(path)).json()
        assert (away["tier"], away["known"], away["degraded"]) == ("member", False, True)
        assert (await api.get("/ready")).json()["redis"] == "away"
        await door.unlock()
        async with asyncio.timeout(PATIENCE_S):
            while (await api.get(path)).json()["degraded"]:  # noqa: ASYNC110  # the API has an event for nobody
                await asyncio.sleep(0.01)
        assert (await api.get(path)).json()["tier"] == "silver"
    await door.shut()
