"""Support cases, and seams: where a customer asks again, over another channel, what they had asked of late."""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.reference.days import DAY

COUNTS = 90 * DAY  # for so long a seam counts


@dataclass(eq=False)
class Case:
    """A support case; `angry` where a detractor's, a `seam` where the customer had asked elsewhere just before."""

    at: int
    due: int
    touched: int
    angry: bool
    way: tuple[str, str]  # topic and channel
    seam: bool
    name: str
    priority: str
    answered: bool = False
    open: bool = True
    came_back: bool = False


def is_seam(way: tuple[str, str], at: int, cases: Iterable[Case], days: int) -> bool:
    """Tell whether a case on a topic, over a channel, opened at an instant, is a seam to one of those before."""
    of_late = [case for case in cases if at <= case.touched + days * DAY]
    return any(case.way[0] == way[0] and case.way[1] != way[1] for case in of_late)


def seam_ends(cases: Iterable[Case]) -> list[int]:
    """Return from when on the cases that were seams count no more."""
    return [case.at + COUNTS for case in cases if case.seam]
