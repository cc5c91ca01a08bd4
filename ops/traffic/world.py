"""The world of a run: its chance, its clock, and what is still to follow from what has happened."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import accumulate
from random import Random
from typing import Any, Final, NamedTuple

from ops.traffic.instants import HOUR
from ops.traffic.options import Options
from ops.traffic.personas import Customer


class Happening(NamedTuple):
    """What happened to a customer, not yet written down.

    Attributes:
        root: Whether it can be told to have happened any time earlier, since nothing before it matters to it.
    """

    customer: Customer
    type: str
    source: str
    data: dict[str, Any]
    root: bool = False


Follow = Callable[..., Happening | None]


class World:
    """Chance and time of one run; `now` is set by whoever lives in it."""

    def __init__(self, options: Options) -> None:
        """Begin at the run's first instant."""
        self.rng: Final = Random(f"life {options.seed}")  # noqa: S311  # traffic must repeat, not be secret
        self.run: Final = options.run
        self.now = options.start_ms
        self._hour: Final = HOUR * options.squeeze
        self._count = 0
        self._waiting: list[tuple[int, int, Customer, Follow, tuple[Any, ...]]] = []

    def number(self) -> int:
        """Return the next number of the run, for ids."""
        self._count += 1
        return self._count

    def chance(self, probability: float) -> bool:
        """Decide by lot."""
        return self.rng.random() < probability

    def after(self, least: float, most: float, customer: Customer, follow: Follow, *about: Any) -> None:  # noqa: ANN401  # whatever *follow* takes
        """Let *follow(customer, *about)* come between *least* and *most* hours from now."""
        hours = least + (most - least) * self.rng.random()
        heappush(self._waiting, (self.now + int(hours * self._hour) + 1, self.number(), customer, follow, about))

    def due(self) -> Happening | None:
        """Return the next thing that follows by now; None when nothing does.

        Customers at their limit of events are passed over, and what would have followed is never heard of.
        """
        while self._waiting and self._waiting[0][0] <= self.now:
            _, _, customer, follow, about = heappop(self._waiting)
            if customer.has_room(1.0) and (happening := follow(customer, *about)):
                return happening
        return None


class Draw:
    """Draws from things with weights; one random number and a bisection each."""

    def __init__(self, weighted: Sequence[tuple[Any, float]]) -> None:
        """Take pairs of a thing and its weight."""
        self._things: Final = [thing for thing, _ in weighted]
        until = list(accumulate(weight for _, weight in weighted))
        # Parts of the whole; without the last one, a draw cannot fall behind it by rounding.
        self._until: Final = [part / until[-1] for part in until[:-1]]

    def one(self, rng: Random) -> Any:  # noqa: ANN401  # whatever was put in
        """Return one of the things."""
        return self._things[bisect_right(self._until, rng.random())]
