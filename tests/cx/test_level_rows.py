"""The table of CX levels, row by row: the evidence on both sides of what reaches a level and of what keeps it."""

from typing import Any

import pytest

from cx import levels
from cx.calendar import DAY, HOUR
from cx.measures import measure
from cx.moments import AnyMoment, Referred
from cx.rules import Rules
from cx.state import NEVER
from cx.view import as_of
from tests.spec import Spec, answered, at, bought, feedback, given, opened, resolved, rules, touched

START = at("2026-03-01T10:00")
SLA = 24 * HOUR


def asking(name: str, reach: int, **more: Any) -> Rules:
    """Rules in which level 2 asks for one measure."""
    return rules(levels=[{"level": 2, "all": [{"measure": name, "reach": reach} | more]}])


def value(name: str, story: Spec, when: int = 0) -> int | None:
    return measure(story.customer.head, name, max(when, story.customer.head.reached), story.rules)


def level(*moments: AnyMoment, by: Rules) -> int:
    return given(*moments, by=by).customer.head.level


def orders(*days: int) -> list[AnyMoment]:
    """Orders so many days after the start."""
    return [bought(START + n * DAY, 1, f"o{n}") for n in days]


# 1 informed

GATED: list[dict[str, Any]] = [
    {"level": 1, "all": [{"measure": "last_csat", "reach": 4, "keep": 3}]},
    {"level": 2, "all": [{"measure": "channels", "reach": 1}]},
]


@pytest.mark.parametrize(
    ("scores", "expected"), [([], 1), ([3], 1), ([4], 2), ([4, 3], 2), ([4, 2], 1), ([4, 2, 3], 1), ([4, 2, 4], 2)]
)
def test_what_level_1_asks_for_holds_back_from_all_others(scores: list[int], expected: int) -> None:
    moments = [feedback(START + n, "csat", score) for n, score in enumerate(scores, 1)]

    assert level(touched(START), *moments, by=rules(levels=GATED)) == expected


def test_on_level_1_is_everybody_whatever_it_asks_for() -> None:
    assert level(touched(START), by=rules(levels=GATED[:1])) == 1
    assert given(touched(START), feedback(START + 1, "csat", 5), by=rules(levels=GATED[:1])).told == []


def test_a_rise_and_a_fall_by_level_1_say_so() -> None:
    story = given(touched(START), feedback(START + 1, "csat", 5), by=rules(levels=GATED))
    fallen = story.when(feedback(START + 2, "csat", 1))

    rise, fall = (one.outputs[-1].event["data"] for one in (story, fallen))
    assert [(row["level"], row["measure"], row["ok"]) for row in rise["evidence"]] == [
        (1, "last_csat", True),
        (2, "channels", True),
    ]
    assert [(row["level"], row["measure"], row["needed"]) for row in fall["evidence"]] == [(1, "last_csat", 3)]
    assert (fall["decision"]["failed"], fall["decision"]["next_rung"]) == (["last_csat >= 3"], "2")


def test_on_level_1_the_profile_says_what_that_and_the_next_level_miss() -> None:
    story = given(bought(START), by=rules(levels=GATED))
    rows = [(row["level"], row["measure"], row["needed"]) for row in story.profile["cx_level_missing"]]
    assert rows == [(1, "last_csat", 4), (2, "channels", 1)]


@pytest.mark.parametrize(("led", "expected"), [(0, 2), (1, 2), (2, 2), (3, 1)])
def test_the_share_of_questions_that_ended_without_a_case(led: int, expected: int) -> None:
    questions = [touched(START + n * 20 * DAY) for n in range(4)]
    cases = [opened(START + n * 20 * DAY + DAY, f"k{n}") for n in range(led)]
    moments: list[AnyMoment] = sorted([*questions, *cases], key=lambda moment: moment.key)

    assert level(*moments, by=asking("informed_pct", 50, keep=40)) == expected


@pytest.mark.parametrize(("questions", "expected"), [((0, 20), 2), ((0, 20, 40), 2), ((0, 20, 40, 41, 42, 43), 1)])
def test_the_share_of_questions_keeps_a_level_down_to_another_value(questions: tuple[int, ...], expected: int) -> None:
    # Of two, three and six questions one, two and five led to a case.
    moments: list[AnyMoment] = [touched(START + n * DAY) for n in questions]
    moments += [opened(START + n * DAY + HOUR, f"k{n}") for n in questions[1:]]
    moments.sort(key=lambda moment: moment.key)

    assert level(*moments, by=asking("informed_pct", 50, keep=33)) == expected


