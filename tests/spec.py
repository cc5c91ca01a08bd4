"""Given, when, then: a customer's story told in moments, so that a test of a rule reads like the rule."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from zlib import crc32
from zoneinfo import ZoneInfo

import msgspec

from cx.calendar import micros
from cx.decide import Arrival, Decision, decide
from cx.lives import reward_id
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
    Line,
    ProfileUpdated,
    Purchased,
    Referred,
    Refunded,
    Requested,
    Touched,
)
from cx.rules import Rules, compile_policy
from cx.state import Customer, Kept, decode, encode
from cx.view import profile_of
from schemas import desk
from schemas.outputs import read
from schemas.policy import CarePolicy, Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cx.outputs import Output

VIETNAM = "Asia/Ho_Chi_Minh"
SOURCE = "shop"
LADDER: list[dict[str, Any]] = [
    {"name": "member"},
    {"name": "silver", "enter": {"spend": 1_000}},
    {"name": "gold", "enter": {"spend": 5_000}},
]
GIFT = {"id": "coffee", "brand": "Highlands", "face_value": 50_000, "valid_days": 60}
NO_ALERTS = {name: {"enabled": False} for name in CarePolicy.model_fields if name != "seam_days"}
GUARDED = {"ladder": LADDER, "no_promotion_while": ["open-detractor-case"]}


def reward(rule: str, tier: str, **more: Any) -> dict[str, Any]:
    """Return a reward rule for reaching *tier*, of whose gift nobody is reminded."""
    return {"id": rule, "when": {"tier_reached": tier}, "gift": GIFT, "remind_days": 0, **more}


def rules(**parts: Any) -> Rules:
    """Return rules of a small programme: silver from 1,000, gold from 5,000, no levels, no rewards, no alerts.

    *parts* of the policy replace these; None leaves a part to the policy's own default.
    """
    small = {
        "programme": "test",
        "currency": "VND",
        "tiers": {"ladder": LADDER},
        "levels": [],
        "care": NO_ALERTS,
    } | parts
    return _compiled(json.dumps({name: part for name, part in small.items() if part is not None}))


@cache
def _compiled(text: str) -> Rules:
    return compile_policy(Policy.model_validate_json(text))


def at(local: str, zone: str = VIETNAM) -> int:
    """Return a local time, such as `2026-03-01T10:00`, in microseconds since 1970."""
    return micros(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)))


def day(text: str) -> int:
    """Return the ordinal of a day, such as `2026-03-01`."""
    return date.fromisoformat(text).toordinal()


def bought(when: int, amount: int = 1_000, order: str = "o1", **more: Any) -> Purchased:
    """Return the purchase of one line `l1` of category `food`."""
    lines = more.pop("lines", (Line("l1", "food", amount),))
    parts: dict[str, Any] = {"channel": "web", "store": "", "shipping": 0, "tax": 0, "not_money": (), "source": SOURCE}
    said = {name: part for name, part in (parts | more).items() if name not in ("source", "id")}
    parts |= {"id": f"buy-{order}", "content": crc32(repr((order, lines, said)).encode())} | more
    return Purchased(at=when, order=order, lines=lines, **parts)


def refunded(when: int, order: str = "o1", *lines: tuple[str, int], **more: Any) -> Refunded:
    """Return a refund of *lines*, or without any of the whole rest."""
    parts: dict[str, Any] = {"shipping": 0, "tax": 0, "source": SOURCE, "id": f"refund-{order}-{when}"} | more
    return Refunded(at=when, order=order, lines=lines, **parts)


def cancelled(when: int, order: str = "o1", **more: Any) -> Cancelled:
    """Return a cancellation."""
    return Cancelled(at=when, order=order, **({"source": SOURCE, "id": f"cancel-{order}-{when}"} | more))


def opened(when: int, case: str = "k1", priority: str = "normal", **more: Any) -> CaseOpened:
    """Return the start of a support case."""
    parts = {"source": "desk", "id": f"open-{case}", "channel": "phone", "topic": "delivery"} | more
    return CaseOpened(at=when, case=case, priority=priority, **parts)


def answered(when: int, case: str = "k1", **more: Any) -> CaseResponded:
    """Return an answer."""
    return CaseResponded(at=when, case=case, **({"source": "desk", "id": f"answer-{case}-{when}"} | more))


def resolved(when: int, case: str = "k1", **more: Any) -> CaseResolved:
    """Return a solution."""
    return CaseResolved(at=when, case=case, **({"source": "desk", "id": f"solve-{case}-{when}"} | more))


def reopened(when: int, case: str = "k1", **more: Any) -> CaseReopened:
    """Return a case coming back."""
    return CaseReopened(at=when, case=case, **({"source": "desk", "id": f"reopen-{case}-{when}"} | more))


def escalated(when: int, case: str = "k1", **more: Any) -> CaseEscalated:
    """Return a case going up."""
    return CaseEscalated(at=when, case=case, priority="", **({"source": "desk", "id": f"up-{case}-{when}"} | more))


def feedback(when: int, instrument: str = "nps", score: int | None = 9, **more: Any) -> FeedbackGiven:
    """Return an answer on an instrument."""
    parts: dict[str, Any] = {"source": "survey", "id": f"{instrument}-{when}", "dimension": None, "case": None} | more
    return FeedbackGiven(at=when, instrument=instrument, score=score, **parts)


def touched(when: int, stage: str = "discover", intent: str = "information", **more: Any) -> Touched:
    """Return a contact."""
    parts = {"source": "app", "id": f"touch-{when}", "group": "digital", "channel": "web", "accepted": None} | more
    return Touched(at=when, stage=stage, intent=intent, **parts)


def asked(when: int, points: int, **more: Any) -> Requested:
    """Return a request to spend points."""
    return Requested(at=when, points=points, **({"source": "app", "id": f"ask-{when}", "reward": ""} | more))


def adjusted(when: int, points: int, **more: Any) -> Adjusted:
    """Return points given or taken by a person."""
    return Adjusted(at=when, points=points, **({"source": "desk", "id": f"adjust-{when}", "reason": "sorry"} | more))


def referred(when: int, **more: Any) -> Referred:
    """Return the news that somebody whom Lan recommended became a customer."""
    return Referred(at=when, **({"source": "app", "id": f"refer-{when}"} | more))


def profiled(when: int, **more: Any) -> ProfileUpdated:
    """Return news of the profile."""
    told = {"birthday": None, "locale": None, "preferences": None, "notify": None}
    return ProfileUpdated(at=when, **({"source": "app", "id": f"profile-{when}"} | told | more))


def chosen(when: int, key: str, gift: str, **more: Any) -> Chosen:
    """Return Lan's choice of a gift for the reward under *key*, rule/occasion/item."""
    of = reward_id("lan", key)
    return Chosen(at=when, reward=of, gift=gift, **({"source": "app", "id": f"choose-{gift}-{when}"} | more))


