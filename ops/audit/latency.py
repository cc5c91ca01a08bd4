"""Latency: from the wall instant at which an event was sent to the one at which a subscriber saw what it caused."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

_STEP_US: Final = 100  # resolution of a percentile; a run of any length then fits in a few thousand counters


class Latencies:
    """Pairs causes with effects, whichever is read first: they are in different topics.

    Holds an instant per event id for the length of a run, about 150 bytes each.
    """

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._sent: dict[str, int] = {}
        self._unpaired: defaultdict[str, list[int]] = defaultdict(list)
        self._counts: Counter[int] = Counter()

    def sent(self, event_id: str, at: int) -> None:
        """Note that an event was sent at the instant *at*, in microseconds; of a repeat the first sending counts."""
        if event_id in self._sent:
            return
        self._sent[event_id] = at
        for seen in self._unpaired.pop(event_id, ()):
            self._count(seen - at)

    def seen(self, cause: str, at: int) -> None:
        """Note that an output caused by the event *cause* was seen at the instant *at*, in microseconds."""
        sent = self._sent.get(cause)
        if sent is None:
            self._unpaired[cause].append(at)
        else:
            self._count(at - sent)

    @property
    def pairs(self) -> int:
        """How many outputs were measured."""
        return self._counts.total()

    def percentile_ms(self, percent: float) -> float | None:
        """Return the latency that *percent* of the outputs did not exceed, in milliseconds; None without any."""
        wanted = self.pairs * percent / 100
        reached = 0
        for step in sorted(self._counts):
            reached += self._counts[step]
            if reached >= wanted:
                return (step + 1) * _STEP_US / 1_000
        return None

    def _count(self, microseconds: int) -> None:
        self._counts[max(microseconds, 0) // _STEP_US] += 1
