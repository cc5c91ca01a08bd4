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
from schemas.checksum import checksum
from schemas.errors import CxError, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from cx.rules import Rules

    _Builder = Callable[[Any, int, int, Rules], AnyMoment]  # event, its instant, its checksum


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
    return build(event, micros(event.time), checksum(event.data), rules)


def _purchased(event: Any, at: int, content: int, rules: Rules) -> Purchased:  # noqa: ANN401
    data = event.data
    if data.currency != rules.policy.currency:
        raise NotTakenError(Reason.CURRENCY, "data.currency")
    return Purchased(
        at,
        event.source,
        event.id,
        order=data.order_id,
        channel=data.channel,
        store=data.store or "",
        lines=tuple([Line(line.line_id, line.category, line.amount) for line in data.lines]),
        shipping=data.shipping,
        tax=data.tax,
        not_money=tuple([(part.kind, part.amount) for part in data.payments if part.kind != "money"]),
        content=content,
    )


def _refunded(event: Any, at: int, content: int, _: Rules) -> Refunded:  # noqa: ANN401
    data = event.data
    return Refunded(
        at,
        event.source,
        event.id,
        order=data.order_id,
        lines=tuple([(line.line_id, line.amount) for line in data.lines]),
        shipping=data.shipping,
        tax=data.tax,
        content=content,
    )


def _cancelled(event: Any, at: int, content: int, _: Rules) -> Cancelled:  # noqa: ANN401
    return Cancelled(at, event.source, event.id, order=event.data.order_id, content=content)


def _opened(event: Any, at: int, content: int, _: Rules) -> CaseOpened:  # noqa: ANN401
    data = event.data
    return CaseOpened(
        at,
        event.source,
        event.id,
        case=data.case_id,
        channel=data.channel,
        topic=data.topic,
        priority=data.priority,
        content=content,
    )


def _escalated(event: Any, at: int, content: int, _: Rules) -> CaseEscalated:  # noqa: ANN401
    data = event.data
    return CaseEscalated(at, event.source, event.id, case=data.case_id, priority=data.priority or "", content=content)


def _followed(kind: type[CaseResponded | CaseResolved | CaseReopened]) -> _Builder:
    return lambda event, at, content, _: kind(at, event.source, event.id, case=event.data.case_id, content=content)


def _feedback(event: Any, at: int, content: int, _: Rules) -> FeedbackGiven:  # noqa: ANN401
    data = event.data
    return FeedbackGiven(
        at,
        event.source,
        event.id,
        instrument=data.instrument,
        score=getattr(data, "score", None),
        dimension=data.dimension,
        case=data.case_id,
        content=content,
    )


def _enrolled(event: Any, at: int, content: int, _: Rules) -> Enrolled:  # noqa: ANN401
    return Enrolled(at, event.source, event.id, joined=event.data.joined.toordinal(), content=content)


def _touched(event: Any, at: int, content: int, _: Rules) -> Touched:  # noqa: ANN401
    data = event.data
    return Touched(
        at,
        event.source,
        event.id,
        stage=data.stage,
        group=data.group,
        channel=data.channel,
        intent=data.intent,
        accepted=data.accepted,
        content=content,
    )


def _referred(event: Any, at: int, content: int, _: Rules) -> Referred:  # noqa: ANN401
    return Referred(at, event.source, event.id, content=content)


def _profile(event: Any, at: int, content: int, _: Rules) -> ProfileUpdated:  # noqa: ANN401
    data = event.data
    return ProfileUpdated(
        at,
        event.source,
        event.id,
        birthday=data.birthday,
        locale=data.locale,
        preferences=data.preferences,
        notify=data.consent.notify if data.consent else None,
        content=content,
    )


_BUILDERS: dict[str, _Builder] = {
    "purchase.completed": _purchased,
    "purchase.refunded": _refunded,
    "purchase.cancelled": _cancelled,
    "case.opened": _opened,
    "case.responded": _followed(CaseResponded),
    "case.escalated": _escalated,
    "case.resolved": _followed(CaseResolved),
    "case.reopened": _followed(CaseReopened),
    "feedback.submitted": _feedback,
    "customer.enrolled": _enrolled,
    "touchpoint.recorded": _touched,
    "referral.converted": _referred,
    "profile.updated": _profile,
}
