"""The help desk: cases with their clocks, answered in time or late, asked again, solved, reopened, escalated."""

from dataclasses import dataclass
from typing import Final

from ops.traffic.personas import Customer
from ops.traffic.shops import CASE_TOPICS
from ops.traffic.voices import BAD, Voices
from ops.traffic.world import Draw, Happening, World

SOURCE: Final = "/helpdesk"
# Hours until the first answer that the desk aims at; the policies' defaults, by which lateness is judged.
SLA_HOURS: Final = {"low": 48, "normal": 24, "high": 8, "urgent": 2}
_LATE: Final = 0.14
_AGAIN: Final = 0.03  # ask again over another channel though nobody is late, and
_AGAIN_LATE: Final = 0.35  # where somebody is
_REOPENED_MAX: Final = 2
_AGENTS: Final = 24


@dataclass(slots=True)
class Case:
    """A case on its way: `quality` is what the customer makes of it, 0 to 100; `again`, that they had asked before."""

    id: str
    channel: str
    topic: str
    priority: str
    about: dict[str, str]
    agent: str
    late: bool
    quality: float
    again: bool = False
    reopened: int = 0


class Helpdesk:
    """Opens cases and sees them through."""

    def __init__(self, world: World, voices: Voices) -> None:
        """Work in *world*."""
        self._world: Final = world
        self._voices: Final = voices
        self._channels: Final = Draw(
            (("chat", 30), ("phone", 25), ("app", 15), ("email", 12), ("store", 8), ("social", 6), ("web", 4))
        )
        self._priorities: Final = Draw((("normal", 62), ("high", 18), ("low", 15), ("urgent", 5)))

    def opens(self, customer: Customer, topic: str | None = None, order: str | None = None) -> Happening:
        """Open a case, about an *order* if one is named."""
        rng = self._world.rng
        about = {"order_id": order} if order else {}
        return self._opened(customer, self._channels.one(rng), topic or rng.choice(CASE_TOPICS), about)

    def _opened(
        self, customer: Customer, channel: str, topic: str, about: dict[str, str], *, again: bool = False
    ) -> Happening:
        world, rng = self._world, self._world.rng
        case = Case(
            id=f"HT{world.run}-{world.number()}",
            channel=channel,
            topic=topic,
            priority=self._priorities.one(rng),
            about=about,
            agent=f"nv-{1 + rng.randrange(_AGENTS):02d}",
            late=rng.random() < _LATE * (1.6 if customer.persona.name == "at-risk" else 1.0),
            quality=72.0 + rng.gauss(0.0, 10.0),
            again=again,
        )
        customer.feel(-4)
        sla = SLA_HOURS[case.priority]
        if case.late:
            world.after(1.2 * sla, 3.0 * sla, customer, self._answers, case)
            case.quality -= 35
        else:
            world.after(0.02 * sla, 0.7 * sla, customer, self._answers, case)
        if not again and world.chance(_AGAIN_LATE if case.late else _AGAIN):
            world.after(0.2 * sla, 1.1 * sla, customer, self._asks_again, case)
        data = {"case_id": case.id, "channel": case.channel, "topic": topic}
        if case.priority != "normal":
            data["priority"] = case.priority
        # Not a root: opened earlier, the case would have been answered late without the customer minding.
        return Happening(customer, "case.opened", SOURCE, data | case.about)

    def _asks_again(self, customer: Customer, case: Case) -> Happening:
        """Ask the same over another channel, which makes nobody happier with the first."""
        case.quality -= 12
        channel = case.channel
        while channel == case.channel:
            channel = self._channels.one(self._world.rng)
        return self._opened(customer, channel, case.topic, case.about, again=True)

    def _answers(self, customer: Customer, case: Case) -> Happening:
        world = self._world
        if world.chance(0.35 if case.late else 0.05):
            world.after(1, 24, customer, self._escalates, case)
        else:
            world.after(0.3, 60, customer, self._solves, case)
        data = {"case_id": case.id, "channel": case.channel, "agent": case.agent}
        return Happening(customer, "case.responded", SOURCE, data)

    def _escalates(self, customer: Customer, case: Case) -> Happening:
        case.quality -= 8
        self._world.after(2, 72, customer, self._solves, case)
        data = {"case_id": case.id, "priority": "urgent" if case.priority == "high" else "high"}
        return Happening(customer, "case.escalated", SOURCE, data)

    def _solves(self, customer: Customer, case: Case) -> Happening:
        world = self._world
        if case.reopened < _REOPENED_MAX and world.chance(0.28 if case.late else 0.07):
            world.after(3, 120, customer, self._reopens, case)
        else:
            self._is_judged(customer, case)
        return Happening(customer, "case.resolved", SOURCE, {"case_id": case.id, "agent": case.agent})

    def _reopens(self, customer: Customer, case: Case) -> Happening:
        case.reopened += 1
        case.quality -= 28
        customer.feel(-8)
        self._world.after(2, 72, customer, self._solves, case)
        return Happening(customer, "case.reopened", SOURCE, {"case_id": case.id, "reason": "not-solved"})

    def _is_judged(self, customer: Customer, case: Case) -> None:
        """Let what the case was like follow: answers to surveys, a complaint, a word to others."""
        world = self._world
        quality = min(100.0, max(0.0, case.quality))
        customer.feel((quality - 55) * 0.5)
        about = {"case_id": case.id, "touchpoint": "people", "dimension": "service"}
        willing = min(1.0, 1.4 * customer.persona.voice)
        if world.chance(willing):
            world.after(1, 48, customer, self._voices.asked, "csat", quality, about)
        if world.chance(willing * 0.7):
            world.after(1, 48, customer, self._voices.asked, "ces", quality, about)
        if quality < BAD and world.chance(0.3):
            world.after(1, 72, customer, self._voices.complains, about)
        if world.chance(willing * 0.6):
            world.after(72, 240, customer, self._voices.recommends, quality)
