"""Patience with Kafka: what may be done again is done again for as long as that takes, and the log says what for."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, TypeVar

from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    LeaderNotAvailableError,
    NodeNotReadyError,
    NotLeaderForPartitionError,
    RequestTimedOutError,
    UnknownTopicOrPartitionError,
)

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

RETRY_PAUSE_S: Final = 0.1
SAY_AGAIN_S: Final = 10.0
# Broken sequences, open transactions, and whatever a broker that starts, stops or moves a partition answers with.
PASSING: Final = frozenset({3, 5, 6, 7, 8, 9, 13, 14, 15, 16, 19, 20, 41, 45, 46, 51, 52, 56, 59, 72, 74, 75, 88, 120})
_AWAY: Final = (KafkaConnectionError, NodeNotReadyError, RequestTimedOutError)
_LEADERLESS: Final = (LeaderNotAvailableError, NotLeaderForPartitionError)


class UnreadyError(KafkaError):  # type: ignore[misc]  # aiokafka has no types
    """Kafka answered, and not with what was asked for; later it may."""

    retriable = True


class Reminder:
    """Says what lasts, and not all the time."""

    def __init__(self, log: logging.Logger) -> None:
        """Say it in *log*."""
        self._log = log
        self._said: dict[str, float] = {}

    def say(self, message: str, **facts: object) -> None:
        """Log *message*, where it was not for a while; each has a time of its own."""
        now = time.monotonic()
        if now - self._said.get(message, -SAY_AGAIN_S) >= SAY_AGAIN_S:
            self._said[message] = now
            self._log.warning(message, extra=facts)


class Patience:
    """Waits for what is asked of Kafka by one client."""

    def __init__(self, look_again: Callable[[], object], log: logging.Logger) -> None:
        """Have the client *look_again* where everything is before anything is tried again, and say in *log* why."""
        self._look_again = look_again
        self.say = Reminder(log).say
        self.tried_at = 0.0  # when something failed for a passing reason last, by `time.monotonic`

    async def until_done(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do *work*, again while it fails for a passing reason.

        Raises:
            KafkaError: it failed for another one.
        """
        while True:
            try:
                return await work()
            except KafkaError as error:
                if not is_passing(error):
                    raise
                await self.pause(error)

    async def pause(self, error: KafkaError, pause_s: float | None = None) -> None:
        """Let a moment go by after *error*, and say what is waited for."""
        self.say_failed(error, "Kafka is away, waiting" if isinstance(error, _AWAY) else "Kafka is not ready, waiting")
        self._look_again()
        await asyncio.sleep(RETRY_PAUSE_S if pause_s is None else pause_s)

    def say_failed(self, error: BaseException, message: str) -> None:
        """Log *message* for *error*; where a topic or a leader is missing, that."""
        self.tried_at = time.monotonic()
        if isinstance(error, UnknownTopicOrPartitionError):
            message = "a topic does not exist, or may not be seen, waiting"
        elif isinstance(error, _LEADERLESS):
            message = "a partition has no leader, waiting"
        self.say(message, error=type(error).__name__, detail=str(error))


def is_passing(error: KafkaError) -> bool:
    """Whether what failed may be done again, for as long as Kafka is away."""
    return bool(error.retriable) or getattr(error, "errno", None) in PASSING
