"""The post: carries what happens to the topics, not always at once, not always once, and not always whole."""

from heapq import heappop, heappush
from math import exp, log
from random import Random
from typing import Final

import msgspec
import orjson

from ops.traffic.instants import HOUR, MINUTE, SECOND, written
from ops.traffic.life import Life
from ops.traffic.options import LATE_MAX, Options
from ops.traffic.poison import Poisons
from ops.traffic.population import Month
from ops.traffic.records import Arrival, Kind
from ops.traffic.world import Happening
from schemas.inputs import TOPIC_OF

LATE_MIN: Final = HOUR


class Post:
    """Delivers the records of a run one by one."""

    def __init__(self, options: Options) -> None:
        """Begin the life that *options* describe.

        Raises:
            OptionsError: There are too few customers or records for what is asked.
        """
        self._options: Final = options
        # Its own chance, so that the shares can be changed without changing who the customers are.
        self._rng: Final = Random(f"post {options.seed}")  # noqa: S311  # traffic must repeat, not be secret
        self._life: Final = Life(options)
        self._poisons: Final = Poisons(options, self._rng)
        self._month: Final = Month(options) if options.hot else None
        self._on_the_way: list[tuple[int, int, Arrival]] = []
        self._number = self._posted = 0
        lived = 1.0 - options.duplicate_share - options.poison_share
        self._late: Final = options.late_share / lived
        self._twice: Final = options.duplicate_share / lived
        self._late_owed = 0.0

    def delivered(self, number: int, at: int) -> Arrival:
        """Return record *number* of the run, which arrives at *at*; instants never go back.

        Raises:
            OptionsError: Everyone has had as many events as 30 days allow.
        """
        left = self._options.total - number - 1
        # What is on its way must have arrived by the end, or what refers to it would wait for ever.
        if self._on_the_way and (self._on_the_way[0][0] <= at or len(self._on_the_way) > left):
            arrival = msgspec.structs.replace(heappop(self._on_the_way)[2], at=at)
            return self._perhaps_twice(arrival, left) if arrival.kind is Kind.EVENT else arrival
        rank = self._month.turn(number) if self._month is not None else None
        if rank is None and self._rng.random() < self._options.poison_share:
            population = self._life.population
            return self._poisons.one(at, population.anyone(), population.anyone())
        while True:
            happening = self._life.next(at, rank)
            if not self._is_late(happening):
                return self._perhaps_twice(self._written(happening, at, at), left)
            if self._options.span is None:
                # There is no time to wait in: it is told now to have happened long before.
                return self._perhaps_twice(self._written(happening, at - self._delay(LATE_MAX), at), left)
            if (most := min(LATE_MAX, self._options.end_ms - at)) < LATE_MIN or len(self._on_the_way) >= left:
                return self._perhaps_twice(self._written(happening, at, at), left)
            self._send_later(self._written(happening, at, at), self._delay(most))
            rank = None  # the place is free for something else

    def _is_late(self, happening: Happening) -> bool:
        self._late_owed += self._late
        late = (happening.root or self._options.span is not None) and self._rng.random() < self._late_owed
        self._late_owed -= late
        return late

    def _delay(self, most: int) -> int:
        """Draw how late something is: mostly hours, sometimes weeks."""
        return int(LATE_MIN * exp(self._rng.random() * log(most / LATE_MIN)))

    def _written(self, happening: Happening, time: int, at: int) -> Arrival:
        customer, name, source, data, _ = happening
        self._number += 1
        value = orjson.dumps(
            {
                "specversion": "1.0",
                "id": f"{self._options.run}-{self._number:x}",
                "source": source,
                "type": name,
                "time": written(time),
                "subject": customer.id,
                "data": data,
            }
        )
        return Arrival(TOPIC_OF[name], customer.key, value, at, Kind.EVENT, name, customer.id, time)

    def _perhaps_twice(self, arrival: Arrival, left: int) -> Arrival:
        if self._rng.random() < self._twice and len(self._on_the_way) < left:
            soon = (SECOND + self._rng.randrange(20 * MINUTE)) * self._options.squeeze
            self._send_later(msgspec.structs.replace(arrival, kind=Kind.DUPLICATE), int(soon))
        return arrival

    def _send_later(self, arrival: Arrival, delay: int) -> None:
        self._posted += 1
        heappush(self._on_the_way, (arrival.at + delay, self._posted, arrival))
