"""Numbers of a benchmark: medians with their spread, percentiles, targets, and the line of JSON at the end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and greatest of several rounds."""

    median: float
    low: float
    high: float
    rounds: int


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that has a bound: at least, or with *at_most* at most, *bound*."""

    name: str
    value: float | None
    bound: float
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Whether it is kept; None where there is no figure."""
        if self.value is None:
            return None
        return self.value <= self.bound if self.at_most else self.value >= self.bound


def spread(values: Iterable[float | None]) -> Spread | None:
    """Return the spread of *values* that are there; None of none."""
    known = [value for value in values if value is not None]
    return Spread(median(known), min(known), max(known), len(known)) if known else None


def ratio(ours: Spread | None, theirs: Spread | None) -> float | None:
    """Return how many times *theirs* ours is, median by median, to two places; None where one is missing."""
    return round(ours.median / theirs.median, 2) if ours and theirs and theirs.median else None


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of *ordered* values that *share* (0 to 1) of them do not exceed; never one in between.

    Raises:
        ValueError: there are no values.
    """
    if not ordered:
        message = "no values, no percentile"
        raise ValueError(message)
    # Rounded first: 0.07 * 100 is a little more than 7 in binary, and would step one value too far.
    return ordered[max(0, math.ceil(round(share * len(ordered), 9)) - 1)]


def verdict(targets: Sequence[Target], *, optional: frozenset[str] = frozenset()) -> bool:
    """Return whether all *targets* are met; those in *optional* may be without a figure."""
    return all(target.met or (target.met is None and target.name in optional) for target in targets)


def closing_line(benchmark: str, figures: Mapping[str, Any], targets: Sequence[Target], *, ok: bool) -> str:
    """Return the JSON object that is the last line of a benchmark's output."""
    listed = {
        target.name: {
            "value": target.value,
            "at_most" if target.at_most else "at_least": target.bound,
            "met": target.met,
        }
        for target in targets
    }
    return orjson.dumps({"benchmark": benchmark, "ok": ok, **figures, "targets": listed}).decode()
