"""How much memory this process takes, what decoded customers take of it, and whether it stays so."""

from __future__ import annotations

import os
import re
import subprocess
import tracemalloc
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

KIBI = 1_024
PARTS = 5

Sample = tuple[float, int]  # seconds since the beginning, resident bytes


def rss_bytes() -> int:
    """Return what this process has in memory now."""
    try:
        status = Path("/proc/self/status").read_text("ascii", errors="replace")
    except OSError:  # no Linux
        told = subprocess.run(["/bin/ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, check=True)
        return int(told.stdout) * KIBI
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    assert found is not None  # noqa: S101  # every process that still runs has some
    return int(found[1]) * KIBI


def factors(values: Iterable[bytes], decode: Callable[[bytes], object]) -> list[float]:
    """Return, for each of *values*, how many times its size Python allocates for it decoded."""
    held, found = [], []
    tracemalloc.start()
    try:
        for value in values:
            before, _ = tracemalloc.get_traced_memory()
            one = decode(value)
            after, _ = tracemalloc.get_traced_memory()
            found.append((after - before) / len(value))
            held.append(one)  # what is let go could be used again for the next one
    finally:
        tracemalloc.stop()
    return found


def part(samples: Sequence[Sample], number: int) -> float | None:
    """Return the median of resident bytes in the fifth *number* (0 to 4) of the time; None where none was taken."""
    end = samples[-1][0] if samples else 0.0
    found = [rss for at, rss in samples if number * end / PARTS <= at <= (number + 1) * end / PARTS]
    return median(found) if found else None


def growth(samples: Sequence[Sample]) -> float | None:
    """Return what is resident in the last fifth of a soak against the second one; None where it was too short.

    In the first one caches fill up.
    """
    early, late = part(samples, 1), part(samples, PARTS - 1)
    return round(late / early, 3) if early and late else None