# 2 answered


def test_a_share_answered_in_time_falls_when_the_time_of_a_case_is_over() -> None:
    by = asking("answered_in_time_pct", 80, keep=50)
    story = given(opened(START), answered(START + 1), *(opened(START + n, f"k{n}") for n in (2, 3)), by=by)
    second = START + SLA + 3  # one of three is less than 50 %, one of two is not

    assert [value("answered_in_time_pct", story, second + n) for n in (0, 1)] == [50, 33]
    assert (story.customer.head.level, story.customer.head.level_due) == (2, second + 1)
    assert story.tick(second).customer.head.level == 2
    fallen = story.tick(second + 1).customer.head
    assert (fallen.level, fallen.level_since, fallen.level_due) == (1, second + 1, NEVER)


@pytest.mark.parametrize(("unknown", "levels"), [("holds", [2, 1]), ("fails", [1, 1])])
def test_the_first_case_that_is_late_makes_the_share_known(unknown: str, levels: list[int]) -> None:
    story = given(opened(START), by=asking("answered_in_time_pct", 80, unknown=unknown))
    assert [story.tick(START + SLA + n).customer.head.level for n in (0, 1)] == levels


@pytest.mark.parametrize("at_most", [True, False])
def test_a_share_that_comes_to_be_known_may_bring_a_level_as_well(*, at_most: bool) -> None:
    story = given(opened(START), by=asking("answered_in_time_pct", 0, at_most=at_most))
    assert [story.tick(START + SLA + n).customer.head.level for n in (0, 1)] == [1, 2]


def seamed(*days: int) -> list[AnyMoment]:
    """One case, and others on its topic over another channel in turns, so many days after the start."""
    ways = ("phone", "chat")
    return [opened(START + n * DAY, f"k{n}", channel=ways[place % 2]) for place, n in enumerate((0, *days))]


@pytest.mark.parametrize(("days", "expected"), [((), 2), ((1,), 2), ((1, 2), 1)])
def test_asking_again_over_other_channels_takes_a_level(days: tuple[int, ...], expected: int) -> None:
    assert level(*seamed(*days), by=asking("seams", 0, keep=1, at_most=True)) == expected


def test_a_seam_takes_a_level_until_it_is_ninety_days_old() -> None:
    by = asking("seams", 1, at_most=True)
    story = given(touched(START), *seamed(1, 3, 6), by=by)
    back = START + 93 * DAY  # of three seams the second is gone

    assert (story.customer.head.level, story.customer.head.level_due) == (1, back)
    assert [story.tick(when).customer.head.level for when in (back - 1, back)] == [1, 2]


# 3 committed


@pytest.mark.parametrize(
    ("days", "after", "expected"),
    [
        ((), 0, None),
        ((0,), 900, None),
        ((0, 10, 20), 900, None),  # two gaps say little
        ((0, 10, 20, 30), 0, 1),
        ((0, 10, 20, 30), 25, 1),
        ((0, 10, 20, 30), 26, 0),
    ],
)
def test_whoever_buys_again_in_time_is_in_their_own_rhythm(
    days: tuple[int, ...], after: int, expected: int | None
) -> None:
    last = START + (days[-1] if days else 0) * DAY
    assert value("in_rhythm", given(*orders(*days)), last + after * DAY) == expected


def test_silence_takes_a_level_on_its_day_and_an_order_brings_it_back() -> None:
    story = given(*orders(0, 10, 20, 30), by=asking("in_rhythm", 1))
    silent = at("2026-04-26T00:00")  # the day after 25 days, which are 2.5 times the usual gap
    assert story.customer.head.level_due == silent
    assert story.tick(silent - 1).customer.head.level == 2

    fallen = story.tick(silent)
    assert (fallen.customer.head.level, fallen.customer.head.level_since) == (1, silent)
    assert fallen.since(story) == ["cx-level.changed 2 1"]
    assert fallen.customer.head.level_due == NEVER
    assert fallen.when(bought(silent + DAY, 1, "back")).customer.head.level == 2


