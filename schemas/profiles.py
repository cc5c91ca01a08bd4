"""Profiles: what the API tells of a customer."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Amount, Count, Currency, CustomerId, Day, Locale, Measure, Moment, Record, Short, Uuid

Measures = dict[str, Measure]


class Progress(Record):
    """What is missing for the next tier, by measure; amounts in minor units.

    Attributes:
        next: None at the top.
        held_back_by: Guards that stand against it, such as an open case of a detractor.
    """

    next: Short | None
    missing: Measures
    held_back_by: tuple[str, ...]


class Expiry(Record):
    """The points that run out first, and the last day on which they can be spent."""

    last_day: Day
    points: Count


class PointsAccount(Record):
    """The points: earned = balance + spent + expired + reversed, and those that wait out the time for returns.

    Attributes:
        balance: What can be spent; below zero after a refund of what was spent already.
        pending: What is not yet counted as earned.
    """

    balance: Measure
    pending: Measure
    earned: Measure
    spent: Measure
    expired: Measure
    reversed: Measure
    next_expiry: Expiry | None


class Lacking(Record):
    """A condition of the next CX level that does not hold; `value` is None where there is no evidence."""

    level: Annotated[int, Field(ge=1, le=5)]
    criterion: Short
    measure: Short
    value: Measure | None
    comparison: Literal[">=", "<="]
    needed: Measure
    one_of: bool


class Reward(Record):
    """A reward of a customer.

    Attributes:
        status: `owed` and `held` before anybody was told; `offered` while there is a choice; `requested` and `waiting`
            at the gift desk; `issued`, `delivered`; `redeemed`, `expired`, `revoked` and `unavailable` at its end.
        choices: What may be chosen, until `choose_until`.
        gift: What was chosen, or is given without a choice.
        valid_until: Until when the gift can be used.
        masked: The code as it may be shown; a reveal shows the rest.
        unsealed: Since when the code may be shown.
    """

    reward_id: Uuid
    rule: Short
    occasion: str
    tier: Short | None
    since: Moment
    status: Short
    choices: tuple[Short, ...] = ()
    choose_until: Moment | None = None
    gift: Short | None = None
    wait_until: Moment | None = None
    valid_until: Moment | None = None
    brand: str | None = None
    card_kind: str | None = None
    face_value: Amount | None = None
    claim_id: str | None = None
    masked: str | None = None
    unsealed: Moment | None = None


class View(Record):
    """A view of a customer.

    Attributes:
        as_of: The instant of which it tells.
        known: Whether the customer was ever seen; who was not has the base tier.
        degraded: Whether nobody could be asked, so that this is the base tier whoever it is.
    """

    customer_id: CustomerId
    as_of: Moment
    known: bool
    degraded: bool


class Profile(View):
    """What is told of a customer; without a sealed code, and without what is for staff.

    Attributes:
        policy: The hash of the policy that decided.
        currency: That of all amounts, which are in its minor units.
        tier_until: Until when the tier is safe if nothing more is bought.
        measures: What the ladder is compared with.
        notify: Whether the customer wants messages.
        rewards: Those that are still open.
    """

    policy: str
    currency: Currency
    tier: Short
    tier_since: Moment | None
    tier_until: Moment | None
    benefits: tuple[str, ...]
    measures: Measures
    progress: Progress
    points: PointsAccount
    cx_level: Annotated[int, Field(ge=1, le=5)]
    cx_level_since: Moment | None
    cx_level_missing: tuple[Lacking, ...]
    dimensions: dict[str, Annotated[int, Field(ge=0, le=100)]]
    enrolled: Day | None
    first_seen: Moment | None
    locale: Locale
    notify: bool
    rewards: tuple[Reward, ...]


class Window(Record):
    """The days that count: the first, the last so far, and the last of the period if it ends."""

    first: Day
    last: Day
    ends: Day | None


class CountedOrder(Record):
    """An order that counts; `amount` is what of it does, and `id` that of its event."""

    order: str
    day: Day
    amount: Measure
    id: str


class Rest(Record):
    """All else that counts: orders that can no longer be refunded, and days brought along from another system."""

    first: Day
    last: Day
    orders: Measure
    amount: Measure


class GivenTier(Record):
    """A tier that a person has given; who that was is not told here."""

    tier: Short
    until: Moment | None
    pinned: bool
    reason: str


class TierChange(Record):
    """A change of the tier, and why."""

    at: Moment
    from_: Annotated[str, Field(alias="from")]
    to: Short
    reason: str


class LastChange(TierChange):
    """The last one, with the order that brought it, if one did."""

    order: str | None


class Keeping(Record):
    """What becomes of the tier if nothing more happens: what is `missing` by `until`, and the tier `then`."""

    until: Moment
    missing: Measures
    then: Short


class Outlook(Progress):
    """What is missing for the next tier, and to keep this one."""

    keep: Keeping | None


class Decisions(View):
    """Why the tier and the level are what they are.

    Attributes:
        orders: Those that count and can still be told apart, oldest first; `rest` is all else that counts.
        failing_since: When a respite began.
        change: The last change of the tier.
        history: The last eight of them, oldest first.
        cx_level_missing: Conditions of the next level that do not hold.
    """

    policy: str
    currency: Currency
    tier: Short
    tier_since: Moment | None
    tier_until: Moment | None
    measures: Measures
    progress: Outlook
    window: Window
    orders: tuple[CountedOrder, ...]
    rest: Rest | None
    given: GivenTier | None
    failing_since: Moment | None
    change: LastChange | None
    history: tuple[TierChange, ...]
    cx_level: Annotated[int, Field(ge=1, le=5)]
    cx_level_since: Moment | None
    cx_level_missing: tuple[Lacking, ...]


class Contact(Record):
    """Where a customer met the brand: the last time, how often, and the mean of the last scores given there."""

    last: Moment
    channel: Short | None
    count: Measure
    mood: Annotated[int, Field(ge=0, le=100)] | None


class Share(Record):
    """How many conditions of a criterion hold, and of how many."""

    holds: int
    of: int


class Journey(View):
    """The map of a customer's journey: contacts by stage, then by group; where there was none, nothing."""

    journey: dict[str, dict[str, Contact]]
    dimensions: dict[str, Annotated[int, Field(ge=0, le=100)]]
    criteria: dict[str, Share]


class PointsView(View):
    """The points, and what runs out if nothing more happens."""

    points: PointsAccount
    expiries: tuple[Expiry, ...]


class RewardsView(View):
    """All rewards that are still known, those that have ended too."""

    rewards: tuple[Reward, ...]
