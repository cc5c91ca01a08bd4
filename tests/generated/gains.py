"""Pieces of a customer's life that entitle to rewards, or hold them back, told to both sides of an edge."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.generated.lives import DAY, HOUR, TICK

if TYPE_CHECKING:
    from tests.generated.logs import Teller


def has_a_birthday(teller: Teller, customer: str) -> None:
    """Let a customer tell a birthday, and what they like, before the day or on it; and another one later."""
    day = teller.instant()
    for shift in (0, 15)[: teller.pick(1, 1, 2)]:
        told = day + (shift + teller.pick(0, 0, 1)) * DAY
        birthday = f"{day + (shift + 1) * DAY:%m-%d}"
        birthday = teller.pick(birthday, birthday, birthday, "02-28", "03-01", "02-29")
        likes = {"preferences": teller.pick(["PARIS"], ["golf", "own"], ["cake", "mug"], [])}
        teller.say(customer, "profile.updated", told, "app", {"birthday": birthday} | likes)


def recommends(teller: Teller, customer: str) -> None:
    """Let a customer bring somebody, and say that they would: before, just in time, or too late."""
    at = teller.instant()
    for place in range(teller.pick(1, 2, 3)):
        teller.say(customer, "referral.converted", at + place * HOUR, "app", {"referred": "somebody"})
    wait = teller.pick(HOUR, 90 * DAY - TICK, 90 * DAY, 0 * HOUR, -HOUR)
    said = {"instrument": "nps", "score": teller.pick(9, 10, 8)}
    teller.say(customer, "feedback.submitted", teller.begun(at + wait), "app", said)


def is_put_right(teller: Teller, customer: str) -> None:
    """Let cases be solved, bad ones and good ones, one soon after another."""
    at = teller.instant()
    for _ in range(teller.pick(1, 2, 3)):
        about = {"case_id": f"k{teller.number}"}
        opening = {"channel": "phone", "topic": teller.pick("billing", "refund"), "priority": "urgent"}
        teller.say(customer, "case.opened", at, "desk", about | opening)
        if teller.once_in(2):
            said = {"instrument": "csat", "score": teller.pick(2, 3)}
            teller.say(customer, "feedback.submitted", at + HOUR, "desk", said | about)
        at += teller.pick(2 * HOUR, 2 * HOUR + TICK, DAY)
        teller.say(customer, "case.resolved", at, "desk", about)
        if teller.once_in(4):
            teller.say(customer, "case.reopened", at + HOUR, "desk", about)
            teller.say(customer, "case.resolved", at + 2 * HOUR, "desk", about)
        at += teller.pick(3, 1, 9, 10, 11) * DAY


def comes_again(teller: Teller, customer: str) -> None:
    """Let a customer buy week after week, or miss one, and take back what was bought in one of them."""
    at, names = teller.instant(), list[str]()
    for _ in range(teller.pick(3, 2, 5, 6)):
        for _ in range(teller.pick(1, 1, 2)):
            names.append(f"o{teller.number}")
            teller.say(customer, "purchase.completed", at, "shop", _order(teller, names[-1]))
        at += teller.pick(7, 7, 7, 6, 8, 14) * DAY
    for name in names:
        if teller.once_in(6):
            teller.say(customer, "purchase.refunded", at - teller.pick(1, 8, 15) * DAY, "shop", {"order_id": name})


def pays_with_points(teller: Teller, customer: str) -> None:
    """Let a customer have points, and ask for a reward for its price, or for another, or for none."""
    at = teller.instant()
    data = {"points": teller.pick(120, 60, 40), "reason": "goodwill", "person": "p7"}
    teller.say(customer, "points.adjusted", at, "desk", data)
    for place in range(teller.pick(1, 2, 3)):
        asked = {"points": teller.pick(50, 50, 50, 49), "reward": teller.pick("mug", "mug", "mug", "none")}
        teller.say(customer, "points.redemption-requested", at + place * teller.pick(HOUR, DAY), "app", asked)


def rushes(teller: Teller, customer: str) -> None:
    """Let a customer buy much in a short time, and a person look at it or not."""
    at, times = teller.instant(), list[datetime]()
    for _ in range(teller.pick(5, 4, 8)):
        times.append(at)
        name = f"o{teller.number}"
        teller.say(customer, "purchase.completed", at, "shop", _order(teller, name))
        if teller.once_in(3):
            teller.say(customer, "purchase.refunded", at + HOUR, "shop", {"order_id": name})
        at += teller.pick(HOUR, 0 * HOUR, HOUR, 2 * HOUR, 8 * HOUR)
    for name in ("many", "back")[: teller.pick(1, 2, 0)]:
        local = times[3] + 7 * HOUR
        words: dict[str, Any] = {"hold_id": f"{name}-{local:%Y-%m-%d}", "reason": "checked", "person": "p7"}
        looked = teller.pick(10 * HOUR, DAY, 4 * HOUR, timedelta(minutes=-5))
        kind = teller.pick("hold.released", "hold.confirmed")
        teller.say(customer, kind, teller.begun(times[3] + looked), "desk", words)


GAINS = (has_a_birthday, has_a_birthday, recommends, is_put_right, comes_again, pays_with_points, rushes, rushes)


def _order(teller: Teller, name: str) -> dict[str, Any]:
    line = {"line_id": "l0", "sku": "s", "category": "food", "quantity": 1, "amount": teller.pick(10, 300)}
    return {"order_id": name, "channel": "store", "currency": teller.policy["currency"], "lines": [line]}
