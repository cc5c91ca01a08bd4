"""Weeks of lifelike traffic under the full rules: how they get into Kafka, and what must become of each customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bench.harness.lives import END, EVENTS_A_MONTH, MONTH_DAYS, POLICY
from bench.harness.parts import TICK_BEFORE
from cx.decide import Arrival, advance, decide
from cx.intake import moment_of
from cx.rules import compile_policy
from cx.state import Customer, canonical
from cx.view import state_of
from ops.traffic.arrivals import events
from ops.traffic.kafka import KafkaSink
from ops.traffic.options import Options
from ops.traffic.records import Kind
from schemas.inputs import parse
from schemas.policy_file import parse_policy
from streams.settings import PRESETS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cx.rules import Rules
    from ops.traffic import records

TICK_EVERY: Final = timedelta(hours=6)
_MILLI: Final = 1_000  # microseconds


@dataclass(frozen=True, slots=True)
class Trade:
    """What arrives, and what is right when all of it has.

    Attributes:
        arrivals: Events, some of them late or twice, and the clock's ticks among them.
        ended: Instant of the last tick, in microseconds.
        states: By customer id, the derived state at that instant, as canonical JSON.
    """

    arrivals: list[records.Arrival]
    ended: int
    states: dict[str, bytes]

    @property
    def events(self) -> int:
        """Return how many records there are, ticks not counted."""
        return sum(one.kind is not Kind.TICK for one in self.arrivals)


def rules() -> Rules:
    """Return the full rules of the preset."""
    policy = PRESETS / f"{POLICY}.yaml"
    return compile_policy(parse_policy(policy.read_text("utf-8"), policy.name))


def trade(count: int, customers: int) -> Trade:
    """Make *count* events of *customers*: as many weeks as these take for that."""
    span = timedelta(days=MONTH_DAYS * count / (EVENTS_A_MONTH * customers))
    options = Options(
        now=END, rate=0, events=count, customers=customers, seed=7, span=span, poison_share=0.0, tick_every=TICK_EVERY
    )
    arrivals = list(events(options))
    ended = arrivals[-1].at * _MILLI
    return Trade(arrivals, ended, expect(arrivals, ended, rules()))


def expect(arrivals: Iterable[records.Arrival], ended: int, policy: Rules) -> dict[str, bytes]:
    """Decide every event alone, as it comes, and return the states: what no batch and no host may change."""
    found: dict[str, Customer] = {}
    for one in arrivals:
        if one.kind is not Kind.TICK:
            moment = moment_of(parse(one.topic, one.key, one.value, ()), policy)
            at = one.at * _MILLI
            before = found.get(one.customer) or Customer(one.customer)
            found[one.customer] = decide(before, [Arrival(moment, at)], at - TICK_BEFORE, policy).customer
    return {who: seen(customer, ended, policy) for who, customer in found.items()}


def seen(customer: Customer, ended: int, policy: Rules) -> bytes:
    """Return what is derived of *customer* once the clock has come to the instant *ended*."""
    customer = advance(customer, ended, policy).customer
    return canonical(state_of(customer, max(ended, customer.head.reached), policy))


async def fill(bootstrap: str, arrivals: Iterable[records.Arrival]) -> None:
    """Write *arrivals* to the topics of the lane, each tick on every partition once all before it is there."""
    async with KafkaSink(bootstrap) as sink:
        for one in arrivals:
            if one.kind is Kind.TICK:
                await sink.tick(one)
            else:
                await sink.send(one)
        await sink.flush()
