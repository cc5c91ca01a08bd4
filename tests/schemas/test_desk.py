"""Events for the gift desk: read under their programme as key, and refused where they break the contract."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.desk import READERS, TOPIC_OF, parse
from schemas.errors import Reason, UnknownTopicError, Unreadable
from schemas.inputs import GIFT_CLOCK
from schemas.topics import TOPICS, Lane, Role
from tests.schemas.samples import OTHER_UUID, UUID, changed, written

GIFT = {"gift_id": "g1", "brand": "Highlands", "face_value": 100_000, "currency": "VND"}
CODE = {"code_id": UUID, "gift_id": "g1", "masked": "**34", "ciphertext": "c2VjcmV0", "key_id": "k1"}
REQUEST = {"request_id": OTHER_UUID, "reward_id": UUID, "customer_id": "lan", "gifts": ["g1", "g2"]}
LEAST: dict[str, dict[str, Any]] = {
    "gift.listed": GIFT,
    "budget.set": {"scope": "programme", "currency": "VND"},
    "code.added": CODE,
    "gift.requested": REQUEST,
    "reveal.requested": {"request_id": UUID},
    "claim.delivered": {"request_id": UUID},
    "claim.redeemed": {"request_id": UUID},
    "claim.withdrawn": {"request_id": UUID, "reason": "refund"},
    "vendor.fulfilled": CODE | {"request_id": OTHER_UUID},
    "vendor.failed": {"request_id": OTHER_UUID, "gift_id": "g1", "reason": "vendor-failed"},
    "clock.ticked": {},
}


def least(name: str) -> dict[str, Any]:
    envelope = {"specversion": "1.0", "id": "e1", "source": "test", "type": name, "time": "2026-03-01T10:00:00Z"}
    return envelope | ({} if name == "clock.ticked" else {"subject": "shop"}) | {"data": LEAST[name]}


def read(event: dict[str, Any], key: bytes = b"shop") -> Any:
    return parse(TOPIC_OF[event["type"]], key, written(event))


@pytest.mark.parametrize("name", LEAST)
def test_each_type_is_read_on_its_own_topic(name: str) -> None:
    assert read(least(name)).type == name
    for topic in set(READERS) - {TOPIC_OF[name]}:
        with pytest.raises(Unreadable):
            parse(topic, b"shop", written(least(name)))


def test_the_samples_are_of_all_types_and_the_topics_are_inputs_of_the_gifts_lane() -> None:
    assert set(LEAST) == set(TOPIC_OF)
    assert {(TOPICS[name].lane, TOPICS[name].role) for name in READERS} == {(Lane.GIFTS, Role.INPUT)}
    with pytest.raises(UnknownTopicError):
        parse("cx.purchases", b"shop", b"{}")


def test_the_key_is_the_programme_and_a_tick_has_none() -> None:
    with pytest.raises(Unreadable) as refusal:
        read(least("gift.listed"), b"other")
    assert refusal.value.reason is Reason.KEY_MISMATCH
    assert parse(GIFT_CLOCK, None, written(least("clock.ticked"))).type == "clock.ticked"


@pytest.mark.parametrize(
    ("name", "path", "good", "bad"),
    [
        ("gift.listed", "subject", "a" * 32, "a" * 33),
        ("gift.listed", "subject", "shop-1", "1shop"),
        ("gift.listed", "data.face_value", 1, 0),
        ("gift.listed", "data.cost", 0, -1),
        ("gift.listed", "data.valid_days", 1_100, 1_101),
        ("gift.listed", "data.remind_days", 0, -1),
        ("gift.listed", "data.listed", False, "no"),
        ("budget.set", "data", LEAST["budget.set"], {"scope": "tier", "currency": "VND"}),
        ("budget.set", "data", {"scope": "gift", "name": "g1", "currency": "VND"}, LEAST["budget.set"] | {"name": "g"}),
        ("budget.set", "data.total", 10**12, 10**12 + 1),
        ("code.added", "data.ciphertext", "YWI=", "no base64"),
        ("code.added", "data.valid_until", "2026-03-01T00:00:00Z", "2026-03-01"),
        ("gift.requested", "data.gifts", ["g1"], []),
        ("gift.requested", "data.gifts", ["1", "2", "3", "4", "5", "6"], ["1", "2", "3", "4", "5", "6", "7"]),
        ("gift.requested", "data.gifts", ["g1", "g2"], ["g1", "g1"]),
        ("gift.requested", "data.wait_days", 90, 91),
        ("gift.requested", "data.customer_id", "x" * 64, "x" * 65),
        ("gift.listed", "data.vendor", "got-it", ""),
        ("vendor.fulfilled", "data.ciphertext", "YWI=", "no base64"),
        ("vendor.failed", "data.reason", "vendor-refused", "out-of-stock"),
        ("claim.withdrawn", "data.request_id", UUID, "r1"),
    ],
)
def test_bounds_belong_to_the_good_side(name: str, path: str, good: Any, bad: Any) -> None:
    event = changed(least(name), path, good)
    read(event, event["subject"].encode())

    event = changed(least(name), path, bad)
    with pytest.raises(Unreadable):
        read(event, event["subject"].encode())
