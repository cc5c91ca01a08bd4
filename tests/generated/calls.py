"""Pieces of a customer's life that call for care, or leave their mark on the journey, told to both sides of an edge."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.generated.lives import DAY, HOUR, TICK, touch

if TYPE_CHECKING:
    from tests.generated.logs import Teller


def comes_back(teller: Teller, customer: str) -> None:
    """Let a case come back once, twice or three times, and be solved in the end or not."""
    at, about = teller.instant(), {"case_id": f"k{teller.number}"}
    opening = {"channel": teller.pick("phone", "web"), "topic": teller.pick("refund", "delivery"), "priority": "high"}
    teller.say(customer, "case.opened", at, "desk", about | opening)
    times = teller.pick(2, 1, 3)
    for _ in range(times):
        at += teller.pick(HOUR, DAY, 0 * HOUR)
        teller.say(customer, "case.resolved", at, "desk", about)
        at += teller.pick(HOUR, DAY, 0 * HOUR)
        teller.say(customer, "case.reopened", at, "desk", about)
    if teller.once_in(2):
        teller.say(customer, "case.resolved", at + 2 * DAY, "desk", about)
    if teller.once_in(3):
        touch(teller, customer, at + HOUR, "care", accepted=True)


def asks_elsewhere(teller: Teller, customer: str) -> None:
    """Let a customer ask the same again, over another channel: just in time for a seam, or not."""
    days = teller.policy.get("care", {}).get("seam_days", 7)
    at, names = teller.instant(), (f"k{teller.number}", f"k{teller.number}b", f"k{teller.number}c")
    for name, channel in zip(names, ("phone", teller.pick("app", "email", "phone"), "store"), strict=True):
        opening = {"case_id": name, "channel": channel, "topic": teller.pick("billing", "billing", "other")}
        teller.say(customer, "case.opened", at, "desk", opening | {"priority": "low"})
        if teller.once_in(2):
            at += 2 * HOUR
            kind = teller.pick("case.responded", "case.resolved", "case.escalated")
            teller.say(customer, kind, at, "desk", {"case_id": name})
        at += teller.pick(days * DAY, days * DAY + TICK, HOUR)


def is_let_down(teller: Teller, customer: str) -> None:
    """Let a customer be happy, and then not: soon after, or when that is as good as forgotten."""
    days = teller.policy.get("care", {}).get("dimension_falls", {}).get("days", 30)
    at, (name, best, worst) = teller.instant(), teller.pick(("csat", 5, 1), ("ces", 7, 1), ("nps", 10, 0))
    for score in (best, best, teller.pick(worst, worst + 1), worst)[teller.pick(0, 1) :]:
        teller.say(customer, "feedback.submitted", at, "app", {"instrument": name, "score": score})
        at += teller.pick(HOUR, days * DAY, (days + 1) * DAY, DAY)
    if teller.once_in(3):
        touch(teller, customer, at, "care", accepted=True)


def speaks_of_it(teller: Teller, customer: str) -> None:
    """Let a customer answer about a case or an order, by its own source or another, or about nothing."""
    at, number = teller.instant(), teller.number
    opening = {"case_id": f"k{number}", "channel": teller.pick("web", "phone", "social"), "topic": "delivery"}
    teller.say(customer, "case.opened", at, "desk", opening)
    line = {"line_id": "l0", "sku": "s", "category": "food", "quantity": 1, "amount": 1}
    bought = {"channel": teller.pick("partner", "web"), "currency": teller.policy["currency"], "lines": [line]}
    teller.say(customer, "purchase.completed", at, "shop", bought | {"order_id": f"o{number}"})
    for place in range(teller.pick(2, 3, 6)):
        about: dict[str, Any] = teller.pick(
            {"case_id": f"k{number}"}, {"order_id": f"o{number}"}, {"order_id": "none"}, {"touchpoint": "people"}, {}
        )
        said = (
            {"instrument": "csat", "score": teller.pick(5, 4, 2)} if teller.once_in(2) else {"instrument": "complaint"}
        )
        source = teller.pick("desk", "shop", "app")
        teller.say(customer, "feedback.submitted", at + place * timedelta(hours=7), source, said | about)


CALLS = (comes_back, asks_elsewhere, is_let_down, speaks_of_it)
