"""Logs of CloudEvents of any kind, made by one function of a source of chance: a seed, or Hypothesis."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tests.generated.calls import CALLS
from tests.generated.gains import GAINS
from tests.generated.lives import DAY, HOUR, LIVES, TICK

Event = dict[str, Any]
Policy = dict[str, Any]
T = TypeVar("T")

START = datetime(2026, 2, 20, tzinfo=UTC) - timedelta(hours=7)  # a midnight in Vietnam
CATEGORIES = ("food", "coffee", "gift-cards")
CASE_CHANNELS = ("phone", "chat", "email")


class Chance(Protocol):
    """Where chance comes from; `random.Random` will do."""

    def randrange(self, stop: int, /) -> int:
        """Return a number from 0 to below *stop*."""


@dataclass
class Teller:
    """Tells what happens to customers under a policy; the simpler things come first in every choice."""

    chance: Chance
    policy: Policy
    lateness: timedelta = timedelta()
    span: int = 40
    number: int = 0
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = self.policy.get("clock", {})
        self.lateness = clock.get("lateness_days", 30) * DAY
        self.horizon = clock.get("refund_days", 90) * DAY
        self.tiers = [rung["name"] for rung in self.policy["tiers"]["ladder"]]
        bounds = sorted(spends(self.policy["tiers"]["ladder"])) or [1_000]
        self.amounts = [bound * part // 10 for bound in bounds for part in (10, 6, 5, 4)] + [bounds[0] - 1, 1, 0]
        self.currencies = [self.policy["currency"]] * 4 + [*self.policy.get("exchange_rates", {}), "CHF"][:2]

    def pick(self, *choices: T) -> T:
        return choices[self.chance.randrange(len(choices))]

    def once_in(self, count: int) -> bool:
        return self.chance.randrange(count) == count - 1

    def instant(self) -> datetime:
        """Return a time on a coarse grid: equal times are common, and so are midnights, where deadlines fall."""
        hours = self.pick(0 * HOUR, 10 * HOUR, 10 * HOUR, 24 * HOUR - TICK)
        return START + self.chance.randrange(self.span) * DAY + hours

    def begun(self, at: datetime) -> datetime:
        """Return a time that is not before everything else."""
        return max(START, at)

    def say(self, customer: str, kind: str, at: datetime, source: str, data: dict[str, Any]) -> Event:
        """Add an event, which has not arrived yet."""
        self.number += 1
        event = {
            "specversion": "1.0",
            "id": f"e{self.number}",
            "source": source,
            "type": kind,
            "subject": customer,
            "time": _written(at),
            "data": data,
        }
        self.events.append(event)
        return event

    # What happens

    def order(self, customer: str) -> None:
        """Let a customer buy, with what is taken back of it, before or after."""
        at, name, source = self.instant(), f"o{self.number}", self.pick("shop", "shop", "till")
        amounts = [self.pick(*self.amounts)] + ([self.pick(*self.amounts)] if self.once_in(4) else [])
        data: dict[str, Any] = {
            "order_id": name,
            "channel": self.pick("store", "store", "web", "app"),
            "currency": self.pick(*self.currencies),
            "lines": [
                {"line_id": f"l{n}", "sku": "s", "category": self.pick(*CATEGORIES), "quantity": 1, "amount": amount}
                for n, amount in enumerate(amounts)
            ],
        }
        if self.once_in(4):
            data |= {"shipping": self.pick(30, 0), "tax": self.pick(100, 0)}
        if self.once_in(4):
            data["payments"] = [{"kind": self.pick("points", "gift-card", "money"), "amount": amounts[0] // 2}]
        self.say(customer, "purchase.completed", at, source, data)
        for _ in range(self.pick(0, 0, 0, 1, 1, 2)):
            self.back(customer, at, source, data)
        if self.once_in(8):  # the same order again, by another event, or with other contents
            again = data if self.once_in(2) else data | {"tax": 7}
            self.say(customer, "purchase.completed", at + self.pick(0 * HOUR, HOUR, -HOUR), source, again)
        elif self.once_in(12):  # or its number used anew
            self.say(customer, "purchase.completed", at + self.horizon + self.pick(0 * HOUR, 2 * DAY), source, data)

    def back(self, customer: str, bought: datetime, source: str, order: dict[str, Any]) -> None:
        """Let something of an order be undone."""
        waits = (HOUR, 0 * HOUR, 3 * DAY, 15 * DAY, -HOUR, -2 * DAY, self.horizon - TICK, self.horizon)
        at, name = self.begun(bought + self.pick(*waits)), order["order_id"]
        what = self.pick("all", "part", "part", "cancel", "unknown")
        data: dict[str, Any] = {"order_id": name if what != "unknown" else f"{name}x"}
        if what == "part":
            amount = max(1, self.pick(*self.amounts, order["lines"][0]["amount"]))
            data["lines"] = [{"line_id": self.pick("l0", "l0", "l0", "l1"), "amount": amount}]
            data |= {"shipping": order.get("shipping", 0)} if self.once_in(4) else {}
        kind = "purchase.cancelled" if what == "cancel" else "purchase.refunded"
        self.say(customer, kind, at, source, data)

    def case(self, customer: str) -> None:
        """Let a case live, or a part of it, mostly that of a detractor."""
        name = f"k{self.number}"
        times = sorted(self.instant() for _ in range(6))
        priority = self.pick("normal", "low", "urgent")
        about = {"case_id": name} if self.pick(1, 1, 0) else {}
        opening = {"channel": self.pick(*CASE_CHANNELS), "topic": "delivery", "priority": priority}
        life: list[tuple[str, str, dict[str, Any]]] = [
            ("case.opened", "desk", {"case_id": name} | opening | ({"order_id": "o1"} if self.number % 2 else {})),
            ("feedback.submitted", self.pick("survey", "desk"), {"instrument": "csat", "score": 1} | about),
            ("case.responded", "desk", {"case_id": name}),
            ("case.resolved", "desk", {"case_id": name}),
            ("case.reopened", "desk", {"case_id": name}),
            (self.pick("case.resolved", "case.escalated"), "desk", {"case_id": name}),
        ]
        left_out = self.pick((), (4, 5), (4, 5), (2, 4, 5), (3, 4, 5), (1,), (0,), (0, 1, 2))
        for place, (kind, source, data) in enumerate(life):
            if place not in left_out:
                self.say(customer, kind, times[place], source, data)

    def word(self, customer: str) -> None:
        """Let a customer answer, look, recommend or say who they are."""
        nps = {"instrument": "nps", "score": self.pick(10, 9, 2, 7)}
        csat = {"instrument": "csat", "score": self.pick(5, 1, 3)}
        seen = {"group": "digital", "channel": self.pick("web", "store")}
        words: list[tuple[str, dict[str, Any]]] = [
            ("feedback.submitted", nps),
            ("feedback.submitted", csat),
            ("feedback.submitted", {"instrument": "ces", "score": self.pick(7, 2), "dimension": "service"}),
            ("feedback.submitted", {"instrument": "review", "score": self.pick(5, 1)}),
            ("feedback.submitted", {"instrument": "complaint"}),
            ("touchpoint.recorded", seen | {"stage": "discover", "intent": "information"}),
            ("touchpoint.recorded", seen | {"stage": "use", "intent": "care", "accepted": self.once_in(2)}),
            ("referral.converted", {"referred": "somebody"}),
            ("profile.updated", {"locale": "en"}),
        ]
        kind, data = self.pick(*words)
        self.say(customer, kind, self.instant(), "app", data)

    def life(self, customer: str) -> None:
        """Let a customer go through what the CX levels measure."""
        self.pick(*LIVES)(self, customer)

    def call(self, customer: str) -> None:
        """Let a customer go through what calls for care."""
        self.pick(*CALLS)(self, customer)

    def gain(self, customer: str) -> None:
        """Let a customer go through what entitles to rewards."""
        self.pick(*GAINS)(self, customer)

    def wish(self, customer: str) -> None:
        """Let a customer spend points, or a person give or take them."""
        points = self.pick(*self.amounts) // self.pick(10, 20, 2) + 1
        if self.once_in(3):
            data = {"points": self.pick(points, -points), "reason": "goodwill", "person": "p7"}
            self.say(customer, "points.adjusted", self.instant(), "desk", data)
        else:
            self.say(customer, "points.redemption-requested", self.instant(), "app", {"points": points})

    def given(self, customer: str) -> None:
        """Let a person set the tier."""
        at = self.instant()
        data = {"tier": self.pick(*self.tiers, self.tiers[-1]), "reason": "goodwill", "person": "p7"}
        if self.pick(1, 1, 0):
            data["until"] = _written(at + self.pick(15 * DAY, 40 * DAY + HOUR, 3 * HOUR, 0 * HOUR))
        self.say(customer, "tier.overridden", at, "desk", data)

    def beginning(self, customer: str) -> None:
        """Let a customer join, or move in with days, lots and a tier, before anything else."""
        at = START - self.pick(1, 1, 3, 30) * DAY
        today = (at + 7 * HOUR).date()
        joined = (today - self.pick(0, 20, 300, 366) * timedelta(days=1)).isoformat()
        if self.once_in(2):
            # Else in an evening, also in New York: whether a day's orders came before its enrolment is not kept.
            at = self.pick(at, START + self.chance.randrange(self.span) * DAY + 10 * HOUR + HOUR / 2)
            self.say(customer, "customer.enrolled", at, "app", {"joined": joined})
            return
        data: dict[str, Any] = {"currency": self.pick(*self.currencies), "days": [], "lots": []}
        for back in (3, 15, 40)[: self.pick(0, 1, 2, 3)]:
            one = {"day": _day(today, -back), "spend": self.pick(*self.amounts), "orders": 1, "visits": self.pick(0, 2)}
            data["days"].append(one)
        for points, expires in ((30, None), (40, 12))[: self.pick(0, 1, 2)]:
            lot = {"points": points, "earned": _day(today, -self.pick(5, 60))}
            data["lots"].append(lot | ({"expires": _day(today, expires)} if expires else {}))
        if self.once_in(2):
            data |= {"tier": self.pick(*self.tiers), "tier_since": _day(today, self.pick(-30, -30, -30, 1))}
            data |= {"tier_until": _day(today, self.pick(10, 50, -9))} if self.pick(1, 1, 0) else {}
        data |= {"joined": joined} if self.once_in(2) else {}
        self.say(customer, "customer.imported", at, "import", data)

    # How it arrives

    def arrives(self) -> list[Event]:
        """Return the events in an order of arrival, some of them twice, too late or too soon, with ticks in between."""
        coming: list[tuple[datetime, int, Event]] = []
        ticking = self.once_in(2)
        for place, event in enumerate(self.events):
            for copy in range(1 + (1 if self.once_in(10) else 0)):
                delay = self.pick(0 * HOUR, 0 * HOUR, 0 * HOUR, HOUR, 2 * DAY, self.lateness - HOUR, self.lateness)
                if self.once_in(40):
                    delay = self.pick(self.lateness + TICK, -timedelta(minutes=10), -timedelta(minutes=11))
                recorded = time_of(event) + delay
                other = copy and self.pick(0, 0, 1)  # the same id with another time
                again = event | {"time": _written(recorded)} if other else event
                coming.append((recorded, place, again | {"recordedtime": _written(recorded)}))
        coming.sort(key=lambda one: one[:2])
        log: list[Event] = []
        for recorded, _, event in coming:
            if ticking and self.once_in(3):
                log.append(_tick(recorded, len(log)))
            log.append(event)
        return log


def log_of(chance: Chance, policy: Policy, customers: int = 1) -> tuple[list[Event], datetime]:
    """Return a log in the order of arrival, and the instant to which the clock comes in the end."""
    teller = Teller(chance, policy)
    teller.span = 400 if teller.once_in(16) else teller.pick(40, 30, 60)
    for number in range(customers):
        name = f"c{number}"
        for _ in range(1 + teller.chance.randrange(6)):
            teller.order(name)
        for tell, counts in (
            (teller.case, (0, 1, 1, 2)),
            (teller.word, (0, 1, 2, 4)),
            (teller.life, (0, 1, 1, 2)),
            (teller.call, (0, 0, 1, 1)),
            (teller.gain, (0, 1, 1, 2)),
            (teller.wish, (0, 1, 2, 4)),
            (teller.given, (0, 0, 0, 1)),
            (teller.beginning, (0, 0, 1, 1, 2)),
        ):
            for _ in range(teller.pick(*counts)):
                tell(name)
    log = teller.arrives()
    last = max(map(recorded_at, log))
    return log, last + (400 if teller.once_in(12) else teller.pick(1, 0, 20, 60)) * DAY


def spends(part: Any) -> set[int]:
    """Return the bounds on spend anywhere in a part of a policy."""
    if isinstance(part, list | tuple):
        return {bound for one in part for bound in spends(one)}
    if isinstance(part, dict):
        own = part.get("spend")
        return spends(list(part.values())) | ({own} if isinstance(own, int) else set())
    return set()


def written(log: list[Event], folder: Path) -> Path:
    """Write a log down, one event a line, and return the file."""
    path = folder / f"log-{len(log)}.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in log), "utf-8")
    return path


def time_of(event: Event) -> datetime:
    """Return when an event happened."""
    return datetime.fromisoformat(event["time"])


def recorded_at(event: Event) -> datetime:
    """Return when an event was written down."""
    return datetime.fromisoformat(event.get("recordedtime") or event["time"])


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _day(today: date, days: int) -> str:
    return (today + timedelta(days=days)).isoformat()


def _tick(at: datetime, number: int) -> Event:
    return {
        "specversion": "1.0",
        "id": f"t{number}",
        "source": "clock",
        "type": "clock.ticked",
        "time": _written(at),
        "data": {},
    }
