"""When each event of a latency measurement is due, and what it took from there to its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Phase:
    """Events at one rate: the first *warm* of them are sent and not measured.

    Attributes:
        rate: Events a second.
        first: Serial of the first event.
    """

    rate: int
    first: int
    warm: int
    count: int


def plan(rates: Iterable[int], warm_s: int, measured_s: int) -> list[Phase]:
    """Return a phase for each of *rates*, one after another, each with serials of its own."""
    phases: list[Phase] = []
    for rate in rates:
        first = phases[-1].first + phases[-1].count if phases else 0
        phases.append(Phase(rate, first, rate * warm_s, rate * (warm_s + measured_s)))
    return phases


def due_ns(start_ns: int, number: int, rate: int) -> int:
    """Return when event *number* of a phase, counted from 0, is due."""
    return start_ns + number * 1_000_000_000 // rate


def latencies_ms(phase: Phase, start_ns: int, arrivals: Sequence[tuple[int, int]]) -> list[float]:
    """Return the latencies of the measured events in order of size, each counted from when the event was due.

    Args:
        arrivals: Serial and instant in nanoseconds of the monotonic clock; of a repeated answer the first counts.
    """
    seen: dict[int, int] = {}
    for serial, at in arrivals:
        seen.setdefault(serial, at)
    found = (
        seen[serial] - due_ns(start_ns, serial - phase.first, phase.rate)
        for serial in range(phase.first + phase.warm, phase.first + phase.count)
        if serial in seen
    )
    return sorted(nanoseconds / 1e6 for nanoseconds in found)
