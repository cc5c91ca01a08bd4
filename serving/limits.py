"""How often a token may call: counted in Redis for all servers together, and in memory while Redis is away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter

from serving.problems import ProblemError
from serving.profiles import RedisAwayError

if TYPE_CHECKING:
    from serving.profiles import Breaker

QUICK_S: Final = 0.01  # a till waits no longer than that to be counted


class Limits:
    """Counts calls by token, second by second."""

    def __init__(self, redis: Breaker, per_second: int) -> None:
        """Allow *per_second* calls a token; count by *redis*."""
        self._redis = redis
        self._item = RateLimitItemPerSecond(per_second)
        shared = RedisStorage(
            "async+redis://127.0.0.1:6379",  # for the form; the pool says where
            implementation="redispy",
            key_prefix="cx:limit",
            connection_pool=redis.client.connection_pool,  # type: ignore[arg-type]  # passed on as it is
        )
        self._shared, self._own = FixedWindowRateLimiter(shared), FixedWindowRateLimiter(MemoryStorage())

    async def count(self, token_id: str) -> None:
        """Count a call.

        Raises:
            ProblemError: 429, it is one too many.
        """
        try:
            is_fine = await self._redis.ask(self._shared.hit(self._item, token_id), QUICK_S)
        except RedisAwayError:
            is_fine = await self._own.hit(self._item, token_id)
        if not is_fine:
            detail = "more calls a second than this token may make"
            raise ProblemError(429, "too-many-requests", detail, headers={"Retry-After": "1"})
