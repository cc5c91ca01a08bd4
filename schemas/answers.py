"""Answers: what the API says to events and baskets."""

from schemas.base import Amount, Count, CustomerId, EventId, Measure, Moment, Record, Short, Source
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


class Redemption(Record):
    """Points to spend; the request has an id, by which it is known again."""

    request_id: EventId
    points: Amount
    reward: Short | None = None
