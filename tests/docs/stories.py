"""Worked examples of `docs/rules.md`: a policy, what happens to a customer, and what the profile then says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from cx.calendar import micros
from cx.decide import Arrival
from cx.intake import NotTakenError, moment_of
from cx.lives import reward_id
from cx.moments import AnyMoment
from cx.rules import Rules, compile_policy
from cx.state import Customer, Kept
from schemas.inputs import parse
from schemas.policy_file import parse_policy
from tests.spec import Spec

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"
FENCE = "`" * 3
BASE: dict[str, Any] = {
    "programme": "example",
    "currency": "VND",
    "levels": [],
    "tiers": {"ladder": [{"name": "member"}, {"name": "silver", "enter": {"spend": 1_000}}]},
}
# What happens, by its first word: topic, type, and the field of the data that the word's value fills.
VERBS = {
    "buys": ("cx.purchases", "purchase.completed", "order_id"),
    "refunds": ("cx.purchases", "purchase.refunded", "order_id"),
    "cancels": ("cx.purchases", "purchase.cancelled", "order_id"),
    "opens": ("cx.support", "case.opened", "case_id"),
    "answers": ("cx.support", "case.responded", "case_id"),
    "reopens": ("cx.support", "case.reopened", "case_id"),
    "resolves": ("cx.support", "case.resolved", "case_id"),
    "says": ("cx.feedback", "feedback.submitted", "instrument"),
    "joins": ("cx.touchpoints", "customer.enrolled", "joined"),
    "moves in": ("cx.touchpoints", "customer.imported", "currency"),
    "redeems": ("cx.touchpoints", "points.redemption-requested", "points"),
    "gets": ("cx.touchpoints", "points.adjusted", "points"),
    "is given": ("cx.touchpoints", "tier.overridden", "tier"),
    "looks": ("cx.touchpoints", "touchpoint.recorded", "intent"),
    "refers": ("cx.touchpoints", "referral.converted", "referred"),
    "changes": ("cx.touchpoints", "profile.updated", ""),  # the value is what changes
    "chooses": ("cx.reward-events", "reward.chosen", "gift_id"),
    "uses": ("cx.reward-events", "gift.redeemed", "reward_id"),
    "releases": ("cx.touchpoints", "hold.released", "hold_id"),
    "confirms": ("cx.touchpoints", "hold.confirmed", "hold_id"),
}
SOURCE = "\nshop"
FILLED: dict[str, dict[str, Any]] = {
    "purchase.completed": {"channel": "web", "currency": "VND"},
    "case.opened": {"channel": "phone", "topic": "delivery", "priority": "normal"},
    "feedback.submitted": {"touchpoint": "product"},
    "points.adjusted": {"reason": "goodwill", "person": "p7"},
    "tier.overridden": {"reason": "goodwill", "person": "p7"},
    "hold.released": {"reason": "checked", "person": "p7"},
    "hold.confirmed": {"reason": "fraud", "person": "p7"},
    "touchpoint.recorded": {"stage": "consider", "group": "digital", "channel": "web"},
}


@dataclass(frozen=True)
class Example:
    """One fenced block of the page, with the heading above it."""

    heading: str
    policy: dict[str, Any]
    story: list[dict[str, Any]]
    then: dict[str, Any]

    @property
    def rules(self) -> Rules:
        """The example's policy over the page's base."""
        return compile_policy(parse_policy(json.dumps(BASE | self.policy)))

    def told(self) -> Spec:
        """Let the story happen, in the order in which it is written, and return what has become of it."""
        spec = Spec(self.rules, Customer("lan"))
        for number, line in enumerate(self.story):
            spec = happen(spec, number, line)
        return spec


def happen(spec: Spec, number: int, line: Mapping[str, Any]) -> Spec:
    """Let one *line* happen, the event *number* of its story, and return what has become of it."""
    if "clock" in line:
        return spec.tick(micros(_local(line["at"], spec.rules)))
    try:
        arrival = arrival_of(spec.rules, number, line)
    except NotTakenError as refusal:
        return spec.refused(refusal.reason, refusal.loc)
    return spec.take(arrival)


def arrival_of(rules: Rules, number: int, line: Mapping[str, Any]) -> Arrival:
    """Return the event *number* of a story as it arrives."""
    what = dict(line)
    at = _local(what.pop("at"), rules)
    recorded = _local(what.pop("comes"), rules) if "comes" in what else at
    moment = event_of(number, at, what, rules)
    return Arrival(moment, micros(recorded), Kept("cx.test", 0, number, moment.id.encode()))


def _local(text: str, rules: Rules) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(rules.policy.time_zone))


def event_of(number: int, at: datetime, what: dict[str, Any], rules: Rules) -> AnyMoment:
    """Return the moment of one line, by way of the event that it stands for."""
    verb = next(name for name in VERBS if name in what)
    topic, kind, field = VERBS[verb]
    value = what.pop(verb)
    data = FILLED.get(kind, {}) | ({field: value} if field else value) | what
    if kind == "purchase.completed" and "lines" not in data:
        amount, category = data.pop("amount", 0), data.pop("category", "food")
        data["lines"] = [{"line_id": "1", "sku": "s", "category": category, "quantity": 1, "amount": amount}]
    if "of" in data:
        data["reward_id"] = _reward(data.pop("of"))
    elif kind == "gift.redeemed":
        data["reward_id"] = _reward(data["reward_id"])
    if kind == "purchase.refunded" and "amount" in data:
        data["lines"] = [{"line_id": "1", "amount": data.pop("amount")}]
    event = {
        "specversion": "1.0",
        "id": f"event-{data.pop('id', number)}",
        "source": "shop",
        "type": kind,
        "subject": "lan",
        "time": at.astimezone(UTC).isoformat(),
        "data": data,
    }
    return moment_of(parse(topic, b"lan", json.dumps(event).encode(), ()), rules)


def _reward(text: str) -> str:
    """Return the id of the reward that is written rule/occasion; what an event was the occasion of has its source."""
    rule, occasion = text.split("/")
    calendar = occasion == "ever" or occasion[:2] == "20"
    return reward_id("lan", f"{rule}/{occasion if calendar else occasion + SOURCE}/1")


def examples() -> Iterator[Example]:
    """Yield the examples of the page."""
    heading = ""
    block: list[str] | None = None
    for line in PAGE.read_text("utf-8").splitlines():
        if block is not None and line == FENCE:
            found = read("\n".join(block))
            yield Example(heading, *(found.get(part, {}) for part in ("policy", "story", "then")))
            block = None
        elif block is not None:
            block.append(line)
        elif line.startswith("#"):
            heading = line.lstrip("# ")
        elif line == FENCE + "yaml":
            block = []


def sections() -> set[str]:
    """Return the headings of the page that stand for a rule: those of the third rank."""
    return {line.lstrip("# ") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("### ")}


def shown(spec: Spec, name: str) -> Any:
    """Return what is under *name*: a path into profile or last `record`, `told`, `evidence`, `dead letters`."""
    if name == "told":
        return spec.told
    if name == "evidence":  # of the last change of the CX level, in words
        events = [output.event for output in spec.outputs if output.event["type"] == "cx-level.changed"]
        return [row["text"] for row in events[-1]["data"]["evidence"]]
    if name == "dead letters":
        return [reason for reason, _ in spec.refusals]
    value: Any = spec.profile
    if name.startswith("record."):
        told = (output.event["data"] for output in reversed(spec.outputs))
        value = {"record": next(data["decision"] for data in told if "decision" in data)}
    for part in name.split("."):
        value = value[int(part) if part.isdigit() else part]
    return value


def read(text: str) -> Any:
    """Read YAML in which dates stay as they are written."""
    return _typed(yaml.load(text, Loader=yaml.BaseLoader))  # noqa: S506  # it makes nothing but text


def _typed(value: Any) -> Any:
    """Read numbers and truth from text, and leave dates as they are written."""
    if isinstance(value, dict):
        return {name: _typed(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_typed(one) for one in value]
    if value in _CONSTANTS:
        return _CONSTANTS[value]
    digits = value.replace("_", "")
    return int(digits) if digits.removeprefix("-").isdigit() else value


_CONSTANTS = {"true": True, "false": False, "null": None}
