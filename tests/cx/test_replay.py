"""The replay of one customer: ticks where they stand, requests answered once, and the same bytes in any order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cx import replay as replaying
from cx.calendar import DAY, HOUR, micros
from cx.decide import Decision, decide
from cx.replay import NO_ANSWERS, Answers, Clock, Replayed, letter, replay
from cx.rules import Rules
from cx.state import canonical
from cx.view import state_of
from schemas.errors import Reason, Unreadable
from schemas.inputs import parse_line
from tests.events import buys, event, redeems, refunds, ticks
from tests.spec import at, reward, rules

MARCH = at("2026-03-01T10:00")
POINTS = {"rates": [{"per": 10}]}
SHORT = rules(tiers={"ladder": [{"name": "member"}, {"name": "silver", "enter": {"spend": 1_000}}],
                     "window": {"rolling_days": 10}}, points=POINTS, rewards=[reward("gift", "silver")])  # fmt: skip


def replayed(*events: dict[str, Any], by: Rules = SHORT, until: int = 0, answers: Answers = NO_ANSWERS) -> Replayed:
    """Return what becomes of Lan; a tick among *events* counts from its place on."""
    clock, lines = Clock(), []
    for place, one in enumerate(events):
        value = json.dumps(one).encode()
        if one["type"] == "clock.ticked":
            clock.tick(place, micros(parse_line(value).time))
        else:
            lines.append((place, value))
    return replay("lan", lines, clock, until, by, answers=answers)


def told(found: Replayed) -> list[str]:
    return [output.event["type"] for output in found.outputs]


def refused(found: Replayed) -> list[tuple[int, str]]:
    return [(one.place, one.reason.value) for one in found.letters]


def test_a_tick_counts_from_where_it_stands() -> None:
    late = buys(MARCH, 500, "late")
    assert refused(replayed(ticks(MARCH + 31 * DAY), late)) == [(1, "too-late")]
    assert refused(replayed(ticks(MARCH + 31 * DAY), ticks(MARCH), late)) == [(2, "too-late")], "time does not go back"
    assert refused(replayed(late, ticks(MARCH + 31 * DAY))) == []


def test_what_falls_due_between_two_ticks_is_told_at_each() -> None:
    first, second = buys(MARCH), buys(MARCH + 15 * DAY, order="o2")
    assert told(replayed(first, ticks(MARCH + 11 * DAY), second, until=MARCH + 30 * DAY)) == [
        "tier.upgraded", "reward.issued", "points.earned",
        "tier.downgraded",
        "tier.upgraded", "points.earned",
        "tier.downgraded",
    ]  # fmt: skip


def test_ticks_that_go_back_or_come_often_change_nothing() -> None:
    plain = replayed(buys(MARCH), ticks(MARCH + 11 * DAY))
    often = replayed(buys(MARCH), *(ticks(MARCH + hour * HOUR) for hour in (1, 200, 264, 9, 264)))
    assert often.outputs == plain.outputs
    assert often.customer.head == plain.customer.head


def test_the_clock_comes_to_the_end_that_is_asked_for() -> None:
    assert replayed(buys(MARCH), until=MARCH + 10 * DAY).customer.head.tier == "member"
    assert replayed(buys(MARCH), until=MARCH + HOUR).customer.head.tier == "silver"


def test_what_waits_in_vain_is_given_up_by_the_clock() -> None:
    found = replayed(refunds(MARCH, "none"), buys(MARCH, 5, "o2"), until=MARCH + 30 * DAY)
    assert refused(found) == [(0, "unknown-order")]
    assert found.letters[0].at == MARCH + 30 * DAY


def test_a_line_that_is_refused_says_where_and_why_and_the_rest_goes_on() -> None:
    bad = buys(MARCH + HOUR, 7, "o3") | {"recordedtime": "2026-03-02T00:00:00Z"}
    bad["data"]["lines"][0]["amount"] = "7"
    found = replayed(buys(MARCH), bad, event("customer.merged", MARCH), buys(MARCH, 5, "o2"))
    assert refused(found) == [(1, "invalid"), (2, "not-yet-supported")]
    [first, second] = found.letters
    assert (first.loc, first.error_type, first.topic, first.key) == (
        "data.lines.0.amount", "int_type", "cx.purchases", b"lan",
    )  # fmt: skip
    assert first.at == at("2026-03-02T00:00", "UTC")
    assert (second.loc, second.topic) == ("type", "cx.touchpoints")
    assert [arrival.moment.id for arrival in found.taken] == ["buy-o1", "buy-o2"]


def test_a_rule_that_fails_parks_its_event(monkeypatch: Any) -> None:
    def failing(customer: Any, arrivals: Any, tick: int, by: Rules) -> Decision:
        if arrivals and arrivals[0].moment.id == "buy-o2":
            raise ZeroDivisionError
        return decide(customer, arrivals, tick, by)

    monkeypatch.setattr(replaying, "decide", failing)
    found = replayed(buys(MARCH), buys(MARCH, 5, "o2"), buys(MARCH, 5, "o3"))
    assert refused(found) == [(1, "rule-error")]
    assert len(found.taken) == 2


# Requests


EARNED, SPENT = buys(MARCH, 1_000), redeems(MARCH + 2 * HOUR, 100, "r2")
SOONER = redeems(MARCH + HOUR, 60, "r1")


def test_requests_are_judged_at_their_place_in_time_whatever_comes_first() -> None:
    for order in ((EARNED, SOONER, SPENT), (EARNED, SPENT, SOONER), (SPENT, SOONER, EARNED)):
        found = replayed(*order)
        assert (found.customer.head.ledger.spent, found.customer.head.ledger.balance) == (60, 40)
        answers = {
            o.event["data"]["request_id"]: o.event["type"] for o in found.outputs if "request_id" in o.event["data"]
        }
        assert answers == {"r1": "points.spent", "r2": "points.refused"}


def test_an_answer_that_was_given_stays() -> None:
    answers = Answers()
    answers.note("lan", "shop", "r1", 0)
    answers.note("lan", None, "r2", 0)  # as in outputs that name a request by its id alone
    answers.note("mai", "shop", "r1", 60)
    found = replayed(EARNED, SPENT, SOONER, answers=answers)
    assert (found.customer.head.ledger.spent, found.customer.head.ledger.balance) == (0, 100)


def test_what_was_granted_and_cannot_be_paid_is_a_debt() -> None:
    answers = Answers()
    answers.note("lan", "shop", "r1", 60)
    assert replayed(SOONER, answers=answers).customer.head.ledger.balance == -60


def test_requests_without_an_answer_are_judged_after_those_with_one() -> None:
    answers = Answers()
    answers.note("lan", "shop", "r1", 0)
    found = replayed(SPENT, SOONER, EARNED, answers=answers)
    assert found.customer.head.ledger.spent == 100


def test_what_was_given_up_before_its_order_came_is_nothing_to_a_request() -> None:
    vain = event("purchase.cancelled", MARCH, order_id="o1")
    bought, wish = buys(MARCH + 5 * DAY), redeems(MARCH + 7 * DAY, 60, "r1")
    for order in ((bought, wish), (wish, bought)):
        found = replayed(vain, ticks(MARCH + 30 * DAY), *order)
        assert refused(found) == [(0, "unknown-order")]
        assert found.customer.head.ledger.spent == 60


# Lines that cannot be read


@pytest.mark.parametrize(
    ("line", "topic", "key", "when"),
    [
        (
            b'{"type": "case.opened", "subject": "mai", "time": "2026-03-01T10:00:00+07:00"}',
            "cx.support",
            b"mai",
            MARCH,
        ),
        (b'{"type": "case.opened", "subject": 5, "time": "yesterday"}', "cx.support", None, 7),
        (b'{"type": "case.opened", "time": "2026-03-01T10:00:00"}', "cx.support", None, 7),
        (b'{"type":"purchase.completed","subject":"mai"', "cx.purchases", None, 7),
        (b'{"type":"purchase.dreamed","data":{"type":"case.opened"}}', "", None, 7),
        (b'{"type":"Feedback.Submitted","data":{"text":"words"}}', "cx.feedback", None, 7),
        (b'{"data":{"type":"case.opened"},"type":"feedback.submitted"', "cx.feedback", None, 7),
        (b"[]", "", None, 7),
        (b"\xff", "", None, 7),
    ],
)
def test_a_letter_says_what_can_be_read_of_a_line_all_the_same(
    line: bytes, topic: str, key: bytes | None, when: int
) -> None:
    found = letter(3, line, Unreadable(Reason.INVALID, "data", "missing"), 7)
    assert (found.place, found.topic, found.key, found.at) == (3, topic, key, when)


# Any order


LIFE = [
    event("customer.enrolled", MARCH, joined="2025-07-07"),
    buys(MARCH + 1 * HOUR, 600, "o1"),
    buys(MARCH + 2 * HOUR, 700, "o2"),
    redeems(MARCH + 3 * HOUR, 100, "r1"),
    refunds(MARCH + 1 * DAY, "o1"),
    redeems(MARCH + 2 * DAY, 40, "r2"),
    buys(MARCH + 3 * DAY, 400, "o3"),
    event("case.opened", MARCH + 3 * DAY, case_id="k1"),
    event("case.resolved", MARCH + 4 * DAY, case_id="k1"),
    event("feedback.submitted", MARCH + 4 * DAY, instrument="csat", score=2),
    event("tier.overridden", MARCH + 5 * DAY, tier="silver", until="2026-03-12T00:00:00Z"),
    event("points.adjusted", MARCH + 6 * DAY, points=-30),
    redeems(MARCH + 7 * DAY, 20, "r3"),
    refunds(MARCH + 8 * DAY, "o3"),
    refunds(MARCH + 8 * DAY, "nothing"),
    buys(MARCH + 9 * DAY, 1_200, "o4"),
]
END = MARCH + 25 * DAY


def state(*events: dict[str, Any]) -> bytes:
    found = replayed(*events, until=END)
    return canonical(state_of(found.customer, END, SHORT))


@settings(deadline=None)
@given(st.permutations(LIFE), st.sets(st.integers(0, len(LIFE))), st.integers(0, len(LIFE)))
def test_any_order_repeats_and_ticks_give_the_same_bytes(order: list[Any], again: set[int], place: int) -> None:
    log = [*order[:place], ticks(MARCH + 20 * DAY), *order[place:], *(order[one] for one in again if one < len(order))]
    assert state(*log) == state(*LIFE)


def test_the_same_bytes_are_those_of_a_life_in_which_much_happened() -> None:
    found = json.loads(state(*LIFE))
    assert (found["tier"], found["points"]["spent"], found["points"]["reversed"]) == ("member", 100, 130)
    assert [one["status"] for one in found["rewards"]] == ["owed"]


def test_a_reward_of_a_state_is_owed_or_lost_whether_anybody_was_told_or_not() -> None:
    told_first = json.loads(state(buys(MARCH), refunds(MARCH + HOUR)))
    never_told = json.loads(state(refunds(MARCH + HOUR), buys(MARCH)))
    assert [one["status"] for one in told_first["rewards"]] == ["lost"]
    assert never_told == told_first
