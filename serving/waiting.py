"""Waiting for decisions: one look at Redis every few milliseconds, for all calls that wait together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from schemas import decisions
from serving.profiles import RedisAwayError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from schemas.decisions import Outcome
    from serving.profiles import Breaker

LOOK_S: Final = 0.004
PATIENCE_S: Final = 1.0
REST_S: Final = 0.1  # while Redis is away
WAITING_MAX: Final = 2_000  # events that are waited for at the same time; of more it is said at once where to ask
Place = tuple[str, str]  # of an outcome: the key of a hash, and the field in it


class Waiting:
    """Whoever waits for outcomes, by their places."""

    def __init__(self, redis: Breaker) -> None:
        """Look by *redis*."""
        self._redis = redis
        self._waiting: dict[Place, list[asyncio.Future[Outcome]]] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether Redis is being looked at for anybody."""
        return self._task is not None and not self._task.done()

    async def known(self, keys: Sequence[str]) -> list[dict[str, Outcome]]:
        """Return what is known under each of *keys* already: outcomes by the fingerprint of their content.

        Raises:
            RedisAwayError: nobody knows.
        """
        pipeline = self._redis.client.pipeline(transaction=False)
        for key in keys:
            pipeline.hgetall(key)
        answers = cast("Awaitable[list[Mapping[bytes, bytes]]]", pipeline.execute())
        return [_read_all(one) for one in await self._redis.ask(answers)]

    async def outcomes(self, places: Sequence[Place], timeout_s: float) -> list[Outcome | None]:
        """Return what is said at *places* within *timeout_s*; None where nothing is by then."""
        if len(self._waiting) + len(places) > WAITING_MAX or self._redis.is_open:
            return [None] * len(places)
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in places]
        for place, future in zip(places, futures, strict=True):
            self._waiting.setdefault(place, []).append(future)
        if not self.is_busy:
            self._task = asyncio.create_task(self._look(), name="decisions")
        try:
            await asyncio.wait(futures, timeout=timeout_s)
            return [future.result() if future.done() else None for future in futures]
        finally:
            for place, future in zip(places, futures, strict=True):
                self._leave(place, future)

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look(self) -> None:
        while self._waiting:
            places = list(self._waiting)
            pipeline = self._redis.client.pipeline(transaction=False)
            for key, field in places:
                pipeline.hget(key, field)
            answers = cast("Awaitable[list[bytes | None]]", pipeline.execute())
            try:
                found = await self._redis.ask(answers, PATIENCE_S)
            except RedisAwayError:  # whoever waits goes on to, for as long as they have time
                await asyncio.sleep(REST_S)
                continue
            for place, value in zip(places, found, strict=True):
                outcome = None if value is None else _read(value)
                if outcome is None:
                    continue
                for future in self._waiting.get(place, ()):
                    if not future.done():
                        future.set_result(outcome)
            await asyncio.sleep(LOOK_S)

    def _leave(self, place: Place, future: asyncio.Future[Outcome]) -> None:
        others = [one for one in self._waiting.get(place, ()) if one is not future]
        if others:
            self._waiting[place] = others
        else:
            self._waiting.pop(place, None)


def _read_all(found: Mapping[bytes, bytes]) -> dict[str, Outcome]:
    read = {field.decode(): _read(value) for field, value in found.items()}
    return {field: outcome for field, outcome in read.items() if outcome is not None}


def _read(value: bytes) -> Outcome | None:
    try:
        return decisions.read(value)
    except ValueError:  # of a version that says it in another way
        return None
