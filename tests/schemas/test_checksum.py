"""The checksum of what an event says: what makes a difference to it, and what a producer's retry may change."""

import json
from typing import Any

import pytest

from schemas.checksum import checksum
from schemas.envelope import encode_binary
from schemas.inputs import TOPIC_OF, parse
from tests.schemas.samples import LEAST, MORE, accepted, changed, full, least, without, written

NEW = {"version": 2, "tags": ["x"]}
CUSTOMERS = sorted(LEAST.keys() - {"clock.ticked"})


def sum_of(event: dict[str, Any]) -> int:
    return checksum(accepted(event).data)


def turned_round(part: object) -> object:
    """Return *part* with the keys of every object in the opposite order."""
    if isinstance(part, dict):
        return {name: turned_round(part[name]) for name in reversed(part)}
    return [turned_round(one) for one in part] if isinstance(part, list) else part


@pytest.mark.parametrize(
    ("name", "checksums"),
    [
        ("purchase.completed", (0x43ECE650E844C25F, 0xF7FC0F43CBE9337D)),
        ("purchase.refunded", (0x0617A7B18E8DEB64, 0xEABC182E788A6C6A)),
        ("case.opened", (0x3CB7E026924E917C, 0xFB393BA8466F3CDA)),
        ("feedback.submitted", (0x812F3C63D06172A8, 0x3E5DADECAAD65DDD)),
        ("customer.enrolled", (0x003C2DB7B9A2CA48, 0x003C2DB7B9A2CA48)),
        ("profile.updated", (0x01E7B720FF566D53, 0x779752C5DEFA3424)),
    ],
)
def test_a_checksum_is_the_same_in_every_release(name: str, checksums: tuple[int, int]) -> None:
    # It is kept in the state: another one would make a conflict of every repeat that comes after an upgrade.
    assert (sum_of(least(name)), sum_of(full(name))) == checksums


@pytest.mark.parametrize(
    ("name", "field"),
    [(name, field) for name in CUSTOMERS for field in MORE.get(name, {}) if field != "text"],
)
def test_every_field_that_may_be_left_out_counts(name: str, field: str) -> None:
    assert sum_of(without(full(name), f"data.{field}")) != sum_of(full(name))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.order_id", "o2"),
        ("data.lines.0.sku", "sku-2"),
        ("data.lines.0.quantity", 3),
        ("data.lines.0.category", "toys"),
        ("data.lines.0.amount", 50_001),
        ("data.payments.0.amount", 60_001),
        ("data.payments.1.kind", "points"),
    ],
)
def test_what_is_inside_a_list_counts(path: str, value: object) -> None:
    event = full("purchase.completed")

    assert sum_of(changed(event, path, value)) != sum_of(event)


def test_the_order_of_a_list_counts() -> None:
    event = full("purchase.completed")

    assert sum_of(changed(event, "data.payments", event["data"]["payments"][::-1])) != sum_of(event)


def test_the_text_of_feedback_is_forgotten_before_it_could_count() -> None:
    event = full("feedback.submitted")
    others = [changed(event, "data.text", "something else"), without(event, "data.text")]

    assert {sum_of(other) for other in others} == {sum_of(event)}


@pytest.mark.parametrize("name", CUSTOMERS)
def test_the_envelope_makes_no_difference(name: str) -> None:
    event = full(name)
    other = least(name) | {"id": "e2", "source": "till", "time": "2025-03-02T00:00:00Z", "data": event["data"]}

    assert sum_of(other) == sum_of(event)


@pytest.mark.parametrize("name", CUSTOMERS)
def test_binary_and_structured_mode_mean_the_same(name: str) -> None:
    event = full(name)
    data, headers = encode_binary(accepted(event))

    assert checksum(parse(TOPIC_OF[name], b"lan", data, headers).data) == sum_of(event)


@pytest.mark.parametrize("name", CUSTOMERS)
def test_the_order_of_keys_and_white_space_make_no_difference(name: str) -> None:
    event = full(name)
    other = json.dumps(turned_round(event), indent=3).encode()

    assert other != written(event)
    assert checksum(parse(TOPIC_OF[name], b"lan", other).data) == sum_of(event)


@pytest.mark.parametrize("path", ["data.new", "data.lines.0.new", "data.payments.0.new", "new"])
def test_a_field_that_the_contract_does_not_know_makes_no_difference(path: str) -> None:
    event = full("purchase.completed")

    assert sum_of(changed(event, path, NEW)) == sum_of(event)


@pytest.mark.parametrize(
    ("name", "field", "default"),
    [
        ("purchase.completed", "shipping", 0),
        ("purchase.completed", "store", None),
        ("purchase.completed", "payments", []),
        ("case.opened", "priority", "normal"),
        ("feedback.submitted", "case_id", None),
    ],
)
def test_a_default_written_out_makes_no_difference(name: str, field: str, default: object) -> None:
    assert sum_of(changed(least(name), f"data.{field}", default)) == sum_of(least(name))


@pytest.mark.parametrize("name", CUSTOMERS)
def test_a_checksum_fits_eight_bytes(name: str) -> None:
    assert 0 <= sum_of(full(name)) < 1 << 64
