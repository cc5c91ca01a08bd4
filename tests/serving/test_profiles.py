"""What is told of a customer whom nobody can be asked about, and how long that takes."""

import asyncio
from urllib.parse import quote

import pytest
from redis.asyncio import Redis

from schemas.profiles import Profile
from serving import profiles
from serving.profiles import STRIKES_MAX, Breaker, RedisAwayError
from tests.serving.api import AWAY, PATIENCE_S, calling, service


async def test_while_redis_is_away_a_till_is_told_the_base_tier() -> None:
    async with calling(service(AWAY)) as client:
        found = Profile.model_validate_json((await client.get("/v1/customers/lan")).content)

    assert (found.customer_id, found.tier, found.known, found.degraded) == ("lan", "member", False, True)


@pytest.mark.parametrize("name", ["a/b", "a%2Fb", "Đặng Lan", "?", "lan ", "%", "x" * 64])
async def test_an_id_may_hold_anything(name: str) -> None:
    async with calling(service()) as client:
        answer = await client.get("/v1/customers/" + quote(name, safe=""))

    assert answer.json()["customer_id"] == name


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take what is sent, and say nothing."""
    await reader.read()
    writer.close()


async def test_a_redis_that_hangs_is_waited_for_a_few_times_and_then_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(profiles, "RETRY_S", 3_600)
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        breaker = Breaker(Redis(port=server.sockets[0].getsockname()[1]), patience_s=0.02)
        for strike in range(STRIKES_MAX):
            assert not breaker.is_open, strike
            with pytest.raises(RedisAwayError):
                await breaker.ask(breaker.client.get("x"))
        assert breaker.is_open
        # Whoever asked now, and waited, would wait for an hour.
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(RedisAwayError):
                await breaker.ask(breaker.client.get("x"), 3_600)
        await breaker.close()
