"""Moments as the events they stand for: a property that fails prints its smallest log as lines for `cx replay`."""

from __future__ import annotations

from typing import Any

import orjson

from cx.moments import (
    Adjusted,
    AnyMoment,
    Cancelled,
    CaseEscalated,
    CaseOpened,
    CaseReopened,
    CaseResolved,
    CaseResponded,
    Chosen,
    FeedbackGiven,
    GiftTold,
    HoldDecided,
    ProfileUpdated,
    Purchased,
    Referred,
    Refunded,
    Requested,
    Touched,
)
from tests.events import event

KINDS: dict[type, str] = {
    Purchased: "purchase.completed",
    Refunded: "purchase.refunded",
    Cancelled: "purchase.cancelled",
    CaseOpened: "case.opened",
    CaseResponded: "case.responded",
    CaseEscalated: "case.escalated",
    CaseResolved: "case.resolved",
    CaseReopened: "case.reopened",
    FeedbackGiven: "feedback.submitted",
    Touched: "touchpoint.recorded",
    Referred: "referral.converted",
    Adjusted: "points.adjusted",
    Requested: "points.redemption-requested",
    ProfileUpdated: "profile.updated",
    Chosen: "reward.chosen",
}


def line(made: dict[str, Any]) -> str:
    """Return an event as a line of a file."""
    return orjson.dumps(made).decode()


def event_of(moment: AnyMoment) -> dict[str, Any]:
    """Return an event of which `cx.intake` makes *moment*, but for its checksum."""
    made = event(_kind(moment), moment.at, moment.id, **_data(moment))
    if isinstance(moment, FeedbackGiven) and moment.score is None:
        del made["data"]["score"]
    return made | {"source": moment.source}


def _kind(moment: AnyMoment) -> str:
    match moment:
        case GiftTold():
            return f"gift.{moment.kind}"
        case HoldDecided():
            return "hold.released" if moment.released else "hold.confirmed"
    return KINDS[type(moment)]


def _data(moment: AnyMoment) -> dict[str, Any]:
    """Return what its event says, as far as a moment keeps it."""
    said: dict[str, Any] = {}
    parts: tuple[str, ...] = ()
    match moment:
        case Purchased():
            lines = [
                {"line_id": one.id, "sku": "s", "category": one.category, "quantity": 1, "amount": one.amount}
                for one in moment.lines
            ]
            said = {"order_id": moment.order, "lines": lines, "currency": moment.currency or "VND"}
            said |= {"payments": [{"kind": kind, "amount": amount} for kind, amount in moment.not_money]}
            parts = ("channel", "shipping", "tax")
        case Refunded():
            said = {"order_id": moment.order}
            said |= {"lines": [{"line_id": name, "amount": amount} for name, amount in moment.lines]}
            parts = ("shipping", "tax")
        case Cancelled():
            said = {"order_id": moment.order}
        case CaseOpened():
            said, parts = {"case_id": moment.case}, ("channel", "topic", "priority")
        case CaseResponded() | CaseEscalated() | CaseResolved() | CaseReopened():
            said = {"case_id": moment.case}
        case FeedbackGiven():
            said, parts = {"case_id": moment.case}, ("instrument", "score", "dimension")
        case Touched():
            parts = ("stage", "group", "channel", "intent", "accepted")
        case _:
            said, parts = _of_rewards(moment)
    said |= {name: getattr(moment, name, None) for name in parts}
    return {name: value for name, value in said.items() if value is not None}


def _of_rewards(moment: AnyMoment) -> tuple[dict[str, Any], tuple[str, ...]]:
    match moment:
        case ProfileUpdated():
            consent = None if moment.notify is None else {"notify": moment.notify}
            return {"consent": consent}, ("birthday", "locale", "preferences")
        case Chosen() | GiftTold():
            return {"reward_id": moment.reward, "gift_id": moment.gift or None}, ()
        case HoldDecided():
            return {"hold_id": moment.hold}, ()
        case Requested():
            return {"reward": moment.reward or None}, ("points",)
    return {}, ("points", "reason")
