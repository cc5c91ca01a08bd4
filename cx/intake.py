"""From a validated event to a moment: the edge at which contracts end and rules begin."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any

from cx.amounts import converted, worth_max
from cx.calendar import micros
from cx.moments import (
    Adjusted,
    AnyMoment,
    Cancelled,
    Card,
    CaseEscalated,
    CaseOpened,
    CaseReopened,
    CaseResolved,
    CaseResponded,
    Chosen,
    Enrolled,
    FeedbackGiven,
    GiftAnswered,
    GiftTold,
    HoldDecided,
    Imported,
    Line,
    Overridden,
    ProfileUpdated,
    Purchased,
    Referred,
    Refunded,
    Requested,
    Touched,
)
from cx.state import NEVER
from schemas.checksum import checksum
from schemas.errors import CxError, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from cx.rules import Rules
    from schemas.gift_answers import AllocationData

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
        NotTakenError: its type is handled by a later version, its currency is not the programme's, an amount comes to
            too much in it, its tier is not one of the ladder, or its days cannot be.
    """
    build = _BUILDERS.get(event.type)
    if build is None:
        raise NotTakenError(Reason.NOT_YET_SUPPORTED, "type")
    return build(event, micros(event.time), checksum(event.data), rules)


def _purchased(event: Any, at: int, content: int, rules: Rules) -> Purchased:  # noqa: ANN401
    data = event.data
    currency = _currency(data.currency, rules)
    whole = sum([line.amount for line in data.lines]) + data.shipping + data.tax
    if converted(whole, currency, rules) > worth_max(rules):
        raise NotTakenError(Reason.TOO_LARGE, "data.lines")
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
        currency=currency,
        content=content,
    )


def _currency(name: str, rules: Rules) -> str:
    if name == rules.policy.currency:
        return ""
    if name not in rules.exchange:
        raise NotTakenError(Reason.CURRENCY, "data.currency")
    return name


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
        touchpoint=data.touchpoint,
        order=data.order_id,
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
        store=data.store or "",
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


def _overridden(event: Any, at: int, content: int, rules: Rules) -> Overridden:  # noqa: ANN401
    data = event.data
    _check_tier(data.tier, rules)
    if data.until is not None and micros(data.until) <= at:  # a word that is over before it is given
        raise NotTakenError(Reason.INVALID, "data.until")
    return Overridden(
        at,
        event.source,
        event.id,
        tier=data.tier,
        until=NEVER if data.until is None else micros(data.until),
        reason=data.reason,
        person=data.person,
        content=content,
    )


def _check_tier(name: str, rules: Rules) -> None:
    if name not in {rung.name for rung in rules.rungs}:
        raise NotTakenError(Reason.UNKNOWN_TIER, "data.tier")


def _imported(event: Any, at: int, content: int, rules: Rules) -> Imported:  # noqa: ANN401
    data = event.data
    currency = _currency(data.currency, rules)
    if data.tier is not None:
        _check_tier(data.tier, rules)
    start = rules.calendar.start
    _check_past(data, rules.calendar.day(at))
    if any(converted(one.spend, currency, rules) > worth_max(rules) for one in data.days):
        raise NotTakenError(Reason.TOO_LARGE, "data.days")
    return Imported(
        at,
        event.source,
        event.id,
        joined=data.joined.toordinal() if data.joined else None,
        tier=data.tier or "",
        since=start(data.tier_since.toordinal()) if data.tier_since else 0,
        until=start(data.tier_until.toordinal() + 1) if data.tier_until else None,
        lots=tuple(
            (lot.points, lot.earned.toordinal(), lot.expires.toordinal() if lot.expires else 0) for lot in data.lots
        ),
        days=tuple(
            (one.day.toordinal(), converted(one.spend, currency, rules), one.orders, one.visits) for one in data.days
        ),
        content=content,
    )


def _check_past(data: Any, today: int) -> None:  # noqa: ANN401  # of an import
    """Refuse what says that something has happened already on a later day than *today*."""
    days = {
        "joined": [data.joined],
        "tier_since": [data.tier_since],
        "lots": [lot.earned for lot in data.lots],
        "days": [one.day for one in data.days],
    }
    for name, named in days.items():
        if any(day is not None and day.toordinal() > today for day in named):
            raise NotTakenError(Reason.INVALID, f"data.{name}")


def _adjusted(event: Any, at: int, content: int, _: Rules) -> Adjusted:  # noqa: ANN401
    data = event.data
    return Adjusted(at, event.source, event.id, points=data.points, reason=data.reason, content=content)


def _requested(event: Any, at: int, content: int, _: Rules) -> Requested:  # noqa: ANN401
    data = event.data
    return Requested(at, event.source, event.id, points=data.points, reward=data.reward or "", content=content)


def _held(event: Any, at: int, content: int, _: Rules) -> HoldDecided:  # noqa: ANN401
    released = event.type == "hold.released"
    return HoldDecided(at, event.source, event.id, hold=event.data.hold_id, released=released, content=content)


def _chosen(event: Any, at: int, content: int, _: Rules) -> Chosen:  # noqa: ANN401
    data = event.data
    return Chosen(at, event.source, event.id, reward=data.reward_id, gift=data.gift_id, content=content)


def _gift(event: Any, at: int, content: int, _: Rules) -> GiftTold:  # noqa: ANN401
    data, kind = event.data, event.type.removeprefix("gift.")
    return GiftTold(
        at, event.source, event.id, reward=data.reward_id, kind=kind, gift=data.gift_id or "", content=content
    )


def _answered(event: Any, at: int, content: int, _: Rules) -> GiftAnswered:  # noqa: ANN401
    data, kind = event.data, event.type.removeprefix("gift.")
    until = getattr(data, "valid_until", None) or getattr(data, "wait_until", None)
    return GiftAnswered(
        at,
        event.source,
        event.id,
        reward=data.reward_id,
        request=data.request_id,
        kind=kind,
        gift=getattr(data, "gift_id", None) or next((one.gift_id for one in getattr(data, "tried", ())), ""),
        reason=getattr(data, "reason", ""),
        until=micros(until) if until else 0,
        card=_card(data) if kind == "allocated" else None,
        content=content,
    )


def _card(data: AllocationData) -> Card:
    try:
        sealed = b64decode(data.ciphertext)
    except ValueError:  # of a length that no base64 has
        raise NotTakenError(Reason.INVALID, "data.ciphertext") from None
    return Card(
        claim=data.claim_id,
        masked=data.masked,
        key_id=data.key_id,
        sealed=sealed,
        brand=data.brand or "",
        card_kind=data.card_kind or "",
        face_value=data.face_value,
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
    "tier.overridden": _overridden,
    "customer.imported": _imported,
    "points.adjusted": _adjusted,
    "points.redemption-requested": _requested,
    "hold.released": _held,
    "hold.confirmed": _held,
    "reward.chosen": _chosen,
    "gift.delivered": _gift,
    "gift.redeemed": _gift,
    "gift.expired": _gift,
    "gift.cancelled": _gift,
    "gift.allocated": _answered,
    "gift.refused": _answered,
    "gift.waitlisted": _answered,
    "gift.unsealed": _answered,
    "gift.expiring": _answered,
    "gift.lapsed": _answered,
    "gift.withdrawn": _answered,
    "reveal.refused": _answered,
}
