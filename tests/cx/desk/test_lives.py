"""What becomes of a gift: seen, delivered, used, run out, taken back; and whether its code returns to stock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cx.desk.budgets import name_of
from cx.desk.state import Claim, Code
from cx.intake import NotTakenError
from tests.cx.desk.counter import DAY, START, Counter, uuid


def counter(**terms: Any) -> Counter:
    made = Counter()
    made.lists("coffee", valid_days=30, **terms)
    made.adds("coffee", "c1")
    assert made.asks("r1", "coffee") == "coffee *c1"
    return made


def test_a_code_is_shown_only_once_the_desk_has_said_so_and_then_never_returns() -> None:
    desk = counter()
    assert desk.says("reveal.requested", "r1") == "unsealed"
    assert desk.says("reveal.requested", "r1") == ""

    assert desk.withdraws("r1") == "withdrawn"
    assert desk.says("reveal.requested", "r1") == "refused withdrawn"
    assert desk.says("reveal.requested", "r1") == "refused withdrawn"
    assert len({event["id"] for event in desk.told}) == len(desk.told), "each time that it is asked"
    assert desk.stock("coffee") == 0


@pytest.mark.parametrize("kind", ["claim.delivered", "claim.redeemed"])
def test_what_was_delivered_or_used_before_it_was_shown_can_still_be_shown(kind: str) -> None:
    desk = counter()
    desk.says(kind, "r1")

    assert desk.says("reveal.requested", "r1") == "unsealed"
    assert ("valid_until" in desk.told[-1]["data"]) == (kind == "claim.delivered"), "what was used has no end"
    assert desk.says("reveal.requested", "r1") == "", "it is said once"
    assert desk.withdraws("r1") == ("withdrawn" if kind == "claim.delivered" else "")
    assert desk.stock("coffee") == 0


@pytest.mark.parametrize("kind", ["claim.delivered", "claim.redeemed"])
def test_what_was_shown_and_then_delivered_or_used_is_not_unsealed_again(kind: str) -> None:
    desk = counter()
    desk.says("reveal.requested", "r1")
    desk.says(kind, "r1")

    assert desk.says("reveal.requested", "r1") == ""


def test_what_was_delivered_does_not_return() -> None:
    desk = counter()
    desk.says("claim.delivered", "r1")

    assert desk.withdraws("r1") == "withdrawn"
    assert desk.stock("coffee") == 0


def test_what_nobody_has_seen_returns_and_goes_to_somebody_else() -> None:
    desk = counter()
    assert desk.withdraws("r1") == "withdrawn and returned"
    assert desk.says("reveal.requested", "r1") == "refused withdrawn"
    assert desk.withdraws("r1") == ""

    assert desk.asks("r2", "coffee", customer="mai") == "coffee *c1"
    with pytest.raises(NotTakenError, match="unknown-reward"):
        desk.says("claim.redeemed", "r1")


@pytest.mark.parametrize("reason", ["expired", "cancelled"])
def test_a_code_that_its_vendor_ended_goes_to_nobody_else_and_stays_paid_for(reason: str) -> None:
    desk = counter()
    assert desk.says("claim.withdrawn", "r1", reason=reason) == "withdrawn"

    assert [code.spent for code in desk.of(Code)] == [True]
    assert desk.asks("r2", "coffee", customer="mai") == "refused out-of-stock"
    assert desk.book().account(name_of("programme", None)).spent[2] == 100


@pytest.mark.parametrize("reason", ["refund", "correction", "hold-confirmed", "recalled"])
def test_a_code_that_the_programme_takes_back_returns(reason: str) -> None:
    desk = counter()

    assert desk.says("claim.withdrawn", "r1", reason=reason) == "withdrawn and returned"
    assert desk.book().account(name_of("programme", None)).spent[2] == 0


def test_terms_may_say_that_nothing_returns() -> None:
    desk = counter(returns=False)

    assert desk.withdraws("r1") == "withdrawn"
    assert [code.spent for code in desk.of(Code)] == [True]


def test_a_code_that_is_too_old_by_now_does_not_return() -> None:
    desk = Counter()
    desk.lists("coffee")
    desk.adds("coffee", "c1", valid_until=(START + 9 * DAY).isoformat(), give_until=(START + DAY).isoformat())
    desk.asks("r1", "coffee")
    desk.passes(DAY)

    assert desk.withdraws("r1") == "withdrawn"


def test_a_gift_runs_out_at_its_end_and_its_code_returns_if_nobody_has_seen_it() -> None:
    desk = counter()
    assert desk.passes(30 * DAY - timedelta(microseconds=1)) == []
    assert desk.passes(timedelta(microseconds=1)) == ["gift.lapsed coffee"]

    assert desk.told[-1]["data"]["returned"]
    assert desk.stock("coffee") == 1


def test_what_was_seen_runs_out_with_its_code() -> None:
    desk = counter()
    desk.says("reveal.requested", "r1")
    desk.passes(30 * DAY)

    assert not desk.told[-1]["data"]["returned"]
    assert desk.says("reveal.requested", "r1") == "refused expired"
    assert desk.stock("coffee") == 0


@pytest.mark.parametrize("seen", [False, True])
def test_a_reminder_comes_once_before_the_end(*, seen: bool) -> None:
    desk = counter(remind_days=7)
    if seen:
        desk.says("reveal.requested", "r1")
    assert desk.passes(23 * DAY - timedelta(microseconds=1)) == []
    assert desk.passes(timedelta(microseconds=1)) == ["gift.expiring coffee"]
    assert desk.told[-1]["data"]["valid_until"] == "2026-04-09T03:00:00Z"

    assert desk.passes(DAY) == []
    assert desk.passes(6 * DAY) == ["gift.lapsed coffee"]


def test_there_is_no_reminder_where_it_would_come_with_the_gift() -> None:
    desk = counter(remind_days=30)

    assert desk.passes(DAY) == []
    assert desk.passes(29 * DAY) == ["gift.lapsed coffee"]


def test_there_is_no_reminder_of_what_has_run_out_by_then() -> None:
    desk = counter(remind_days=7)

    assert desk.passes(30 * DAY) == ["gift.lapsed coffee"]


def test_what_was_used_neither_runs_out_nor_is_taken_back() -> None:
    desk = counter(remind_days=7)
    desk.says("reveal.requested", "r1")
    desk.says("claim.redeemed", "r1")

    assert desk.withdraws("r1") == ""
    assert desk.says("reveal.requested", "r1") == ""
    assert desk.passes(30 * DAY) == []
    claim = desk.claim("r1")
    assert claim is not None
    assert claim.status == "redeemed"


def test_what_was_used_twice_was_used_once() -> None:
    desk = counter()
    desk.says("claim.redeemed", "r1")
    before = dict(desk.entries)
    desk.passes(DAY)
    desk.says("claim.redeemed", "r1")

    assert desk.entries == before


def test_a_use_that_is_known_too_late_is_noted_all_the_same() -> None:
    desk = counter()
    desk.says("reveal.requested", "r1")
    desk.passes(30 * DAY)
    desk.says("claim.redeemed", "r1")

    assert [claim.status for claim in desk.of(Claim)] == ["redeemed"]


@pytest.mark.parametrize("kind", ["reveal.requested", "claim.delivered", "claim.redeemed"])
def test_what_is_said_of_an_unknown_request_is_refused(kind: str) -> None:
    desk = counter()

    with pytest.raises(NotTakenError, match="unknown-reward"):
        desk.says(kind, "r9")
    assert desk.claim("r9") is None


def test_a_refused_request_has_nothing_to_show_use_or_take_back() -> None:
    desk = counter()
    desk.asks("r2", "coffee")

    assert desk.says("reveal.requested", "r2") == "refused refused"
    assert desk.withdraws("r2") == ""
    with pytest.raises(NotTakenError, match="unknown-reward"):
        desk.says("claim.redeemed", "r2")


def test_nothing_is_left_of_a_code_that_was_used() -> None:
    desk = counter()
    desk.says("claim.redeemed", "r1")
    (entry,) = desk.of(Code)

    assert entry == Code("coffee", spent=True)
    assert desk.entry(Code, "c", uuid("c1")) == entry
