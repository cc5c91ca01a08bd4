"""Gifts that vendors make: ordered once, paid for while they are awaited, and given once whatever the vendor says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cx.desk.desk import CODE_OVER, CODE_USED
from cx.desk.state import Account, Claim, Code
from cx.intake import NotTakenError
from schemas.errors import Reason
from schemas.gift_requests import FALLBACKS_MAX
from tests.cx.desk.counter import DAY, START, Counter, answers, uuid

SECOND = timedelta(seconds=1)


def desk() -> Counter:
    """Return a desk with films that Studio makes for 80, and a budget for three of them."""
    made = Counter()
    made.lists("film", cost=80, vendor="studio")
    made.lists("cake", cost=50)
    made.budget(total=240)
    return made


def spent(counter: Counter) -> int:
    return next(int(account.spent[2]) for account in counter.of(Account) if account.limits[2] == 240)


def test_a_gift_is_ordered_once_and_paid_for_and_given_when_it_is_made() -> None:
    counter = desk()
    assert counter.asks("r1", "film", "cake") == ""
    (order,) = counter.orders
    data = {"request_id": uuid("r1"), "reward_id": uuid("reward of r1"), "gift_id": "film", "vendor": "studio"}
    assert order["data"] == data | {"face_value": 100, "currency": "VND"}
    assert (order["subject"], spent(counter)) == ("shop", 80)

    counter.asks("r1", "film", "cake")
    assert counter.makes("r1", "film", "f1") == "film *f1"
    assert (len(counter.orders), spent(counter)) == (1, 80)
    assert counter.says("claim.redeemed", "r1") == ""


def test_what_a_vendor_makes_is_told_by_the_terms_it_was_ordered_by() -> None:
    counter = desk()
    counter.lists("film", cost=80, vendor="studio", valid_days=30, remind_days=5, card_kind="voucher")
    counter.asks("r1", "film")
    counter.lists("film", cost=90, vendor="studio", valid_days=7, card_kind="physical", face_value=500, brand="Other")
    assert counter.makes("r1", "film", "f1") == "film *f1"

    data = counter.told[-1]["data"]
    told = tuple(data[name] for name in ("brand", "card_kind", "face_value", "cost", "valid_until"))
    assert told == ("Film", "voucher", 100, 80, "2026-04-09T03:00:00Z")
    assert counter.passes(25 * DAY) == ["gift.expiring film"]
    assert not any(claim.ordered for claim in counter.of(Claim)), "kept no longer than needed"
    counter.asks("r2", "film")
    counter.makes("r2", "film", "f2")
    assert counter.told[-1]["data"]["face_value"] == 500


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_who_asked_before_others_waits_before_them_once_the_vendor_has_failed(place: int) -> None:
    counter = desk()
    counter.budget()
    for number in range(4):
        gifts = ("film", "cake") if number == place else ("cake",)
        counter.asks(f"r{number}", *gifts, wait_days=9)
        counter.now += SECOND
    assert counter.fails(f"r{place}", "film") == "waitlisted"

    given = []
    for number in range(4):
        counter.adds("cake", f"c{number}")
        assert counter.passes(SECOND) == ["gift.allocated cake"]
        given.append(counter.told[-1]["data"]["request_id"])
    assert given == [uuid(f"r{number}") for number in range(4)]


def test_who_asked_at_the_same_instant_waits_as_they_came() -> None:
    counter = desk()
    for name in ("r1", "r2"):
        counter.asks(name, "cake", wait_days=9)
    counter.adds("cake", "c1")

    counter.passes(SECOND)
    assert counter.told[-1]["data"]["request_id"] == uuid("r1")


def test_what_a_vendor_did_not_make_leaves_no_terms_to_what_is_given_instead() -> None:
    counter = desk()
    counter.adds("cake", "c1")
    counter.asks("r1", "film", "cake")
    counter.fails("r1", "film")

    assert counter.told[-1]["data"]["brand"] == "Cake"


def test_stock_comes_before_the_vendor() -> None:
    counter = desk()
    counter.adds("film", "s1")

    assert counter.asks("r1", "film") == "film *s1"
    assert counter.asks("r2", "film") == ""
    assert len(counter.orders) == 1


def test_what_is_awaited_is_paid_and_a_budget_that_has_run_out_orders_nothing() -> None:
    counter = desk()
    for number in range(3):
        counter.asks(f"r{number}", "film")

    assert counter.asks("r3", "film") == "refused budget-programme-total"
    assert counter.fails("r0", "film") == "refused vendor-failed"
    assert counter.asks("r4", "film") == ""
    assert (len(counter.orders), spent(counter)) == (4, 240)


def test_what_a_vendor_does_not_make_is_paid_back_and_the_next_gift_is_tried() -> None:
    counter = desk()
    counter.adds("cake", "c1")
    counter.asks("r1", "film", "cake", wait_days=3)

    assert counter.fails("r1", "film", "vendor-refused") == "cake *c1"
    assert counter.told[-1]["data"]["tried"] == [{"gift_id": "film", "reason": "vendor-refused"}]
    assert spent(counter) == 50
    counter.asks("r2", "film", "cake", wait_days=3)
    assert counter.fails("r2", "film") == "waitlisted"
    counter.adds("cake", "c2")
    assert counter.passes(DAY) == ["gift.allocated cake"]
    assert counter.told[-1]["data"]["tried"] == [{"gift_id": "film", "reason": "vendor-failed"}]
    assert len(counter.orders) == 2, "what failed is not ordered again"


@pytest.mark.parametrize("served", ["g0", "g4", ""])
def test_as_many_gifts_as_a_request_can_name_are_told_once_each_after_a_wait(served: str) -> None:
    counter = desk()
    others = [f"g{number}" for number in range(FALLBACKS_MAX)]
    for gift in others:
        counter.lists(gift, cost=50)
    counter.asks("r1", *others, "film", wait_days=3)
    assert counter.fails("r1", "film") == "waitlisted"
    if served:
        counter.adds(served, "c1")

    said = f"gift.allocated {served}" if served else "gift.refused out-of-stock"
    assert counter.passes(3 * DAY - SECOND if served else 3 * DAY) == [said]
    tried = [one["gift_id"] for one in counter.told[-1]["data"]["tried"]]
    assert tried == [one for one in (*others, "film") if one != served]
    assert counter.told[-1]["data"]["tried"][-1] == {"gift_id": "film", "reason": "vendor-failed"}


@pytest.mark.parametrize("first", ["makes", "fails"])
def test_an_answer_that_comes_twice_or_after_another_changes_nothing(first: str) -> None:
    counter = desk()
    counter.asks("r1", "film")
    if first == "makes":
        counter.makes("r1", "film", "f1")
    else:
        counter.fails("r1", "film")
    before = dict(counter.entries)

    assert counter.fails("r1", "film") == ""
    if first == "makes":
        assert counter.makes("r1", "film", "f1") == ""
    with pytest.raises(NotTakenError) as refusal:
        counter.makes("r1", "film", "f2")
    assert refusal.value.reason is Reason.CONFLICTING_ID
    assert counter.entries == before
    assert len(list(answers(counter, "r1"))) == 1


def test_a_code_that_somebody_has_or_that_is_over_is_no_gift() -> None:
    counter = desk()
    for name in ("r1", "r2", "r3"):
        counter.asks(name, "film")
    counter.makes("r1", "film", "f1")

    assert counter.makes("r2", "film", "f1") == f"refused {CODE_USED}"
    assert counter.makes("r3", "film", "f3", valid_until=START.isoformat()) == f"refused {CODE_OVER}"
    assert spent(counter) == 80


@pytest.mark.parametrize(("made", "left"), [(True, 80), (False, 0)])
def test_what_is_withdrawn_while_it_is_awaited_is_nobodys_and_paid_for_only_if_it_is_made(
    left: int, *, made: bool
) -> None:
    counter = desk()
    counter.asks("r1", "film")

    assert counter.withdraws("r1") == "withdrawn"
    assert (counter.withdraws("r1"), spent(counter)) == ("", 80)
    said = counter.makes("r1", "film", "f1") if made else counter.fails("r1", "film")
    assert (said, spent(counter)) == ("", left)
    assert [code.spent for code in counter.of(Code)] == [True] * made
    assert answers(counter, "r1") == ["gift.withdrawn"]


def test_who_waits_is_served_by_a_vendor_that_makes_the_gift_from_now_on() -> None:
    counter = desk()
    counter.asks("r1", "cake", wait_days=3)
    counter.lists("cake", cost=50, vendor="bakery")

    assert counter.passes(DAY) == []
    assert [order["data"]["vendor"] for order in counter.orders] == ["bakery"]
    assert counter.makes("r1", "cake", "c1") == "cake *c1"


def test_a_gift_that_was_made_and_not_seen_comes_into_stock_when_its_reward_is_lost() -> None:
    counter = desk()
    counter.asks("r1", "film")
    counter.makes("r1", "film", "f1")

    assert counter.withdraws("r1") == "withdrawn and returned"
    assert (counter.stock("film"), spent(counter)) == (1, 0)
    assert counter.asks("r2", "film") == "film *f1"
    assert counter.makes("r1", "film", "f1") == "", "said again, of what is somebody else's by now"


def test_of_a_request_that_nobody_made_a_vendor_can_say_nothing() -> None:
    with pytest.raises(NotTakenError) as refusal:
        desk().makes("r1", "film", "f1")
    assert refusal.value.reason is Reason.UNKNOWN_REWARD
