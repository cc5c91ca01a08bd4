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


class Standing(Record):
    """Where a customer stands.

    Attributes:
        as_of: The instant of which it tells.
        policy: The hash of the policy that decided.
        currency: That of all amounts, which are in its minor units.
        tier_until: Until when the tier is safe if nothing more is bought.
        measures: What the ladder is compared with.
    """

    customer_id: CustomerId
    as_of: Moment
    policy: str
    currency: Currency
    tier: Short
    tier_since: Moment | None
    tier_until: Moment | None
    benefits: tuple[str, ...]
    measures: Measures
    progress: Progress
    points: PointsAccount


class Profile(Standing):
    """What is told of a customer; without a sealed code, and without what is for staff.

    Attributes:
        known: Whether the customer was ever seen; who was not has the base tier.
        degraded: Whether nobody could be asked, so that this is the base tier whoever it is.
        notify: Whether the customer wants messages.
        rewards: Those that are still open.
    """

    known: bool
    degraded: bool
    cx_level: Annotated[int, Field(ge=1, le=5)]
    cx_level_since: Moment | None
    cx_level_missing: tuple[Lacking, ...]
    dimensions: dict[str, Annotated[int, Field(ge=0, le=100)]]
    enrolled: Day | None
    first_seen: Moment | None
    locale: Locale
    notify: bool
    rewards: tuple[Reward, ...]