def became(when: int, key: str, kind: str, **more: Any) -> GiftTold:
    """Return that the gift of Lan's reward under *key* was delivered, redeemed, expired or cancelled."""
    of = reward_id("lan", key)
    parts = {"source": "vendor", "id": f"{kind}-{when}", "gift": ""} | more
    return GiftTold(at=when, reward=of, kind=kind, **parts)


def freed(when: int, hold: str, *, released: bool = True, **more: Any) -> HoldDecided:
    """Return a person's word on a hold."""
    return HoldDecided(at=when, hold=hold, released=released, **({"source": "desk", "id": f"word-{when}"} | more))


@dataclass(frozen=True)
class Spec:
    """A story so far: the customer, the last tick, the last decision, and all outputs and refusals since the start.

    `customer` is read back after each step; `warm` stays in memory with all its marks, and has to become the same.
    """

    rules: Rules
    customer: Customer
    clock: int = 0
    last: Decision | None = None
    outputs: tuple[Output, ...] = ()
    refusals: tuple[tuple[str, str], ...] = ()
    kept: tuple[Kept, ...] = field(default=(), repr=False)
    warm: Customer | None = field(default=None, repr=False)

    def when(self, *moments: AnyMoment, recorded: int | None = None) -> Spec:
        """Let *moments* arrive together, each recorded when it happened or all at *recorded*."""
        return self._next([_arrival(moment, recorded) for moment in moments])

    def each(self, *moments: AnyMoment, recorded: int | None = None) -> Spec:
        """Let *moments* arrive one by one."""
        story = self
        for moment in moments:
            story = story.when(moment, recorded=recorded)
        return story

    def take(self, *arrivals: Arrival) -> Spec:
        """Let *arrivals* come together."""
        return self._next(arrivals)

    def refused(self, reason: str, loc: str) -> Spec:
        """Note that a record was refused before it could be folded."""
        return replace(self, refusals=(*self.refusals, (reason, loc)))

    def tick(self, clock: int) -> Spec:
        """Let the clock come to *clock*; as in the lane, the customer is looked at only when a deadline is due."""
        story = replace(self, clock=clock)
        due = self.customer.next_deadline(self.rules.lateness) <= clock
        return story._next(()) if due else story  # noqa: SLF001  # of our own kind

    def _next(self, arrivals: Sequence[Arrival]) -> Spec:
        before = encode(self.customer, self.rules.lateness)
        decision = decide(self.customer, arrivals, self.clock, self.rules)
        assert encode(self.customer, self.rules.lateness) == before, "decide changes nothing"
        for output in decision.outputs:
            _read(output.topic, output.event)  # what breaks the contract raises
        stored = encode(decision.customer, self.rules.lateness)
        customer = decode(stored)
        assert customer == msgspec.structs.replace(decision.customer, marks=(), seen=None), (
            "what is written down is read back"
        )
        warm = decision.customer
        if self.warm is not None and self.warm.marks:
            other = decide(self.warm, arrivals, self.clock, self.rules)
            assert encode(other.customer, self.rules.lateness) == stored, "marks change nothing of what is kept"
            assert other.outputs == decision.outputs, "marks change nothing of what is told"
            warm = other.customer
        return replace(
            self,
            customer=customer,
            warm=warm,
            last=decision,
            outputs=self.outputs + decision.outputs,
            refusals=self.refusals + tuple((refusal.reason.value, refusal.loc) for refusal in decision.refusals),
            kept=self.kept + tuple(refusal.record for refusal in decision.refusals),
        )

    @property
    def decision(self) -> Decision:
        """The last decision."""
        assert self.last is not None
        return self.last

    @property
    def tier(self) -> str:
        """The tier of now."""
        return self.customer.head.tier

    @property
    def spend(self) -> int:
        """What the profile shows as qualifying spend, as of the clock or the newest event."""
        return int(self.profile["measures"]["spend"])

    @property
    def orders(self) -> int:
        """What the profile shows as counted orders."""
        return int(self.profile["measures"]["orders"])

    @property
    def profile(self) -> dict[str, Any]:
        """The profile as of the clock or the newest event."""
        return profile_of(self.customer, max(self.clock, self.customer.head.reached), self.rules)

    @property
    def statuses(self) -> dict[str, str]:
        """The status of each reward in the profile, by rule and occasion."""
        return {f"{one['rule']}/{one['occasion']}": one["status"] for one in self.profile["rewards"]}

    @property
    def told(self) -> list[str]:
        """What was told, in words such as `tier.upgraded member silver`."""
        return [_told(output.event) for output in self.outputs]

    def since(self, before: Spec) -> list[str]:
        """What was told since *before*."""
        return self.told[len(before.told) :]


