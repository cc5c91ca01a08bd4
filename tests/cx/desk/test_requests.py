"""Requests: one code, a fallback in order, or a reason; each answered once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cx.desk.state import Claim, Code
from cx.intake import NotTakenError
from tests.cx.desk.counter import DAY, START, Counter, answers, uuid


def stocked(**codes: int) -> Counter:
    counter = Counter()
    for gift, number in codes.items():
        counter.lists(gift)
        counter.adds(gift, *(f"{gift}-{n}" for n in range(1, number + 1)))
    return counter


def test_the_oldest_code_of_the_chosen_gift_is_given() -> None:
    counter = stocked(coffee=2, cake=1)

    assert counter.asks("r1", "coffee", "cake") == "coffee *coffee-1"
    assert counter.asks("r2", "coffee", "cake") == "coffee *coffee-2"
    assert counter.stock("coffee") == 0


def test_what_is_out_of_stock_falls_back_in_order() -> None:
    counter = stocked(cake=1, book=1)
    counter.lists("coffee")

    assert counter.asks("r1", "coffee", "cake", "book") == "cake *cake-1"
    assert counter.told[-1]["data"]["tried"] == [{"gift_id": "coffee", "reason": "out-of-stock"}]
    assert counter.asks("r2", "coffee", "cake", "book") == "book *book-1"


def test_a_refusal_names_what_was_chosen_and_tells_the_reason_of_each() -> None:
    counter = stocked(cake=0)
    counter.lists("coffee", listed=False)
    counter.adds("coffee", "c1")

    assert counter.asks("r1", "coffee", "cake", "tea") == "refused not-listed"
    assert [one["reason"] for one in counter.told[-1]["data"]["tried"]] == [
        "not-listed",
        "out-of-stock",
        "unknown-gift",
    ]


def test_an_answer_says_all_that_the_customer_is_to_be_told_and_no_more() -> None:
    counter = Counter()
    counter.lists("coffee", face_value=50_000, cost=45_000, valid_days=30, card_kind="voucher", brand="Highlands")
    counter.adds("coffee", "secret")
    counter.asks("r1", "coffee", customer="mai")
    event = counter.told[-1]

    assert event["subject"] == "mai"
    assert event["causationid"] == "e3"
    assert event["data"] == {
        "reward_id": uuid("reward of r1"),
        "request_id": uuid("r1"),
        "claim_id": uuid("r1"),
        "gift_id": "coffee",
        "brand": "Highlands",
        "card_kind": "voucher",
        "face_value": 50_000,
        "currency": "VND",
        "cost": 45_000,
        "masked": "*secret",
        "ciphertext": "c2VjcmV0",
        "key_id": "k1",
        "valid_until": "2026-04-09T03:00:00Z",
    }


def test_the_same_request_again_changes_nothing_and_another_under_its_id_is_refused() -> None:
    counter = stocked(coffee=2)
    counter.asks("r1", "coffee")
    before = dict(counter.entries)

    assert counter.asks("r1", "coffee") == ""
    with pytest.raises(NotTakenError, match="conflicting-id"):
        counter.asks("r1", "coffee", tier="gold")
    assert counter.entries == before


def test_an_answer_has_the_same_id_in_a_replay() -> None:
    ids = []
    for _ in range(2):
        counter = stocked(coffee=1)
        counter.asks("r1", "coffee")
        counter.asks("r2", "coffee")
        counter.withdraws("r1")
        ids.append([event["id"] for event in counter.told])

    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3


def test_a_code_comes_once_whatever_became_of_it() -> None:
    counter = stocked(coffee=1)
    counter.asks("r1", "coffee")
    counter.adds("coffee", "coffee-1")
    assert counter.stock("coffee") == 0
    counter.says("claim.redeemed", "r1")
    counter.adds("coffee", "coffee-1")
    with pytest.raises(NotTakenError, match="conflicting-id"):
        counter.adds("cake", "coffee-1")

    assert counter.stock("coffee") == counter.stock("cake") == 0


def test_what_is_no_ciphertext_is_refused() -> None:
    counter = stocked(coffee=0)
    with pytest.raises(NotTakenError, match=r"invalid at data\.ciphertext"):
        counter.adds("coffee", "c1", ciphertext="A")

    assert counter.of(Code) == []


def test_codes_may_come_before_their_gift_is_listed() -> None:
    counter = Counter()
    counter.adds("coffee", "c1")
    assert counter.asks("r1", "coffee") == "refused unknown-gift"
    counter.lists("coffee")

    assert counter.asks("r2", "coffee") == "coffee *c1"


def test_a_code_that_is_too_old_to_be_given_leaves_the_stock() -> None:
    counter = stocked(coffee=0)
    day = (START + DAY).isoformat()
    counter.adds("coffee", "c1", valid_until=(START + 9 * DAY).isoformat(), give_until=day)
    counter.adds("coffee", "c2", valid_until=day)
    counter.adds("coffee", "c3")
    counter.now += DAY  # no tick has come by, so they are still there
    assert counter.asks("r1", "coffee") == "coffee *c3"
    with pytest.raises(NotTakenError, match="too-late"):
        counter.adds("coffee", "c4", valid_until=day)

    assert counter.stock("coffee") == 0
    assert [code.spent for code in counter.of(Code)] == [True, True, False]


def test_a_tick_takes_old_codes_out_of_the_middle_of_the_stock() -> None:
    counter = stocked(coffee=1)
    for name in ("c1", "c2"):
        counter.adds("coffee", name, valid_until=(START + DAY).isoformat())
    counter.adds("coffee", "c3")
    counter.adds("coffee", "c4", valid_until=(START + DAY).isoformat())
    counter.passes(DAY)
    counter.adds("coffee", "c5")

    assert counter.stock("coffee") == 3
    given = [counter.asks(f"r{n}", "coffee") for n in range(4)]
    assert given == ["coffee *coffee-1", "coffee *c3", "coffee *c5", "refused out-of-stock"]


def test_a_gift_is_valid_no_longer_than_its_code() -> None:
    counter = stocked(coffee=0)
    counter.adds("coffee", "c1", valid_until=(START + 9 * DAY).isoformat())
    counter.asks("r1", "coffee")

    assert counter.told[-1]["data"]["valid_until"] == "2026-03-19T03:00:00Z"


def test_a_request_is_never_answered_before_it_was_made() -> None:
    counter = stocked(coffee=1)
    asked = counter.now + timedelta(seconds=5)
    counter.asks("r1", "coffee", at=asked)

    assert counter.told[-1]["time"] == "2026-03-10T03:00:05Z"


def test_what_ended_is_forgotten_after_400_days_and_is_not_asked_again() -> None:
    counter = stocked(coffee=1)
    asked = counter.now
    counter.asks("r1", "coffee")
    counter.says("claim.redeemed", "r1")
    counter.passes(400 * DAY - timedelta(microseconds=1))
    assert counter.claim("r1") is not None
    counter.passes(timedelta(microseconds=1))
    counter.adds("coffee", "c2")

    assert counter.of(Claim) == []
    assert counter.asks("r1", "coffee", at=asked) == "refused too-late"
    assert list(answers(counter, "r1")) == ["gift.allocated", "gift.refused"]


def test_the_newest_listing_counts_by_its_time_and_another_currency_is_refused() -> None:
    counter = stocked(coffee=1)
    counter.lists("coffee", face_value=8, at=START)
    counter.lists("coffee", face_value=7, at=START - DAY)
    with pytest.raises(NotTakenError, match="currency"):
        counter.lists("coffee", currency="USD")
    counter.asks("r1", "coffee")

    assert counter.told[-1]["data"]["face_value"] == 8
