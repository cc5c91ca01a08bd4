"""Care: what calls for it and when, how it is told, what answers it, and when it is over."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cx import alerts, cases, measures
from cx.calendar import DAY, HOUR, rfc3339
from cx.moments import AnyMoment, Overridden, ProfileUpdated
from cx.rules import Rules
from cx.state import NEVER, Alert, Head, Told
from tests.spec import (
    LADDER,
    NO_ALERTS,
    Spec,
    adjusted,
    answered,
    asked,
    at,
    bought,
    escalated,
    feedback,
    given,
    opened,
    refunded,
    reopened,
    resolved,
    rules,
    touched,
)

START = at("2026-03-01T10:00")


def caring(alert: str = "", *, policy: dict[str, Any] | None = None, **numbers: Any) -> Rules:
    """Rules in which one *alert* is on, with *numbers* of its own, over other parts of the *policy*."""
    return rules(**{"care": NO_ALERTS | ({alert: numbers} if alert else {})} | (policy or {}))


def told(story: Spec) -> list[str]:
    """Return the alerts that were told, as `silent warning`."""
    return [name.removeprefix("care.alerted ") for name in story.told if name.startswith("care.")]


def last(story: Spec) -> dict[str, Any]:
    """Return what was told last."""
    return [output.event for output in story.outputs if output.event["type"] == "care.alerted"][-1]


def shown(story: Spec) -> list[tuple[str, bool]]:
    """Return the alerts of the profile, and whether each is answered."""
    return [(alert["alert"], alert["answered"] is not None) for alert in story.profile["alerts"]]


# First response


@pytest.mark.parametrize(
    ("priority", "hours", "severity"),
    [("low", 48, "info"), ("normal", 24, "warning"), ("high", 8, "urgent"), ("urgent", 2, "urgent")],
)
def test_a_case_without_an_answer_in_time_alerts_by_its_priority(priority: str, hours: int, severity: str) -> None:
    due = START + hours * HOUR
    story = given(opened(START, priority=priority), by=caring("first_response"))

    assert told(story.tick(due)) == [], "an answer at this instant is in time"
    late = story.tick(due + 1)
    assert told(late) == [f"first-response {severity}"]
    assert (last(late)["time"], last(late)["data"]["facts"]) == (
        rfc3339(due),
        {"case": "k1", "topic": "delivery", "channel": "phone", "priority": priority, "hours": hours},
    )
    assert last(late)["data"]["help"] == ["answer-now", "call-back"]


@pytest.mark.parametrize(("answer", "expected"), [(24 * HOUR, []), (24 * HOUR + 1, ["first-response warning"])])
def test_an_answer_in_time_needs_no_alert(answer: int, expected: list[str]) -> None:
    story = given(opened(START), answered(START + answer), by=caring("first_response"))

    assert story.customer.head.sla_due == NEVER
    assert told(story.tick(START + 9 * DAY)) == expected
    assert shown(story) == [], "an answer, in time or not, is the end of it"


def test_a_late_case_counts_as_not_answered_in_time_from_its_instant_on_and_once() -> None:
    story = given(opened(START), opened(START, "k2"), answered(START + 1, "k2"))
    head, due = story.customer.head, START + 24 * HOUR
    assert [in_time(story, when) for when in (due, due + 1, due + DAY)] == [100, 50, 50]
    assert measures.turns_at(head, "answered_in_time_pct", 51, START + 1, story.rules) == due + 1

    story = story.when(answered(due + HOUR))
    assert (in_time(story, due + HOUR), story.customer.head.counts) == (50, {"answered": 2, "answered_in_time": 1})


def in_time(story: Spec, when: int) -> int | None:
    return measures.measure(story.customer.head, "answered_in_time_pct", when, story.rules)


def test_the_instant_is_known_at_which_the_share_answered_in_time_crosses_a_bound() -> None:
    story = given(*(opened(START + n * HOUR, f"k{n}") for n in range(3)), answered(START + 2 * HOUR, "k2"))

    def turns(bound: int, when: int = START + 2 * HOUR) -> int:
        return measures.turns_at(story.customer.head, "answered_in_time_pct", bound, when, story.rules)

    first, second = START + 24 * HOUR + 1, START + 25 * HOUR + 1
    assert [turns(bound) for bound in (100, 51, 50, 34, 33, 0)] == [first, first, second, second, NEVER, NEVER]
    assert [turns(100, first), turns(50, first), turns(50, second)] == [NEVER, second, NEVER]


def test_the_share_answered_in_time_is_known_once_the_first_case_is_late() -> None:
    story = given(opened(START))
    due = START + 24 * HOUR
    assert [in_time(story, due), in_time(story, due + 1)] == [None, 0]
    turns = [measures.turns_at(story.customer.head, "answered_in_time_pct", n, START, story.rules) for n in (0, 80)]
    assert turns == [due + 1, due + 1]


def test_a_level_that_asks_for_answers_in_time_falls_when_their_time_is_over() -> None:
    levels = [{"level": 2, "all": [{"measure": "answered_in_time_pct", "reach": 80, "unknown": "holds"}]}]
    story = given(opened(START), by=rules(levels=levels))
    late = story.tick(START + 24 * HOUR + 1)

    assert (story.customer.head.level, late.customer.head.level) == (2, 1)
    assert late.customer.head.level_since == START + 24 * HOUR + 1


def test_an_escalation_changes_neither_clock_nor_severity() -> None:
    story = given(opened(START), escalated(START + 1), by=caring("first_response")).tick(START + 2 * DAY)
    assert told(story) == ["first-response warning"]


def test_two_cases_are_late_each_at_its_instant() -> None:
    story = given(opened(START), opened(START + HOUR, "k2", "urgent"), by=caring("first_response"))
    assert told(story.tick(START + 3 * HOUR + 1)) == ["first-response urgent"]
    assert told(story.tick(START + DAY + 1)) == ["first-response urgent", "first-response warning"]


def test_an_answer_in_the_last_instant_of_another_case_leaves_that_one_its_instant() -> None:
    story = given(opened(START), opened(START + 1, "k2"), answered(START + DAY, "k2"), by=caring("first_response"))
    assert (told(story), told(story.tick(START + DAY + 1))) == ([], ["first-response warning"])


# Case reopened


@pytest.mark.parametrize(("times", "expected"), [(1, []), (2, ["case-reopened urgent"]), (3, ["case-reopened urgent"])])
def test_a_case_that_is_reopened_twice_alerts_once(times: int, expected: list[str]) -> None:
    back = [one for n in range(times) for one in (resolved(START + 2 * n + 1), reopened(START + 2 * n + 2))]
    story = given(opened(START), *back, by=caring("case_reopened"))

    assert told(story) == expected
    if expected:
        assert last(story)["causationid"] == f"reopen-k1-{START + 4}"
        assert shown(story) == [("case-reopened", False)]
        assert shown(story.when(resolved(START + 99))) == []


def test_a_case_that_comes_back_a_third_time_is_no_news_also_when_its_alert_is_forgotten() -> None:
    by, later = rules(care=NO_ALERTS | {"case_reopened": {}, "seam": {}}), START + 95 * DAY
    twice: list[AnyMoment] = [resolved(START + 1), reopened(START + 2), resolved(START + 3), reopened(START + 4)]
    story = given(opened(START), *twice, by=by).when(opened(later, "k2"), opened(later + 1, "k3", channel="chat"))

    assert [key.partition("/")[0] for key in story.customer.head.alerts] == ["seam"]
    again = story.when(resolved(later + 2)).when(reopened(later + 3))
    assert told(again) == ["case-reopened urgent", "seam warning"]


# Seams


@pytest.mark.parametrize(
    ("after", "more", "seam"),
    [
        (7 * DAY, {}, True),
        (7 * DAY + 1, {}, False),
        (HOUR, {"channel": "phone"}, False),
        (HOUR, {"topic": "payment"}, False),
    ],
)
def test_asking_again_over_another_channel_within_a_week_is_a_seam(
    after: int, more: dict[str, Any], *, seam: bool
) -> None:
    story = given(opened(START), opened(START + after, "k2", **({"channel": "chat"} | more)), by=caring("seam"))

    assert told(story) == ["seam warning"] * seam
    assert story.profile["seams"] == seam
    if seam:
        assert last(story)["data"]["facts"] == {
            "case": "k2",
            "topic": "delivery",
            "channel": "chat",
            "from": "phone",
            "to": "chat",
        }


def test_the_last_sign_of_life_of_the_first_case_is_what_counts() -> None:
    by = caring("seam")
    story = given(opened(START), resolved(START + 5 * DAY), opened(START + 12 * DAY, "k2", channel="chat"), by=by)
    assert told(story) == ["seam warning"]


def test_a_seam_raises_effort_also_where_its_alert_is_off() -> None:
    asked_once = given(opened(START), opened(START + 1, "k2"))
    asked_twice = given(opened(START), opened(START + 1, "k2", channel="chat"))

    assert told(asked_twice) == []
    assert asked_twice.profile["dimensions"]["interaction"] < asked_once.profile["dimensions"]["interaction"]


def test_the_policy_says_how_soon_asking_again_is_a_seam() -> None:
    by = rules(care=NO_ALERTS | {"seam_days": 1})
    assert given(opened(START), opened(START + DAY + 1, "k2", channel="chat"), by=by).profile["seams"] == 0


def test_a_seam_counts_for_ninety_days() -> None:
    head, ends = given(opened(START - 1), opened(START, "k2", channel="chat")).customer.head, START + 90 * DAY
    assert [cases.seams(head, when) for when in (START, ends - 1, ends)] == [1, 1, 0]


# A dimension falls


@pytest.mark.parametrize(("points", "expected"), [(22, []), (21, ["dimension-falls warning"])])
def test_a_score_that_falls_by_so_many_points_alerts(points: int, expected: list[str]) -> None:
    story = given(feedback(START, "csat", 1), by=caring("dimension_falls", points=points))

    assert told(story) == expected, "from 50 to 29"
    if expected:
        assert last(story)["data"]["facts"] == {"dimension": "emotion", "from": 50, "to": 29, "since": "2026-03-01"}
        assert last(story)["causationid"] == f"csat-{START}"


def emotions(*days: tuple[int, int], **numbers: Any) -> list[str]:
    """Return what is told of CSAT answers, each a day and a score."""
    by = caring("dimension_falls", **numbers)
    return told(given(*(feedback(START + n * DAY, "csat", score) for n, score in days), by=by))


def test_a_fall_may_come_in_steps_within_thirty_days() -> None:
    steps = {"points": 28}
    assert emotions((0, 1), (1, 1), **steps) == ["dimension-falls warning"], "50, 29, 20"
    assert emotions((0, 1), (30, 1), **steps) == ["dimension-falls warning"]
    assert emotions((0, 1), (31, 1), **steps) == []


def test_a_fall_is_told_once_and_the_next_one_counts_from_there() -> None:
    assert emotions((0, 1), (1, 1), points=12) == ["dimension-falls warning"], "29 to 20 is less"
    assert emotions((0, 1), (1, 5), (2, 1), points=12) == ["dimension-falls warning"] * 2, "50 to 38"


def test_fading_is_no_fall() -> None:
    by = caring("dimension_falls", points=1, policy={"scores": {"half_life_days": 1}})
    story = given(feedback(START, "csat", 5), by=by).tick(START + 20 * DAY)
    assert told(story.when(feedback(START + 20 * DAY, "csat", 5))) == []


def test_what_the_table_holds_for_good_never_lets_a_score_fall() -> None:
    by = caring("dimension_falls", points=1)
    praised = [feedback(START + n, "review", 5) for n in range(9)]
    assert told(given(*praised, bought(START + 9), by=by)) == []


def test_a_fall_is_open_for_its_days() -> None:
    story = given(feedback(START, "csat", 1), by=caring("dimension_falls"))
    assert [bool(shown(Spec(story.rules, story.customer, clock=START + n * DAY))) for n in (30, 31)] == [True, False]


def test_a_fall_that_late_words_move_away_and_back_is_told_once() -> None:
    by = caring("dimension_falls", points=20)
    day = START + 5 * DAY
    story = given(feedback(START, "csat", 5), feedback(day, "csat", 1), feedback(day + HOUR, "csat", 1), by=by)
    assert told(story) == ["dimension-falls warning"]

    away = story.when(feedback(day - DAY, "csat", 1), recorded=day + DAY)
    assert [alert["since"] for alert in away.profile["alerts"]] == [rfc3339(day - DAY)]
    back = away.when(feedback(day + 2 * HOUR, "csat", 1), recorded=day + DAY)

    assert len(back.profile["alerts"]) == 2
    assert told(back) == ["dimension-falls warning"]


# Silence

WEEKLY = [bought(START + n * 7 * DAY, 1, f"o{n}") for n in range(4)]
QUIET = at("2026-04-09T00:00")  # 18 days after the last, of 22 March


def test_a_customer_who_is_out_of_their_rhythm_is_silent() -> None:
    story = given(*WEEKLY, by=caring("silent"))

    assert told(story.tick(QUIET - 1)) == []
    silent = story.tick(QUIET)
    assert told(silent) == ["silent warning"]
    assert last(silent)["data"]["facts"] == {"days": 18, "usual_days": 7, "last_order": "2026-03-22"}
    assert told(silent.tick(QUIET + 99 * DAY)) == ["silent warning"], "once in a silence"
    assert shown(silent) == [("silent", False)]
    assert shown(silent.when(bought(QUIET + HOUR, 1, "o9"))) == []


@pytest.mark.parametrize(("later", "expected"), [(90 * DAY, 1), (90 * DAY + 1, 0)])
def test_a_silence_of_long_ago_is_no_news(later: int, expected: int) -> None:
    ladder = [{"name": "member"}, {"name": "silver", "enter": {"level": 2}}]
    levels = [{"level": 2, "all": [{"measure": "channels", "reach": 1}]}]
    by = caring("silent", tiers=["silver"], policy={"tiers": {"ladder": ladder}, "levels": levels})
    assert len(told(given(*WEEKLY, touched(QUIET + later), by=by))) == expected


def test_a_silence_is_told_once_also_when_its_alert_is_forgotten() -> None:
    by = rules(care=NO_ALERTS | {"silent": {}, "seam": {}})
    later = QUIET + 91 * DAY
    story = given(*WEEKLY, by=by).tick(QUIET).when(opened(later, "k1"), opened(later + 1, "k2", channel="chat"))
    assert list(story.customer.head.alerts) == [f"seam/k2\ndesk/{later + 1}"]
    story = story.when(Overridden(later + 2, "crm", "b", tier="silver", until=later + DAY, reason="x", person="y"))
    assert told(story.tick(later + 9 * DAY)) == ["silent warning", "seam warning"]


def test_an_order_puts_silence_off() -> None:
    story = given(*WEEKLY, by=caring("silent")).when(bought(QUIET - HOUR, 1, "o9"))
    assert told(story.tick(QUIET)) == []


@pytest.mark.parametrize(("tiers", "expected"), [([], 1), (["member"], 1), (["silver", "gold"], 0)])
def test_silence_counts_on_the_tiers_that_the_policy_names(tiers: list[str], expected: int) -> None:
    assert len(told(given(*WEEKLY, by=caring("silent", tiers=tiers)).tick(QUIET))) == expected


def test_a_silent_customer_who_reaches_a_named_tier_is_noticed_then() -> None:
    ladder = [{"name": "member"}, {"name": "silver", "enter": {"level": 2}}]
    levels = [{"level": 2, "all": [{"measure": "channels", "reach": 1}]}]
    by = caring("silent", tiers=["silver"], policy={"tiers": {"ladder": ladder}, "levels": levels})
    story = given(*WEEKLY, by=by).tick(QUIET + DAY)

    assert told(story) == []
    assert told(story.when(touched(QUIET + 2 * DAY))) == ["silent warning"]


def test_a_late_order_that_moves_a_silence_is_no_second_alert() -> None:
    story = given(*WEEKLY, by=caring("silent")).tick(QUIET)
    late = bought(QUIET - 17 * DAY, 1, "late")

    moved = story.tick(QUIET + 3 * DAY).when(late, recorded=QUIET + 3 * DAY)
    assert list(moved.customer.head.alerts) == ["silent/2026-03-23"]
    assert sorted(moved.customer.told.alerts) == ["silent/2026-03-22", "silent/2026-03-23"]
    assert told(moved.tick(QUIET + 60 * DAY)) == ["silent warning"]
    ended = story.when(late, recorded=QUIET)
    assert told(ended.tick(QUIET + 60 * DAY)) == ["silent warning"] * 2, "the first was over when the second began"


def test_a_correction_takes_no_alert_back() -> None:
    story = given(opened(START), by=caring("first_response")).tick(START + 2 * DAY)
    corrected = story.when(answered(START + 1), recorded=START + 2 * DAY)

    assert (told(corrected), corrected.customer.head.alerts) == (["first-response warning"], {})
    assert list(corrected.customer.told.alerts) == [f"first-response/k1\ndesk/{START}"]


# Points that run out

POINTS = {"rates": [{"per": 10}], "expiry": {"after_months": 1}}


@pytest.mark.parametrize(("amount", "expected"), [(999, []), (1_000, ["points-expiring info"])])
def test_points_that_run_out_soon_alert_where_they_are_enough(amount: int, expected: list[str]) -> None:
    by = caring("points_expiring", least=100, policy={"points": POINTS})
    story = given(bought(START, amount), by=by)
    soon = at("2026-04-16T00:00")

    assert told(story.tick(soon - 1)) == []
    warned = story.tick(soon)
    assert told(warned) == expected
    if expected:
        data = last(warned)["data"]
        assert data["facts"] == {"points": 100, "last_day": "2026-04-30"}
        assert data["deadline"] == rfc3339(at("2026-05-01T00:00"))
        assert shown(warned) == [("points-expiring", False)]
        assert shown(warned.when(asked(soon + 1, 100))) == []
        assert shown(warned.tick(at("2026-05-01T00:00"))) == []


def test_points_of_an_order_that_changes_no_tier_are_watched_as_well() -> None:
    by = caring("points_expiring", least=50, policy={"points": POINTS})
    story = given(touched(START - DAY), bought(START, 900), by=by)
    assert told(story.tick(at("2026-04-16T00:00"))) == ["points-expiring info"]


def test_points_that_silence_lets_run_out_alert_as_well() -> None:
    policy = {"points": {"rates": [{"per": 10}], "expiry": {"inactive_days": 31}}}
    story = given(bought(START, 1_000), by=caring("points_expiring", policy=policy))

    assert told(story.tick(at("2026-03-18T00:00") - 1)) == []
    assert told(story.tick(at("2026-03-18T00:00"))) == ["points-expiring info"]
    later = story.when(bought(START + 3 * DAY, 1, "o2"))
    assert told(later.tick(at("2026-03-18T00:00"))) == []


@pytest.mark.parametrize("active", [asked(START + 5 * DAY, 10), adjusted(START + 5 * DAY, -10)])
def test_points_that_silence_takes_are_watched_until_another_day_after_activity(active: AnyMoment) -> None:
    points = {"rates": [{"per": 10}], "pending_days": 1, "expiry": {"inactive_days": 31}}
    by = caring("points_expiring", days=30, policy={"points": points})
    story = given(bought(START, 2_000), by=by).tick(START + 2 * DAY)
    assert told(story) == ["points-expiring info"]

    assert told(story.when(active).tick(START + 6 * DAY)) == ["points-expiring info"] * 2


def test_points_with_a_last_day_of_their_own_are_watched_after_activity_as_well() -> None:
    points = {"rates": [{"per": 10}], "pending_days": 7, "expiry": {"after_months": 1, "inactive_days": 25}}
    by = caring("points_expiring", policy={"points": points})
    story = given(adjusted(at("2026-02-27T10:00"), 251), by=by).tick(at("2026-03-17T00:00"))
    assert told(story) == ["points-expiring info"]

    assert told(story.when(bought(at("2026-03-18T10:00"), 100))) == ["points-expiring info"] * 2


def test_points_that_come_when_they_are_about_to_run_out_alert_at_once() -> None:
    by = caring("points_expiring", policy={"points": POINTS | {"pending_days": 28}})
    pending = given(bought(at("2026-03-31T10:00"), 1_000), by=by)

    assert told(pending.tick(at("2026-04-28T00:00") - 1)) == []
    assert told(pending.tick(at("2026-04-28T00:00"))) == ["points-expiring info"]


def test_points_that_a_person_gives_count_as_well() -> None:
    by = caring("points_expiring", policy={"points": POINTS})
    story = given(bought(START, 900), by=by).tick(at("2026-04-17T00:00"))
    assert told(story) == []
    assert told(given(touched(START), adjusted(START + 1, 100), by=by).tick(at("2026-04-16T00:00"))) == [
        "points-expiring info"
    ]


# A tier at risk


def at_risk(*, levels: Any = (), **tiers: Any) -> Rules:
    return caring("tier_at_risk", days=30, policy={"tiers": {"ladder": LADDER} | tiers, "levels": levels})


FALLS = at("2027-03-01T00:00")  # when the order of 1 March 2026 leaves the window


def test_a_tier_that_time_takes_soon_alerts_with_what_is_missing() -> None:
    story = given(bought(START, 900), bought(START + 40 * DAY, 500, "o2"), by=at_risk())
    soon = FALLS - 30 * DAY

    assert told(story.tick(soon - 1)) == []
    warned = story.tick(soon)
    assert told(warned) == ["tier-at-risk warning"]
    data = last(warned)["data"]
    assert (data["deadline"], data["facts"]) == (
        rfc3339(FALLS),
        {"tier": "silver", "then": "member", "spend": 500},
    )
    assert shown(warned) == [("tier-at-risk", False)]
    assert shown(warned.when(bought(soon + 1, 500, "o3"))) == [], "it is kept now"
    assert shown(warned.tick(FALLS)) == [], "it is lost now"


def test_a_tier_that_an_order_saves_before_is_not_at_risk() -> None:
    story = given(bought(START, 1_000), bought(FALLS - 31 * DAY, 1_000, "o2"), by=at_risk())
    assert told(story.tick(FALLS)) == []


def test_there_is_one_such_alert_in_so_many_days() -> None:
    orders = [bought(START + n * 10 * DAY, 1_000 if n == 0 else 300, f"o{n}") for n in range(4)]
    story = given(*orders, by=at_risk()).tick(FALLS - 30 * DAY)
    saved = story.when(bought(FALLS - 29 * DAY, 200, "more"))  # until the second of them leaves
    assert told(saved.tick(FALLS - DAY)) == ["tier-at-risk warning"]
    less = saved.when(refunded(FALLS - 15 * DAY, "more", ("l1", 1)))
    assert told(less) == ["tier-at-risk warning"], "though it is lost in 25 days"
    assert told(less.tick(FALLS)) == ["tier-at-risk warning"] * 2, "thirty days after the first"


def test_a_refund_may_put_a_tier_at_risk_at_once() -> None:
    story = given(bought(START, 1_000), bought(FALLS - 60 * DAY, 1_000, "o2"), by=at_risk()).tick(FALLS - 20 * DAY)
    assert told(story) == []
    assert told(story.when(refunded(FALLS - 19 * DAY, "o2"))) == ["tier-at-risk warning"]


def test_a_tier_that_a_case_past_its_time_will_take_is_at_risk() -> None:
    levels = [{"level": 2, "all": [{"measure": "late_cases", "reach": 0, "at_most": True}]}]
    ladder = [{"name": "member"}, {"name": "silver", "enter": {"level": 2}}]
    story = given(touched(START), by=at_risk(ladder=ladder, levels=levels)).when(opened(START + HOUR))

    assert told(story) == ["tier-at-risk warning"]
    assert last(story)["data"]["deadline"] == rfc3339(START + 25 * HOUR + 1)
    assert last(story)["data"]["facts"] == {"tier": "silver", "then": "member", "level": 1}
    assert shown(story.when(answered(START + 2 * HOUR))) == []


def test_a_period_that_keeps_the_tier_needs_no_alert() -> None:
    by = at_risk(window={"calendar": "year"})
    story = given(bought(START, 1_000), bought(at("2027-02-01T10:00"), 1_000, "o2"), by=by)
    assert told(story.tick(at("2028-01-01T00:00"))) == []

    story = given(bought(START, 1_000), bought(at("2027-02-01T10:00"), 999, "o2"), by=by)
    assert told(story.tick(at("2027-12-02T00:00") - 1)) == []
    assert told(story.tick(at("2027-12-02T00:00"))) == ["tier-at-risk warning"]


def test_a_word_below_what_was_earned_puts_no_tier_at_risk() -> None:
    word = Overridden(START + DAY, "desk", "w", tier="silver", until=START + 10 * DAY, reason="checked", person="p7")
    story = given(bought(START, 5_000), word, by=at_risk())

    assert (story.customer.head.tier, told(story), shown(story)) == ("silver", [], [])
    assert (story.tick(START + 10 * DAY).customer.head.tier, told(story.tick(FALLS - 30 * DAY - 1))) == ("gold", [])
    assert told(story.tick(FALLS - 30 * DAY)) == ["tier-at-risk warning"]


# What all of them share


@pytest.mark.parametrize(
    ("contact", "is_answer"),
    [
        (touched(START + 3 * DAY, "use", "care", accepted=True), True),
        (touched(START + 3 * DAY, "use", "suggestion", accepted=True), True),
        (touched(START + 3 * DAY, "use", "care", accepted=False), False),
        (touched(START + 3 * DAY, "use", "information", accepted=True), False),
    ],
)
def test_care_that_is_accepted_answers_what_is_open(contact: AnyMoment, *, is_answer: bool) -> None:
    story = given(opened(START), by=caring("first_response")).tick(START + 2 * DAY).when(contact)

    assert shown(story) == [("first-response", is_answer)]
    assert story.when(touched(START + 4 * DAY, "use", "care", accepted=True)).profile["alerts"][0]["answered"] == (
        rfc3339(contact.at if is_answer else START + 4 * DAY)
    )


def test_care_answers_nothing_that_came_later_or_was_over() -> None:
    early = touched(START + HOUR, "use", "care", accepted=True)
    assert shown(given(opened(START), early, by=caring("first_response")).tick(START + 2 * DAY)) == [
        ("first-response", False)
    ]
    over: list[AnyMoment] = [
        opened(START),
        answered(START + 2 * DAY),
        touched(START + 3 * DAY, "use", "care", accepted=True),
    ]
    assert shown(given(*over, by=caring("first_response"))) == []


@pytest.mark.parametrize(("later", "kept"), [(90 * DAY, 2), (90 * DAY + 1, 1)])
def test_an_alert_is_forgotten_after_ninety_days(later: int, kept: int) -> None:
    by = caring("seam")
    first = [opened(START), opened(START + 1, "k2", channel="chat")]
    second = [opened(START + later, "k3"), opened(START + later + 1, "k4", channel="chat")]
    story = given(*first, *second, by=by)

    assert len(story.customer.head.alerts) == len(story.customer.told.alerts) == kept
    assert told(story) == ["seam warning"] * 2


def test_an_alert_is_told_once_however_often_it_is_folded_again() -> None:
    story = given(opened(START), by=caring("first_response")).tick(START + 2 * DAY)
    again = story.when(touched(START + 1), recorded=START + 2 * DAY).when(opened(START), recorded=START + 2 * DAY)
    assert told(again.tick(START + 9 * DAY)) == ["first-response warning"]


def test_an_alert_tells_the_language_and_the_consent_of_its_instant() -> None:
    told_of = ProfileUpdated(START + 1, "app", "p", birthday=None, locale="en-GB", preferences=None, notify=False)
    story = given(opened(START), told_of, by=caring("first_response")).tick(START + 2 * DAY)
    assert [last(story)["data"][name] for name in ("locale", "notify")] == ["en-GB", False]


def test_another_case_of_the_same_number_has_an_alert_of_its_own() -> None:
    later = START + 93 * DAY  # when the first is forgotten
    story = given(opened(START), by=caring("first_response")).tick(START + 2 * DAY).when(resolved(START + 2 * DAY))
    again = story.when(opened(later, id="again")).tick(later + 2 * DAY)

    assert told(again) == ["first-response warning"] * 2
    assert len({output.event["id"] for output in again.outputs}) == len(again.outputs)
    assert shown(again) == [("first-response", False)]
    assert shown(again.when(answered(later + 3 * DAY, id="answer-again"))) == []


def test_what_is_over_for_ninety_days_is_no_news() -> None:
    head = Head(reached=START, alerts={"seam/old": Alert(START - 90 * DAY - 1, {}), "seam/new": Alert(START, {})})
    assert list(alerts.untold(head, Told(), late=True)) == ["seam/new"]


def test_without_alerts_nothing_calls_for_care() -> None:
    story = given(opened(START), *WEEKLY, feedback(START, "csat", 1)).tick(START + 400 * DAY)
    assert (told(story), story.customer.head.alerts, story.profile["alerts"]) == ([], {}, [])


def test_an_alert_that_the_policy_does_not_want_any_more_is_not_told() -> None:
    story = given(opened(START), opened(START + 1, "k2", channel="chat"), by=caring("seam"))
    customer = msgspec.structs.replace(story.customer, told=Told())
    today = Spec(caring("silent"), customer).when(opened(START + 2, "k3", channel="app"))
    assert (told(story), shown(story), told(today), shown(today)) == (["seam warning"], [("seam", False)], [], [])


def test_the_policy_says_how_grave_an_alert_is_and_what_may_help() -> None:
    story = given(feedback(START, "csat", 1), by=caring("dimension_falls", severity="urgent", help=["flowers"]))
    assert (told(story), last(story)["data"]["help"]) == (["dimension-falls urgent"], ["flowers"])
