"""What a lost worker cost, from when answers came; and a made-up changelog that a lane can read."""

from __future__ import annotations

import orjson

from bench.harness.changelog import OWN, states
from bench.harness.outage import Outage, outages
from streams.effects import NEVER, deadline_of
from streams.partition import read_own

MS = 1_000_000


def test_an_outage_is_the_longest_silence_after_an_action_and_before_the_next() -> None:
    acted = [("killed", 1_000 * MS), ("added", 9_000 * MS)]
    arrived = [
        (900 * MS, 3_000 * MS),  # before anything was done: nobody's fault
        (1_100 * MS, 5 * MS),
        (7_100 * MS, 6_000 * MS),  # the first after the silence had waited for most of it
        (7_900 * MS, 1_500 * MS),
        (8_000 * MS, 900 * MS),
        (9_200 * MS, 7 * MS),
    ]
    assert outages(acted, arrived) == [Outage("killed", 6.0, 6.9, 6.0), Outage("added", 0.2, 0.0, 0.007)]


def test_silence_begins_with_the_action_itself_and_may_have_no_end() -> None:
    arrived = [(500 * MS, 1 * MS), (5_000 * MS, 1 * MS)]
    assert outages([("killed", 1_000 * MS)], arrived) == [Outage("killed", 4.0, 0.0, 0.001)]
    assert outages([("killed", 1_000 * MS), ("added", 4_000 * MS)], arrived)[0] == Outage("killed", 3.0, 0.0, 0.0)


def test_made_up_states_are_those_of_the_simple_fold_and_of_the_size_asked_for() -> None:
    for size in (600, 4_096):
        made = list(states(50, size))
        assert len({key for key, _ in made}) == 50
        assert all(abs(len(value) - size) <= 20 and deadline_of(value) == NEVER for _, value in made)
        state = orjson.loads(made[7][1][8:])
        assert (state["spend"], state["n"], len(set(state["seen"]))) == (7, len(state["seen"]), len(state["seen"]))
    assert list(states(50, 600)) == list(states(50, 600))


def test_the_made_up_own_record_is_one_that_recovery_reads() -> None:
    assert read_own(OWN).policy == "simple"
