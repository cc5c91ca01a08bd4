"""Waiting for stock: the oldest first, no longer than asked for, and never to be refused what there is enough of."""

from __future__ import annotations

from cx.desk import desk as rules
from cx.desk.state import Claim
from tests.cx.desk.counter import DAY, Counter, answers


def counter(*waiting: str) -> Counter:
    made = Counter()
    made.lists("coffee")
    made.lists("cake")
    for request in waiting:
        made.asks(request, "coffee", wait_days=10)
    return made


def given(desk: Counter) -> list[str]:
    return [event["data"]["masked"] for event in desk.told if event["type"] == "gift.allocated"]


def test_who_waits_longest_is_served_first_with_the_tick_after_stock_arrives() -> None:
    desk = counter()
    said = [desk.asks(request, "coffee", wait_days=10) for request in ("r1", "r2", "r3")]
    assert said == ["waitlisted"] * 3
    assert desk.told[-1]["data"]["wait_until"] == "2026-03-20T03:00:00Z"
    desk.adds("coffee", "c1", "c2")

    assert desk.passes(DAY) == ["gift.allocated coffee"] * 2
    assert list(answers(desk, "r1")) == list(answers(desk, "r2")) == ["gift.waitlisted", "gift.allocated"]
    assert list(answers(desk, "r3")) == ["gift.waitlisted"]


def test_nobody_comes_before_who_waits_but_gets_what_is_left_over() -> None:
    desk = counter("r1")
    desk.adds("coffee", "c1")
    assert desk.asks("r2", "coffee") == "refused out-of-stock"
    desk.adds("coffee", "c2")

    assert desk.asks("r3", "coffee") == "coffee *c1"
    assert desk.passes(DAY) == ["gift.allocated coffee"]
    assert list(answers(desk, "r1")) == ["gift.waitlisted", "gift.allocated"]


def test_who_would_take_either_gift_gets_one_and_waits_for_the_other_no_more() -> None:
    desk = counter()
    desk.asks("r1", "coffee", "cake", wait_days=10)
    desk.asks("r2", "cake", wait_days=10)
    desk.adds("cake", "k1")
    assert desk.passes(DAY) == ["gift.allocated cake"]
    assert given(desk) == ["*k1"]
    desk.adds("coffee", "c1")
    assert desk.passes(DAY) == []
    desk.adds("cake", "k2")

    assert desk.passes(DAY) == ["gift.allocated cake"]
    assert [list(answers(desk, request))[-1] for request in ("r1", "r2")] == ["gift.allocated"] * 2


def test_who_has_waited_long_enough_is_refused() -> None:
    desk = counter("r1", "r2")
    desk.asks("r3", "coffee", wait_days=20)
    said = desk.passes(10 * DAY)
    desk.adds("coffee", "c1")

    assert said == ["gift.refused out-of-stock"] * 2
    assert desk.passes(DAY) == ["gift.allocated coffee"]
    assert list(answers(desk, "r3")) == ["gift.waitlisted", "gift.allocated"]


def test_who_is_withdrawn_waits_no_more() -> None:
    desk = counter("r1", "r2", "r3")
    assert desk.withdraws("r2") == "withdrawn"
    desk.adds("coffee", "c1", "c2")
    desk.passes(DAY)

    assert [list(answers(desk, request))[-1] for request in ("r1", "r2", "r3")] == [
        "gift.allocated",
        "gift.withdrawn",
        "gift.allocated",
    ]


def test_a_budget_that_has_run_out_meanwhile_refuses_who_waited() -> None:
    desk = counter("r1")
    desk.asks("r2", "coffee", wait_days=10, tier="gold")
    desk.budget("tier", "gold", total=0)
    desk.adds("coffee", "c1", "c2")

    assert desk.passes(DAY) == ["gift.allocated coffee", "gift.refused budget-tier-total"]
    assert desk.stock("coffee") == 1


