"""Customers as the read model has them, in time for a till: where Redis is away, nobody waits for it."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from redis.exceptions import RedisError, ResponseError

from cx.state import Customer, StateFormatError, decode
from schemas.errors import CxError
from serving.problems import ProblemError
from streams.readmodel import read_customer

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import TypeVar

    from redis.asyncio import Redis

    from cx.rules import Rules
    from streams.readmodel import Stored

    Found = TypeVar("Found")

log = logging.getLogger(__name__)

PATIENCE_S: Final = 0.04  # a till is told the base tier after that
STRIKES_MAX: Final = 3  # answers in a row that do not come, and Redis is taken to be away
RETRY_S: Final = 0.5
PROBE_S: Final = 1.0


class RedisAwayError(CxError):
    """Redis does not answer, or did not a moment ago."""


class Breaker:
    """Asks Redis while it answers; once it does not, says so at once, until it does again."""

    def __init__(self, client: Redis, patience_s: float = PATIENCE_S) -> None:
        """Ask by *client*, and wait for each answer for so long."""
        self.client, self._patience_s = client, patience_s
        self._strikes = 0
        self._probe: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether Redis is taken to be away."""
        return self._probe is not None

    async def ask(self, answer: Awaitable[Found], patience_s: float | None = None) -> Found:
        """Return the *answer*.

        Raises:
            RedisAwayError: it does not come in time, or nobody is asked now.
        """
        if self.is_open:
            _forget(answer)
            message = "Redis is away"
            raise RedisAwayError(message)
        try:
            async with asyncio.timeout(self._patience_s if patience_s is None else patience_s):
                found = await answer
        except (RedisError, OSError) as error:  # a time-out is an OSError too
            # What Redis says no to may be about one key; a connection that is refused is about all of them.
            self._strikes += 1 if isinstance(error, TimeoutError | ResponseError) else STRIKES_MAX
            if self._strikes >= STRIKES_MAX and not self.is_open:
                log.warning("read model is away", extra={"error": type(error).__name__})
                self._probe = asyncio.create_task(self._come_back(), name="redis-probe")
            message = "Redis does not answer"
            raise RedisAwayError(message) from error
        self._strikes = 0
        return found

    async def close(self) -> None:
        """Ask no more."""
        if self._probe:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)
        await self.client.aclose()

    async def _come_back(self) -> None:
        while True:
            await asyncio.sleep(RETRY_S)
            try:
                async with asyncio.timeout(PROBE_S):
                    await self.client.ping()
            except (RedisError, OSError):
                continue
            log.info("read model is back")
            self._strikes, self._probe = 0, None
            return


class Known(NamedTuple):
    """A customer, and the instant of which what is known of them tells, in microseconds.

    Attributes:
        is_known: False for one who was never seen, or of whom nothing can be asked now.
        is_degraded: True where Redis is away, so that this is the base tier whoever it is.
    """

    customer: Customer
    as_of: int
    is_known: bool = True
    is_degraded: bool = False


class Profiles:
    """Reads customers who were decided on by the same policy as ours."""

    def __init__(self, redis: Breaker, rules: Rules) -> None:
        """Read by *redis* what was decided by *rules*."""
        self.redis, self.rules = redis, rules

    async def know(self, name: str) -> Known:
        """Return the customer *name*; somebody new where nothing is known, or Redis is away.

        Raises:
            ProblemError: another policy decided, or what is stored is not of this version.
        """
        try:
            stored = await self.stored(name)
        except RedisAwayError:
            return Known(Customer(name), now(), is_known=False, is_degraded=True)
        if stored is None:
            return Known(Customer(name), now(), is_known=False)
        return self._read(stored)

    async def stored(self, name: str) -> Stored | None:
        """Return what the read model has of the customer *name*; None for one never seen.

        Raises:
            RedisAwayError: nobody knows.
            ProblemError: what is stored is not of this version.
        """
        try:
            return await self.redis.ask(read_customer(self.redis.client, name))
        except ValueError:
            raise _unreadable() from None

    def _read(self, stored: Stored) -> Known:
        try:
            customer = decode(stored.state)
        except (StateFormatError, ValueError, LookupError, TypeError):
            raise _unreadable() from None
        if customer.policy != self.rules.hash:
            detail = "the policy of this server is not the one that decided on this customer"
            raise ProblemError(503, "policy-mismatch", detail)
        return Known(customer, stored.as_of)


def now() -> int:
    """Return the instant, in microseconds."""
    return time.time_ns() // 1_000


def _forget(answer: Awaitable[Any]) -> None:
    close = getattr(answer, "close", None)  # a coroutine that is never awaited says so
    if close:
        close()


def _unreadable() -> ProblemError:
    detail = "what the read model has of this customer is damaged, or of another version"
    return ProblemError(503, "state-unreadable", detail)