def test_while_too_few_gaps_are_known_the_policy_says_whether_one_is_in_rhythm() -> None:
    few = orders(0, 10)
    assert [level(*few, by=asking("in_rhythm", 1, unknown=word)) for word in ("holds", "fails")] == [2, 1]
    assert given(*few, by=asking("in_rhythm", 1, unknown="holds")).customer.head.level_due == NEVER


def test_a_rhythm_that_is_not_asked_for_is_no_deadline() -> None:
    story = given(*orders(0, 10, 20, 30), by=asking("in_rhythm", 0))
    assert (story.customer.head.level, story.customer.head.level_due) == (2, NEVER)


def test_an_order_that_comes_late_makes_the_silence_one_that_never_was() -> None:
    story = given(*orders(0, 10, 20, 30), by=asking("in_rhythm", 1)).tick(START + 60 * DAY)
    assert story.customer.head.level == 1

    assert story.when(*orders(45), recorded=START + 60 * DAY).customer.head.level == 2


# 4 anticipated


def help_taken(when: int, intent: str = "care", *, accepted: bool | None = True) -> AnyMoment:
    return touched(when, "use", intent, accepted=accepted)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (help_taken(START), 2),
        (help_taken(START, "suggestion"), 2),
        (help_taken(START, "information"), 1),
        (help_taken(START, accepted=False), 1),
        (help_taken(START, accepted=None), 1),
    ],
)
def test_help_counts_when_it_was_accepted(moment: AnyMoment, expected: int) -> None:
    assert level(moment, by=asking("care_accepted", 1)) == expected


@pytest.mark.parametrize(
    ("before", "count"),
    [
        ([], 1),
        ([opened(START - DAY)], 0),
        ([opened(START)], 0),
        ([opened(START - DAY), resolved(START)], 1),
        ([opened(START - DAY), resolved(START - HOUR), opened(START - 1, "k2")], 0),
        ([feedback(START - 30 * DAY, score=6)], 0),
        ([feedback(START - 30 * DAY - 1, score=6)], 1),
        ([feedback(START - DAY, score=7)], 1),
        ([feedback(START, "complaint", None)], 0),
        ([feedback(START - DAY, "csat", 2), feedback(START - HOUR, "csat", 5)], 0),
    ],
)
def test_help_counts_when_it_came_before_a_complaint(before: list[AnyMoment], count: int) -> None:
    assert value("care_accepted", given(*before, help_taken(START))) == count


def test_what_is_complained_of_afterwards_takes_no_help_away() -> None:
    assert value("care_accepted", given(help_taken(START), opened(START + 1), feedback(START + 2, score=0))) == 1


def test_a_complaint_that_comes_late_takes_away_help_that_answered_it() -> None:
    story = given(help_taken(START), by=asking("care_accepted", 1))
    late = story.when(feedback(START - DAY, "complaint", None), recorded=START + DAY)
    assert (story.customer.head.level, late.customer.head.level) == (2, 1)
    assert late.since(story) == ["cx-level.changed 2 1"]


@pytest.mark.parametrize(("contacts", "expected"), [((0, 0), 2), ((2, 1), 2), ((1, 1), 2), ((0, 1), 1)])
def test_contacts_an_order_must_not_rise(contacts: tuple[int, int], expected: int) -> None:
    questions = [touched(START + half * 3 * DAY + n + 1) for half, count in enumerate(contacts) for n in range(count)]
    moments = sorted([*orders(0, 1, 2, 3, 4, 5), *questions], key=lambda moment: moment.key)

    assert level(*moments, by=asking("contacts_rise", 0, at_most=True)) == expected
    falls = value("contacts_rise", given(*moments)) or 0
    assert level(*moments, by=asking("contacts_rise", -1, at_most=True)) == (2 if falls < 0 else 1)


@pytest.mark.parametrize(("count", "expected"), [(0, 2), (1, 2), (2, 1)])
def test_a_rise_of_contacts_keeps_a_level_up_to_another_value(count: int, expected: int) -> None:
    by = asking("contacts_rise", 0, keep=1, at_most=True)
    assert level(*orders(0, 1, 2, 3, 4, 5), *(touched(START + 6 * DAY + n) for n in range(count)), by=by) == expected


