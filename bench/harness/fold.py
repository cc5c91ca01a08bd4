"""The job of every contestant: one customer's state, folded from purchases, and an answer to some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping

SEEN_MAX = 32


class State(TypedDict):
    """What is kept of a customer, as JSON: spend in minor units, purchases, and the last ids, newest last."""

    spend: int
    n: int
    seen: list[str]


def update(state: State | None, event: Mapping[str, Any]) -> State:
    """Return the state after *event*; a given *state* is changed and returned."""
    if state is None:
        state = {"spend": 0, "n": 0, "seen": []}
    state["spend"] += event["amount"]
    state["n"] += 1
    seen = state["seen"]
    seen.append(event["event_id"])
    if len(seen) > SEEN_MAX:
        del seen[0]
    return state


def answer(state: State, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what to publish for *event*, which *state* holds already: what the fold had seen by then."""
    return {
        "customer_id": event["customer_id"],
        "event_id": event["event_id"],
        "serial": event["serial"],
        "spend": state["spend"],
        "n": state["n"],
    }
