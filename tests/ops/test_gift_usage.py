"""How gifts are used: facts once, in any order, and what is counted of them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cli.screen.gift_usage import lines, page, tables
from cx.calendar import DAY, HOUR, Calendar
from ops.gifts.facts import FILE, Fact, Facts, fact_of
from ops.gifts.usage import usage
from tests.schemas.samples import changed, least, written
from tests.spec import at, day

if TYPE_CHECKING:
    from pathlib import Path

    from ops.gifts.usage import By

START = at("2026-03-10T10:00")
ZONE = Calendar("Asia/Ho_Chi_Minh")


def fact(kind: str, when: int, reward: str = "r1", claim: str = "", **more: Any) -> Fact:
    parts: dict[str, Any] = {"tier": "", "gift": "", "brand": "", "amount": 0} | more
    return Fact(id=f"{reward} {kind} {claim} {when}", reward=reward, claim=claim, kind=kind, at=when, **parts)


def issued(when: int = START, reward: str = "r1", claim: str = "c1", **more: Any) -> Fact:
    return fact("issued", when, reward, claim, **{"tier": "gold", "gift": "coffee", "brand": "B", "amount": 50} | more)


def paid(when: int = START, reward: str = "r1", claim: str = "c1", amount: int = 40) -> Fact:
    return fact("paid", when, reward, claim, amount=amount)


def counted(*facts: Fact, by: By = "gift", first: str = "2026-03-01", last: str = "2026-03-31") -> dict[str, Any]:
    ordered = sorted(facts, key=lambda one: (one.reward, one.at, one.kind))
    found = usage(ordered, by, day(first), day(last), ZONE)
    return {name: {key: value for key, value in one.as_data().items() if value} for name, one in found.items()}


def test_a_gift_is_counted_with_its_cost_and_how_long_it_took() -> None:
    used = fact("redeemed", START + 3 * DAY)

    assert counted(issued(), paid(), used) == {
        "coffee": {
            "issued": 1,
            "redeemed": 1,
            "face_value": 50,
            "cost": 40,
            "redemption_pct": 100.0,
            "days_to_redeem": 3.0,
        }
    }


def test_the_share_that_was_used_is_of_the_gifts_issued_then_and_never_more_than_all() -> None:
    used = fact("redeemed", START + 30 * DAY)
    other = fact("redeemed", START + 31 * DAY, "r2")
    new = issued(START + 32 * DAY, "r3")
    found = counted(issued(), used, issued(reward="r2", claim="c2"), other, new, by="month", last="2026-04-30")
    assert {
        name: (one.get("issued"), one.get("redeemed"), one.get("redemption_pct")) for name, one in found.items()
    } == {
        "2026-03": (2, None, 100.0),
        "2026-04": (1, 2, None),
    }
    later = counted(issued(), used, new, by="month", first="2026-04-01", last="2026-04-30")
    assert later["2026-04"].get("redemption_pct") is None, "what was issued before does not count"


def test_a_use_that_is_said_twice_is_one_and_one_of_no_reward_none() -> None:
    found = counted(issued(), fact("redeemed", START + 1), fact("redeemed", START + 2), fact("redeemed", START, "r9"))

    assert found["coffee"]["redeemed"] == 1
    assert list(found) == ["coffee"]


def test_what_came_back_costs_nothing() -> None:
    found = counted(issued(), paid(), fact("revoked", START + HOUR), fact("returned", START + HOUR, claim="c1"))

    assert found == {"coffee": {"issued": 1, "revoked": 1, "face_value": 50}}


def test_what_the_budgets_paid_counts_though_nobody_was_told_of_the_gift() -> None:
    given = paid()._replace(gift="coffee")
    assert counted(given) == {"coffee": {"cost": 40}}
    assert counted(given, fact("returned", START + HOUR, claim="c1")) == {"coffee": {}}


def test_what_comes_back_is_of_the_gift_that_was_paid_and_of_its_own_month() -> None:
    again = issued(START + 2 * DAY, claim="c2", gift="cake")
    back = fact("returned", START + 30 * DAY, claim="c1")
    facts = (issued(), paid(), fact("revoked", START + DAY), paid(START + 2 * DAY, claim="c2", amount=60), again, back)
    assert {name: one["cost"] for name, one in counted(*facts).items()} == {"cake": 60, "coffee": 40}
    assert {name: one.get("cost", 0) for name, one in counted(*facts, last="2026-04-30").items()} == {
        "cake": 60,
        "coffee": 0,
    }
    assert counted(*facts, by="month", last="2026-04-30")["2026-04"] == {"cost": -40}


def test_of_one_offer_one_choice_counts() -> None:
    chosen = [fact("chosen", START + hours * HOUR) for hours in (1, 2, 3)]
    assert counted(fact("offered", START, gift="coffee"), *chosen, by="month")["2026-03"] == {"offered": 1, "chosen": 1}
    assert counted(*chosen) == {}


def test_what_is_not_from_the_desk_costs_its_face_value() -> None:
    assert counted(issued(claim=""))["coffee"]["cost"] == 50


@pytest.mark.parametrize(
    ("last", "liability"), [("2026-03-09", 0), ("2026-03-10", 50), ("2026-03-12", 50), ("2026-03-13", 0)]
)
def test_liability_is_what_could_be_used_at_the_end(last: str, liability: int) -> None:
    found = counted(issued(), fact("expired", START + 3 * DAY), last=last)

    assert sum(one.get("liability", 0) for one in found.values()) == liability


def test_liability_is_also_of_what_was_issued_before_the_first_day() -> None:
    assert counted(issued(), first="2026-03-20") == {"coffee": {"liability": 50}}


def test_a_reward_that_is_given_again_counts_twice_each_with_its_own_gift() -> None:
    again = issued(START + 2 * DAY, claim="c2", gift="cake", amount=70)
    found = counted(issued(), fact("revoked", START + DAY), again, fact("redeemed", START + 3 * DAY))

    assert {name: (one["issued"], one.get("revoked"), one.get("redeemed")) for name, one in found.items()} == {
        "cake": (1, None, 1),
        "coffee": (1, 1, None),
    }


@pytest.mark.parametrize(
    ("by", "groups"),
    [("month", ["2026-03", "2026-04"]), ("tier", ["gold"]), ("gift", ["coffee"]), ("brand", ["B"])],
)
def test_rows_are_by_local_month_tier_gift_or_brand(by: By, groups: list[str]) -> None:
    # Half past midnight on 1 April in Ho Chi Minh City is still March in Greenwich.
    facts = fact("offered", START), issued(), fact("redeemed", at("2026-04-01T00:30"))

    assert list(counted(*facts, by=by, last="2026-04-30")) == groups


def test_what_is_offered_and_never_issued_counts_by_what_is_known_of_it() -> None:
    found = counted(fact("offered", START, tier="gold"), fact("unavailable", START + 1, gift="tea"), by="tier")

    assert found == {"gold": {"offered": 1, "unavailable": 1}}


@given(st.permutations([issued(), paid(), fact("redeemed", START + 1), issued(START, "r2", "c2")]), st.integers(0, 3))
def test_facts_are_kept_once_in_whatever_order_they_come(tmp_path_factory: Any, facts: list[Fact], again: int) -> None:
    with Facts(tmp_path_factory.mktemp("facts") / FILE) as kept:
        kept.add(facts, {("cx.rewards", 0): 3})
        kept.add(facts[:again], {("cx.rewards", 0): 5})

        assert kept.positions() == {("cx.rewards", 0): 5}
        assert sorted(kept.by_reward()) == sorted(facts)
        assert [one.reward for one in kept.by_reward()] == ["r1", "r1", "r1", "r2"]


def test_facts_and_how_far_was_read_are_kept_together(tmp_path: Path) -> None:
    with Facts(tmp_path / FILE) as kept:
        kept.add([issued()], {("cx.rewards", 0): 1})
        with pytest.raises(ZeroDivisionError):
            kept.add((paid(START // more) for more in (1, 0)), {("cx.rewards", 0): 2})

        assert (kept.positions(), len(list(kept.by_reward()))) == ({("cx.rewards", 0): 1}, 1)
        kept.empty()
        assert (kept.positions(), list(kept.by_reward())) == ({}, [])


@pytest.mark.parametrize(
    ("topic", "kind", "more", "found"),
    [
        ("cx.gift-answers", "gift.allocated", {"data.cost": 40}, ("paid", "c1", 40)),
        ("cx.gift-answers", "gift.lapsed", {"data.returned": True}, ("returned", "", 0)),
        ("cx.gift-answers", "gift.lapsed", {"data.returned": False}, None),
        ("cx.gift-answers", "gift.waitlisted", {}, None),
        ("cx.reward-events", "gift.redeemed", {}, ("redeemed", "", 0)),
        ("cx.reward-events", "gift.delivered", {}, None),
    ],
)
def test_a_record_is_read_for_what_counts(topic: str, kind: str, more: dict[str, Any], found: Any) -> None:
    event = least(kind)
    for place, value in more.items():
        event = changed(event, place, value)
    read = fact_of(record(topic, written(event)))

    assert (read and (read.kind, read.claim if kind == "gift.allocated" else "", read.amount)) == found


def test_a_record_that_cannot_be_read_is_nothing_that_counts() -> None:
    assert fact_of(record("cx.rewards", b"{")) is None


def record(topic: str, value: bytes) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord(topic, 0, 0, 0, 0, b"lan", value, None, 3, len(value), ())


def test_a_page_and_lines_of_csv_say_what_there_is() -> None:
    rows = {
        "<coffee>": usage([issued(), paid()], "gift", day("2026-03-01"), day("2026-03-31"), ZONE)["coffee"].as_data()
    }
    drawn = page(rows, "gift", "Gifts & more", "VND")

    assert "&lt;coffee&gt;" in drawn
    assert "<h1>Gifts &amp; more</h1>" in drawn
    assert "<td>40 VND</td>" in drawn
    assert "http" not in drawn
    header, line = lines(rows, "gift").splitlines()
    assert header.startswith("gift,offered,chosen,issued,")
    assert line == "<coffee>,0,0,1,0,0,0,0,50,40,0.0,,50"


@pytest.mark.parametrize(("width", "parts"), [(80, 2), (129, 2), (130, 1)])
def test_amounts_are_whole_on_any_terminal(width: int, parts: int) -> None:
    facts = [issued(amount=20_322_000), paid(amount=20_322_000)]
    rows = {"2026-03": usage(facts, "month", day("2026-03-01"), day("2026-03-31"), ZONE)["2026-03"].as_data()}
    console = Console(file=io.StringIO(), width=width)
    drawn = tables(rows, "month", "VND", width)
    for part in drawn:
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert (len(drawn), text.count("2026-03"), text.count("20,322,000 VND"), "…" in text) == (parts, parts, 2, False)
