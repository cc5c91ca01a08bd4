"""The customers' fold: a rule that fails harms nobody else, and a state that cannot be read stops the partition."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import ConsumerRecord

from agents import customers
from agents.customers import CustomerFold
from cx.calendar import DAY, HOUR
from cx.decide import Decision, advance, decide
from cx.state import (
    KEPT_BYTES_MAX,
    KEPT_ONE_BYTES_MAX,
    NEVER,
    Customer,
    StateFormatError,
    deadline_of,
    decode,
    encode,
)
from streams import effects
from streams.effects import View
from streams.partition import HotCache
from tests.schemas.samples import changed, least, written
from tests.spec import at, given, refunded, rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from cx.rules import Rules

START = at("2025-03-01T10:00")
LATENESS = 30 * DAY
LATER = START + LATENESS


@dataclass
class State:
    """A partition's state as a fold sees it, in dictionaries; every key with a deadline is due in the order of keys."""

    values: dict[bytes, bytes]
    number: int = 0
    partitions: int = 1
    tick: int = LATER
    cache: HotCache = field(default_factory=HotCache)

    def encoded(self, key: bytes) -> bytes | None:
        return self.values.get(key)

    def due(self, until: int, limit: int) -> list[bytes]:
        return [key for key, value in sorted(self.values.items()) if deadline_of(value) <= until][:limit]


def test_a_customers_deadline_is_where_the_lane_looks_for_it() -> None:
    assert effects.deadline_of(waiting("lan")) == deadline_of(waiting("lan")) < NEVER == effects.NEVER
    assert encode(Customer(id="lan"), LATENESS).startswith(effects.NO_DEADLINE)


def waiting(customer: str) -> bytes:
    """Return an encoded customer with a refund that waits in vain until `LATER`."""
    story = given(refunded(START))
    story.customer.id = customer
    return encode(story.customer, LATENESS)


def damaged(value: bytes) -> bytes:
    return value[:-1]


def of_another_format(value: bytes) -> bytes:
    return value[:8] + b"\xff\xff" + value[10:]


def purchase(order: str = "o1", offset: int = 7) -> ConsumerRecord[bytes, bytes]:
    value = written(changed(least("purchase.completed") | {"id": order}, "data.order_id", order))
    return ConsumerRecord("cx.purchases", 0, offset, START // 1_000, 0, b"lan", value, None, 3, len(value), ())


@pytest.mark.parametrize(("tick", "as_of"), [(0, START), (START - 1, START), (START + DAY, START + DAY)])
def test_what_is_shown_is_as_of_the_later_of_the_tick_and_the_newest_event(tick: int, as_of: int) -> None:
    story = given(refunded(START, "o9"))
    value = encode(story.customer, story.rules.lateness)
    assert CustomerFold(story.rules).view(value, tick) == View("lan", story.customer.version, value, as_of)


@pytest.mark.parametrize("spoil", [damaged, of_another_format])
def test_a_state_that_cannot_be_read_stops_a_tick(spoil: Callable[[bytes], bytes]) -> None:
    # To put its deadline off, as is done when a rule fails, would hide it for ever.
    with pytest.raises(StateFormatError):
        CustomerFold(rules()).tick(State({b"lan": spoil(waiting("lan"))}), 10)


@pytest.mark.parametrize("spoil", [damaged, of_another_format])
def test_a_state_that_cannot_be_read_is_no_events_fault(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(StateFormatError):
        CustomerFold(rules()).fold(State({b"lan": spoil(waiting("lan"))}), [purchase()])


def test_a_rule_that_fails_on_a_deadline_stops_nobody_elses_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(customer: Customer, tick: int, by: Rules) -> Decision:
        if customer.id == "lan":
            raise ZeroDivisionError
        return advance(customer, tick, by)

    monkeypatch.setattr(customers, "advance", failing)
    values = {b"lan": waiting("lan"), b"mai": waiting("mai")}
    effects = CustomerFold(rules()).tick(State(values), 10)

    assert deadline_of(effects.changed[b"lan"] or b"") == LATER + HOUR, "it is tried again"
    assert decode(effects.changed[b"lan"] or b"") == decode(values[b"lan"])
    assert decode(effects.changed[b"mai"] or b"").events_held == 0
    assert [output.topic for output in effects.outputs] == ["cx.dead-letters"]


def test_what_waits_takes_no_room_from_what_happened_lately(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state is made smaller by settling, which does not help against kept records: they must not bring it about."""
    monkeypatch.setattr(customers, "RECENT_BYTES_MAX", KEPT_BYTES_MAX // 2)
    fold, state = CustomerFold(rules()), State({}, tick=0)
    size = KEPT_ONE_BYTES_MAX - 600
    for number in range(KEPT_BYTES_MAX // KEPT_ONE_BYTES_MAX):
        refund = least("purchase.refunded") | {"id": f"r{number}", "padding": "x" * size}
        value = written(changed(refund, "data.order_id", f"none-{number}"))
        record = ConsumerRecord("cx.purchases", 0, number, START // 1_000, 0, b"lan", value, None, 3, len(value), ())
        state.values |= {key: value for key, value in fold.fold(state, [record]).changed.items() if value}
    for number in range(40):
        effects = fold.fold(state, [purchase(f"o{number}", 100 + number)])
        assert effects.folded == 1
        state.values |= {key: value for key, value in effects.changed.items() if value}
    customer = decode(state.values[b"lan"])
    assert customer.kept_bytes > KEPT_BYTES_MAX * 0.9
    assert (customer.settled, customer.floor) == (0, 0)


def test_a_rule_that_fails_parks_its_event_and_takes_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(customer: Customer, arrivals: Any, tick: int, by: Rules) -> Decision:
        if any(arrival.record.offset == 7 for arrival in arrivals):
            raise ZeroDivisionError
        return decide(customer, arrivals, tick, by)

    monkeypatch.setattr(customers, "decide", failing)
    effects = CustomerFold(rules()).fold(State({}, tick=0), [purchase(), purchase("o2", 8)])

    assert effects.folded == 1
    letters = [dict(output.headers) for output in effects.outputs if output.topic == "cx.dead-letters"]
    assert [(letter["cx-reason"], letter["cx-offset"]) for letter in letters] == [(b"rule-error", b"7")]


def test_what_the_gift_desk_is_asked_goes_where_its_programme_is() -> None:
    gift = {"id": "coffee", "brand": "Highlands", "face_value": 50_000}
    rule = {"id": "gift", "when": {"tier_reached": "silver"}, "gift": gift}
    by = rules(programme="shop", gifts_from="desk", rewards=[rule])
    effects = CustomerFold(by).fold(State({}, number=3, partitions=1, tick=0), [purchase()])

    places = {output.topic: (output.key, output.partition) for output in effects.outputs}
    assert places == {"cx.tier-changes": (b"lan", 3), "cx.gift-requests": (b"shop", None)}
