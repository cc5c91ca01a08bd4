"""Local days of the programme's time zone: the unit of every window and period."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_TWO = tuple(f"{number:02}" for number in range(60))  # in a third of the time that formatting takes
_QUARTER = 15 * MINUTE  # no zone in use changes its offset at a finer grain
_CACHE_MAX = 1 << 18


def micros(at: datetime) -> int:
    """Return an aware datetime as microseconds since 1970 in UTC."""
    delta = at - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds


def instant(at: int) -> datetime:
    """Return microseconds since 1970 as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=at)


def rfc3339(at: int) -> str:
    """Write an instant as contracts want it: UTC, `Z`, no more digits than needed."""
    seconds, micro = divmod(at, SECOND)
    day, second = divmod(seconds, 86_400)
    minute = second // 60
    text = f"{iso_day(_EPOCH_DAY + day)}T{_TWO[minute // 60]}:{_TWO[minute % 60]}:{_TWO[second % 60]}"
    return f"{text}.{micro:06}Z" if micro else f"{text}Z"


class Calendar:
    """Tells the local day of an instant; a day is a proleptic ordinal, as of `date.toordinal`."""

    __slots__ = ("_days", "_starts", "zone")

    def __init__(self, zone: str) -> None:
        """Take an IANA zone name that `schemas.policy` has checked."""
        self.zone = ZoneInfo(zone)
        self._days: dict[int, int] = {}
        self._starts: dict[int, int] = {}

    def day(self, at: int) -> int:
        """Return the local day in which the instant *at*, in microseconds, falls."""
        quarter = at // _QUARTER
        day = self._days.get(quarter)
        if day is None:
            if len(self._days) >= _CACHE_MAX:
                self._days.clear()
            day = instant(quarter * _QUARTER).astimezone(self.zone).toordinal()
            self._days[quarter] = day
        return day

    def start(self, day: int) -> int:
        """Return the first instant of a local *day*; where midnight is skipped, the first instant after the gap."""
        at = self._starts.get(day)
        if at is None:
            if len(self._starts) >= _CACHE_MAX:
                self._starts.clear()
            midnight = datetime.combine(date.fromordinal(day), datetime.min.time(), tzinfo=self.zone)
            at = self._starts[day] = micros(midnight.astimezone(UTC))
        return at

    def later(self, at: int, days: int) -> int:
        """Return the instant that is *days* local days after *at*: a start of a day, or else the same time of day."""
        day = self.day(at)
        if at == self.start(day):
            return self.start(day + days)
        return micros(instant(at).astimezone(self.zone) + timedelta(days=days))

    def year(self, at: int) -> int:
        """Return the local year of an instant."""
        return date.fromordinal(self.day(at)).year


@lru_cache(maxsize=1 << 12)  # most that is told is of few days
def iso_day(day: int) -> str:
    """Return a local day, an ordinal, as text; one of before the calendar began is its first."""
    return date.fromordinal(max(day, 1)).isoformat()


def iso_week(day: int) -> str:
    """Return the week in which a local day, an ordinal, lies: that of its Thursday's year, such as 2026-W09."""
    year, week, _ = date.fromordinal(day).isocalendar()
    return f"{year:04}-W{week:02}"


@lru_cache(maxsize=1 << 16)
def month_end(day: int, months: int) -> int:
    """Return the last day of the month that is *months* after that of *day*; days are ordinals."""
    at = date.fromordinal(day)
    month = at.year * 12 + at.month + months  # that of the day after
    return date(month // 12, month % 12 + 1, 1).toordinal() - 1
