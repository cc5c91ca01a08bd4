"""Orders and cases of one customer, what waits for them, and what the customer said."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.reference.cases import Case, is_seam
from tests.reference.days import DAY, HOUR, day_of, ordinal
from tests.reference.policy import Policy

UNDOING = ("purchase.refunded", "purchase.cancelled")
FOLLOWING = ("case.responded", "case.escalated", "case.resolved", "case.reopened")
EXTRAS = ("shipping", "tax")
DETRACTING = {"nps": 6, "csat": 2, "ces": 2, "review": 2}
Part = tuple[str, str]  # a line, or shipping, or tax
Fact = tuple[str, int]  # what happened, and when


@dataclass(order=True)
class Event:
    """An event of one customer; the fields that compare are its place in the total order."""

    at: int
    rank: int
    source: str
    id: str
    kind: str = field(compare=False)
    data: dict[str, Any] = field(compare=False)


class Order:
    """An order, with what is left of its parts; *tier* is the one held before it, *number* the place of its event."""

    def __init__(self, event: Event, number: int, tier: str, policy: Policy) -> None:
        self.at, self.data, self.number, self.tier, self.policy = event.at, event.data, number, tier, policy
        self.name, self.day, self.undone = name_of(event), day_of(event.at, policy["time_zone"]), False
        self.left: dict[Part, int] = {("line", line["line_id"]): line["amount"] for line in self.data["lines"]}
        self.left |= {(name, ""): self.data.get(name) or 0 for name in EXTRAS}
        self.paid, spend = sum(self.left.values()), policy["spend"]
        lines = [line for line in self.data["lines"] if line["category"] not in spend["excluded_categories"]]
        self.counted = {("line", line["line_id"]): line["category"] for line in lines}  # the parts that qualify
        self.counted |= {(name, ""): "" for name in EXTRAS if spend[name]}
        self.spend = self.money([*self.counted])

    def take(self, event: Event) -> bool:
        """Take back what an event says, or all where it names nothing; return False, unchanged, where less is left."""
        asked = [(("line", line["line_id"]), line["amount"]) for line in event.data.get("lines") or ()]
        asked += [((name, ""), event.data[name]) for name in EXTRAS if event.data.get(name)]
        left = dict(self.left) if asked else dict.fromkeys(self.left, 0)
        for part, amount in asked:
            left[part] = left.get(part, 0) - amount
        if self.undone or min(left.values()) < 0:
            return False
        self.left, self.undone = left, not any(left.values())
        self.spend = self.money([*self.counted])
        return True

    def money(self, parts: list[Part]) -> int:
        """Return what is left of some parts, less the share not paid in money, in the programme's currency."""
        excluded = self.policy["spend"]["excluded_payments"]
        not_money = sum(one["amount"] for one in self.data.get("payments") or () if one["kind"] in excluded)
        amount = sum(self.left[part] for part in parts)
        amount -= amount * min(not_money, self.paid) // max(self.paid, 1)
        return worth(amount, self.data["currency"], self.policy)

    def points(self) -> int:
        """Return what is earned by what is left: every part by the first rate that fits it, and by every campaign."""
        earning, free = list[tuple[Policy, list[Part]]](), list(self.counted)
        for rate in self.policy["points"]["rates"]:
            earning += [(rate, [part for part in free if self._fits(rate, part)])]
            free = [part for part in free if not self._fits(rate, part)]
        for rate in self.policy["points"]["campaigns"]:
            earning += [(rate, [part for part in self.counted if self._fits(rate, part)])]
        return sum(rate.get("points", 1) * self.money(parts) // rate["per"] for rate, parts in earning)

    def _fits(self, rate: Policy, part: Part) -> bool:
        asked = (("tiers", self.tier), ("categories", self.counted[part]), ("channels", self.data["channel"]))
        begun = not rate.get("first") or ordinal(rate["first"]) <= self.day
        over = bool(rate.get("last")) and self.day > ordinal(rate["last"])
        return begun and not over and all(not rate.get(name) or has in rate[name] for name, has in asked)


def name_of(event: Event) -> Part:
    """Return the order or the case that an event is about."""
    return event.source, event.data.get("case_id" if event.kind.startswith("case.") else "order_id", "")


def worth(amount: int, currency: str, policy: Policy) -> int:
    rate = policy["exchange_rates"].get(currency) or {"units": 1, "worth": 1}
    return int(amount * rate["worth"] // rate["units"])


class Books:
    """What is known of orders, cases and answers after the events entered so far; `facts` as they took effect."""

    def __init__(self, policy: Policy) -> None:
        self.policy, self.number, self.counts = policy, 0, Counter[str]()
        self.orders, self.cases, self.said = list[Order](), dict[Part, Case](), dict[str, list[int]]()
        self.waiting, self.refused = list[Event](), list[Event]()
        self.facts, self.channels = list[Fact](), set[str]()

    def enter(self, event: Event, tier: str = "") -> list[Order]:
        """Enter the next event, and whatever has waited for it; return the orders of which something was undone."""
        self.number += 1
        if event.kind == "purchase.completed":
            self.signal("purchase", event.at)
            self.orders.append(Order(event, self.number, tier, self.policy))
        elif event.kind == "case.opened":
            self._opened(event)
        self.waiting += [event] if event.kind in UNDOING + FOLLOWING else []
        undone = list[Order]()
        self.waiting = [other for other in self.waiting if not self._takes_effect(other, undone)]
        return undone

    def signal(self, name: str, at: int, percent: int | None = None, only: str | None = None) -> None:
        """Let a signal be felt."""

    def _takes_effect(self, event: Event, undone: list[Order]) -> bool:
        if event.kind in FOLLOWING:
            case = self.cases.get(name_of(event))
            if case:
                self._follow(case, event.kind, event.at)
            return case is not None
        found = [order for order in self.orders if order.name == name_of(event)][-1:]
        if not found or event.at >= found[0].at + self.policy["horizon"]:
            return False
        if found[0].take(event):
            undone += found
            self.signal("refund", event.at)
        elif event.kind == "purchase.refunded":
            self.refused.append(event)
        return True

    def _opened(self, event: Event) -> None:
        # A solved case is forgotten when one is opened long after its last sign of life.
        self.cases = {name: c for name, c in self.cases.items() if c.open or c.touched >= event.at - 90 * DAY}
        if name_of(event) not in self.cases:
            name, priority = event.data["case_id"], event.data.get("priority") or "normal"
            due = event.at + self.policy["sla_hours"][priority] * HOUR
            angry = self.said.get("nps", [10])[0] <= DETRACTING["nps"]
            way = (event.data["topic"], event.data["channel"])
            seam = is_seam(way, event.at, self.cases.values(), self.policy["care"]["seam_days"])
            self.cases[name_of(event)] = Case(event.at, due, event.at, angry, way, seam, name, priority)
            self.signal("case-opened", event.at)
            if seam:
                self.signal("seam", event.at)

    def _follow(self, case: Case, kind: str, at: int) -> None:
        if kind == "case.escalated":
            case.touched = at
            self.signal("case-escalated", at)
        if not case.answered and (kind == "case.responded" or (kind == "case.resolved" and case.open)):
            case.answered, case.touched = True, at
            self.signal("case-answered" if at <= case.due else "case-answered-late", at)
        if (kind == "case.resolved" and case.open) or (kind == "case.reopened" and not case.open):
            self.counts[kind] += not case.came_back
            case.open, case.touched, case.came_back = not case.open, at, case.came_back or not case.open
            self.signal(kind.replace(".", "-"), at)