def given(*moments: AnyMoment, by: Rules | None = None) -> Spec:
    """Begin the story of Lan with *moments*, which arrive one by one."""
    return Spec(by or rules(), Customer("lan")).each(*moments)


def _arrival(moment: AnyMoment, recorded: int | None) -> Arrival:
    return Arrival(moment, moment.at if recorded is None else recorded, Kept("cx.test", 0, 0, moment.id.encode()))


def _read(topic: str, event: dict[str, Any]) -> None:
    value = json.dumps(event).encode()
    if topic in desk.READERS:
        desk.parse(topic, event["subject"].encode(), value)
    else:
        read(topic, value)


def _told(event: dict[str, Any]) -> str:
    data = event["data"]
    if event["type"] in desk.TOPIC_OF:
        return " ".join([event["type"], *data.get("gifts", [data.get("reason", "")])]).rstrip()
    if "balance" in data:
        return " ".join([event["type"], str(data["points"]), *([data["reason"]] if "reason" in data else [])])
    if "alert" in data:
        return f"{event['type']} {data['alert']} {data['severity']}"
    if "from" in data:
        return f"{event['type']} {data['from']} {data['to']}"
    if "hold_id" in data:
        return f"{event['type']} {data['hold_id']}"
    return f"{event['type']} {data['rule']} {data['occasion']} {data['item']}"
