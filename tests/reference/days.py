"""Instants in microseconds, local days as ordinals, and the windows over which a tier is measured."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

HOUR, DAY, NEVER = 3_600_000_000, 86_400_000_000, 1 << 63
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Window = tuple[str, Any]  # such as ("rolling_days", 365)


def instant(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


def written(at: int) -> str:
    return (EPOCH + timedelta(microseconds=at)).isoformat().replace("+00:00", "Z")


def ordinal(day: object) -> int:
    return date.fromisoformat(str(day)).toordinal()


@cache
def day_of(at: int, zone: str) -> int:
    return (EPOCH + timedelta(microseconds=at)).astimezone(ZoneInfo(zone)).toordinal()


@cache
def start_of(day: int, zone: str) -> int:
    """Return the first instant of a local day, by looking at every quarter of an hour about its midnight."""
    at = (day - EPOCH.toordinal()) * DAY - 16 * HOUR
    while day_of(at, zone) < day:
        at += HOUR // 4
    return at


@cache
def later(at: int, days: int, zone: str) -> int:
    """Return the same time of day so many local days later, or the start of a day after the start of a day."""
    day, local = day_of(at, zone), (EPOCH + timedelta(microseconds=at)).astimezone(ZoneInfo(zone))
    return start_of(day + days, zone) if at == start_of(day, zone) else instant(str(local + timedelta(days=days)))


@cache
def first_of(day: int, window: Window, joined: int) -> int:
    """Return the first day of the window that ends on *day*."""
    if window[0] == "rolling_days":
        return day - int(window[1]) + 1
    while not _begins(day, window, joined, joined):
        day -= 1
    return day


@cache
def next_of(day: int, window: Window, joined: int, since: int) -> int:
    """Return the first day after *day* with which a period begins; those of a rolling window count from *since*."""
    day += 1
    while not _begins(day, window, joined, since):
        day += 1
    return day


def _begins(day: int, window: Window, joined: int, since: int) -> bool:
    at, start = date.fromordinal(day), date.fromordinal(joined)
    if window[0] == "rolling_days":
        return bool((day - since) % window[1] == 0)
    if window[0] == "calendar":
        return at.day == 1 and (at.month - 1) % (12 if window[1] == "year" else 3) == 0
    leapt = (start.month, start.day, at.month, at.day) == (2, 29, 3, 1) and at.year % 4 > 0
    return leapt or (at.month, at.day) == (start.month, start.day)


def month_end(day: int, months: int) -> int:
    """Return the last day of the month that is so many months after that of *day*."""
    following = (date.fromordinal(day).replace(day=1) + timedelta(days=31)).replace(day=1).toordinal()
    return month_end(following, months - 1) if months else following - 1
