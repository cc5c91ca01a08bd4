"""Care alerts of one customer: what calls for care, which of it is open, and what was answered by help accepted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Any

from tests.reference.books import Event, name_of
from tests.reference.cases import Case, is_seam
from tests.reference.days import DAY, NEVER, first_of, start_of, written
from tests.reference.experience import twice_median_gap, usual_silence
from tests.reference.journey import Journey
from tests.reference.policy import DEFAULTS, Policy
from tests.reference.scores import DIMENSIONS, pulled
from tests.reference.walk import SCALES, Answers, Mood, Standing, Walk, lacking

KINDS = (
    "first_response", "case_reopened", "dimension_falls", "silent", "points_expiring", "tier_at_risk", "seam",
)  # fmt: skip
KEPT = 90 * DAY  # for so long an alert is kept, and answers to it
CONTACTS = ("purchase.completed", "feedback.submitted", "touchpoint.recorded", "referral.converted")
Fall = tuple[int, int, dict[str, int]]  # when the tier falls, to which rung, and what is missing then


@dataclass
class Alert:
    """What calls for care, of a kind, since when, and what it is about: a case, or a day and more."""

    kind: str
    about: Any
    at: int
    facts: dict[str, Any]
    deadline: int | None = None
    answered: int | None = None


class Life(Walk):
    """A walk that sees the journey as well, and what calls for care on it."""

    twin: Life | None  # to whom nothing more happens
    found: Fall | None  # when time takes a twin's tier

    def __init__(self, policy: Policy, events: list[Event], answers: Answers) -> None:
        self.care = {name: DEFAULTS["care"][name] | policy["care"].get(name, {}) for name in KINDS}
        self.journey, self.alerts, self.told, self.now = Journey(), list[Alert](), list[Alert](), events[0].at
        self.crests, self.returns = dict[str, tuple[int, int]](), list[Case]()  # of scores; of cases reopened
        self.unwarned_from = 0  # since when no tier was said to be at risk
        self.twin, self.found = None, None
        super().__init__(policy, events, answers)

    # What happens

    def happen(self, event: Event) -> None:
        self.now, self.twin, before = event.at, None, len(self.facts)
        super().happen(event)
        new = [what for what, _ in self.facts[before:]]
        if event.kind in CONTACTS or "case-opened" in new:
            low, high = SCALES.get(event.data.get("instrument", ""), (0, 1))
            percent = (event.data.get("score", low) - low) * 100 // (high - low)
            self.journey.contact(event, self, percent)
        self.look(event.at)
        if "care-accepted" in new:
            for alert in self.alerts:
                alert.answered = event.at if self.is_open(alert, event.at) else alert.answered

    def next_step(self, until: int) -> int:
        return min([super().next_step(until), *self.terms(until)])

    def step(self, at: int) -> None:
        """Let time come to the next look of the walk, or at the end of the tier, and look for what calls for care."""
        self.now, before = at, self.held
        if super().next_step(at) == at:
            super().step(at)
        self.twin = self.twin if before == self.held else None
        for case in self.cases.values():
            if case.open and not case.answered and case.due + 1 == at:
                more = {"priority": case.priority, "hours": self.policy["sla_hours"][case.priority]}
                self.alert("first-response", case, case.due, told_of(case) | more)
        self.look(at)

    @property
    def held(self) -> tuple[Any, ...]:
        return self.standing.rung, self.standing.checked, self.standing.given

    def _opened(self, event: Event) -> None:
        way, days = (event.data["topic"], event.data["channel"]), self.policy["care"]["seam_days"]
        others = [case for case in self.cases.values() if is_seam(way, event.at, [case], days)]
        super()._opened(event)
        case = self.cases[name_of(event)]
        if case.seam and case.at == event.at and case not in [alert.about for alert in self.alerts]:
            last = max(others, key=lambda other: other.touched)
            self.alert("seam", case, self.now, told_of(case) | {"from": last.way[1], "to": way[1]})

    def _follow(self, case: Case, kind: str, at: int) -> None:
        before = case.open
        super()._follow(case, kind, at)
        if case.open and not before:
            self.returns.append(case)
            times = sum(one is case for one in self.returns)
            if times == self.care["case_reopened"]["times"]:
                self.alert("case-reopened", case, at, told_of(case) | {"times": times})

    def signal(self, name: str, at: int, percent: int | None = None, only: str | None = None) -> None:
        """Let a signal be felt, and see which scores it makes fall; fixed contributions do so below the prior."""
        before, exact = self.shown(self.scores, at), self.exact(at)
        super().signal(name, at, percent, only)
        prior, felt = self.policy["scores"]["prior"]["value"], self.facts[-1][0]
        items = [item for item in self.policy["scores"]["contributions"] if item["when"] == felt]
        bad = {only or item["dimension"] for item in items if item["value"] == "score" or item["value"] < prior}
        after, today, rule = self.shown(self.scores, at), self.day(at), self.care["dimension_falls"]
        for place, dimension in enumerate(DIMENSIONS):
            if dimension in bad and self.exact(at)[place] < exact[place]:
                crest = self.crests.get(dimension)
                if not crest or before[dimension] >= crest[0] or crest[1] < today - rule["days"]:
                    crest = before[dimension], today
                if crest[0] - after[dimension] >= rule["points"]:
                    facts = {"dimension": dimension, "from": crest[0], "to": after[dimension], "since": iso(crest[1])}
                    self.alert("dimension-falls", (dimension, today), at, facts)
                    crest = after[dimension], today
                self.crests[dimension] = crest

    def exact(self, at: int) -> list[Fraction]:
        return [Fraction(*pulled(score, self.day(at), self.policy["scores"])) for score in self.scores]

    # What calls for care

    def alert(self, kind: str, about: Any, at: int, facts: dict[str, Any], deadline: int | None = None) -> None:
        """Put an alert, unless there is one of its name."""
        if not self.care[kind.replace("-", "_")]["enabled"]:
            return
        kept = [alert for alert in self.alerts if self.now <= alert.at + KEPT]
        if not any(one.kind == kind and (one.about is about or one.about == about) for one in kept):
            self.alerts = [*kept, Alert(kind, about, at, facts, deadline)]
            self.told.append(self.alerts[-1])

    def look(self, at: int) -> None:
        """Look for a silence, for points that run out, and for a tier that time takes."""
        today, silent, points = self.day(at), self.care["silent"], self.care["points_expiring"]
        bought = sorted({order.day for order in self.orders})
        begun = self.silent_from(tuple(bought))
        on = not silent["tiers"] or self.policy["names"][self.standing.rung] in silent["tiers"]
        if begun is not None and begun <= at <= begun + KEPT and on:
            facts: dict[str, Any] = {"days": today - bought[-1], "usual_days": twice_median_gap(tuple(bought)) // 2}
            self.alert("silent", bought[-1], at, facts | {"last_order": iso(bought[-1])})
        for last, left in sorted(self.running_out().items()):
            if last - points["days"] <= today and left >= points["least"] and self.ledger.balance > 0:
                facts = {"points": left, "last_day": iso(last)}
                self.alert("points-expiring", last, at, facts, start_of(last + 1, self.zone))
        self.at_risk(at)

    def silent_from(self, bought: tuple[int, ...]) -> int | None:
        """Return from when on the customer is silent, if there is a rhythm and no other order."""
        usual = usual_silence(bought, **self.policy["rhythm"])
        return None if usual is None else start_of(bought[-1] + usual + 1, self.zone)

    def running_out(self) -> dict[int, int]:
        """Return how many points are left by the last day on which they count."""
        found = dict[int, int]()
        for lot in self.ledger.lots:
            last = self.ledger.last_of(lot)
            if lot.left and last < NEVER:
                found[last] = found.get(last, 0) + lot.left
        return found

    def terms(self, until: int) -> list[int]:
        """Return when a look at the end of the tier is due, if that is up to an instant."""
        fall = self.fall(until) if self.unwarned_from <= until else None
        due = max(fall[0] - self.care["tier_at_risk"]["days"] * DAY, self.unwarned_from) if fall else 0
        return [due] if due > self.now else []

    def at_risk(self, at: int) -> None:
        """Put an alert where time takes the tier soon, and none was put of late."""
        fall, days = self.fall(at) if self.unwarned_from <= at else None, self.care["tier_at_risk"]["days"] * DAY
        if fall and fall[0] - days <= at:
            names, before = self.policy["names"], len(self.told)
            facts = {"tier": names[self.standing.rung], "then": names[fall[1]]} | fall[2]
            self.alert("tier-at-risk", (self.standing.rung, self.day(fall[0])), at, facts, fall[0])
            self.unwarned_from = at + days if len(self.told) > before else self.unwarned_from

    def fall(self, until: int) -> Fall | None:
        """Return when time takes the tier, to which, and what is missing then, if that is soon after an instant.

        A twin, to whom nothing more happens, is walked for it, no further than is asked.
        """
        if not self.standing.rung or not self.care["tier_at_risk"]["enabled"]:
            return None
        if self.twin is None:
            self.twin = self.twin_of_now()
        twin = self.twin
        while twin.found is None and twin.now < until + self.care["tier_at_risk"]["days"] * DAY:
            before, mood = replace(twin.standing), twin.moods[-1]
            twin.now = twin.next_look(before, twin.now)
            Walk.step(twin, twin.now)
            after = twin.standing
            ends = self.policy["by_period"] and after.checked != before.checked
            looked_at = ends if before.given[0] < before.rung else before.given[1] <= twin.now
            if after.rung >= self.standing.rung and looked_at and not after.failing:
                twin.found = NEVER, after.rung, {}  # no further than to the first look that the profile tells
            elif after.rung < self.standing.rung:
                twin.found = twin.now, after.rung, twin.lacks(before, mood)
        return twin.found if twin.found and twin.found[0] < NEVER else None

    def lacks(self, before: Standing, mood: Mood) -> dict[str, int]:
        """Return what was missing to keep the tier of before, the day before or else then; where a period ended, in it.

        Where a person's word held it, it is what is missing then.
        """
        first, today, held = None, self.day(self.now), before.given[0] >= before.rung
        if self.policy["by_period"] and self.policy["window"][0] != "rolling_days" and not held:
            ended = before.checked if before.failing else today
            first = first_of(ended - 1, self.policy["window"], mood.joined)
        missing = dict[str, int]()
        looks = [(today, self.moods[-1])] if held else [(self.day(self.now - 1), mood), (today, self.moods[-1])]
        for last, then in looks:
            values = self.measures(self.now, then, last=last, first=first)
            gaps = [lacking(values, bounds) for bounds in self.policy["keep"][before.rung]]
            missing = missing or min(gaps, key=lambda gap: gap[0])[1]
        return missing

    # What is seen

    def is_open(self, alert: Alert, at: int) -> bool:
        """Tell whether what an alert is about is still so, and was not answered."""
        if alert.answered or at > alert.at + KEPT:
            return False
        if alert.kind == "first-response":
            return not alert.about.answered
        if alert.kind in ("case-reopened", "seam"):
            return bool(alert.about.open)
        if alert.kind == "dimension-falls":
            return bool(self.day(at) <= alert.about[1] + self.care["dimension_falls"]["days"])
        if alert.kind == "silent":
            return bool(alert.about == max(order.day for order in self.orders))
        soon = alert.about in self.running_out() if alert.kind == "points-expiring" else self.is_at_risk(alert, at)
        return at < (alert.deadline or 0) and soon

    def is_at_risk(self, alert: Alert, at: int) -> bool:
        fall = self.fall(at)
        soon = fall is not None and fall[0] - self.care["tier_at_risk"]["days"] * DAY <= at
        return soon and bool(alert.about[0] == self.standing.rung)

    def state(self, customer: str, at: int) -> dict[str, Any]:
        shown = [one for one in self.alerts if at <= one.at + KEPT and (one.answered or self.is_open(one, at))]
        return super().state(customer, at) | {
            "journey": self.journey.seen(),
            "alerts": [self.shown_alert(alert) for alert in shown],
            "kept alerts": [f"{alert.kind} {alert.at}" for alert in self.alerts],
        }

    def shown_alert(self, alert: Alert) -> dict[str, Any]:
        rule = self.care[alert.kind.replace("-", "_")]
        grave = rule["severity"]
        if isinstance(grave, dict):
            grave = (DEFAULTS["care"]["first_response"]["severity"] | grave)[alert.facts["priority"]]
        return {
            "alert": alert.kind, "severity": grave,
            "since": written(alert.at), "deadline": alert.deadline and written(alert.deadline),
            "answered": alert.answered and written(alert.answered), "help": rule["help"], "facts": alert.facts,
        }  # fmt: skip


def told_of(case: Case) -> dict[str, Any]:
    return {"case": case.name, "topic": case.way[0], "channel": case.way[1]}


def iso(day: int) -> str:
    return date.fromordinal(day).isoformat()
