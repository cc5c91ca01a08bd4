"""The reference sees a fault in any of the rules, on logs of fixed seeds."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pytest

from cx.calendar import micros
from cx.rules import Rules
from tests.generated.faults import FAULTS, Fault
from tests.generated.folded import Answers, Event, compiled, folded
from tests.generated.logs import log_of, recorded_at
from tests.generated.programmes import ALL
from tests.reference.states import states

SEEDS = range(24)
Told = tuple[list[Event], int, Answers, dict[str, Any]]


@cache
def told(name: str, seed: int) -> tuple[Told, Told]:
    """Return a log under a policy, all and in part, each with its end, and what the reference makes of it."""
    log, until = log_of(random.Random(f"{name}/{seed}"), ALL[name], customers=2)
    part = log[: len(log) * 2 // 3]
    ends = ((log, micros(until)), (part, micros(max(map(recorded_at, part)))))
    answers: list[Answers] = [{}, {}]
    one, other = (
        (events, end, given, states(events, ALL[name], end, given))
        for (events, end), given in zip(ends, answers, strict=True)
    )
    return one, other


def disagree(name: str, seed: int, rules: Rules) -> bool:
    """Tell whether the product, by *rules*, makes something else of a log than the reference."""
    return any(folded(log, rules, end, given).states() != theirs for log, end, given, theirs in told(name, seed))


@pytest.mark.parametrize("name", sorted({*FAULTS.values()}))
def test_without_a_fault_both_sides_agree(name: str) -> None:
    rules = compiled(ALL[name])

    assert [seed for seed in SEEDS if disagree(name, seed, rules)] == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_seen(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    name = FAULTS[fault]
    rules = fault(monkeypatch, compiled(ALL[name]))

    assert any(disagree(name, seed, rules) for seed in SEEDS)
