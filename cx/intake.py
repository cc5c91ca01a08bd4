"""From a validated event to a moment: the edge at which contracts end and rules begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cx.calendar import micros
from cx.moments import (
    AnyMoment,
    Cancelled,
    CaseEscalated,
    CaseOpened,
    CaseReopened,
    CaseResolved,
    CaseResponded,
    Enrolled,
    FeedbackGiven,
    Line,
    ProfileUpdated,
    Purchased,
    Referred,
    Refunded,
    Touched,
)
from schemas.errors import CxError, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from cx.rules import Rules


class NotTakenError(CxError):
    """An event that is well formed and yet cannot be taken; `reason` is a dead-letter code, `loc` a field path."""

    def __init__(self, reason: Reason, loc: str) -> None:
        """Name the *reason* and the field."""
        super().__init__(f"{reason} at {loc}")
        self.reason = reason
        self.loc = loc


def moment_of(event: Any, rules: Rules) -> AnyMoment:  # noqa: ANN401  # any of the input models; the table dispatches on `type`
    """Boil an input *event* down to a moment.

    Raises:
        NotTakenError: its type is handled by a later version, or its currency is not the programme's.
    """
    build = _BUILDERS.get(event.type)
    if build is None:
        raise NotTakenError(Reason.NOT_YET_SUPPORTED, "type")
    return build(micros(event.time), event.source, event.id, event.data, rules)


def _purchased(at: int, source: str, id_: str, data: Any, rules: Rules) -> Purchased:  # noqa: ANN401
    if data.currency != rules.policy.currency:
        raise NotTakenError(Reason.CURRENCY, "data.currency")
    return Purchased(
        at,
        source,
        id_,
        order=data.order_id,
        channel=data.channel,
        store=data.store or "",
        lines=tuple([Line(line.line_id, line.category, line.amount) for line in data.lines]),
        shipping=data.shipping,
        tax=data.tax,
        not_money=tuple([(part.kind, part.amount) for part in data.payments if part.kind != "money"]),
    )


def _refunded(at: int, source: str, id_: str, data: Any, _: Rules) -> Refunded:  # noqa: ANN401
    lines = tuple([(line.line_id, line.amount) for line in data.lines])
    return Refunded(at, source, id_, order=data.order_id, lines=lines, shipping=data.shipping, tax=data.tax)


def _opened(at: int, source: str, id_: str, data: Any, _: Rules) -> CaseOpened:  # noqa: ANN401
    return CaseOpened(
        at, source, id_, case=data.case_id, channel=data.channel, topic=data.topic, priority=data.priority
    )


def _escalated(at: int, source: str, id_: str, data: Any, _: Rules) -> CaseEscalated:  # noqa: ANN401
    return CaseEscalated(at, source, id_, case=data.case_id, priority=data.priority or "")


def _feedback(at: int, source: str, id_: str, data: Any, _: Rules) -> FeedbackGiven:  # noqa: ANN401
    return FeedbackGiven(
        at,
        source,
        id_,
        instrument=data.instrument,
        score=getattr(data, "score", None),
        dimension=data.dimension,
        case=data.case_id,
    )


def _touched(at: int, source: str, id_: str, data: Any, _: Rules) -> Touched:  # noqa: ANN401
    return Touched(
        at,
        source,
        id_,
        stage=data.stage,
        group=data.group,
        channel=data.channel,
        intent=data.intent,
        accepted=data.accepted,
    )


def _profile(at: int, source: str, id_: str, data: Any, _: Rules) -> ProfileUpdated:  # noqa: ANN401
    return ProfileUpdated(
        at,
        source,
        id_,
        birthday=data.birthday,
        locale=data.locale,
        preferences=data.preferences,
        notify=data.consent.notify if data.consent else None,
    )


_BUILDERS: dict[str, Callable[[int, str, str, Any, Rules], AnyMoment]] = {
    "purchase.completed": _purchased,
    "purchase.refunded": _refunded,
    "purchase.cancelled": lambda at, source, id_, data, _: Cancelled(at, source, id_, order=data.order_id),
    "case.opened": _opened,
    "case.responded": lambda at, source, id_, data, _: CaseResponded(at, source, id_, case=data.case_id),
    "case.escalated": _escalated,
    "case.resolved": lambda at, source, id_, data, _: CaseResolved(at, source, id_, case=data.case_id),
    "case.reopened": lambda at, source, id_, data, _: CaseReopened(at, source, id_, case=data.case_id),
    "feedback.submitted": _feedback,
    "customer.enrolled": lambda at, source, id_, data, _: Enrolled(at, source, id_, joined=data.joined.toordinal()),
    "touchpoint.recorded": _touched,
    "referral.converted": lambda at, source, id_, _data, _: Referred(at, source, id_),
    "profile.updated": _profile,
}
