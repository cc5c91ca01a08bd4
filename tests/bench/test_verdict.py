"""Nobody wins by not doing the work."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from bench.harness.fold import State, answer, update
from bench.harness.verdict import Verdict, judge
from bench.harness.workload import Expected, events, expect

PURCHASES = list(events(2_000))
RIGHT = expect(PURCHASES, every=10)


def work() -> tuple[list[bytes], dict[str, Any]]:
    """Do the work as contestants do; return outputs and states."""
    outputs: list[bytes] = []
    states: dict[str, State] = {}
    for event in PURCHASES:
        after = states[event["customer_id"]] = update(states.get(event["customer_id"]), event)
        if event["serial"] % 10 == 0:
            outputs.append(orjson.dumps(answer(after, event)))
    return outputs, {who: dict(state) for who, state in states.items()}


def verdict(
    outputs: list[bytes], states: dict[str, Any], *, exactly_once: bool = True, expected: Expected = RIGHT
) -> Verdict:
    """Judge with the offsets at the end."""
    return judge(expected, outputs, states, ({0: 9}, {0: 9}), exactly_once=exactly_once)


def test_the_fold_and_what_is_expected_agree_although_written_apart() -> None:
    assert verdict(*work()) == Verdict((), 0)
    assert max(len(state["seen"]) for state in work()[1].values()) > 5


def test_a_state_holds_the_last_32_ids() -> None:
    many = [{**event, "customer_id": "c-1"} for event in PURCHASES[:40]]
    state = None
    for event in many:
        state = update(state, event)

    assert state is not None
    assert state["seen"] == [event["event_id"] for event in many[8:]]
    assert dict(state) == expect(many, every=1).states["c-1"]


def spent_more(outputs: list[bytes]) -> list[bytes]:
    """Return *outputs* with an amount folded twice in the last one."""
    last = orjson.loads(outputs[-1])
    return [*outputs[:-1], orjson.dumps({**last, "spend": last["spend"] + 1})]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda outputs: outputs[1:], "1 outputs are missing"),
        (spent_more, "1 outputs are wrong"),
        (lambda outputs: [*outputs, outputs[0]], "1 outputs are repeated"),
        (lambda outputs: [*outputs, b'{"serial":-1}'], "1 outputs are wrong"),
    ],
)
def test_a_fault_in_the_outputs_is_found(change: Callable[[list[bytes]], list[bytes]], fault: str) -> None:
    outputs, states = work()

    assert verdict(change(outputs), states).faults == (fault,)


def test_at_least_once_may_repeat_and_is_counted() -> None:
    outputs, states = work()

    assert verdict([*outputs, outputs[0]], states, exactly_once=False) == Verdict((), 1)


@pytest.mark.parametrize("key", ["n", "spend", "seen"])
def test_a_wrong_state_is_found(key: str) -> None:
    outputs, states = work()
    first = next(iter(states))
    states[first] = {**states[first], key: None}

    assert verdict(outputs, states).faults == (f"1 of {len(RIGHT.states)} states are wrong",)


def test_a_state_too_few_or_too_many_is_found() -> None:
    outputs, states = work()
    states["c-nobody"] = states.pop(next(iter(states)))

    assert verdict(outputs, states).faults == (f"2 of {len(RIGHT.states)} states are wrong",)


@pytest.mark.parametrize("committed", [{0: 8}, {}])
def test_offsets_that_are_not_at_the_end_are_found(committed: dict[int, int]) -> None:
    outputs, states = work()

    found = judge(RIGHT, outputs, states, (committed, {0: 9}), exactly_once=True)

    assert found.faults == ("committed offsets of 1 partitions are not at the end",)


def test_without_changelog_and_offsets_the_outputs_still_have_to_be_right() -> None:
    outputs, _ = work()

    assert judge(RIGHT, outputs, None, None, exactly_once=True).ok
    assert not judge(RIGHT, outputs[1:], None, None, exactly_once=True).ok
