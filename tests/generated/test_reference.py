"""The product and the reference agree on what becomes of customers, whatever happens to them and in whatever order."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import given as over
from hypothesis import strategies as st

from cx.calendar import micros
from tests.generated.folded import Answers, Event, compiled, folded
from tests.generated.hard import HARD, Watched
from tests.generated.logs import log_of, time_of
from tests.generated.programmes import ALL
from tests.generated.shorter import fail, shorter
from tests.reference.states import RANKS, states

pytestmark = pytest.mark.usefixtures("early_base")

EXAMPLES = int(os.environ.get("CX_EXAMPLES", "200"))
# Hypothesis would make a log smaller for longer than a test may take; leaving events out is enough (`shorter.py`).
PHASES = [phase for phase in Phase if phase not in (Phase.shrink, Phase.explain)]
SOME = settings(max_examples=EXAMPLES, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
RULES = {name: compiled(policy) for name, policy in ALL.items()}
SHARE_PCT = 5


@dataclass(frozen=True)
class Drawn:
    """Chance as Hypothesis has it, which can make a log smaller."""

    draw: Callable[[st.SearchStrategy[int]], int]

    def randrange(self, stop: int, /) -> int:
        return self.draw(st.integers(0, stop - 1))


@dataclass(frozen=True)
class Case:
    """A log in its order of arrival, under which policy it is looked at, and until when."""

    name: str
    log: list[Event]
    until: datetime

    @property
    def end(self) -> int:
        return micros(self.until)


Compared = tuple[dict[str, Any], dict[str, Any], set[str]]  # states of the product, of the reference, and hard cases


@st.composite
def cases(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Case:
    name = draw(st.sampled_from(sorted(ALL)))
    log, until = log_of(Drawn(draw), ALL[name], draw(st.sampled_from([1, 1, 1, 2])))
    return Case(name, log, until)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("disagreement")


def as_it_came(case: Case) -> Compared:
    """Let the product answer requests as they come, which are facts for the reference."""
    fold = Watched(RULES[case.name], {})
    for event in case.log:
        fold.take(event)
    fold.tick(case.end)
    ids = Counter(output.event["id"] for output in fold.outputs)
    twice = {"ids told twice": {name: count for name, count in ids.items() if count > 1}}
    theirs = states(case.log, ALL[case.name], case.end, fold.answers) | {"ids told twice": {}}
    return fold.states() | twice, theirs, fold.look_back(case.log)


def with_answers(case: Case) -> Compared:
    """Let the reference answer requests at their place, which are facts for the product."""
    answers: Answers = {}
    theirs = states(case.log, ALL[case.name], case.end, answers)
    return folded(case.log, RULES[case.name], case.end, answers).states(), theirs, set()


def in_order(case: Case) -> Compared:
    """Let everything come when it happens, so that both sides must give the same answers."""
    events = [event for event in case.log if event["type"] in RANKS]
    log = [{name: part for name, part in event.items() if name != "recordedtime"} for event in events]
    log.sort(key=lambda one: (time_of(one), RANKS[one["type"]], one["source"], one["id"]))
    answers: Answers = {}
    fold, theirs = folded(log, RULES[case.name], case.end), states(log, ALL[case.name], case.end, answers)
    return fold.states() | {"answers": fold.answers}, theirs | {"answers": answers}, set()


def check(case: Case, compare: Callable[[Case], Compared], folder: Path) -> set[str]:
    """Check that both sides agree, and return the hard cases met; where they do not, tell of which events."""
    mine, theirs, hard = compare(case)
    if mine != theirs:
        how = f"{compare.__name__} under {case.name!r} until {case.until.isoformat()}"
        how = f"{how}: product, reference: {differing(mine, theirs)}"
        fail(how, case.log, lambda log: differ(compare(replace(case, log=log))), folder)
    return hard


def differ(compared: Compared) -> bool:
    mine, theirs, _ = compared
    return mine != theirs


@SOME
@over(case=cases(), compare=st.sampled_from([as_it_came, with_answers, in_order]))
def test_the_product_agrees_with_the_reference(case: Case, compare: Callable[[Case], Compared], folder: Path) -> None:
    check(case, compare, folder)


def test_the_product_agrees_with_the_reference_under_every_policy_and_in_every_hard_case(folder: Path) -> None:
    met: Counter[str] = Counter()
    seeds = range(EXAMPLES // len(ALL))
    for name, seed in ((name, seed) for name in ALL for seed in seeds):
        log, until = log_of(random.Random(f"{name}/{seed}"), ALL[name])
        met.update(check(Case(name, log, until), as_it_came, folder))

    rare = {name: met[name] for name in HARD if met[name] * 100 < len(ALL) * len(seeds) * SHARE_PCT}
    assert rare == {}


def test_a_disagreement_is_told_by_the_few_events_that_make_it(folder: Path) -> None:
    log, until = log_of(random.Random("minimal/0"), ALL["minimal"])
    needed = log[3]["id"], log[-1]["id"]

    def compare(case: Case) -> Compared:
        there = [one["id"] for one in case.log if one["id"] in needed]
        return {"c0": {"tier": there}}, {"c0": {"tier": [] if {*there} == {*needed} else there}}, set()

    with pytest.raises(AssertionError, match="of which these are enough") as told:
        check(Case("minimal", log, until), compare, folder)
    assert [json.loads(line)["id"] for line in str(told.value).splitlines()[2:]] == [*needed]
    assert shorter(log, lambda _: True, looks=1) == log[len(log) // 2 :]


def differing(mine: dict[str, Any], theirs: dict[str, Any]) -> dict[tuple[str, str], tuple[Any, Any]]:
    """Return the parts of the states in which two sides differ."""
    both = {name: (mine.get(name, {}), theirs.get(name, {})) for name in mine.keys() | theirs.keys()}
    return {
        (name, part): (one.get(part), other.get(part))
        for name, (one, other) in both.items()
        for part in one.keys() | other.keys()
        if one.get(part) != other.get(part)
    }
