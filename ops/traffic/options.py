"""Options of one run, and the instants and counts that follow from them."""

import hashlib
import math
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, Literal

import orjson

from ops.traffic.errors import OptionsError
from ops.traffic.instants import DAY, HOUR, SECOND, to_ms
from ops.traffic.programme import Programme
from schemas.base import END_OF_MOMENTS, FIRST_MOMENT

Medium = Literal["kafka", "file"]

EVENTS_MAX_30_DAYS: Final = 300  # of one customer, unless hot
LATE_MAX: Final = 24 * DAY  # under the policies' lateness bound of 30 days, with room for a slow stack
LIFE: Final = 400 * DAY  # how much of a life a run without `span` squeezes into its seconds
_SHARE_MAX: Final = 0.3
_TICKS_PER_SECOND: Final = 4
_FASTEST: Final = 500  # records between two ticks where no wall rate says how long the run takes
LONGEST_DAYS: Final = 3_650
_YEARS: Final = range(FIRST_MOMENT.year + 20, END_OF_MOMENTS.year - 20)  # the longest span, and a life, on either side
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to make.

    Attributes:
        now: The wall's instant at the start of the run, with an offset. With `span` simulated time ends here.
        rate: Records per second of wall time, ticks not counted; 0 for as fast as possible.
        seconds: Length of the run in wall time; of no account at rate 0.
        events: Number of records, which rate 0 needs; else `rate` times `seconds`.
        customers: How many customers there are; not all of them need turn up.
        seed: Same options, seed and `now`: the same bytes.
        span: Simulated time of the whole run; None where event time is wall time. Then 400 days of life are squeezed
            into the run: what takes a day takes a moment, and no case is answered too late by a policy's hours.
        late_share: Part of the records that arrive an hour to 24 days after they happened.
        duplicate_share: Part of the records that are the same bytes again.
        poison_share: Part of the records that must go to dead letters.
        hot: Number of customers that exceed 300 events in 30 days.
        ticks: Whether to write `clock.ticked`.
        tick_every: Simulated time between ticks; by default an hour with `span` and a second without, in Kafka never
            more than four ticks in a second of wall time.
        programme: Whose gifts customers choose and use, and on whose holds people decide; None for traffic without
            words on either. They come with `span` only: nobody has a birthday within a minute.
        medium: A file has no keys and no null values, so some kinds of poison cannot stand there.
    """

    now: datetime
    rate: float = 200.0
    seconds: float = 60.0
    events: int | None = None
    customers: int = 2_000
    seed: int = 1
    span: timedelta | None = None
    late_share: float = 0.02
    duplicate_share: float = 0.01
    poison_share: float = 0.002
    hot: int = 0
    ticks: bool = True
    tick_every: timedelta | None = None
    programme: Programme | None = None
    medium: Medium = "kafka"

    def __post_init__(self) -> None:
        """Refuse what cannot be done.

        Raises:
            OptionsError: An option is out of range, or too few customers would have to live too many events.
        """
        if not all(map(math.isfinite, (self.rate, self.seconds, *self.shares))):
            complaint = "rate, seconds and shares are numbers"
            raise OptionsError(complaint)
        for complaint, wrong in (
            ("the run's instant needs an offset", self.now.tzinfo is None),
            (f"the run's instant lies in the years {_YEARS[0]} to {_YEARS[-1]}", self.now.year not in _YEARS),
            ("rate and seconds cannot be negative", self.rate < 0 or self.seconds < 0),
            ("rate 0 needs a number of events", self.rate == 0 and self.events is None),
            ("there is nothing to make: raise rate, seconds or events", self.total < 1),
            ("at least one customer is needed", self.customers < 1),
            ("there are not so many customers to be hot", not 0 <= self.hot <= self.customers),
            ("a span is at least a minute", self.span is not None and self.span < timedelta(minutes=1)),
            ("ticks need a positive distance", self.tick_every is not None and self.tick_every <= timedelta()),
            (f"each share is between 0 and {_SHARE_MAX}", not all(0 <= share <= _SHARE_MAX for share in self.shares)),
        ):
            if wrong:
                raise OptionsError(complaint)
        self._refuse_crowding()

    @property
    def shares(self) -> tuple[float, float, float]:
        """Late, duplicate, poison."""
        return self.late_share, self.duplicate_share, self.poison_share

    @property
    def total(self) -> int:
        """Records in the run, ticks not counted."""
        return self.events if self.events is not None else round(self.rate * self.seconds)

    @cached_property
    def start_ms(self) -> int:
        """First simulated instant, in epoch milliseconds."""
        if self.span is not None or self.rate == 0 or self.medium == "file":
            # A file is written at once, so that its run, too, ends now.
            return to_ms(self.now) - self.length_ms
        return to_ms(self.now)

    @property
    def end_ms(self) -> int:
        """Last simulated instant: nothing arrives after it, and the last tick is it."""
        return self.start_ms + self.length_ms

    @cached_property
    def length_ms(self) -> int:
        """Simulated length; without a span and a rate, records arrive a millisecond apart."""
        if self.span is not None:
            return round(self.span.total_seconds() * SECOND)
        return max(1, round(self.total / self.rate * SECOND) if self.rate else self.total)

    @cached_property
    def tick_ms(self) -> int:
        """Simulated milliseconds between two ticks."""
        if self.tick_every is not None:
            return max(1, round(self.tick_every.total_seconds() * SECOND))
        least = HOUR if self.span is not None else SECOND
        if self.medium == "file":
            return least
        ticks_max = self.total / self.rate * _TICKS_PER_SECOND if self.rate else self.total / _FASTEST
        return max(least, round(self.length_ms / max(1.0, ticks_max)))

    @property
    def squeeze(self) -> float:
        """By how much the delays of a life are shortened."""
        return 1.0 if self.span is not None else self.length_ms / LIFE

    @cached_property
    def block_limit(self) -> int:
        """Events that a customer may have in one block of 30 days, blocks counted back from the end.

        Any 30 days touch two blocks at most; a run that lies in one block, with all that comes late in it, has the
        whole limit there.
        """
        one_block = self.length_ms + LATE_MAX <= 30 * DAY
        return EVENTS_MAX_30_DAYS if one_block else EVENTS_MAX_30_DAYS // 2

    @cached_property
    def run(self) -> str:
        """A short name of this very run, in every id that it makes."""
        return hashlib.blake2b(repr(sorted(self.facts().items())).encode(), digest_size=4).hexdigest()

    def facts(self) -> dict[str, Any]:
        """Return the options as plain JSON values."""
        programme = orjson.loads(orjson.dumps(self.programme))  # with lists, as it is read back
        found = asdict(self) | {"now": self.now.isoformat(), "programme": programme}
        spans = {name: part.total_seconds() for name, part in found.items() if isinstance(part, timedelta)}
        return found | spans

    def _refuse_crowding(self) -> None:
        blocks = self.length_ms / (30 * DAY)
        # Half, because activity is uneven: some join late, some fade, and the busiest are at the limit.
        room = max(1.0, blocks) * self.block_limit * self.customers // 2
        if self.total > room and self.hot < self.customers:
            message = f"{self.customers} customers live at most {room:.0f} events in this time: raise customers or span"
            raise OptionsError(message)


def duration(text: str) -> timedelta:
    """Read a duration such as `400d`, `36h`, `90m` or `30s`.

    Raises:
        OptionsError: *text* is none.
    """
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([smhd])", text.strip())
    if found is None:
        message = "a duration is a number and one of s, m, h, d, such as 400d"
        raise OptionsError(message)
    seconds = float(found[1]) * _UNITS[found[2]]
    if seconds > LONGEST_DAYS * 86_400:
        message = f"a duration has at most {LONGEST_DAYS} days"
        raise OptionsError(message)
    return timedelta(seconds=seconds)
