"""Answers: what the API says to events and baskets."""

from typing import Literal

from schemas.base import Count, CustomerId, EventId, Measure, Moment, Points, Record, Short, Source, Uuid
from schemas.decisions import Outcome
from schemas.profiles import Measures, PointsAccount, Profile, Progress
from schemas.purchases import PurchaseData


class EventAnswer(Record):
    """What is said of an event that is in Kafka.

    Attributes:
        decision: What became of it, where that is known.
        poll: Where to ask for it, where it is not known yet and was asked for.
        customer: The customer as they are after it, where a single event was decided on.
    """

    source: Source
    id: EventId
    decision: Outcome | None = None
    poll: str | None = None
    customer: Profile | None = None


class BatchAnswer(Record):
    """The same of each event of a batch, in its order."""

    events: tuple[EventAnswer, ...]


class Basket(Record):
    """What a customer is about to pay.

    Attributes:
        purchase: As the data of `purchase.completed`.
        at: When they pay; now, if nothing is said.
    """

    customer_id: CustomerId
    purchase: PurchaseData
    at: Moment | None = None


class RewardInView(Record):
    """A reward that the purchase would bring."""

    rule: Short
    tier: Short | None
    status: Short


class Quote(Record):
    """What paying a basket would do.

    Attributes:
        known: Whether the customer was ever seen.
        degraded: Whether nobody could be asked about them, so that this is for somebody new.
        as_of: The instant of which it tells.
        tier_before: The tier at that instant without the purchase.
        benefits: Those of the tier after it.
        points_earned: How many it would bring, those that wait out the time for returns too.
        spend: What of the basket counts for the tier, in minor units of the programme's currency.
        rewards: Those that it would bring.
        progress: What would then be missing for the next tier; `missing_before`, what is missing without it.
    """

    customer_id: CustomerId
    known: bool
    degraded: bool
    as_of: Moment
    policy: str
    currency: str
    tier_before: Short
    tier_after: Short
    upgraded: bool
    benefits: tuple[str, ...]
    points_earned: Measure
    points: PointsAccount
    rewards: tuple[RewardInView, ...]
    progress: Progress
    missing_before: Measures
    cx_level: Count


class Asked(Record):
    """What is asked of a customer's rewards or points; the same `id` and `time` again is the same call."""

    id: EventId
    time: Moment


class Choice(Asked):
    """Which of the gifts that were offered is taken."""

    gift_id: Short


class Redemption(Asked):
    """Points to spend, and on which reward, if it has a name."""

    points: Points
    reward: Short | None = None


class RedemptionAnswer(EventAnswer):
    """What is said of a redemption.

    Attributes:
        spent: Whether the points were spent; None while that is not known, or not any more.
        refused_for: Why they were not.
    """

    spent: bool | None = None
    refused_for: Short | None = None


class Revealed(Record):
    """A gift code. It is a bearer secret: show it, and keep it nowhere."""

    reward_id: Uuid
    gift: Short
    code: str
    valid_until: Moment | None


class NotYetRevealed(Record):
    """That the gift desk was asked; ask again for the code."""

    reward_id: Uuid
    status: Literal["asked"]
