"""The population: who there is, how active each is (Zipf), and who may act now."""

from bisect import bisect_right
from itertools import accumulate
from typing import Final

from ops.traffic.errors import OptionsError
from ops.traffic.instants import DAY, local_date
from ops.traffic.options import Options
from ops.traffic.personas import PERSONAS, Customer, Persona
from ops.traffic.shops import STORES
from ops.traffic.world import Draw, World

ZIPF: Final = 0.7  # customer k acts in proportion to k ** -ZIPF
HOT_EVENTS: Final = 450  # of a hot customer in its month; well over the 300 that make one hot
_FULL: Final = 0.8  # of the limit: beyond it a customer begins nothing new, so that what follows still fits
_TRIES: Final = 60
_SALE_DAYS: Final = 3  # at the beginning of a month, when bargain hunters wake up
_FADED: Final = 0.08
_OFF_SALE: Final = 0.5


class Population:
    """Customers by rank of activity; each is made up when first met."""

    def __init__(self, options: Options, world: World) -> None:
        """Weigh the customers of *options*."""
        self._options: Final = options
        self._world: Final = world
        self._known: dict[int, Customer] = {}
        self._until: Final = list(accumulate(_weights(options)))
        self._personas: Final = Draw([(persona, persona.share) for persona in PERSONAS])
        self._stores: Final = Draw([(place, store.share) for place, store in enumerate(STORES)])
        self._digits: Final = max(6, len(str(options.customers)))

    def someone(self) -> Customer:
        """Return a customer who acts now.

        Raises:
            OptionsError: Everyone has had as many events as 30 days allow.
        """
        rng, until = self._world.rng, self._until
        for _ in range(_TRIES):
            customer = self.of_rank(bisect_right(until, rng.random() * until[-1]))
            if customer.has_room(_FULL) and self._acts(customer):
                return customer
        start = rng.randrange(self._options.customers)
        for rank in range(start, start + self._options.customers):
            customer = self.of_rank(rank % self._options.customers)
            if customer.has_room(_FULL):
                return customer
        message = "every customer has had all the events that 30 days allow: raise customers or span"
        raise OptionsError(message)

    def anyone(self) -> Customer:
        """Return some customer, whether active now or not."""
        return self.of_rank(self._world.rng.randrange(self._options.customers))

    def of_rank(self, rank: int) -> Customer:
        """Return the customer of a rank, 0 being the most active; ranks past the last count as the last."""
        rank = min(rank, self._options.customers - 1)
        customer = self._known.get(rank)
        if customer is None:
            customer = self._known[rank] = self._made_up(rank)
        block = (self._options.end_ms - self._world.now) // (30 * DAY)
        if block != customer.block:
            customer.block, customer.lived = block, 0
        return customer

    def _acts(self, customer: Customer) -> bool:
        world, persona = self._world, customer.persona
        if world.now < customer.joins or not world.chance(persona.activity):
            return False
        if world.now > customer.fades:
            return world.chance(_FADED)
        if persona.name == "bargain-hunter" and self._options.span is not None:
            return local_date(world.now).day <= _SALE_DAYS or world.chance(_OFF_SALE)
        return True

    def _made_up(self, rank: int) -> Customer:
        rng, options = self._world.rng, self._options
        persona: Persona = self._personas.one(rng)
        name = f"kh-{rank + 1:0{self._digits}d}"
        start, length = options.start_ms, options.length_ms
        return Customer(
            id=name,
            key=name.encode(),
            persona=persona,
            joins=start + int(length * (0.1 + 0.8 * rng.random())) if persona.name == "newcomer" else start,
            fades=start + int(length * (0.4 + 0.4 * rng.random())) if persona.name == "at-risk" else options.end_ms,
            store=self._stores.one(rng),
            limit=0 if rank < options.hot else options.block_limit,
            mood=persona.mood,
        )


class Month:
    """The month of the hot customers: which of its records are theirs."""

    def __init__(self, options: Options) -> None:
        """Place the month in the middle of the run.

        Raises:
            OptionsError: The month has too few records for so many hot customers.
        """
        part = min(1.0, 30 * DAY / options.length_ms)
        records = int(options.total * part * 0.95)  # a little less than 30 days, so that one window holds them all
        self._first: Final = (options.total - records) // 2
        self._end: Final = self._first + records
        self._wanted: Final = options.hot * HOT_EVENTS
        self._hot: Final = options.hot
        self._given = 0
        if self._wanted * 2 > records:
            message = f"{options.hot} hot customers need {2 * self._wanted} records in 30 days, and there are {records}"
            raise OptionsError(message)

    def turn(self, number: int) -> int | None:
        """Return the rank of the hot customer whose turn record *number* is, or None."""
        if not self._first <= number:
            return None
        over = min(number, self._end - 1) - self._first + 1
        if self._given >= self._wanted * over // (self._end - self._first):
            return None
        self._given += 1
        return self._given % self._hot


def _weights(options: Options) -> list[float]:
    """Return Zipf weights, flattened at the top so that the limit of events is rarely met."""
    weights = [(rank + 1) ** -ZIPF for rank in range(options.customers)]
    in_block = options.total * min(1.0, 30 * DAY / options.length_ms)
    for _ in range(4):  # each flattening raises the others' part, so once is not enough
        top = sum(weights) * _FULL * options.block_limit / in_block
        weights = [min(weight, top) for weight in weights]
    return weights
