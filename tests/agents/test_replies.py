"""What is said to whoever waits for a decision: one outcome for each event that asks, and nothing for the others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import ConsumerRecord

from agents import customers
from agents.customers import CustomerFold
from cx.calendar import DAY
from schemas import decisions
from schemas.decisions import KEPT_S, Outcome, decision_key
from schemas.errors import Reason
from tests.agents.test_customers import START, State
from tests.schemas.samples import changed, least, written
from tests.spec import rules

if TYPE_CHECKING:
    from streams.effects import Effects

FOLD = CustomerFold(rules())


def bought(event_id: str, amount: int = 10, *, order: str = "", **attributes: Any) -> dict[str, Any]:
    event = changed(least("purchase.completed"), "data.order_id", order or event_id)
    line = {"line_id": "1", "sku": "s", "category": "c", "quantity": 1, "amount": amount}
    return changed(event, "data.lines", [line]) | {"id": event_id, "cxreply": "true"} | attributes


def record(event: dict[str, Any], offset: int, topic: str = "cx.purchases") -> ConsumerRecord[bytes, bytes]:
    return raw(written(event), offset, topic, event["subject"].encode())


def raw(
    value: bytes, offset: int = 7, topic: str = "cx.purchases", key: bytes = b"lan"
) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord(topic, 0, offset, START // 1_000, 0, key, value, None, len(key), len(value), ())


def fold(*events: dict[str, Any], state: State | None = None) -> Effects:
    state = state or State({})
    effects = FOLD.fold(state, [record(event, 7 + at) for at, event in enumerate(events)])
    state.values.update({key: value for key, value in effects.changed.items() if value is not None})
    return effects


def said(effects: Effects) -> list[Outcome]:
    return [decisions.read(receipt.value) for receipt in effects.receipts]


def test_who_does_not_ask_is_told_nothing() -> None:
    event = bought("a")
    del event["cxreply"]

    assert fold(event).receipts == []


def test_an_applied_event_is_answered_with_the_tiers_and_what_was_published() -> None:
    effects = fold(bought("a", 1_000))
    (outcome,) = said(effects)

    assert (outcome.outcome, outcome.tier_before, outcome.tier_after) == ("applied", "member", "silver")
    published = [json.loads(output.value or b"") for output in effects.outputs]
    assert [one.id for one in outcome.outputs] == [event["id"] for event in published if event["source"] == "cxstream"]
    assert "tier.upgraded" in {one.type for one in outcome.outputs}
    assert (effects.receipts[0].key, effects.receipts[0].kept_s) == (decision_key("shop/web", "a"), KEPT_S)


def test_an_event_that_changes_nothing_is_answered_too() -> None:
    (outcome,) = said(fold(bought("a")))

    assert (outcome.outcome, outcome.tier_before, outcome.tier_after) == ("applied", "member", "member")


def test_the_same_event_again_is_a_duplicate_at_the_same_place() -> None:
    state = State({})
    first, again = (fold(bought("a"), state=state).receipts[0] for _ in range(2))

    assert (first.key, first.field) == (again.key, again.field)
    assert decisions.read(again.value).outcome == "duplicate"


def test_in_one_batch_the_first_is_applied_and_its_repeat_is_a_duplicate() -> None:
    assert [one.outcome for one in said(fold(bought("a"), bought("a")))] == ["applied", "duplicate"]


def test_the_same_order_under_another_id_is_a_duplicate() -> None:
    assert [one.outcome for one in said(fold(bought("a", order="o"), bought("b", order="o")))] == [
        "applied",
        "duplicate",
    ]


def test_another_content_under_the_same_id_is_refused_at_a_place_of_its_own() -> None:
    effects = fold(bought("a", 10), bought("a", 20))
    first, second = effects.receipts

    assert first.key == second.key
    assert first.field != second.field
    assert said(effects)[1].reason is Reason.CONFLICTING_ID


def test_events_decided_together_share_their_tiers_and_outputs() -> None:
    one, two = said(fold(bought("a", 500), bought("b", 500)))

    assert (one.tier_before, one.tier_after) == (two.tier_before, two.tier_after) == ("member", "silver")
    assert one.outputs == two.outputs


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (bought("a", time="2025-03-05T10:00:00Z"), Reason.FUTURE),
        (changed(bought("a"), "data.currency", "CHF"), Reason.CURRENCY),
        (least("customer.merged") | {"cxreply": "true"}, Reason.NOT_YET_SUPPORTED),
    ],
)
def test_what_goes_to_the_dead_letters_is_refused_with_its_reason(event: dict[str, Any], reason: Reason) -> None:
    state = State({}, tick=START - 30 * DAY)
    topic = "cx.touchpoints" if event["type"] == "customer.merged" else "cx.purchases"
    sent = record(event, 7, topic)
    (outcome,) = said(FOLD.fold(state, [sent]))

    assert (outcome.outcome, outcome.reason) == ("refused", reason)


def test_what_a_rule_fails_on_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr(customers, "decide", fail)

    assert [one.reason for one in said(fold(bought("a"), bought("b")))] == [Reason.RULE_ERROR] * 2


def test_what_the_lane_refuses_is_answered_as_well() -> None:
    asked, silent = bought("a"), bought("b")
    del silent["cxreply"]

    (receipt,) = FOLD.refused(record(asked, 7), Reason.STATE_TOO_LARGE)
    assert decisions.read(receipt.value).reason is Reason.STATE_TOO_LARGE
    assert FOLD.refused(record(silent, 8), Reason.STATE_TOO_LARGE) == []
    assert FOLD.refused(raw(b"{"), Reason.RULE_ERROR) == []
    tick = least("clock.ticked") | {"cxreply": "true"}
    assert FOLD.refused(raw(written(tick), topic="cx.clock"), Reason.FUTURE) == []
