"""Moments: input events boiled down to what the rules may look at, in a form that is cheap to keep and to sort."""

from __future__ import annotations

import re
from typing import ClassVar

import msgspec

Key = tuple[int, int, str, str]


class _Checked(msgspec.Struct, frozen=True, array_like=True, gc=False, kw_only=True):
    """A base of its own, because only so a field with a default can come after those of the kinds of moment."""

    content: int = 0


class Moment(_Checked, frozen=True, array_like=True, gc=False, tag=True):
    """Something that happened to one customer.

    `at` is in microseconds since 1970, UTC. `content` is the checksum of all that the event said, by
    `schemas.checksum`; the other fields hold what the rules read of it. (`source`, `id`) says whether two moments are
    the same event: if so they are equal, or one of them conflicts with the other.
    """

    RANK: ClassVar[int] = 0

    at: int
    source: str
    id: str

    @property
    def key(self) -> Key:
        """Place in the total order: time, then causes before their consequences, then identity."""
        return (self.at, self.RANK, self.source, self.id)

    @property
    def identity(self) -> tuple[str, str]:
        """What makes two records the same event."""
        return (self.source, self.id)


class Line(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One line of an order; `amount` in minor units, for the whole quantity."""

    id: str
    category: str
    amount: int


class Enrolled(Moment, frozen=True, tag="e"):
    """The customer joined on the day `joined`, an ordinal."""

    RANK: ClassVar[int] = 0
    joined: int


class ProfileUpdated(Moment, frozen=True, tag="u"):
    """Only what is not None changes."""

    RANK: ClassVar[int] = 1
    birthday: str | None
    locale: str | None
    preferences: tuple[str, ...] | None
    notify: bool | None


class Purchased(Moment, frozen=True, tag="p"):
    """An order was paid."""

    RANK: ClassVar[int] = 10
    order: str
    channel: str
    store: str
    lines: tuple[Line, ...]
    shipping: int
    tax: int
    not_money: tuple[tuple[str, int], ...]  # (kind, amount) of the payments that were not money
    currency: str = ""  # empty for the programme's own


class Refunded(Moment, frozen=True, tag="r"):
    """Part of an order was paid back: (line id, amount) pairs; nothing named means all that is left."""

    RANK: ClassVar[int] = 11
    order: str
    lines: tuple[tuple[str, int], ...]
    shipping: int
    tax: int


class Cancelled(Moment, frozen=True, tag="x"):
    """A whole order was undone."""

    RANK: ClassVar[int] = 12
    order: str


class CaseOpened(Moment, frozen=True, tag="o"):
    """A support case began."""

    RANK: ClassVar[int] = 20
    case: str
    channel: str
    topic: str
    priority: str


class CaseResponded(Moment, frozen=True, tag="a"):
    """Somebody answered."""

    RANK: ClassVar[int] = 21
    case: str


class CaseEscalated(Moment, frozen=True, tag="s"):
    """The case went to a higher desk."""

    RANK: ClassVar[int] = 22
    case: str
    priority: str


class CaseResolved(Moment, frozen=True, tag="z"):
    """The case was closed as solved."""

    RANK: ClassVar[int] = 23
    case: str


class CaseReopened(Moment, frozen=True, tag="w"):
    """The customer came back with the same case."""

    RANK: ClassVar[int] = 24
    case: str


class FeedbackGiven(Moment, frozen=True, tag="f"):
    """A score on an instrument; a complaint has None."""

    RANK: ClassVar[int] = 30
    instrument: str
    score: int | None
    dimension: str | None
    case: str | None
    touchpoint: str | None = None
    order: str | None = None


class Touched(Moment, frozen=True, tag="t"):
    """A contact on the journey."""

    RANK: ClassVar[int] = 40
    stage: str
    group: str
    channel: str
    intent: str
    accepted: bool | None
    store: str = ""


class Overridden(Moment, frozen=True, tag="b"):
    """A person set the tier, until the instant `until` or for good; `reason` and `person` are that person's words."""

    RANK: ClassVar[int] = 2
    tier: str
    until: int
    reason: str
    person: str


class Imported(Moment, frozen=True, tag="i"):
    """The customer moved in from another system; days are ordinals, 0 or None where nothing was said.

    `lots` are (points, day earned, last day), `days` (day, spend, orders, visits); the tier is held from `since` on,
    and until the instant `until` whatever the days say.
    """

    RANK: ClassVar[int] = 3
    joined: int | None
    tier: str
    since: int
    until: int | None
    lots: tuple[tuple[int, int, int], ...]
    days: tuple[tuple[int, int, int, int], ...]


class Adjusted(Moment, frozen=True, tag="j"):
    """A person gave points, or took them where `points` is below zero."""

    RANK: ClassVar[int] = 4
    points: int
    reason: str


class Requested(Moment, frozen=True, tag="q"):
    """The customer wants to spend points."""

    RANK: ClassVar[int] = 13
    points: int
    reward: str


class HoldDecided(Moment, frozen=True, tag="h"):
    """A person released a hold, or confirmed it."""

    RANK: ClassVar[int] = 5
    hold: str
    released: bool


class Chosen(Moment, frozen=True, tag="c"):
    """The customer chose a gift of those that were offered under the reward's id."""

    RANK: ClassVar[int] = 50
    reward: str
    gift: str


class GiftTold(Moment, frozen=True, tag="g"):
    """A gift was delivered, redeemed, expired or cancelled; `gift` is empty where it is not said."""

    RANK: ClassVar[int] = 51
    reward: str
    kind: str
    gift: str


class Card(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A gift that the desk gave: its claim, its code as it may be shown and as it is sealed, and its terms."""

    claim: str
    masked: str
    key_id: str
    sealed: bytes
    brand: str
    card_kind: str
    face_value: int


class GiftAnswered(Moment, frozen=True, tag="y"):
    """What the gift desk says to a request: allocated, refused, waitlisted, unsealed, expiring, lapsed or withdrawn.

    Attributes:
        until: When the gift runs out, or is waited for no longer; 0 where it is not said.
        card: What was allocated.
    """

    RANK: ClassVar[int] = 52
    reward: str
    request: str
    kind: str
    gift: str = ""
    reason: str = ""
    until: int = 0
    card: Card | None = None


class Referred(Moment, frozen=True, tag="v"):
    """A person whom this customer recommended became a customer."""

    RANK: ClassVar[int] = 41


AnyMoment = (
    Enrolled
    | ProfileUpdated
    | Purchased
    | Refunded
    | Cancelled
    | CaseOpened
    | CaseResponded
    | CaseEscalated
    | CaseResolved
    | CaseReopened
    | FeedbackGiven
    | Touched
    | Referred
    | Overridden
    | Imported
    | Adjusted
    | Requested
    | HoldDecided
    | Chosen
    | GiftTold
    | GiftAnswered
)

# What these refer to may not have arrived yet: they wait, and keep their bytes until they take effect for good.
REFERRING = (
    Refunded,
    Cancelled,
    CaseResponded,
    CaseEscalated,
    CaseResolved,
    CaseReopened,
    HoldDecided,
    Chosen,
    GiftTold,
)


def name_of(moment: AnyMoment) -> str:
    """Return the identity of a moment as one text, for use as a key."""
    return joined(moment.source, moment.id)


def joined(first: str, second: str) -> str:
    """Return two names as one text, for use as a key; each of them may hold line breaks itself."""
    if "\\" in first or "\n" in first:  # as names seldom do
        first = first.replace("\\", "\\\\").replace("\n", "\\n")
    return f"{first}\n{second}"


def parted(key: str) -> tuple[str, str]:
    """Return the two names of which `joined` made *key*."""
    first, _, second = key.partition("\n")
    if "\\" in first:
        first = re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], first)
    return first, second
