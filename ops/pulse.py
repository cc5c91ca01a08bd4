"""The pulse of a process that reads Kafka: whether it moves, and whether it does its work now. Imports no Faust."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.meter import Phase

DEAF_S: Final = 30.0  # without a beat; the longest that an event loop of ours is busy is a second or two


class Pulse:
    """What a lane told last, and what follows from it; told by one thread, asked by those of HTTP.

    It is alive before its first beat: to join a group may take as long as Kafka is away.
    """

    def __init__(self, stuck_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Call a lane stuck that has had work for *stuck_s* seconds of which nothing moved."""
        self._stuck_s, self._clock = stuck_s, clock
        self._beat_at: float | None = None
        self._standing_s = 0.0
        self._joined = False
        self._phase: Phase | None = None

    def beat(self, standing_s: float) -> None:
        """Take note that the event loop goes round, and for how long nothing has moved."""
        self._standing_s, self._beat_at = standing_s, self._clock()

    def joined(self, *, whole: bool) -> None:
        """Take note that all assigned partitions are open, or that they are given up."""
        self._joined = whole

    def opening(self, phase: Phase | None) -> None:
        """Take note of what is done while partitions are opened."""
        self._phase = phase

    def ill(self) -> str:
        """Return why the process should be started anew; nothing where it should not."""
        if self._beat_at is None:
            return ""
        silent_s = self._clock() - self._beat_at
        if silent_s > DEAF_S:
            return f"the event loop has stood still for {silent_s:.0f} seconds"
        if self._standing_s > self._stuck_s:
            return f"there is work, and nothing has moved for {self._standing_s:.0f} seconds"
        return ""

    def unready(self) -> str:
        """Return why the process does not do its work now; nothing where it does."""
        if self._phase is not None:
            return f"partitions are being opened: {self._phase.value}"
        return "" if self._joined else "no partitions are assigned yet"
