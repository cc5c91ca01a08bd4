"""Touchpoints: the journey, the profile, and what people decide about a customer; topic `cx.touchpoints`."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from schemas.base import (
    MONEY_MAX,
    Amount,
    Count,
    Currency,
    CustomerId,
    Day,
    Locale,
    Moment,
    Points,
    Record,
    Short,
)
from schemas.envelope import CustomerEnvelope
from schemas.feedback import TouchpointGroup

Stage = Literal["discover", "consider", "purchase", "use", "support", "advocate"]
TouchpointChannel = Literal["store", "web", "app", "phone", "chat", "email", "social", "partner", "event"]
Intent = Literal["information", "suggestion", "care", "other"]

_MONTH_DAY: Final = (
    "^((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))$"
)
MonthDay = Annotated[str, Field(pattern=_MONTH_DAY)]


def _not_zero(points: int) -> int:
    if points == 0:
        code = "zero"
        raise PydanticCustomError(code, "an adjustment changes something")
    return points


Adjustment = Annotated[
    int, Field(ge=-MONEY_MAX, le=MONEY_MAX, json_schema_extra={"not": {"const": 0}}), AfterValidator(_not_zero)
]


class EnrolledData(Record):
    """The day of joining, in the programme's time zone."""

    joined: Day


class ImportedLot(Record):
    """Points left of a lot; `expires` is the last day on which they count."""

    points: Points
    earned: Day
    expires: Day | None = None


class ImportedDay(Record):
    """What a day brought in the other system; `spend` is what qualified, in minor units."""

    day: Day
    spend: Amount = 0
    orders: Count = 0
    visits: Count = 0


class ImportedData(Record):
    """What a customer brings along from another system: opening tier, lots and days, three years at most."""

    joined: Day | None = None
    tier: Short | None = None
    tier_since: Day | None = None
    tier_until: Day | None = None
    lots: Annotated[tuple[ImportedLot, ...], Field(max_length=200)] = ()
    days: Annotated[tuple[ImportedDay, ...], Field(max_length=1100)] = ()
    currency: Currency


class TouchpointData(Record):
    """One moment of the journey; `accepted` says whether the customer took what was offered, None if nothing was."""

    stage: Stage
    group: TouchpointGroup
    channel: TouchpointChannel
    intent: Intent
    accepted: bool | None = None
    topic: Short | None = None
    store: Short | None = None


class ReferralData(Record):
    """Whom the customer brought, and with which order if that counted."""

    referred: CustomerId
    order_id: Short | None = None


class Consent(Record):
    """Whether the customer wants messages; a reward is given either way."""

    notify: bool


class ProfileData(Record):
    """What changed in the profile; a field that is absent or null stays as it was."""

    birthday: MonthDay | None = None
    locale: Locale | None = None
    preferences: Annotated[tuple[Short, ...], Field(max_length=20)] | None = None
    consent: Consent | None = None


class TierOverrideData(Record):
    """A tier given by a person, for ever without `until`."""

    tier: Short
    reason: Short
    person: Short
    until: Moment | None = None


class RedemptionData(Record):
    """Points that the customer wants to spend, and on which reward."""

    points: Points
    reward: Short | None = None


class AdjustmentData(Record):
    """Points given or taken by a person."""

    points: Adjustment
    reason: Short
    person: Short


class HoldDecisionData(Record):
    """What a person decided about a hold."""

    hold_id: Short
    reason: Short
    person: Short


class MergeData(Record):
    """The customer that this one turned out to be."""

    into: CustomerId


class ErasureData(Record):
    """On which ground the customer is to be forgotten."""

    reason: Short


class CustomerEnrolled(CustomerEnvelope):
    """A customer joined the programme."""

    type: Literal["customer.enrolled"]
    data: EnrolledData


class CustomerImported(CustomerEnvelope):
    """A customer moved in from another system."""

    type: Literal["customer.imported"]
    data: ImportedData


class TouchpointRecorded(CustomerEnvelope):
    """The customer and the brand met."""

    type: Literal["touchpoint.recorded"]
    data: TouchpointData


class ReferralConverted(CustomerEnvelope):
    """Somebody whom the customer brought became a customer."""

    type: Literal["referral.converted"]
    data: ReferralData


class ProfileUpdated(CustomerEnvelope):
    """The profile changed."""

    type: Literal["profile.updated"]
    data: ProfileData


class TierOverridden(CustomerEnvelope):
    """A person set the tier."""

    type: Literal["tier.overridden"]
    data: TierOverrideData


class PointsRedemptionRequested(CustomerEnvelope):
    """The customer wants to spend points; the event's id names the request in the answer."""

    type: Literal["points.redemption-requested"]
    data: RedemptionData


class PointsAdjusted(CustomerEnvelope):
    """A person gave or took points."""

    type: Literal["points.adjusted"]
    data: AdjustmentData


class HoldReleased(CustomerEnvelope):
    """A person lifted a hold."""

    type: Literal["hold.released"]
    data: HoldDecisionData


class HoldConfirmed(CustomerEnvelope):
    """A person upheld a hold."""

    type: Literal["hold.confirmed"]
    data: HoldDecisionData


class CustomerMerged(CustomerEnvelope):
    """Two ids are one customer."""

    type: Literal["customer.merged"]
    data: MergeData


class CustomerErased(CustomerEnvelope):
    """The customer is to be forgotten."""

    type: Literal["customer.erased"]
    data: ErasureData


TouchpointEvent = (
    CustomerEnrolled
    | CustomerImported
    | TouchpointRecorded
    | ReferralConverted
    | ProfileUpdated
    | TierOverridden
    | PointsRedemptionRequested
    | PointsAdjusted
    | HoldReleased
    | HoldConfirmed
    | CustomerMerged
    | CustomerErased
)
