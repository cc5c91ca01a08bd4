"""The API in this process, without a server: calls go to the application, and Redis is a real one, or is away."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ops.codes import Locker
from serving.access import Access
from serving.app import build
from serving.limits import per_second
from serving.producer import Producer
from serving.profiles import Breaker, Profiles
from serving.service import Service
from serving.tokens import SCOPES, Scope, Tokens, made
from serving.waiting import Waiting
from streams.settings import CodeSettings
from tests.spec import rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cx.rules import Rules

NOWHERE = "127.0.0.1:1"  # where nobody listens
AWAY = f"redis://{NOWHERE}/0"
PATIENCE_S = 30.0
CALLS_PER_SECOND = 10_000
NO_CODES = CodeSettings()


def service(
    redis_url: str = AWAY,
    kafka: str = NOWHERE,
    by: Rules | None = None,
    *,
    codes: CodeSettings = NO_CODES,
    calls: int = CALLS_PER_SECOND,
) -> Service:
    """Return a service of these servers, which waits for Redis as long as a slow machine takes."""
    by = by or rules()
    client = Redis.from_url(redis_url, retry=Retry(NoBackoff(), 1))
    breaker = Breaker(client, PATIENCE_S)
    access = Access(Tokens(breaker), per_second(breaker, calls))
    producer = Producer({"bootstrap_servers": kafka})
    return Service(by, Profiles(breaker, by), producer, Waiting(breaker), access, Locker(codes))


@asynccontextmanager
async def calling(served: Service, sent: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the API over *served*, which is opened and closed with it; it may do all, or sends *sent*."""
    app = build(served)
    headers = {"Authorization": f"Bearer {sent or await bearer(served)}"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client,
    ):
        yield client


async def bearer(served: Service, *scopes: Scope, **bounds: Any) -> str:
    """Return what the holder of a new token with *scopes*, or all of them, sends to *served*."""
    now = datetime.now(UTC)
    expires = bounds.pop("expires", now + timedelta(hours=1))
    token, sent = made("test", scopes or SCOPES, now=now, expires=expires, **bounds)
    if served.profiles.redis.client.connection_pool.connection_kwargs["port"] != 1:
        await served.access.tokens.keep(token)
    served.access.tokens.remember(token)  # a server that knows it already does without Redis for a while
    return sent


async def stored_bearer(redis_url: str, *scopes: Scope) -> str:
    """Return what the holder of a new token in the Redis at *redis_url* sends to any server."""
    served = service(redis_url)
    sent = await bearer(served, *scopes)
    await served.profiles.redis.close()
    return sent


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Return status and kind of the problem in *answer*."""
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == answer.status_code
    return answer.status_code, found["type"].removeprefix("urn:cxstream:problem:")
