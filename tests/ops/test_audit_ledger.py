"""The ledger: repeats, dead letters and what customers hold, in whatever order the topics are read."""

from __future__ import annotations

import json
import random

import pytest

from ops.audit.ledger import Holding, Ledger, identity_of
from schemas.errors import Reason
from tests.ops.audit_records import event, output, record, refused, state


def test_ticks_are_not_events() -> None:
    ledger = Ledger()
    ledger.input(record("cx.clock", None, b"{}"))
    ledger.input(event("a"))

    assert (ledger.ticks, ledger.events_in) == (1, 1)


def test_each_record_of_an_event_after_the_first_is_a_repeat() -> None:
    ledger = Ledger()
    for name in ("a", "b", "a", "a"):
        ledger.input(event(name))

    assert ledger.duplicates == 2


def test_an_order_sent_again_under_another_id_is_a_repeat_in_either_mode() -> None:
    data = {"order_id": "o1", "lines": []}
    whole = {"specversion": "1.0", "source": "/till", "type": "purchase.completed", "subject": "lan", "data": data}
    headers = (("ce_source", b"/till"), ("ce_id", b"c"), ("ce_type", b"purchase.completed"))
    ledger = Ledger()
    for name in ("a", "b"):
        ledger.input(record("cx.purchases", b"lan", json.dumps(whole | {"id": name}).encode()))
    ledger.input(record("cx.purchases", b"lan", json.dumps(data).encode(), headers))
    assert ledger.duplicates == 2

    for other in ({"source": "/web"}, {"type": "purchase.cancelled"}, {"data": {"order_id": "o2"}}):
        ledger.input(record("cx.purchases", b"lan", json.dumps(whole | {"id": str(other)} | other).encode()))
    ledger.input(record("cx.purchases", b"mai", json.dumps(whole | {"id": "m"}).encode()))
    ledger.input(record("cx.purchases", b"lan", None, (*headers[:1], ("ce_id", b"d"), *headers[2:])))
    assert ledger.duplicates == 2


@pytest.mark.parametrize(
    ("refused_ones", "reason", "repeats"),
    [
        ((), Reason.INVALID, 2),
        ((0,), Reason.TOO_LATE, 1),  # one of the others was taken, and the last repeats it
        ((0, 1), Reason.TOO_LATE, 0),
        ((0, 1, 2), Reason.TOO_LATE, 0),
        ((0,), Reason.UNKNOWN_ORDER, 2),  # it was taken and given up later: both others were repeats
        ((0,), Reason.REFUND_TOO_LARGE, 2),
        ((0,), Reason.UNKNOWN_HOLD, 2),
        ((0, 1), Reason.UNKNOWN_CASE, 1),
    ],
)
def test_a_dead_letter_is_not_a_repeat_as_well(refused_ones: tuple[int, ...], reason: Reason, repeats: int) -> None:
    inputs = [event("a") for _ in range(3)]
    letters = [refused(inputs[place], reason) for place in refused_ones]
    for seed in range(20):
        ledger = Ledger()
        mixed = [*inputs, *letters]
        random.Random(seed).shuffle(mixed)
        for found in mixed:
            (ledger.input if found in inputs else ledger.dead_letter)(found)

        assert (ledger.duplicates, ledger.dead_letters, ledger.foreign_letters) == (repeats, len(letters), 0)


def test_a_dead_letter_counts_by_the_position_of_its_record() -> None:
    ledger = Ledger()
    wrong, other = event("a"), event("a")
    for found in (wrong, other):
        ledger.input(found)
    for found in (wrong, other, wrong):
        ledger.dead_letter(refused(found))

    assert (ledger.dead_letters, ledger.repeated_letters) == (2, 1)
    assert ledger.reasons() == {Reason.INVALID: 2}


def test_a_record_that_cannot_be_read_is_an_event_without_a_name() -> None:
    ledger = Ledger()
    for value in (b"no json", None, b"[1]", b'{"id": 7, "source": "s"}', b'{"id": "\\ud800", "source": "s"}'):
        ledger.input(record("cx.purchases", b"lan", value))

    assert (ledger.events_in, ledger.duplicates) == (5, 0)


def test_an_event_in_binary_mode_is_the_same_as_in_one_document() -> None:
    binary = record("cx.purchases", b"lan", b"{}", (("ce_source", b"/till"), ("ce_id", b"a"), ("ce_type", b"t")))

    assert identity_of(binary) == identity_of(event("a")) == ("/till", "a")


def test_of_a_customer_the_last_changelog_record_counts() -> None:
    ledger = Ledger()
    ledger.changelog(state("lan", 1))
    assert ledger.holdings() == [Holding("lan", 1, "member", 1)]

    ledger.changelog(state("lan", 2, "gold"))
    ledger.changelog(state("mai", 1))
    assert ledger.holdings() == [Holding("lan", 2, "gold", 1), Holding("mai", 1, "member", 1)]

    ledger.changelog(record("cx-customers-changelog", b"lan", None))
    assert [holding.customer for holding in ledger.holdings()] == ["mai"]


def test_a_partitions_own_record_is_no_customer() -> None:
    ledger = Ledger()
    ledger.changelog(record("cx-customers-changelog", b"\x00partition", b"?"))

    assert ledger.holdings() == []


def test_outputs_are_counted_by_type_and_once_each() -> None:
    ledger = Ledger()
    for about in ("a", "b", "a"):
        ledger.output(output(about), seen=0)

    assert ledger.outputs == {"tier.upgraded": 2}
    assert (ledger.repeated_outputs, len(ledger.output_ids), len(ledger.latest["tier"])) == (1, 2, 2)


def test_latency_goes_from_the_sending_of_the_cause_to_the_reader() -> None:
    ledger = Ledger()
    ledger.input(event("a", sent_ms=1_000))
    ledger.output(output("x", cause="a"), seen=1_020_000)

    assert ledger.latencies.percentile_ms(50) == pytest.approx(20, abs=0.11)
