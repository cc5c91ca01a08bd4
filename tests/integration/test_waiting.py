"""Who waits for a decision is told theirs, in time or not at all, and nobody is forgotten behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from schemas.decisions import Outcome, decision_key, write
from serving import waiting
from serving.profiles import Breaker
from serving.waiting import Waiting

PATIENCE_S = 30.0


@pytest.fixture
async def breaker(redis_url: str) -> AsyncIterator[Breaker]:
    made = Breaker(Redis.from_url(redis_url), PATIENCE_S)
    yield made
    await made.close()


@pytest.fixture
async def desk(breaker: Breaker) -> AsyncIterator[Waiting]:
    made = Waiting(breaker)
    yield made
    await made.close()


def outcome(customer: str) -> Outcome:
    return Outcome(outcome="applied", customer=customer)


async def test_each_is_told_their_own(desk: Waiting, breaker: Breaker, unique: str) -> None:
    places = [(decision_key("till", f"{unique}-{number}"), "f") for number in range(50)]
    calls = [asyncio.create_task(desk.outcomes([place], PATIENCE_S)) for place in places]
    for number, (key, field) in reversed(list(enumerate(places))):
        await breaker.client.hset(key, field, write(outcome(f"c{number}")))
    async with asyncio.timeout(PATIENCE_S):
        found = await asyncio.gather(*calls)

    assert found == [[outcome(f"c{number}")] for number in range(50)]


async def test_two_may_wait_for_the_same_and_of_another_content_nothing_is_told(
    desk: Waiting, breaker: Breaker, unique: str
) -> None:
    key = decision_key("till", unique)
    same = [asyncio.create_task(desk.outcomes([(key, "one")], PATIENCE_S)) for _ in range(2)]
    other = asyncio.create_task(desk.outcomes([(key, "two"), (key, "one")], 0.2))
    await breaker.client.hset(key, "one", write(outcome("lan")))

    assert await asyncio.gather(*same) == [[outcome("lan")]] * 2
    assert (await other)[0] is None


async def test_who_has_no_time_is_told_nothing_and_is_not_waited_for_any_more(desk: Waiting, unique: str) -> None:
    assert await desk.outcomes([(decision_key("till", unique), "f")], 0) == [None]
    async with asyncio.timeout(PATIENCE_S):
        while desk.is_busy:  # noqa: ASYNC110  # it has an event for nobody
            await asyncio.sleep(0.001)


async def test_who_comes_when_too_many_wait_is_told_at_once(
    desk: Waiting, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "WAITING_MAX", 1)
    first = asyncio.create_task(desk.outcomes([(decision_key("till", unique), "f")], 3_600))
    await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_S):
        assert await desk.outcomes([(decision_key("till", "other"), "f")], 3_600) == [None]
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


async def test_what_is_not_understood_is_not_told(desk: Waiting, breaker: Breaker, unique: str) -> None:
    key = decision_key("till", unique)
    await breaker.client.hset(key, mapping={"one": b"garbage", "two": write(outcome("lan"))})

    assert await desk.outcomes([(key, "two")], PATIENCE_S) == [outcome("lan")]
    assert await desk.outcomes([(key, "one")], 0.05) == [None]
    assert await desk.known([key]) == [{"two": outcome("lan")}]
