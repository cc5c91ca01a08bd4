"""Periods: which local days a tier is measured over, and when it is looked at again."""

from __future__ import annotations

from calendar import isleap
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from schemas.policy import WindowPolicy

MONTHS_OF_QUARTER = 3
LEAP_DAY = (2, 29)


@dataclass(frozen=True, slots=True)
class Rolling:
    """The last *days* local days, today included; a period lasts as long, and begins when a tier is reached."""

    days: int

    @property
    def days_max(self) -> int:
        """Return the length of the longest window."""
        return self.days

    def first(self, day: int, joined: int) -> int:
        """Return the first day of the window that ends on *day*."""
        del joined
        return day - self.days + 1

    def following(self, day: int, joined: int, since: int) -> int:
        """Return the first day after *day* on which a period begins that counts from the day *since*."""
        del joined
        return day + self.days - (day - since) % self.days


@dataclass(frozen=True, slots=True)
class CalendarPeriod:
    """From 1 January, or the first day of a quarter."""

    unit: Literal["year", "quarter"]

    @property
    def days_max(self) -> int:
        """Return the length of the longest window."""
        return 366 if self.unit == "year" else 92

    def first(self, day: int, joined: int) -> int:
        """Return the first day of the period in which *day* lies."""
        del joined
        at = date.fromordinal(day)
        month = 1 if self.unit == "year" else at.month - (at.month - 1) % MONTHS_OF_QUARTER
        return date(at.year, month, 1).toordinal()

    def following(self, day: int, joined: int, since: int) -> int:
        """Return the first day of the period after that of *day*."""
        del since
        return self.first(self.first(day, joined) + self.days_max, joined)


@dataclass(frozen=True, slots=True)
class Anniversary:
    """From the day of joining, every year; who joined on 29 February begins on 1 March in years without it."""

    @property
    def days_max(self) -> int:
        """Return the length of the longest window."""
        return 366

    def first(self, day: int, joined: int) -> int:
        """Return the first day of the year of membership in which *day* lies."""
        year = date.fromordinal(day).year
        start = self._start(year, joined)
        return start if start <= day else self._start(year - 1, joined)

    def following(self, day: int, joined: int, since: int) -> int:
        """Return the anniversary after *day*."""
        del since
        year = date.fromordinal(day).year
        start = self._start(year, joined)
        return start if start > day else self._start(year + 1, joined)

    @staticmethod
    def _start(year: int, joined: int) -> int:
        day = date.fromordinal(joined)
        return yearly(year, day.month, day.day)


Window = Rolling | CalendarPeriod | Anniversary


def yearly(year: int, month: int, day: int) -> int:
    """Return the local day in *year* that comes back every year; 1 March for 29 February where there is none."""
    if (month, day) == LEAP_DAY and not isleap(year):
        month, day = 3, 1
    return date(year, month, day).toordinal()


def window_of(policy: WindowPolicy) -> Window:
    """Return the window that a policy names."""
    if policy.rolling_days is not None:
        return Rolling(policy.rolling_days)
    return Anniversary() if policy.calendar is None else CalendarPeriod(policy.calendar)
