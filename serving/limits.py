"""How often a token may call: counted here at once, and soon after in Redis for all servers together."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter

from serving.problems import ProblemError
from serving.profiles import RedisAwayError

if TYPE_CHECKING:
    from limits import RateLimitItem

    from serving.profiles import Breaker

SYNC_S: Final = 0.05
PATIENCE_S: Final = 1.0


class Limits:
    """Counts calls by token. No call waits for Redis, so that several servers let some more pass than one would."""

    def __init__(self, redis: Breaker, item: RateLimitItem) -> None:
        """Allow a token so many calls in so long as *item* says; count by *redis*."""
        self._redis, self._item = redis, item
        storage = RedisStorage(
            "async+redis://127.0.0.1:6379",  # for the form; the pool says where
            implementation="redispy",
            key_prefix="cx:limit",
            connection_pool=redis.client.connection_pool,  # type: ignore[arg-type]  # passed on as it is
        )
        self._shared, self._own = FixedWindowRateLimiter(storage), FixedWindowRateLimiter(MemoryStorage())
        self._new: Counter[str] = Counter()
        self._full: dict[str, float] = {}  # until when, where all servers together have let enough pass

    async def count(self, token_id: str) -> None:
        """Count a call.

        Raises:
            ProblemError: 429, it is one too many.
        """
        if time.time() >= self._full.get(token_id, 0.0) and await self._own.hit(self._item, token_id):
            self._new[token_id] += 1
            return
        detail = "more calls a second than this token may make"
        raise ProblemError(429, "too-many-requests", detail, headers={"Retry-After": "1"})

    async def sync(self) -> None:
        """Tell the other servers what was counted here, and hear what they have."""
        new, self._new = self._new, Counter()
        self._full = {name: until for name, until in self._full.items() if until > time.time()}
        for name, count in new.items():
            try:
                if not await self._redis.ask(self._shared.hit(self._item, name, cost=count), PATIENCE_S):
                    stats = await self._redis.ask(self._shared.get_window_stats(self._item, name), PATIENCE_S)
                    self._full[name] = stats.reset_time
            except RedisAwayError:
                return  # each server counts on its own

    async def run(self) -> None:
        """Do so again and again."""
        while True:
            await asyncio.sleep(SYNC_S)
            await self.sync()


def per_second(redis: Breaker, calls: int) -> Limits:
    """Return limits of so many *calls* a second and token, counted by *redis*."""
    return Limits(redis, RateLimitItemPerSecond(calls))
