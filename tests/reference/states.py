"""The reference: which events of a log count, and what the rules make of them, worked out slowly and plainly."""

from typing import Any

from tests.reference.books import FOLLOWING, UNDOING, Books, Event, name_of
from tests.reference.days import day_of, instant, ordinal
from tests.reference.policy import Policy, whole
from tests.reference.rewards import WORDS, Member
from tests.reference.walk import Answers

RANKS = {
    "customer.enrolled": 0, "profile.updated": 1, "tier.overridden": 2, "customer.imported": 3, "points.adjusted": 4,
    "hold.released": 5, "hold.confirmed": 5, "feedback.submitted": 30, "touchpoint.recorded": 40, "reward.chosen": 50,
    "purchase.completed": 10, "purchase.refunded": 11, "purchase.cancelled": 12, "points.redemption-requested": 13,
    "case.opened": 20, "case.responded": 21, "case.escalated": 22, "case.resolved": 23, "case.reopened": 24,
    "referral.converted": 41, "gift.delivered": 51, "gift.redeemed": 51, "gift.expired": 51, "gift.cancelled": 51,
}  # fmt: skip
CARELESS = {"tier_at_risk": {"enabled": False}}  # which is slow to see, and no matter to holds


def states(log: list[dict[str, Any]], policy: Policy, until: int, answers: Answers | None = None) -> dict[str, Any]:
    """Return the state of every customer after a log, in the order in which it came, and a tick at *until*.

    *answers* holds the points granted to requests, by source and id; a request without one is judged at its place.
    """
    full, found = whole(policy), {}
    facts = {} if answers is None else answers
    customers, clock = accepted(log, full, until, facts)
    for customer, events in sorted(customers.items()):
        walk = Member(full, events, facts)
        walk.pass_time(max(clock, events[-1].at))
        found[customer] = walk.state(customer, max(clock, events[-1].at))
    return found


def accepted(
    log: list[dict[str, Any]], policy: Policy, until: int, answers: Answers
) -> tuple[dict[str, list[Event]], int]:
    """Return by customer, in total order, the events of a log that count, and the instant of the clock."""
    customers, tick = dict[str, list[Event]](), 0
    for one in log:
        at = instant(one["time"])
        if one["type"] == "clock.ticked":
            tick = max(tick, at)
            for mine in customers.values():
                _give_up(mine, tick, policy)
                _unheard(mine, tick, policy, answers)
        elif _readable(one, at, policy):
            recorded, mine = instant(one.get("recordedtime") or one["time"]), customers.setdefault(one["subject"], [])
            if max(recorded, tick) - policy["lateness"] <= at <= recorded + policy["future"]:
                _take(mine, Event(at, RANKS[one["type"]], one["source"], one["id"], one["type"], one["data"]), policy)
                _give_up(mine, tick, policy)
    for mine in customers.values():
        _give_up(mine, max(tick, until), policy)
        _unheard(mine, max(tick, until), policy, answers)
    return {name: sorted(mine) for name, mine in customers.items() if mine}, max(tick, until)


def _readable(one: dict[str, Any], at: int, policy: Policy) -> bool:
    data, today = one.get("data") or {}, day_of(at, policy["time_zone"])
    paid = data.get("currency", policy["currency"]) in (policy["currency"], *policy["exchange_rates"])
    brought = [data, *(data.get("lots") or ()), *(data.get("days") or ())] * (one["type"] == "customer.imported")
    days = [part[name] for part in brought for name in ("joined", "tier_since", "earned", "day") if part.get(name)]
    past = all(ordinal(day) <= today for day in days) and not (data.get("until") and instant(data["until"]) <= at)
    return one["type"] in RANKS and paid and past and data.get("tier") in (None, *policy["names"])


def _take(mine: list[Event], event: Event, policy: Policy) -> None:
    """Add an event unless its id, or its order, is there already; of an order or an import the earlier one stays."""
    named = [other for other in mine if (other.source, other.id) == (event.source, event.id)]
    once = "customer.imported" if named else "purchase.completed"
    near = [other for other in mine if abs(event.at - other.at) < policy["horizon"] and event.kind == once]
    twins = named or [other for other in near if other.kind == once and name_of(other) == name_of(event)]
    for other in twins[:1]:
        said = [{name: value for name, value in one.data.items() if value} for one in (event, other)]
        if event < other and said[0] == said[1] and event.kind == other.kind == once:
            mine[mine.index(other)] = event
    mine += [] if twins else [event]


def _give_up(mine: list[Event], tick: int, policy: Policy) -> None:
    """Take out what waits in vain, or asks for too much, when the clock is the lateness bound past it."""
    edge = tick - policy["lateness"]
    if any(event.at <= edge and event.kind in UNDOING + FOLLOWING for event in mine):
        books = Books(policy)
        for event in sorted(mine):
            books.enter(event)
        mine[:] = [event for event in mine if event.at > edge or event not in books.waiting + books.refused]


def _unheard(mine: list[Event], tick: int, policy: Policy, answers: Answers) -> None:
    """Take out the words on holds that were not placed, when the clock is the lateness bound past them."""
    edge = tick - policy["lateness"]
    if any(event.at <= edge and event.kind in WORDS for event in mine):
        words = Member(policy | {"care": policy["care"] | CARELESS}, sorted(mine), dict(answers)).words
        mine[:] = [event for event in mine if event.at > edge or event not in words]
