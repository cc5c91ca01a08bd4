"""Points: every movement of a customer's points; topic `cx.points`."""

from typing import Literal

from schemas.base import EventId, Measure, Points, Short, Source
from schemas.output import OutputData, OutputEnvelope


class PointsMoved(OutputData):
    """How many points moved, or were asked for, and what is left.

    Attributes:
        points: Always positive; the event's type says which way.
        balance: Balance afterwards; negative where a refund took points already spent.
        lot: The lot concerned, if it is one: its order, or the last day on which its points counted.
        reason: Why, where the type alone does not say it: `refund`, `adjustment`, `import`, `date`, `inactivity`,
            `correction` (a late event changed what had been told), or why a redemption was refused; more may come.
        request_source: The source of the redemption that this answers.
        request_id: Its event id.
    """

    points: Points
    balance: Measure
    lot: Short | None = None
    reason: Short | None = None
    request_source: Source | None = None
    request_id: EventId | None = None


class PointsEarned(OutputEnvelope):
    """Points were given."""

    type: Literal["points.earned"] = "points.earned"
    data: PointsMoved


class PointsSpent(OutputEnvelope):
    """Points were spent, as requested."""

    type: Literal["points.spent"] = "points.spent"
    data: PointsMoved


class PointsRefused(OutputEnvelope):
    """Points were not spent, though requested."""

    type: Literal["points.refused"] = "points.refused"
    data: PointsMoved


class PointsExpired(OutputEnvelope):
    """A lot ran out."""

    type: Literal["points.expired"] = "points.expired"
    data: PointsMoved


class PointsReversed(OutputEnvelope):
    """A refund took back what its purchase had earned."""

    type: Literal["points.reversed"] = "points.reversed"
    data: PointsMoved


PointsEvent = PointsEarned | PointsSpent | PointsRefused | PointsExpired | PointsReversed
