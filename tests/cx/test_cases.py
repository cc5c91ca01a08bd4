"""Support cases: the clock of the first answer, solving for good, and what a detractor's case is."""

from itertools import permutations

import pytest

from cx import cases
from cx.calendar import DAY, HOUR
from cx.moments import AnyMoment
from cx.state import Case
from tests.spec import Spec, answered, at, escalated, feedback, given, opened, reopened, resolved, rules, touched

START = at("2026-03-01T10:00")


def case_of(story: Spec, name: str = "k1", desk: str = "desk") -> Case:
    return story.customer.head.cases[cases.case_key(desk, name)]


@pytest.mark.parametrize(("priority", "hours"), [("low", 48), ("normal", 24), ("high", 8), ("urgent", 2)])
def test_the_first_answer_is_due_by_priority(priority: str, hours: int) -> None:
    story = given(opened(START, priority=priority))

    assert case_of(story).due == START + hours * HOUR


def test_the_policy_sets_the_hours() -> None:
    assert case_of(given(opened(START), by=rules(sla_hours={"normal": 1}))).due == START + HOUR


@pytest.mark.parametrize(("late", "in_time"), [(0, 1), (1, 0)])
def test_an_answer_at_the_last_instant_is_in_time(late: int, in_time: int) -> None:
    counts = given(opened(START), answered(START + 24 * HOUR + late)).customer.head.counts

    assert (counts["answered"], counts.get("answered_in_time", 0)) == (1, in_time)


def test_only_the_first_answer_counts() -> None:
    story = given(opened(START), answered(START + HOUR), answered(START + 30 * HOUR))

    assert story.customer.head.counts == {"answered": 1, "answered_in_time": 1}
    assert case_of(story).answered == START + HOUR


def test_a_solution_without_an_answer_is_the_answer_too() -> None:
    story = given(opened(START), resolved(START + 25 * HOUR))

    assert story.customer.head.counts == {"answered": 1, "resolved": 1}
    assert not case_of(story).open


def test_a_case_known_by_its_id_is_not_opened_again() -> None:
    story = given(opened(START), answered(START + 1), opened(START + 2, id="again", priority="urgent"))

    assert case_of(story).opened == START
    assert case_of(story).answered == START + 1


def test_a_second_solution_changes_nothing() -> None:
    once = given(opened(START), resolved(START + 1))
    twice = once.when(resolved(START + 2))

    assert (case_of(twice), twice.customer.head.scores) == (case_of(once), once.customer.head.scores)


def test_an_open_case_cannot_be_reopened() -> None:
    once = given(opened(START))
    assert case_of(once.when(reopened(START + 1))) == case_of(once)


def test_a_case_that_came_back_is_counted_once_however_often() -> None:
    story = given(opened(START), resolved(START + 1))
    for number in range(1, 4):
        story = story.each(reopened(START + 10 * number), resolved(START + 10 * number + 1))

    assert story.customer.head.counts == {"answered": 1, "answered_in_time": 1, "resolved": 1, "came_back": 1}
    assert case_of(story).reopened == 3


def test_an_escalation_leaves_the_promised_time_as_it_was() -> None:
    story = given(opened(START), escalated(START + HOUR))

    assert case_of(story).due == START + 24 * HOUR
    assert case_of(story).touched == START + HOUR


LIFE: list[AnyMoment] = [opened(START), answered(START + 1), resolved(START + 2), reopened(START + 3)]


@pytest.mark.parametrize("order", list(permutations(LIFE)), ids=lambda order: "-".join(type(m).__name__ for m in order))
def test_the_life_of_a_case_may_arrive_in_any_order(order: tuple[AnyMoment, ...]) -> None:
    assert given(*order).customer.head == given(*LIFE).customer.head


def test_what_happened_before_the_case_by_a_slow_clock_takes_effect_with_it() -> None:
    story = given(resolved(START - 2), escalated(START - 1))
    assert story.profile["waiting"] == 2

    story = story.when(opened(START))
    assert (case_of(story).open, story.profile["waiting"]) == (False, 0)


@pytest.mark.parametrize("moment", [answered(START), resolved(START), reopened(START), escalated(START)])
def test_what_names_a_case_that_never_comes_is_given_up(moment: AnyMoment) -> None:
    story = given(moment)

    assert story.tick(START + 30 * DAY - 1).refusals == ()
    assert story.tick(START + 30 * DAY).refusals == (("unknown-case", "data.case_id"),)


