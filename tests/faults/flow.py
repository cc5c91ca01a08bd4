"""A sink before the sink, which lets traffic through as a scenario asks for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ops.traffic.kafka import KafkaSink
    from ops.traffic.records import Arrival

PER_SECOND: Final = 200


class Flow:
    """Lets so many records through as the scenario has asked for, at a steady rate.

    So there is traffic while something breaks, however slow the machine is, and some left for what comes after.
    """

    def __init__(self, sink: KafkaSink) -> None:
        """Send to *sink*, nothing yet."""
        self._sink, self._sent, self._allowed = sink, 0, 0.0
        self._more = asyncio.Event()

    def allow(self, records: float) -> None:
        """Let *records* more through."""
        self._allowed = max(self._allowed, self._sent) + records
        self._more.set()

    async def send(self, arrival: Arrival) -> None:
        """Pass a record on when its turn has come."""
        while self._sent >= self._allowed:
            self._more.clear()
            await self._more.wait()
        self._sent += 1
        if self._allowed != float("inf"):
            await asyncio.sleep(1 / PER_SECOND)
        await self._sink.send(arrival)

    async def tick(self, arrival: Arrival) -> int:
        """Pass a tick on."""
        return await self._sink.tick(arrival)

    async def flush(self) -> None:
        """Wait for the sink."""
        await self._sink.flush()
