"""Personas: how customers differ in what they buy, what goes wrong for them and what they say about it."""

from dataclasses import dataclass
from typing import Final

Weights = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """One kind of customer.

    Attributes:
        share: Part of all customers.
        activity: How readily they act, from 0 to 1.
        basket: What an order is worth, against the average of 1.
        refund: Probability that an order is given back, in part or whole.
        trouble: Probability that an order goes wrong.
        voice: Probability that they answer when asked.
        mood: How they feel about the brand at first, 0 to 100.
        frugal: Probability that part of an order is paid in points or by gift card.
        channels: Sales channels with their weights.
    """

    name: str
    share: float
    activity: float
    basket: float
    refund: float
    trouble: float
    voice: float
    mood: float
    frugal: float
    channels: Weights


PERSONAS: Final = (
    Persona(
        name="loyal",
        share=0.27,
        activity=0.9,
        basket=1.3,
        refund=0.04,
        trouble=0.08,
        voice=0.30,
        mood=68,
        frugal=0.10,
        channels=(("store", 5), ("app", 4), ("web", 2), ("partner", 0.5)),
    ),
    Persona(
        name="bargain-hunter",
        share=0.33,
        activity=0.6,
        basket=0.55,
        refund=0.12,
        trouble=0.12,
        voice=0.20,
        mood=52,
        frugal=0.30,
        channels=(("web", 5), ("app", 4), ("store", 2), ("partner", 2)),
    ),
    Persona(
        name="at-risk",
        share=0.15,
        activity=0.7,
        basket=0.9,
        refund=0.10,
        trouble=0.30,
        voice=0.25,
        mood=42,
        frugal=0.05,
        channels=(("web", 4), ("store", 4), ("app", 1)),
    ),
    Persona(
        name="newcomer",
        share=0.20,
        activity=0.6,
        basket=0.7,
        refund=0.07,
        trouble=0.10,
        voice=0.22,
        mood=58,
        frugal=0.05,
        channels=(("app", 5), ("web", 4), ("store", 2), ("partner", 1)),
    ),
    Persona(
        name="vip",
        share=0.05,
        activity=1.0,
        basket=4.0,
        refund=0.05,
        trouble=0.06,
        voice=0.35,
        mood=74,
        frugal=0.02,
        channels=(("store", 7), ("app", 3), ("web", 1)),
    ),
)


@dataclass(slots=True)
class Customer:
    """One customer, as far as the simulation must remember; changes as life goes on.

    Attributes:
        joins: Epoch milliseconds before which nothing is heard of them.
        fades: Epoch milliseconds after which little is.
        store: Index of their own store.
        mood: How they feel about the brand now, 0 to 100.
        limit: Events that they may have in a block of 30 days; 0 for no limit.
        block: Which block of 30 days was counted last, and `lived` how many events in it.
    """

    id: str
    key: bytes
    persona: Persona
    joins: int
    fades: int
    store: int
    limit: int
    mood: float
    enrolled: bool = False
    block: int = 0
    lived: int = 0

    def feel(self, change: float) -> None:
        """Let an experience lift or lower the mood."""
        self.mood = min(100.0, max(0.0, self.mood + change))

    def has_room(self, part: float) -> bool:
        """Tell whether fewer events have been lived than *part* of the limit."""
        return not self.limit or self.lived < self.limit * part
