"""The generator: sends the records of a run at its rate and says exactly what was sent."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from ops.traffic.arrivals import events
from ops.traffic.instants import from_ms
from ops.traffic.manifest import Manifest, Tally
from ops.traffic.options import Options
from ops.traffic.records import Kind
from ops.traffic.sinks import Sink

Progress = Callable[[int, int, datetime], None]
"""Told a few times a second: records so far, records in all, simulated instant."""

_BREATH: Final = 64  # records after which others on the event loop get their turn
_SHORTEST_SLEEP: Final = 0.002  # an event loop's timer is no finer
_TELL_EVERY: Final = 0.25


async def generate(options: Options, sink: Sink, progress: Progress | None = None) -> Manifest:
    """Send a run to *sink*, on the wall's schedule whatever the sink's answers take, and return what was sent.

    Only the sink's own bounded window can hold sending up; `Manifest.behind_ms` tells by how much it or this machine
    did. A file has no schedule and is written at once.

    Raises:
        OptionsError: There are too few customers or records for what is asked.
        SinkError: A record could not be delivered.
    """
    tally = Tally(options)
    schedule = _Schedule(options.rate if options.medium == "kafka" else 0.0)
    told = 0.0
    for arrival in events(options):
        if arrival.kind is Kind.TICK:
            tally.add_tick(arrival, await sink.tick(arrival))
            continue
        await schedule.reach(tally.records)
        await sink.send(arrival)
        tally.add(arrival)
        if progress is not None and tally.records % _BREATH == 0 and schedule.seconds - told >= _TELL_EVERY:
            told = schedule.seconds
            progress(tally.records, options.total, from_ms(arrival.at))
    await sink.flush()
    if progress is not None:
        progress(tally.records, options.total, from_ms(options.end_ms))
    return tally.manifest(round(schedule.seconds, 3), schedule.behind_ms)


class _Schedule:
    """When each record is due on the wall."""

    def __init__(self, rate: float) -> None:
        self._rate: Final = rate
        self._start: Final = time.monotonic()
        self._behind = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    @property
    def behind_ms(self) -> int:
        return round(self._behind * 1_000)

    async def reach(self, number: int) -> None:
        """Return when record *number*, counted from 0, is due; at once if that is past."""
        ahead = number / self._rate - self.seconds if self._rate else 0.0
        if ahead >= _SHORTEST_SLEEP:
            await asyncio.sleep(ahead)
        elif number % _BREATH == 0:
            await asyncio.sleep(0)
        self._behind = max(self._behind, -ahead)
