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
def told(name: str, seed: int, *, part: bool) -> Told:
    """Return a log under a policy, whole or only its beginning, with its end, and what the reference makes of it."""
    log, until = log_of(random.Random(f"{name}/{seed}"), ALL[name], customers=2)
    end, answers = micros(until), Answers()
    if part:
        log = log[: len(log) * 2 // 3]
        end = micros(max(map(recorded_at, log)))
    return log, end, answers, states(log, ALL[name], end, answers)


def disagree(name: str, seed: int, rules: Rules) -> bool:
    """Tell whether the product, by *rules*, makes something else of a log than the reference."""
    both = (told(name, seed, part=part) for part in (False, True))
    return any(folded(log, rules, end, answers).states() != theirs for log, end, answers, theirs in both)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_seen_where_without_it_both_sides_agree(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    name = FAULTS[fault]
    faulty = fault(monkeypatch, compiled(ALL[name]))
    seen = next((seed for seed in SEEDS if disagree(name, seed, faulty)), None)
    monkeypatch.undo()

    assert seen is not None
    assert not disagree(name, seen, compiled(ALL[name]))
