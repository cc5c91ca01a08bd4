"""Pieces of a customer's life on which the measures of the CX levels turn, each told to both sides of its edge."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from tests.generated.logs import Teller

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
SLA_HOURS = {"low": 48, "normal": 24, "urgent": 2}
FAINT = (("nps", 6), ("csat", 2), ("ces", 2), ("review", 2))  # the best that is still a detractor's


def questions(teller: Teller, customer: str) -> None:
    """Let a customer look for information, and open a case soon, or later, or at the same instant."""
    for _ in range(1 + teller.chance.randrange(3)):
        at = teller.instant()
        touch(teller, customer, at, "information")
        wait = teller.pick(None, HOUR, 7 * DAY, 7 * DAY + TICK, 0 * HOUR)
        if wait is not None:
            _case(teller, customer, at + wait, "normal", teller.pick(3 * HOUR, None))


def unanswered(teller: Teller, customer: str) -> None:
    """Let a case wait for its answer until the last instant, or longer, or for ever."""
    priority = teller.pick("normal", "low", "urgent")
    due = (SLA_HOURS | teller.policy.get("sla_hours", {}))[priority] * HOUR
    _case(teller, customer, teller.instant(), priority, teller.pick(None, due, due + TICK, due + 3 * DAY))


def habit(teller: Teller, customer: str) -> None:
    """Let a customer buy at about equal distances, with contacts in between, and once more after a silence or not."""
    at, gap = teller.instant(), teller.pick(2, 1, 3, 5) * DAY
    for _ in range(teller.pick(4, 3, 7, 11)):
        _buy(teller, customer, at)
        if teller.once_in(3):
            touch(teller, customer, at + teller.pick(HOUR, 0 * HOUR), "information")
        elif teller.once_in(6):
            name = _case(teller, customer, at + HOUR, "normal", HOUR)
            teller.say(customer, "case.reopened", at + 3 * HOUR, "desk", {"case_id": name})
        at += gap + teller.pick(0, 0, 1, -1) * DAY
    if teller.once_in(3):
        _buy(teller, customer, at + gap * teller.pick(1, 2, 3))


def helped(teller: Teller, customer: str) -> None:
    """Let a customer accept help, and be angry before: so long ago that it counts no more, or not; or later."""
    at, after = teller.instant(), teller.pick(None, HOUR, 30 * DAY, 30 * DAY + TICK, 0 * HOUR, -HOUR)
    if after is not None:
        instrument, score = teller.pick(("complaint", None), *FAINT, *((name, score + 1) for name, score in FAINT))
        said = {"instrument": instrument} | ({} if score is None else {"score": score})
        teller.say(customer, "feedback.submitted", at, "app", said)
    touch(teller, customer, teller.begun(at + (after or 0 * HOUR)), teller.pick("care", "suggestion"), accepted=True)


def warmer(teller: Teller, customer: str) -> None:
    """Let a customer recommend us more than the time before, or less."""
    score = teller.pick(7, 5, 8, 9)
    for at in sorted(teller.instant() for _ in range(teller.pick(2, 3))):
        teller.say(customer, "feedback.submitted", at, "app", {"instrument": "nps", "score": score})
        score = min(score + teller.pick(2, 1, 3, -1), 10)


LIVES = (questions, unanswered, habit, helped, warmer)


def touch(teller: Teller, customer: str, at: datetime, intent: str, **more: Any) -> None:
    """Let a customer and the brand meet."""
    data = {"stage": teller.pick("consider", "use"), "group": "digital", "channel": "web", "intent": intent}
    teller.say(customer, "touchpoint.recorded", at, "app", data | more)


def _case(teller: Teller, customer: str, at: datetime, priority: str, answered: timedelta | None) -> str:
    name = f"k{teller.number}"
    data = {"case_id": name, "channel": "chat", "topic": "delivery", "priority": priority}
    teller.say(customer, "case.opened", at, "desk", data)
    if answered is not None:
        kind = teller.pick("case.resolved", "case.responded")
        teller.say(customer, kind, at + answered, "desk", {"case_id": name})
    return name


def _buy(teller: Teller, customer: str, at: datetime) -> None:
    line = {"line_id": "l0", "sku": "s", "category": "food", "quantity": 1, "amount": 1}
    data = {"order_id": f"o{teller.number}", "channel": "store", "currency": teller.policy["currency"], "lines": [line]}
    teller.say(customer, "purchase.completed", at, "shop", data)
