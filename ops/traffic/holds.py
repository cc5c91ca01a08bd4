"""Holds: what a programme finds too much in too short a time, counted as it does, and the word of a person on it."""

from typing import Final

from ops.traffic.instants import HOUR, local_date
from ops.traffic.personas import Customer
from ops.traffic.programme import Velocity
from ops.traffic.world import Happening, World

SOURCE: Final = "/backoffice"
_RELEASED: Final = 0.8
_COUNTED: Final = {"purchase.completed": "orders", "purchase.refunded": "refunds"}
_PEOPLE: Final = 3


class Holds:
    """Counts orders and refunds, and lets a person decide on each hold that they bring about."""

    def __init__(self, velocities: tuple[Velocity, ...], world: World) -> None:
        """Count in *world*."""
        self._velocities: Final = velocities
        self._world: Final = world
        self._times: dict[tuple[str, str], list[int]] = {}
        self._standing: set[tuple[str, str]] = set()
        self._held: set[str] = set()

    def ever_held(self, customer: Customer) -> bool:
        """Tell whether a customer has ever had a hold, after which nobody knows what they are told of rewards.

        What comes late may place it on another day, under another name, and no word is said on that.
        """
        return customer.id in self._held

    def count(self, happening: Happening) -> None:
        """Count what has just happened."""
        what = _COUNTED.get(happening.type)
        for one in self._velocities:
            if one.counts == what:
                self._count(happening.customer, one)

    def _count(self, customer: Customer, velocity: Velocity) -> None:
        now, place = self._world.now, (customer.id, velocity.rule)
        if place in self._standing:
            return
        times = [time for time in self._times.get(place, ()) if now - time < velocity.within_hours * HOUR]
        self._times[place] = [*times, now]
        if len(times) + 1 > velocity.more_than:
            self._standing.add(place)
            self._held.add(customer.id)
            hold = f"{velocity.rule}-{local_date(now).isoformat()}"
            # Another day than that of the hold: a second one of a day would have another name.
            self._world.after(25, 72, customer, self._is_decided, place, hold)

    def _is_decided(self, customer: Customer, place: tuple[str, str], hold: str) -> Happening:
        self._standing.discard(place)
        self._times.pop(place, None)
        released = self._world.chance(_RELEASED)
        data = {
            "hold_id": hold,
            "reason": "ordinary-customer" if released else "abuse",
            "person": f"ql-{1 + self._world.rng.randrange(_PEOPLE)}",
        }
        return Happening(customer, "hold.released" if released else "hold.confirmed", SOURCE, data)
