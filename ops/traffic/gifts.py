"""Gifts: what customers do with those for their birthday, and what they want for their points."""

from datetime import date
from typing import Any, Final

from cx.lives import reward_id
from cx.periods import yearly
from ops.traffic.holds import Holds
from ops.traffic.instants import HOUR, local_date, midnight
from ops.traffic.personas import Customer
from ops.traffic.programme import Birthday, Programme
from ops.traffic.world import Happening, World

APP: Final = "/app"
VENDOR: Final = "/gifts"
_LOOK: Final = 0.12  # at a gift that they did not choose themselves
_USED: Final = 0.6  # of those that somebody has looked at


class Gifts:
    """Lets customers choose, receive and use what a programme gives them."""

    def __init__(self, programme: Programme, world: World, holds: Holds) -> None:
        """Work in *world*."""
        self._programme: Final = programme
        self._world: Final = world
        self._holds: Final = holds

    def looks_forward(self, customer: Customer, month: int, day: int) -> None:
        """Let the birthdays of a customer come, who has just told theirs; so the first is not today."""
        if not self._programme.birthdays:
            return
        today = local_date(self._world.now)
        days = (date.fromordinal(yearly(year, month, day)) for year in (today.year, today.year + 1))
        following = next(one for one in days if one > today)
        hours = (midnight(following) - self._world.now) / HOUR
        self._world.after(hours, hours, customer, self._celebrates, following, (month, day))

    def wants(self, customer: Customer) -> Happening:
        """Ask for something that points buy, whether there are enough of them or not."""
        reward, points = self._world.rng.choice(self._programme.prices)
        return Happening(customer, "points.redemption-requested", APP, {"points": points, "reward": reward})

    def _celebrates(self, customer: Customer, today: date, birthday: tuple[int, int]) -> None:
        """Draw what becomes of the gifts of a birthday, and look forward to the next."""
        self.looks_forward(customer, *birthday)
        if self._holds.ever_held(customer) or self._world.now > customer.fades:
            return
        for one in self._programme.birthdays:
            for item in range(1, one.quantity + 1):
                self._is_given(customer, one, reward_id(customer.id, f"{one.rule}/{today.year}/{item}"))

    def _is_given(self, customer: Customer, birthday: Birthday, reward: str) -> None:
        world, chooses = self._world, len(birthday.gifts) > 1
        hours = 24 * birthday.choose_days if chooses else 0
        if chooses and world.chance(customer.persona.voice):
            world.after(8, 0.9 * hours, customer, self._chooses, birthday, reward)
        elif world.chance(_LOOK):
            world.after(hours + 1, hours + 72, customer, self._receives, birthday, reward)

    def _chooses(self, customer: Customer, birthday: Birthday, reward: str) -> Happening:
        self._world.after(0.1, 3, customer, self._receives, birthday, reward)
        data = {"reward_id": reward, "gift_id": self._world.rng.choice(birthday.gifts)}
        return Happening(customer, "reward.chosen", APP, data)

    def _receives(self, customer: Customer, birthday: Birthday, reward: str) -> Happening:
        world = self._world
        if world.chance(_USED):
            world.after(12, 24 * (0.8 * birthday.valid_days), customer, self._uses, reward)
        return Happening(customer, "gift.delivered", VENDOR, {"reward_id": reward})

    def _uses(self, customer: Customer, reward: str) -> Happening:
        customer.feel(2)
        data: dict[str, Any] = {"reward_id": reward}
        return Happening(customer, "gift.redeemed", VENDOR, data)
