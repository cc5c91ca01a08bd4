"""Hosts of the full rules are compared with what is right, whatever their batches were."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from bench.harness.account import faults_of
from bench.harness.parts import TICK_BEFORE
from bench.harness.trade import Trade, rules, trade
from cx.decide import Arrival, decide
from cx.intake import moment_of
from cx.state import Customer, decode, encode
from ops.traffic.records import Kind
from schemas.inputs import parse

RULES = rules()
BATCH = 40

Outputs = list[dict[str, Any]]
Kept = dict[str, Customer]


@pytest.fixture(scope="module")
def made() -> Trade:
    """A trade small enough to be folded in no time, with tier changes and rewards in it."""
    return trade(1_500, 60)


@pytest.fixture(scope="module")
def hosted(made: Trade) -> tuple[Kept, Outputs]:
    """What a host keeps and tells that takes forty events at a time, and each customer's together."""
    kept: Kept = {}
    told: Outputs = []
    events = [one for one in made.arrivals if one.kind is not Kind.TICK]
    for start in range(0, len(events), BATCH):
        batch: dict[str, list[Arrival]] = {}
        for one in events[start : start + BATCH]:
            moment = moment_of(parse(one.topic, one.key, one.value, ()), RULES)
            batch.setdefault(one.customer, []).append(Arrival(moment, one.at * 1_000))
        for who, own in batch.items():
            tick = min(arrival.recorded for arrival in own) - TICK_BEFORE
            decision = decide(kept.get(who) or Customer(who), own, tick, RULES)
            kept[who] = decision.customer
            told += [output.event for output in decision.outputs]
    return {who: decode(encode(one, RULES.lateness)) for who, one in kept.items()}, told


def test_batches_of_another_size_are_as_right(made: Trade, hosted: tuple[Kept, Outputs]) -> None:
    kept, told = hosted

    assert {"tier.upgraded", "cx-level.changed", "reward.issued"} <= {event["type"] for event in told}
    assert faults_of(made, kept, told, RULES) == ()


def without(told: Outputs, kind: str) -> Outputs:
    """Return *told* without the last event of a *kind*."""
    place = max(place for place, event in enumerate(told) if event["type"] == kind)
    return told[:place] + told[place + 1 :]


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        (lambda told: without(told, "tier.upgraded"), ("1 outputs are missing",)),
        (lambda told: without(told, "reward.issued"), ("1 outputs are missing",)),
        (
            lambda told: [*told, {**told[0], "id": "new", "subject": "nobody"}],
            ("1 outputs are more than the states say",),
        ),
        (lambda told: [*told, told[0]], ("1 outputs are repeated", "1 outputs are more than the states say")),
    ],
)
def test_a_fault_in_the_outputs_is_found(
    made: Trade, hosted: tuple[Kept, Outputs], change: Callable[[Outputs], Iterable[Any]], faults: tuple[str, ...]
) -> None:
    kept, told = hosted

    assert faults_of(made, kept, change(told), RULES) == faults


def test_a_customer_too_few_and_one_with_an_event_too_few_are_found(made: Trade, hosted: tuple[Kept, Outputs]) -> None:
    kept, told = hosted
    first, second = sorted(kept)[:2]
    less = {**kept, first: Customer(first)}
    del less[second]

    assert f"2 of {len(made.states)} states are wrong" in faults_of(made, less, told, RULES)
