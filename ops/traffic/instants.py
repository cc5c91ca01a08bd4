"""Instants as whole milliseconds since 1970, how they are written, and a day's rhythm."""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import Final

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

# Vietnam has kept this offset since 1975 and has no summer time; a fixed one writes far faster than a zone does.
VIETNAM: Final = timezone(timedelta(hours=7))
_OFFSET: Final = 7 * HOUR
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# Parts of a day's events by local hour: few at night, peaks at noon and at 20:00.
HOURS: Final = (6, 4, 3, 2, 2, 4, 12, 24, 38, 50, 58, 78, 96, 66, 48, 46, 50, 60, 76, 100, 110, 84, 44, 17)
_SUM: Final = sum(HOURS)
_UNTIL: Final = tuple(accumulate(HOURS, initial=0))


def to_ms(moment: datetime) -> int:
    """Return an aware datetime as epoch milliseconds."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def from_ms(at: int) -> datetime:
    """Return epoch milliseconds as a datetime in UTC."""
    return _EPOCH + timedelta(milliseconds=at)


def written(at: int) -> str:
    """Return RFC 3339 text of an instant in local time."""
    day, rest = divmod(at + _OFFSET, DAY)
    seconds, millis = divmod(rest, SECOND)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{_day(day)}T{hour:02d}:{minute:02d}:{second:02d}.{millis:03d}+07:00"


@lru_cache(maxsize=1_024)
def _day(day: int) -> str:
    # Neighbours share their day, and a datetime costs more than the rest of a time together.
    return (_EPOCH + timedelta(days=day)).date().isoformat()


def local_date(at: int) -> date:
    """Return the local day of an instant."""
    return datetime.fromtimestamp(at // 1_000, VIETNAM).date()


def midnight(day: date) -> int:
    """Return the instant at which a local day begins."""
    return (day - _EPOCH.date()).days * DAY - _OFFSET


class Pace:
    """When the records of a run arrive: spread over its days evenly, within a day by the rhythm if there is chance."""

    def __init__(self, start: int, end: int, total: int, chance: Random | None) -> None:
        """Spread *total* records over *start* to *end*, in epoch milliseconds; without *chance* at equal distances."""
        self._start, self._end, self._total, self._chance = start, end, total, chance
        self._from = _days(start)
        self._step = (_days(end) - self._from) / total

    def at(self, number: int) -> int:
        """Return the arrival of record *number*, counted from 0 and asked for in turn; they never go back."""
        if self._chance is None:
            return self._start + (self._end - self._start) * number // self._total
        days = self._from + self._step * (number + self._chance.random())
        whole = int(days)
        part = (days - whole) * _SUM
        hour = bisect_right(_UNTIL, part) - 1
        within = hour * HOUR + int((part - _UNTIL[hour]) / HOURS[hour] * HOUR)
        return min(max(whole * DAY + within - _OFFSET, self._start), self._end)


def _days(at: int) -> float:
    """Return the local days up to an instant, weighted so that a day's rhythm runs evenly in them."""
    whole, within = divmod(at + _OFFSET, DAY)
    hour, rest = divmod(within, HOUR)
    return whole + (_UNTIL[hour] + HOURS[hour] * rest / HOUR) / _SUM