@pytest.mark.parametrize(
    ("life", "late", "count"),
    [
        ([], SLA, 0),
        ([], SLA + 1, 1),
        ([answered(START + HOUR)], 40 * DAY, 0),
        ([resolved(START + HOUR)], 40 * DAY, 0),
        ([answered(START + SLA + 1)], 40 * DAY, 0),  # it was late, but somebody has answered
        ([opened(START + 1, "k2"), answered(START + HOUR)], SLA + 1, 0),
        ([opened(START + 1, "k2"), answered(START + HOUR)], SLA + 2, 1),
    ],
)
def test_a_case_is_late_when_its_time_has_passed_without_an_answer(
    life: list[AnyMoment], late: int, count: int
) -> None:
    assert value("late_cases", given(opened(START), *life), START + late) == count


def test_a_case_that_becomes_late_takes_a_level_at_that_instant_and_its_answer_brings_it_back() -> None:
    story = given(touched(START), opened(START + 1), by=asking("late_cases", 0, at_most=True))
    late = START + 1 + SLA + 1
    assert story.customer.head.level_due == late
    assert story.tick(late - 1).customer.head.level == 2

    fallen = story.tick(late)
    assert (fallen.customer.head.level, fallen.customer.head.level_since) == (1, late)
    assert fallen.when(answered(late + 1)).customer.head.level == 2


def test_an_answer_in_the_last_instant_keeps_the_level() -> None:
    story = given(opened(START), answered(START + SLA), by=asking("late_cases", 0, at_most=True))
    assert (story.customer.head.level, story.customer.head.level_due, story.told) == (
        2,
        NEVER,
        ["cx-level.changed 1 2"],
    )


def test_an_answer_that_comes_late_makes_the_case_one_that_was_answered() -> None:
    story = given(opened(START), by=asking("late_cases", 0, at_most=True)).tick(START + 2 * DAY)
    told = story.when(answered(START + HOUR), recorded=START + 2 * DAY)
    assert (story.customer.head.level, told.customer.head.level) == (1, 2)
    assert told.customer.head.level_since == START


def test_the_second_late_case_takes_a_level_that_one_does_not() -> None:
    by = asking("late_cases", 0, keep=1, at_most=True)
    story = given(touched(START), opened(START + 1), opened(START + 2, "k2", "urgent"), by=by)
    assert story.customer.head.level_due == START + 1 + SLA + 1
    assert story.tick(START + 1 + SLA).customer.head.level == 2
    assert story.tick(START + 1 + SLA + 1).customer.head.level == 1


# 5 advocate

EITHER: list[dict[str, Any]] = [
    {"measure": "nps_rise", "reach": 2, "keep": 0},
    {"measure": "promoter_streak", "reach": 2, "keep": 1},
]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([10], 1),
        ([9, 9], 2),  # promoter twice
        ([9, 8], 1),
        ([4, 6], 2),  # risen by two
        ([4, 5], 1),
        ([4, 6, 6], 2),  # not fallen since
        ([4, 6, 5], 1),
        ([9, 9, 8, 9], 1),  # risen by one only, promoter once only
        ([9, 9, 8], 1),
        ([4, 9, 8], 1),
        ([4, 9, 10, 9], 2),  # fallen, but still a promoter
    ],
)
def test_of_two_conditions_one_is_enough(scores: list[int], expected: int) -> None:
    moments = [feedback(START + n, score=score) for n, score in enumerate(scores)]

    assert level(*moments, by=rules(levels=[{"level": 2, "any": EITHER}])) == expected


@pytest.mark.parametrize(("channel", "scores", "expected"), [(1, 0, 1), (0, 1, 1), (1, 1, 2)])
def test_all_of_the_others_have_to_hold_as_well(channel: int, scores: int, expected: int) -> None:
    by = rules(levels=[{"level": 2, "all": [{"measure": "channels", "reach": 1}], "any": EITHER}])
    moments = [touched(START)] * channel + [feedback(START + n, score=9) for n in range(2)] * scores

    assert level(*moments, by=by) == expected


def test_of_conditions_of_which_one_is_enough_the_others_are_not_missing() -> None:
    by = rules(levels=[{"level": 2, "all": [{"measure": "channels", "reach": 1}], "any": EITHER}])

    def missing(*moments: AnyMoment) -> list[tuple[str, bool]]:
        rows = given(bought(START), *moments, by=by).profile["cx_level_missing"]
        return [(row["measure"], row["one_of"]) for row in rows]

    promoter = [feedback(START + n, score=9) for n in (1, 2)]
    assert missing(touched(START)) == [("nps_rise", True), ("promoter_streak", True)]
    assert missing(*promoter) == [("channels", False)]
    data = given(touched(START), *promoter, by=by).outputs[-1].event["data"]
    assert [(row["measure"], row["one_of"], row["ok"]) for row in data["evidence"]] == [
        ("channels", False, True),
        ("nps_rise", True, False),
        ("promoter_streak", True, True),
    ]


