"""Customers' lives, told as scripts under the presets: what is given, what happens, and what then holds.

Each file beside this one is a life: `policy` names a preset, and each of its `chapters` says what happens (`given`,
`when`) and what `then` holds: paths into the profile, and `told`, all that was told in this chapter. Lines are those of
docs/rules.md, see `tests/docs/stories.py`.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from cx.decide import Arrival
from cx.rules import Rules, compile_policy
from cx.state import Customer, canonical
from cx.view import state_of
from schemas.policy_file import parse_policy
from tests.docs.stories import arrival_of, happen, read, shown
from tests.spec import Spec

PRESETS = Path(__file__).parents[2] / "policies"
LIVES = sorted(Path(__file__).parent.glob("*.yaml"))
each_life = pytest.mark.parametrize("path", LIVES, ids=lambda path: path.stem)


def opened(path: Path) -> tuple[Rules, list[dict[str, Any]]]:
    """Return the rules and the chapters of a life."""
    life = read(path.read_text("utf-8"))
    policy = PRESETS / f"{life['policy']}.yaml"
    return compile_policy(parse_policy(policy.read_text("utf-8"))), life["chapters"]


def lines_of(chapters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for chapter in chapters for line in (*chapter.get("given", ()), *chapter.get("when", ()))]


@each_life
def test_a_life_goes_as_its_script_says(path: Path) -> None:
    rules, chapters = opened(path)
    spec, number = Spec(rules, Customer("lan")), 0
    for chapter in chapters:
        before = spec
        for line in lines_of([chapter]):
            spec, number = happen(spec, number, line), number + 1
        found = {name: shown(spec, name) for name in chapter["then"] if name != "told"}
        if "told" in chapter["then"]:
            found["told"] = spec.since(before)
        assert found == chapter["then"]


@each_life
def test_a_life_comes_to_the_same_in_whatever_order_it_arrives(path: Path) -> None:
    rules, chapters = opened(path)
    lines = lines_of(chapters)
    spec = Spec(rules, Customer("lan"))
    answers: dict[str, int] = {}
    for number, line in enumerate(lines):
        spec = happen(spec, number, line)
        answers |= spec.customer.told.answers  # a state forgets the old ones
    end = max(spec.clock, spec.customer.head.reached) + rules.lateness
    arrivals = [arrival_of(rules, number, line) for number, line in enumerate(lines) if "clock" not in line]
    chance = random.Random(path.stem)
    late = [(one.moment.at + chance.randrange(rules.lateness), one.moment) for one in arrivals]
    shuffled = [Arrival(moment, at) for at, moment in sorted(late, key=lambda one: one[0])]
    other = Spec(rules, Customer("lan"))
    other.customer.told.answers |= answers
    for one in shuffled:
        other = other.take(one)
    states = [canonical(state_of(one.tick(end).customer, end, rules)) for one in (spec, other)]
    assert states[0] == states[1]


def test_ten_lives_are_told_and_each_ends_in_something() -> None:
    assert len(LIVES) >= 10
    for path in LIVES:
        _, chapters = opened(path)
        assert all(chapter["then"] for chapter in chapters)
