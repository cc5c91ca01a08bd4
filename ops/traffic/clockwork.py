"""The clockwork: ticks for each partition, sent when all that arrived before them is known to be in Kafka."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from ops.traffic import records
from ops.traffic.records import Arrival


class Acknowledged(Protocol):
    """What Kafka says about a record that it has taken."""

    @property
    def offset(self) -> int:
        """Its offset."""


Receipt = Awaitable[Acknowledged]
SendTick = Callable[[int, bytes, int], Awaitable[None]]
"""Sends a tick: partition, value, timestamp in epoch milliseconds."""
Hold = Callable[[int], Awaitable[None]]
"""Returns once time may have come to an instant, in epoch milliseconds."""


async def at_once(_at: int) -> None:
    """Hold up no tick."""


class Clockwork:
    """Follows what is acknowledged, and writes into each tick how far its partition had come.

    Records go on being sent while a tick waits for its acknowledgements; what is sent after a tick is not in it.
    """

    def __init__(self, ends: Sequence[Mapping[str, int]], send: SendTick, hold: Hold = at_once) -> None:
        """Start from the offsets that the topics end at.

        Args:
            ends: For each partition of the lane the end offset by topic, of all that a tick tells about.
            send: Hands a tick to Kafka.
            hold: Awaited before a tick is sent.
        """
        self._ends: Final = [dict(own) for own in ends]
        self._send: Final = send
        self._hold: Final = hold
        self._newest: dict[tuple[str, int], Receipt] = {}
        self._waiting: Final[asyncio.Queue[tuple[Arrival, dict[tuple[str, int], Receipt]]]] = asyncio.Queue()

    def sent(self, topic: str, partition: int, receipt: Receipt) -> None:
        """Note that a record is under way; those of one partition are acknowledged in the order of sending."""
        self._newest[topic, partition] = receipt

    def tick(self, arrival: Arrival) -> int:
        """Let a tick follow all that was sent so far; return of how many records it consists."""
        self._waiting.put_nowait((arrival, self._newest))
        self._newest = {}
        return len(self._ends)

    async def run(self) -> None:
        """Send ticks as their acknowledgements come in, until cancelled.

        Raises:
            Exception: What Kafka's client says about a record that it could not deliver.
        """
        while True:
            arrival, receipts = await self._waiting.get()
            for (topic, partition), receipt in receipts.items():
                self._ends[partition][topic] = (await receipt).offset + 1
            await self._hold(arrival.at)
            for partition, upto in enumerate(self._ends):
                await self._send(partition, records.tick_of(partition, arrival, upto), arrival.at)
            self._waiting.task_done()

    async def all_sent(self) -> None:
        """Return when no tick waits any more."""
        await self._waiting.join()
