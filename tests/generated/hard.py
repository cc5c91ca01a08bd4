"""A fold that notes which hard cases it meets."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from cx.calendar import instant, micros
from cx.decide import Decision
from cx.levels import evidence, lacking
from cx.measures import measure
from cx.rules import Rules
from cx.state import Head
from tests.generated.folded import Event, Fold
from tests.generated.logs import time_of

KINDS = {
    "points.redemption-requested": "redemption",
    "points.adjusted": "adjustment",
    "customer.imported": "import",
    "tier.overridden": "override",
}
UNDOING = ("purchase.refunded", "purchase.cancelled")
HARD = {
    *KINDS.values(), "a late event changes the tier", "a late change of points after an answer", "a duplicate",
    "a refund before its purchase", "equal times", "a deadline between two events", "pending points",
    "points run out", "debt",
    "a case follows a question", "no case follows a question", "a case is late", "in rhythm", "out of rhythm",
    "contacts rise", "contacts fall", "NPS rises", "care before a complaint", "care after a complaint",
    "level 1 is not held", "one of several holds", "a level turns between two events",
    "first-response", "case-reopened", "dimension-falls", "silent", "points-expiring", "tier-at-risk", "seam",
    "tier_reached", "level_reached", "birthday", "recovery", "promoter_refers", "streak", "redemption",
    "a reward loses its ground", "what is preferred comes first", "no choice but some", "a hold is placed",
    "a hold is ended", "an alert is answered", "an alert is not open any more", "a mood of more than four answers",
}  # fmt: skip


@dataclass
class Watched(Fold):
    """Notes in `met` what it sees on the way, and, by `look_back`, in the end."""

    met: set[str] = field(default_factory=set)
    turns: set[tuple[str, int]] = field(default_factory=set)  # since when which customer has been on a CX level

    def take(self, event: Event) -> None:
        """Take a record, and note what an event changes that comes late."""
        name = event.get("subject", "")
        before, told = self.customers.get(name), len(self.outputs)
        super().take(event)
        after = self.customers.get(name)
        if before is None or after is None or after is before:
            return
        helps = bool(event["data"].get("accepted")) and after.events_held > before.events_held
        if helps and after.head.counts.get("care_accepted", 0) == before.head.counts.get("care_accepted", 0):
            self.met.add("care after a complaint")
        late = time_of(event) < instant(before.head.reached)
        if late and before.head.tier not in ("", after.head.tier):
            self.met.add("a late event changes the tier")
        points = [output for output in self.outputs[told:] if output.topic == "cx.points"]
        if late and points and before.told.answers:
            self.met.add("a late change of points after an answer")
        if any(order.lot and order.lot.pending and order.lot.points for order in after.head.open_orders.values()):
            self.met.add("pending points")

    def look_back(self, log: list[Event]) -> set[str]:
        """Return all hard cases of a log that was taken."""
        mine = sorted((one for one in log if "subject" in one), key=lambda one: (one["subject"], time_of(one)))
        self.met |= {KINDS[one["type"]] for one in mine if one["type"] in KINDS}
        bought: dict[str, Event] = {}
        for one in mine:
            if one["type"] == "purchase.completed":
                bought.setdefault(one["data"]["order_id"], one)
        for place, one in enumerate(log):
            undoes = one["type"] in UNDOING
            purchase = bought.get(one["data"]["order_id"]) if undoes else None
            if purchase and (time_of(one) < time_of(purchase) or place < log.index(purchase)):
                self.met.add("a refund before its purchase")
        for _, group in groupby(mine, key=lambda one: (one["subject"], time_of(one))):
            ids = [(one["source"], one["id"]) for one in group]
            self.met |= {"equal times"} if len({*ids}) > 1 else set()
            self.met |= {"a duplicate"} if len({*ids}) < len(ids) else set()
        for customer in self.customers.values():
            head, newest = customer.head, max(micros(time_of(one)) for one in mine if one["subject"] == customer.id)
            by_time = any(
                change.reason in ("window", "override-ended") and change.at < newest for change in head.history
            )
            self.met |= {"a deadline between two events"} if by_time else set()
            times = {micros(time_of(one)) for one in mine if one["subject"] == customer.id}
            turned = any(name == customer.id and at < newest and at not in times for name, at in self.turns)
            self.met |= {"a level turns between two events"} if turned else set()
            self.met |= {"points run out"} if head.ledger.expired else set()
            self.met |= {"debt"} if head.ledger.debt else set()
        told = [output.event["data"]["alert"] for output in self.outputs if output.event["type"] == "care.alerted"]
        states = self.states().values()
        shown = [alert for state in states for alert in state["alerts"]]
        places = [place for state in states for groups in state["journey"].values() for place in groups.values()]
        self.met |= {*told}
        for state in states:
            self.met |= self._owed(state)
        self.met |= {"an alert is answered"} if any(alert["answered"] for alert in shown) else set()
        self.met |= {"an alert is not open any more"} if len(shown) < len(told) else set()
        self.met |= {"a mood of more than four answers"} if any(many(place) for place in places) else set()
        return self.met

    def _owed(self, state: dict[str, Any]) -> set[str]:
        """Return the hard cases of what a customer is owed."""
        rules = {rule.id: rule for rule in self.rules.policy.rewards}
        owed = [(one, rules[one["rule"]]) for one in state["rewards"]]
        gifts = [(one["choices"], [gift.id for gift in rule.choices]) for one, rule in owed if rule.choices]
        found = {
            "a reward loses its ground": any(one["status"] == "lost" for one, _ in owed),
            "what is preferred comes first": any(
                [name for name in all_ if name in some] != some for some, all_ in gifts
            ),
            "no choice but some": any(len(some) < len(all_) for some, all_ in gifts),
            "a hold is placed": state["holds"],
            "a hold is ended": any(ended for _, ended, _ in state["holds"].values()),
        }
        return {name for name, met in found.items() if met} | {rule.when.kind for _, rule in owed}

    def _become(self, decision: Decision) -> None:
        super()._become(decision)
        head = decision.customer.head
        self.met |= measured(head, self.rules)
        self.turns.add((decision.customer.id, head.level_since))


def many(place: dict[str, Any]) -> bool:
    """Tell whether more was answered at a place than its mood goes by, where nothing but answers have no channel."""
    return place["channel"] is None and place["mood"] is not None and place["count"] > 4


def measured(head: Head, rules: Rules) -> set[str]:
    """Return which hard cases show in the measures of the CX levels."""

    def value(name: str) -> int | None:
        return measure(head, name, head.reached, rules)

    rows = {level: evidence(head, level, head.level, head.reached, rules) for level in range(1, max(head.level, 1) + 2)}
    either = [{row["ok"] for row in some if row["one_of"]} for some in rows.values()]
    informed, rise = value("informed_pct"), value("contacts_rise") or 0
    found = {
        "a case follows a question": informed is not None and informed < 100,
        "no case follows a question": informed is not None and informed > 0,
        "a case is late": value("late_cases"),
        "in rhythm": value("in_rhythm") == 1,
        "out of rhythm": value("in_rhythm") == 0,
        "contacts rise": rise > 0,
        "contacts fall": rise < 0,
        "NPS rises": (value("nps_rise") or 0) > 0,
        "care before a complaint": value("care_accepted"),
        "level 1 is not held": lacking(rows[1]) and not lacking(rows[2]),
        "one of several holds": {True, False} in either,
    }
    return {name for name, met in found.items() if met}
