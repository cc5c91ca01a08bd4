"""Receipts on their way to Redis: for those who wait for a decision; bounded, and lost rather than waited for."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from redis.exceptions import ResponseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from redis.asyncio import Redis

    from streams.effects import Receipt

log = logging.getLogger(__name__)

RECEIPTS_MAX: Final = 5_000  # some MB; who waits has given up long before so many have come together
BATCH_MAX: Final = 500


class Receipts:
    """Receipts that wait to be written; where there is no room for more, the oldest are lost.

    Losing one is no wrong answer: whoever waits is told that it is not known yet, and asks again by sending again.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._waiting: deque[Receipt] = deque(maxlen=RECEIPTS_MAX)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._waiting)

    def add(self, receipts: Iterable[Receipt]) -> None:
        """Let *receipts* wait."""
        self._waiting.extend(receipts)

    def take(self) -> list[Receipt]:
        """Return all that wait, to be written."""
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def give_back(self, receipts: Sequence[Receipt]) -> None:
        """Let *receipts* that could not be written wait again, before those that have come since, if there is room."""
        self._waiting.extendleft(reversed(receipts[max(0, len(self._waiting) + len(receipts) - RECEIPTS_MAX) :]))


async def write(client: Redis, receipts: Sequence[Receipt]) -> None:
    """Write *receipts*, each but for one of its place that is there already: what was said first stays said.

    Raises:
        RedisError: Redis does not answer; to write them again then changes nothing.
    """
    for start in range(0, len(receipts), BATCH_MAX):
        pipeline = client.pipeline(transaction=False)
        for receipt in receipts[start : start + BATCH_MAX]:
            pipeline.hsetnx(receipt.key, receipt.field, receipt.value)
            pipeline.expire(receipt.key, receipt.kept_s)
        try:
            await pipeline.execute()
        except ResponseError as error:  # this user may not, or another thing has the key: views must not wait for that
            log.warning("receipts could not be written", extra={"error": type(error).__name__})