def test_time_takes_a_level_when_the_last_of_what_would_do_is_gone() -> None:
    either = [{"measure": "in_rhythm", "reach": 1}, {"measure": "emotion", "reach": 60}]
    by = rules(levels=[{"level": 2, "any": either}])
    story = given(*orders(0, 1, 2, 3), feedback(START + 3 * DAY, "csat", 5), by=by)
    silent = at("2026-03-07T00:00")
    assert value("in_rhythm", story, silent) == 0
    fades = story.customer.head.level_due
    assert fades > silent
    assert [story.tick(when).customer.head.level for when in (silent, fades - 1, fades)] == [2, 2, 1]


def test_what_does_not_fade_keeps_a_level_beside_what_does() -> None:
    either = [{"measure": "in_rhythm", "reach": 1}, {"measure": "channels", "reach": 1}]
    story = given(touched(START), *orders(1, 2, 3, 4), by=rules(levels=[{"level": 2, "any": either}]))
    assert story.customer.head.level_due == NEVER
    assert story.tick(START + 99 * DAY).customer.head.level == 2


def test_time_brings_a_level_with_the_first_of_what_would_do() -> None:
    either = [{"measure": "emotion", "reach": 45}, {"measure": "channels", "reach": 1}]
    by = rules(levels=[{"level": 1, "all": [{"measure": "brand", "reach": 45}]}, {"level": 2, "any": either}])
    story = given(feedback(START, "csat", 1), by=by)
    comes = story.customer.next_deadline(story.rules.lateness)
    assert [story.tick(when).customer.head.level for when in (comes - 1, comes)] == [1, 2]
    both = story.when(feedback(START + 10 * DAY, score=0))  # so that what level 1 asks for fades as well
    later = both.customer.next_deadline(both.rules.lateness)
    assert later > comes
    assert [both.tick(when).customer.head.level for when in (later - 1, later)] == [1, 2]


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ([], 1),
        ([feedback(START, "review", 3)], 1),
        ([feedback(START, "review", 4)], 2),
        ([Referred(START, "app", "r")], 2),
    ],
)
def test_advocacy_is_a_referral_or_praise(moments: list[AnyMoment], expected: int) -> None:
    assert level(touched(START - 1), *moments, by=asking("advocacy", 1)) == expected


@pytest.mark.parametrize(("bound", "expected"), [(67, 2), (68, 1)])
def test_a_score_reaches_a_level_at_its_bound(bound: int, expected: int) -> None:
    story = given(feedback(START, score=9))
    assert story.profile["dimensions"]["brand"] == 67

    assert level(feedback(START, score=9), by=asking("brand", bound)) == expected


# What of the table was there before


@pytest.mark.parametrize(
    ("name", "bound", "enough", "short"),
    [
        ("channels", 2, [touched(START), touched(START + 1, channel="store")], [touched(START)]),
        ("last_ces", 4, [feedback(START, "ces", 4)], [feedback(START, "ces", 3)]),
        ("last_csat", 4, [feedback(START, "csat", 4)], [feedback(START, "csat", 3)]),
        ("orders", 2, orders(0, 1), orders(0)),
        (
            "answered_in_time_pct",
            50,
            [opened(START), opened(START, "k2"), answered(START + 1), answered(START + 2 * DAY, "k2")],
            [opened(START), answered(START + 2 * DAY)],
        ),
        ("resolved_for_good_pct", 50, [opened(START), resolved(START + 1)], [opened(START)]),
    ],
)
def test_each_other_row_has_two_sides(name: str, bound: int, enough: list[AnyMoment], short: list[AnyMoment]) -> None:
    assert level(*enough, by=asking(name, bound)) == 2
    assert level(*short, by=asking(name, bound)) == 1


@pytest.mark.parametrize(("score", "expected"), [(6, 1), (7, 2)])
def test_an_open_case_of_a_detractor_is_in_the_way(score: int, expected: int) -> None:
    by = asking("open_detractor_cases", 0, at_most=True)
    assert level(opened(START), feedback(START + 1, score=score), by=by) == expected


# Five criteria