def test_who_cannot_be_paid_one_gift_waits_on_for_the_other() -> None:
    desk = counter()
    desk.asks("r1", "coffee", "cake", wait_days=10)
    desk.budget("gift", "coffee", total=0)
    desk.adds("coffee", "c1")
    assert desk.passes(DAY) == []
    desk.adds("cake", "k1")

    assert desk.passes(DAY) == ["gift.allocated cake"]


def test_a_refusal_after_a_wait_names_each_gift_with_what_was_found_last() -> None:
    desk = counter()
    desk.lists("book", listed=False)
    desk.asks("r1", "book", "coffee", "cake", wait_days=10)
    desk.budget("gift", "coffee", total=0)
    desk.adds("coffee", "c1")
    assert desk.passes(DAY) == []

    assert desk.passes(9 * DAY) == ["gift.refused not-listed"]
    found = {one["gift_id"]: one["reason"] for one in desk.told[-1]["data"]["tried"]}
    assert found == {"book": "not-listed", "coffee": "budget-gift-total", "cake": "out-of-stock"}


def test_a_budget_that_ends_a_wait_is_the_reason_only_where_it_stood_against_the_chosen_gift() -> None:
    desk = counter()
    desk.asks("r1", "nothing", "coffee", wait_days=10)
    desk.budget("gift", "coffee", total=0)
    desk.adds("coffee", "c1")

    assert desk.passes(DAY) == ["gift.refused unknown-gift"]
    assert [one["reason"] for one in desk.told[-1]["data"]["tried"]] == ["unknown-gift", "budget-gift-total"]


def test_nobody_waits_for_a_budget() -> None:
    desk = counter()
    desk.adds("coffee", "c1")
    desk.budget(total=0)

    assert desk.asks("r1", "coffee", wait_days=10) == "refused budget-programme-total"


def test_a_code_that_comes_back_goes_to_who_waits() -> None:
    desk = counter()
    desk.adds("coffee", "c1")
    desk.asks("r1", "coffee")
    desk.asks("r2", "coffee", wait_days=10)
    desk.withdraws("r1")

    assert desk.passes(DAY) == ["gift.allocated coffee"]
    assert given(desk) == ["*c1", "*c1"]


def test_a_gift_that_is_not_listed_any_more_serves_nobody() -> None:
    desk = counter("r1")
    desk.lists("coffee", listed=False)
    desk.adds("coffee", "c1")
    assert desk.passes(DAY) == []
    desk.lists("coffee")

    assert desk.passes(DAY) == ["gift.allocated coffee"]


def test_a_desk_that_is_behind_answers_with_the_tick_in_the_order_of_asking() -> None:
    desk = counter()
    desk.behind = True
    assert [desk.asks(request, "coffee", wait_days=1) for request in ("r1", "r2", "r3", "r4")] == [""] * 4
    assert desk.withdraws("r2") == "withdrawn"
    desk.behind = False
    assert desk.asks("r5", "coffee") == "", "nobody comes before who waits for an answer"
    desk.adds("coffee", "c1", "c2")
    desk.budget(total=100)

    assert desk.passes(DAY) == ["gift.allocated coffee", *["gift.refused budget-programme-total"] * 3]
    assert list(answers(desk, "r1")) == ["gift.allocated"]
    assert desk.asks("r6", "cake") == "refused budget-programme-total", "at once again"


def test_a_code_that_runs_out_with_the_tick_serves_nobody() -> None:
    desk = counter("r1")
    desk.adds("coffee", "c1", valid_until=(desk.now + DAY).isoformat())

    assert desk.passes(DAY) == []
    assert desk.stock("coffee") == 0


def test_more_than_one_look_may_serve_are_served_in_the_same_tick() -> None:
    desk = counter(*(f"r{n}" for n in range(rules.SERVED_MAX + 1)))
    desk.adds("coffee", *(f"c{n}" for n in range(rules.SERVED_MAX + 1)))

    assert len(desk.passes(DAY)) == rules.SERVED_MAX + 1
    assert all(not claim.waits for claim in desk.of(Claim))
