"""Recipients: what customers do with the rewards that they are told of: they choose, get and use them, or do not."""

from __future__ import annotations

import heapq
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any, Final

import orjson

from ops.traffic.instants import DAY, HOUR, written
from ops.traffic.records import Arrival, Kind
from schemas.inputs import TOPIC_OF
from schemas.rewards import RewardIssued, RewardOffered

if TYPE_CHECKING:
    from schemas.outputs import OutputEvent

SOURCE: Final = "/app"
_CHOOSE: Final = 0.7  # so many choose; the others get what is first
_USE: Final = 0.6
_CHOOSE_WITHIN: Final = 6 * DAY
_USE_WITHIN: Final = 24 * DAY


class Recipients:
    """Reacts to rewards; the same rewards, the same reactions, whenever they are heard of.

    Attributes:
        events: What was done, by type.
        customers: By customer, how many events that were.
    """

    def __init__(self, seed: int) -> None:
        """Begin with nothing heard; another *seed*, other reactions."""
        self._seed: Final = seed
        self._planned: list[tuple[int, str, str, str, dict[str, Any]]] = []
        self.events: Final = Counter[str]()
        self.customers: Final = Counter[str]()

    def hear(self, event: OutputEvent, at: int) -> None:
        """Plan what follows from *event*, heard of at a simulated instant in epoch milliseconds."""
        chance = Random(f"{self._seed} {event.id}")  # noqa: S311  # must repeat
        if isinstance(event, RewardOffered) and chance.random() < _CHOOSE:
            gift = chance.choice(event.data.choices).gift_id
            self._plan(at + chance.randrange(_CHOOSE_WITHIN), "reward.chosen", event, gift_id=gift)
        elif isinstance(event, RewardIssued):
            self._plan(at + HOUR, "gift.delivered", event)
            if chance.random() < _USE:
                self._plan(at + 2 * HOUR + chance.randrange(_USE_WITHIN), "gift.redeemed", event)

    def due(self, at: int) -> list[Arrival]:
        """Return what is done up to a simulated instant, in order; each once."""
        found = []
        while self._planned and self._planned[0][0] <= at:
            _, name, cause, customer, data = heapq.heappop(self._planned)
            self.events[name] += 1
            self.customers[customer] += 1
            found.append(self._arrival(name, cause, customer, data, at))
        return found

    def _plan(self, at: int, name: str, event: RewardOffered | RewardIssued, **data: str) -> None:
        cause, reward = event.id, str(event.data.reward_id)
        heapq.heappush(self._planned, (at, name, cause, event.subject, {"reward_id": reward, **data}))

    def _arrival(self, name: str, cause: str, customer: str, data: dict[str, Any], at: int) -> Arrival:
        value = {
            "specversion": "1.0",
            "id": f"{name}-{cause}",
            "source": SOURCE,
            "type": name,
            "time": written(at),
            "subject": customer,
            "data": data,
        }
        return Arrival(TOPIC_OF[name], customer.encode(), orjson.dumps(value), at, Kind.EVENT, name, customer, at)