def test_the_profile_counts_conditions_by_criterion_up_to_the_next_level() -> None:
    policy = rules(
        levels=[
            {"level": 1, "all": [{"criterion": "involvement", "measure": "channels", "reach": 1}]},
            {
                "level": 2,
                "all": [
                    {"criterion": "effort", "measure": "last_ces", "reach": 4, "keep": 3},
                    {"criterion": "effort", "measure": "late_cases", "reach": 0, "at_most": True},
                    {"criterion": "emotion", "measure": "last_csat", "reach": 4, "unknown": "holds"},
                ],
            },
            {"level": 3, "any": [one | {"criterion": "perception"} for one in EITHER]},
            {"level": 4, "all": [{"criterion": "resolution", "measure": "resolved_for_good_pct", "reach": 50}]},
        ]
    )
    story = given(touched(START), by=policy)
    none = {"holds": 0, "of": 0}
    assert story.profile["criteria"] == {
        "involvement": {"holds": 1, "of": 1},
        "effort": {"holds": 1, "of": 2},
        "resolution": none,
        "emotion": {"holds": 1, "of": 1},
        "perception": none,
    }
    second = story.when(feedback(START + 1, "ces", 4)).when(feedback(START + 2, "ces", 3))
    assert (second.customer.head.level, second.profile["criteria"]["effort"]) == (2, {"holds": 2, "of": 2})
    assert second.profile["criteria"]["perception"] == {"holds": 0, "of": 1}, "one of several is one condition"
    third = second.when(*(feedback(START + n, score=9) for n in (3, 4)))
    assert third.profile["criteria"]["perception"] == {"holds": 1, "of": 1}
    assert third.profile["criteria"]["resolution"] == {"holds": 0, "of": 1}


def test_one_of_several_counts_for_every_criterion_that_they_name() -> None:
    either = [EITHER[0] | {"criterion": "perception"}, {"criterion": "effort", "measure": "last_ces", "reach": 4}]
    story = given(feedback(START, "ces", 5), by=rules(levels=[{"level": 2, "any": either}]))
    found = story.profile["criteria"]
    assert (found["perception"], found["effort"]) == ({"holds": 1, "of": 1}, {"holds": 1, "of": 1})


def test_time_moves_the_criteria_that_are_shown() -> None:
    late = {"criterion": "effort", "measure": "late_cases", "reach": 0, "at_most": True}
    channels = {"criterion": "effort", "measure": "channels", "reach": 1}
    policy = rules(levels=[{"level": 2, "all": [late, channels]}])
    story = given(opened(START), by=policy)
    head = as_of(story.customer.head, START + 2 * DAY, story.rules)
    assert levels.criteria(head, START, story.rules)["effort"] == {"holds": 1, "of": 2}
    assert levels.criteria(head, START + 2 * DAY, story.rules)["effort"] == {"holds": 0, "of": 2}


def test_evidence_is_said_in_the_language_of_the_customer() -> None:
    def said(locale: str) -> list[str]:
        by = rules(locale=locale, levels=[{"level": 2, "all": [{"measure": "channels", "reach": 1}], "any": EITHER}])
        story = given(touched(START), *(feedback(START + n, score=9) for n in (1, 2)), by=by)
        return [row["text"] for row in story.outputs[-1].event["data"]["evidence"]]

    assert said("vi") == [
        "số kênh tìm hiểu tối thiểu 1 (hiện tại 1)",
        "mức tăng của điểm NPS gần nhất tối thiểu 2 (hiện tại 0)",
        "số lần liên tiếp chấm NPS 9 hoặc 10 tối thiểu 2 (hiện tại 2)",
    ]
    english = [
        "discovery channels at least 1 (now 1)",
        "rise of the latest NPS answer at least 2 (now 0)",
        "NPS answers of 9 or 10 in a row at least 2 (now 2)",
    ]
    assert said("en") == said("fr-FR") == english


def test_a_rhythm_is_said_as_yes_or_no() -> None:
    story = given(
        *orders(0, 10, 20, 30),
        by=rules(locale="en", levels=[{"level": 2, "all": [{"measure": "in_rhythm", "reach": 1}]}]),
    )
    fallen = story.tick(START + 90 * DAY)
    assert [one.outputs[-1].event["data"]["evidence"][0]["text"] for one in (story, fallen)] == [
        "buys in their own rhythm (now yes)",
        "buys in their own rhythm (now no)",
    ]
