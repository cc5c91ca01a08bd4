"""Ends of partitions, asked for again and again: a broker that is slow holds nobody up, and its answer is not lost."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from aiokafka.structs import TopicPartition

    from streams.leaders import Leaders

ANSWER_S: Final = 1.0


class End(NamedTuple):
    """What was told of a partition, and when it was asked for: ends grow, and all of before then lies before them.

    Attributes:
        offset: Behind its last record, open transactions included.
        at: Instant before it was asked for, in microseconds.
        asked: The same by `time.monotonic`, in seconds.
    """

    offset: int
    at: int
    asked: float


class Ends:
    """Where partitions ended, for one who asks for it now and then."""

    def __init__(self, leaders: Callable[[], Leaders | None]) -> None:
        """Ask by *leaders*, which there are once we are connected."""
        self._leaders = leaders
        self._asking: dict[int, asyncio.Task[None]] = {}  # by broker
        self._told: dict[TopicPartition, End] = {}

    async def now(self, tps: Collection[TopicPartition]) -> dict[TopicPartition, End]:
        """Return the newest that is known of *tps*, once their leaders have been asked and had a second to answer.

        A broker that still owes an answer is neither asked again nor waited for. When it gives it, that is what is
        known from then on: to be dropped for being late, it would have to be asked for again, and be late again.
        """
        leaders = self._leaders()
        if leaders is None:
            return {}
        known = leaders.known(tps)
        asked = {
            node: asyncio.create_task(self._ask(leaders, node, own))
            for node, own in known.items()
            if node not in self._asking
        }
        self._asking |= asked
        if asked:
            await asyncio.wait(asked.values(), timeout=ANSWER_S)
        return {tp: self._told[tp] for tp in tps if tp in self._told}

    async def stop(self) -> None:
        """Wait for no answer any more."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _ask(self, leaders: Leaders, node: int, tps: Sequence[TopicPartition]) -> None:
        at, asked = time.time_ns() // 1_000, time.monotonic()
        try:
            found = await leaders.told_by(node, tps)
        finally:
            del self._asking[node]
        for tp, offset in found.items():
            if tp not in self._told or self._told[tp].asked < asked:  # its leader may have changed meanwhile
                self._told[tp] = End(offset, at, asked)
