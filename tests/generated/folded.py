"""The product's side of a comparison: what cx makes of a log of CloudEvents, folded in the given order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from cx.calendar import micros
from cx.decide import Arrival, Decision, advance, decide
from cx.intake import NotTakenError, moment_of
from cx.moments import joined
from cx.rules import Rules, compile_policy
from cx.state import Customer, Told
from cx.view import profile_of, state_of
from schemas.errors import Unreadable
from schemas.inputs import CLOCK, TOPIC_OF, parse
from schemas.policy import Policy

if TYPE_CHECKING:
    from cx.outputs import Output

Event = dict[str, Any]
Answers = dict[tuple[str, str], int]
SEEN = (
    "customer_id", "tier", "tier_since", "cx_level", "cx_level_since", "criteria", "dimensions", "measures", "journey",
    "alerts", "segment",
)  # fmt: skip


def compiled(policy: dict[str, Any]) -> Rules:
    """Return the rules of a policy as plain data."""
    return compile_policy(Policy.model_validate_json(orjson.dumps(policy, default=str)))


@dataclass
class Fold:
    """Customers as they become, one record after another; *facts* were answered before, *answers* are since."""

    rules: Rules
    facts: Answers
    answers: Answers = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    clock: int = 0
    outputs: list[Output] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Take the next record, as `cx replay` does; what cannot be read goes nowhere."""
        try:
            parsed = parse(TOPIC_OF.get(event["type"], CLOCK), event.get("subject", "").encode(), orjson.dumps(event))
            if parsed.type == "clock.ticked":
                self.tick(micros(parsed.time))
                return
            moment = moment_of(parsed, self.rules)
        except (Unreadable, NotTakenError):
            return
        customer = self.customers.get(event["subject"]) or self._new(event["subject"])
        recorded = micros(parsed.recordedtime or parsed.time)
        self._become(decide(customer, [Arrival(moment, recorded)], self.clock, self.rules))

    def tick(self, clock: int) -> None:
        """Let the clock come to an instant, for all customers."""
        self.clock = max(self.clock, clock)
        for customer in list(self.customers.values()):
            if customer.next_deadline(self.rules.lateness) <= self.clock:
                self._become(advance(customer, self.clock, self.rules))

    def states(self) -> dict[str, dict[str, Any]]:
        """Return what is seen of every customer of whom an event is held, as of the clock."""
        return {name: self._seen(customer) for name, customer in self.customers.items() if customer.events_held}

    def _new(self, name: str) -> Customer:
        return Customer(name, told=Told(answers={joined(*request): n for request, n in self.facts.items()}))

    def _become(self, decision: Decision) -> None:
        self.customers[decision.customer.id] = decision.customer
        self.outputs += decision.outputs
        for data in (output.event["data"] for output in decision.outputs if "request_id" in output.event["data"]):
            granted = data["points"] if data.get("reason") is None else 0
            self.answers[data["request_source"], data["request_id"]] = granted

    def _seen(self, customer: Customer) -> dict[str, Any]:
        profile = profile_of(customer, max(self.clock, customer.head.reached), self.rules)
        points = {name: value for name, value in profile["points"].items() if name != "next_expiry"}
        derived = state_of(customer, max(self.clock, customer.head.reached), self.rules)
        entitlements = [owed for _, owed in sorted(customer.head.entitlements.items())]
        kept = [f"{key.partition('/')[0]} {alert.at}" for key, alert in customer.head.alerts.items()]
        return {name: profile[name] for name in SEEN} | {
            "kept alerts": kept,
            "points": points,
            "progress": {name: profile["progress"][name] for name in ("next", "missing")},
            "rewards": [
                {name: owed[name] for name in ("rule", "occasion", "item", "tier", "status")}
                | {"since": None if owed["tier"] else owed["since"], "choices": list(entitlement.choices)}
                for owed, entitlement in sorted(
                    zip(derived["rewards"], entitlements, strict=True),
                    key=lambda one: (one[0]["rule"], one[1].occasion, one[0]["item"], one[0]["since"]),
                )
            ],
            "holds": {
                name: (hold.placed, hold.ended, hold.released)
                for name, hold in sorted(customer.head.holds.items())
                if hold.placed
            },
        }


def folded(log: list[Event], rules: Rules, until: int, answers: Answers | None = None) -> Fold:
    """Fold a log in the order in which it came, and tick the clock to *until*."""
    fold = Fold(rules, answers or {})
    for event in log:
        fold.take(event)
    fold.tick(until)
    return fold
