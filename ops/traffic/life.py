"""Life: what a customer does unasked, and what follows from it."""

from typing import Any, Final

from ops.traffic.gifts import Gifts
from ops.traffic.helpdesk import Helpdesk
from ops.traffic.holds import Holds
from ops.traffic.instants import DAY, local_date
from ops.traffic.options import Options
from ops.traffic.personas import Customer
from ops.traffic.population import Population
from ops.traffic.programme import Programme
from ops.traffic.shops import PREFERENCES, STORES
from ops.traffic.tills import Tills
from ops.traffic.voices import Voices
from ops.traffic.world import Draw, Happening, World

Moment = tuple[str, str, str, str]  # stage, group, channel, intent

_NONE: Final = Programme(name="", birthdays=(), velocities=(), prices=())
_ADVOCATES: Final = 72  # mood from which customers bring friends
_MONTH_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# Moments of the journey over the three groups, with weights.
_MOMENTS: Final[tuple[tuple[Moment, float], ...]] = (
    (("discover", "digital", "social", "information"), 10),
    (("discover", "digital", "web", "information"), 10),
    (("discover", "people", "event", "information"), 3),
    (("consider", "digital", "app", "suggestion"), 14),
    (("consider", "digital", "email", "suggestion"), 9),
    (("consider", "people", "store", "suggestion"), 10),
    (("consider", "product", "store", "information"), 6),
    (("use", "product", "app", "care"), 8),
    (("use", "people", "phone", "care"), 6),
    (("use", "product", "partner", "other"), 4),
    (("support", "people", "chat", "care"), 5),
    (("purchase", "digital", "app", "information"), 7),
    (("advocate", "digital", "social", "other"), 4),
    (("advocate", "people", "event", "other"), 2),
)


class Life:
    """The life of all customers; ask it what happens next."""

    def __init__(self, options: Options) -> None:
        """Begin at the run's first instant."""
        self.world: Final = World(options)
        self.population: Final = Population(options, self.world)
        self._options: Final = options
        self._voices: Final = Voices(self.world)
        self._helpdesk: Final = Helpdesk(self.world, self._voices)
        programme = _NONE if options.programme is None or options.span is None else options.programme
        self._holds: Final = Holds(programme.velocities, self.world)
        self._gifts: Final = Gifts(programme, self.world, self._holds)
        self._tills: Final = Tills(options, self.world, self._helpdesk, self._voices, programme.velocities)
        self._moments: Final = Draw(_MOMENTS)
        deeds = ((self._tills.sells, 48), (self._meets, 44), (self._asks, 3), (self._changes, 3), (self._brings, 2))
        self._deeds: Final = Draw((*deeds, (self._gifts.wants, 2)) if programme.prices else deeds)

    def next(self, now: int, rank: int | None = None) -> Happening:
        """Return what happens at *now*, in epoch milliseconds, which never goes back.

        What follows from earlier happenings comes first; else somebody acts unasked, the customer of *rank* if given.

        Raises:
            OptionsError: Everyone has had as many events as 30 days allow.
        """
        self.world.now = now
        happening = self.world.due() if rank is None else None
        if happening is None:
            customer = self.population.someone() if rank is None else self.population.of_rank(rank)
            happening = self._acts(customer)
        happening.customer.lived += 1
        self._holds.count(happening)
        return happening

    def _acts(self, customer: Customer) -> Happening:
        if not customer.enrolled:
            return self._joins(customer)
        happening: Happening = self._deeds.one(self.world.rng)(customer)
        return happening

    def _joins(self, customer: Customer) -> Happening:
        world = self.world
        customer.enrolled = True
        joined = world.now
        if customer.persona.name != "newcomer":
            # The others have been members for up to three years; the programme hears of them now.
            joined -= world.rng.randrange(3 * 365) * DAY
        world.after(0.01, 0.5, customer, self._meets)
        if world.chance(0.7):
            world.after(0.02, 2, customer, self._introduces)
        world.after(0.1, 72, customer, self._tills.sells)
        data = {"joined": local_date(joined).isoformat()}
        return Happening(customer, "customer.enrolled", "/crm", data, root=True)

    def _introduces(self, customer: Customer) -> Happening:
        rng = self.world.rng
        month = 1 + rng.randrange(12)
        day = 1 + rng.randrange(_MONTH_DAYS[month - 1])
        self._gifts.looks_forward(customer, month, day)
        data: dict[str, Any] = {
            "birthday": f"{month:02d}-{day:02d}",
            "locale": "vi" if self.world.chance(0.88) else "en",
            "consent": {"notify": self.world.chance(0.85)},
        }
        if self.world.chance(0.4):
            data["preferences"] = rng.sample(PREFERENCES, 2)
        return Happening(customer, "profile.updated", "/crm", data, root=True)

    def _changes(self, customer: Customer) -> Happening:
        """Change one's mind about messages, language or tastes."""
        world = self.world
        data: dict[str, Any] = {"consent": {"notify": world.chance(customer.mood / 100)}}
        if world.chance(0.4):
            data = {"preferences": world.rng.sample(PREFERENCES, 3)}
        elif world.chance(0.2):
            data = {"locale": world.rng.choice(("vi", "en"))}
        return Happening(customer, "profile.updated", "/crm", data, root=True)

    def _meets(self, customer: Customer) -> Happening:
        """Meet the brand at a touchpoint; what it suggests is taken the more readily the better the mood."""
        stage, group, channel, intent = self._moments.one(self.world.rng)
        data: dict[str, Any] = {"stage": stage, "group": group, "channel": channel, "intent": intent}
        if intent in ("suggestion", "care"):
            data["accepted"] = self.world.chance(0.1 + 0.6 * customer.mood / 100)
            customer.feel(1 if data["accepted"] else -0.5)
        if channel == "store":
            data["store"] = STORES[customer.store].name
        return Happening(customer, "touchpoint.recorded", "/journey", data, root=True)

    def _asks(self, customer: Customer) -> Happening:
        return self._helpdesk.opens(customer)

    def _brings(self, customer: Customer) -> Happening:
        """Bring a friend, if the mood is right; else just pass by."""
        friend = self.population.anyone()
        if customer.mood < _ADVOCATES or friend.id == customer.id:
            return self._meets(customer)
        customer.feel(2)
        return Happening(customer, "referral.converted", "/crm", {"referred": friend.id}, root=True)
