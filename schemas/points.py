"""Points: every movement of a customer's points; topic `cx.points`."""

from typing import Literal

from schemas.base import EventId, Measure, Points, Short
from schemas.output import OutputData, OutputEnvelope


class PointsMoved(OutputData):
    """How many points moved, or were asked for, and what is left.

    Attributes:
        points: Always positive; the event's type says which way.
        balance: Balance afterwards; negative where a refund took points already spent.
        lot: The lot concerned, if it is one.
        reason: Why, where the type alone does not say it.
        request_id: The redemption's event id that this answers.
    """

    points: Points
    balance: Measure
    lot: Short | None = None
    reason: Short | None = None
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
