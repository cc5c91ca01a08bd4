"""The API in this process, without a server: calls go to the application, and Redis is a real one, or is away."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ops.codes import Locker
from serving.app import build
from serving.producer import Producer
from serving.profiles import Breaker, Profiles
from serving.service import Service
from serving.waiting import Waiting
from streams.settings import CodeSettings
from tests.spec import rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cx.rules import Rules

NOWHERE = "127.0.0.1:1"  # where nobody listens
AWAY = f"redis://{NOWHERE}/0"
PATIENCE_S = 30.0
NO_CODES = CodeSettings()


def service(
    redis_url: str = AWAY, kafka: str = NOWHERE, by: Rules | None = None, codes: CodeSettings = NO_CODES
) -> Service:
    """Return a service of these servers, which waits for Redis as long as a slow machine takes."""
    by = by or rules()
    client = Redis.from_url(redis_url, retry=Retry(NoBackoff(), 1))
    breaker = Breaker(client, PATIENCE_S)
    producer = Producer({"bootstrap_servers": kafka})
    return Service(by, Profiles(breaker, by), producer, Waiting(breaker), Locker(codes))


@asynccontextmanager
async def calling(served: Service) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the API over *served*, which is opened and closed with it."""
    app = build(served)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api") as client,
    ):
        yield client


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Return status and kind of the problem in *answer*."""
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == answer.status_code
    return answer.status_code, found["type"].removeprefix("urn:cxstream:problem:")
