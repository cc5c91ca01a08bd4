"""Batches on their way to the read model, so that it can be told how long they took until they could be seen."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.measured import Measured
    from streams.meter import Meter
    from streams.showing import Showing

RECORDS_MAX: Final = 100_000  # that wait to be seen; while Redis is away for long, later ones are not measured


class Shown:
    """Tells a meter of batches once the read model has written what they changed."""

    def __init__(self, readmodel: Showing, meter: Meter) -> None:
        """Wait for *readmodel*, tell *meter*."""
        self._readmodel, self._meter = readmodel, meter
        self._waiting: deque[tuple[int, list[Measured]]] = deque()
        self._records = 0
        self._wake = asyncio.Event()

    def add(self, ticket: int, batches: Iterable[Measured]) -> None:
        """Let *batches* wait for *ticket*, as `Showing.push` gave it; 0 is that of a lane that shows nothing."""
        own = list(batches)
        records = sum(batch.records for batch in own)
        if ticket and own and self._records + records <= RECORDS_MAX:
            self._records += records
            self._waiting.append((ticket, own))
            self._wake.set()

    async def run(self) -> None:
        """Wait for one after the other, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                ticket, batches = self._waiting[0]
                await self._readmodel.written(ticket)
                self._waiting.popleft()
                self._records -= sum(batch.records for batch in batches)
                self._meter.shown(batches)