def test_two_desks_may_number_their_cases_alike() -> None:
    story = given(opened(START), opened(START + 1, source="chat", priority="urgent"), resolved(START + 2))

    assert cases.open_count(story.customer.head) == 1
    assert (case_of(story).open, case_of(story, desk="chat").open) == (False, True)
    assert case_of(story, desk="chat").due == START + 1 + 2 * HOUR


@pytest.mark.parametrize("moment", [answered(START + 1, source="chat"), resolved(START + 1, source="chat")])
def test_what_another_desk_says_of_a_case_of_that_number_waits_for_its_own(moment: AnyMoment) -> None:
    story = given(opened(START), moment)
    assert (story.profile["waiting"], case_of(story).answered) == (1, None)

    story = story.when(opened(START + 2, source="chat"))
    assert (story.profile["waiting"], case_of(story, desk="chat").answered) == (0, START + 1)
    assert story.customer.head == given(opened(START), opened(START + 2, source="chat"), moment).customer.head


@pytest.mark.parametrize(
    ("instrument", "score", "detracts"),
    [
        ("nps", 6, True),
        ("nps", 7, False),
        ("csat", 2, True),
        ("csat", 3, False),
        ("ces", 2, True),
        ("ces", 3, False),
        ("review", 2, True),
        ("review", 3, False),
        ("complaint", None, True),
    ],
)
def test_a_bad_answer_makes_an_open_case_that_of_a_detractor(
    instrument: str, score: int | None, *, detracts: bool
) -> None:
    story = given(opened(START), feedback(START + 1, instrument, score))

    assert case_of(story).detractor is detracts
    assert cases.open_count(story.customer.head, detractors=True) == detracts


@pytest.mark.parametrize(("score", "detracts"), [(6, True), (7, False)])
def test_a_case_that_a_detractor_opens_is_one_from_the_start(score: int, *, detracts: bool) -> None:
    assert case_of(given(feedback(START, score=score), opened(START + 1))).detractor is detracts


def test_the_last_nps_answer_says_who_is_a_detractor() -> None:
    story = given(feedback(START, score=0), feedback(START + 1, score=9), opened(START + 2))

    assert not case_of(story).detractor


def test_a_bad_answer_about_one_case_marks_only_that_one() -> None:
    story = given(opened(START), opened(START + 1, "k2"), feedback(START + 2, "csat", 1, case="k2"))

    assert (case_of(story).detractor, case_of(story, "k2").detractor) == (False, True)


@pytest.mark.parametrize(
    ("source", "detractors"), [("survey", {"k1 chat", "k1 desk"}), ("chat", {"k1 chat"}), ("desk", {"k1 desk"})]
)
def test_a_survey_knows_a_case_by_its_number_and_a_desk_means_its_own(source: str, detractors: set[str]) -> None:
    story = given(
        opened(START), opened(START, source="chat"), opened(START, "k11"), opened(START, "k12", source="chat")
    )
    story = story.when(feedback(START + 1, "csat", 1, case="k1", source=source))

    found = {key.replace("\n", " ") for key, case in story.customer.head.cases.items() if case.detractor}
    assert found == detractors


def test_a_bad_answer_about_no_case_marks_all_that_are_open() -> None:
    story = given(opened(START), opened(START, "k2"), opened(START, "k3"), resolved(START + 1, "k2"))
    story = story.when(feedback(START + 2, "complaint", None))

    assert [case_of(story, name).detractor for name in ("k1", "k2", "k3")] == [True, False, True]


def test_a_solved_case_of_a_detractor_holds_nothing_back_until_it_comes_back() -> None:
    story = given(opened(START), feedback(START + 1, score=0), resolved(START + 2))
    assert cases.open_count(story.customer.head, detractors=True) == 0

    assert cases.open_count(story.when(reopened(START + 3)).customer.head, detractors=True) == 1


def test_an_answer_about_an_unknown_case_changes_no_case() -> None:
    assert not case_of(given(opened(START), feedback(START + 1, "csat", 1, case="k9"))).detractor


@pytest.mark.parametrize(("later", "kept"), [(90 * DAY, True), (90 * DAY + 1, False)])
def test_a_solved_case_is_forgotten_when_a_case_opens_long_after(later: int, *, kept: bool) -> None:
    story = given(opened(START), resolved(START + 1), opened(START + 1 + later, "k2"))

    assert ("k1\ndesk" in story.customer.head.cases) is kept


def test_an_open_case_is_never_forgotten() -> None:
    story = given(opened(START), touched(START + 300 * DAY), opened(START + 400 * DAY, "k2"))

    assert cases.open_count(story.customer.head) == 2
    assert story.profile["open_cases"] == 2
