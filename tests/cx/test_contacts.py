"""Contacts: what counts as enough to be informed, and whether an order takes more of them than before."""

from itertools import permutations

import pytest

from cx import contacts
from cx.calendar import DAY, HOUR
from cx.moments import AnyMoment
from tests.spec import Spec, answered, at, bought, cancelled, given, opened, refunded, reopened, resolved, touched

START = at("2026-03-01T10:00")


def informed(*moments: AnyMoment) -> int | None:
    return contacts.informed_pct(given(*moments).customer.head)


def rise(*moments: AnyMoment) -> int | None:
    return contacts.rise(given(*moments).customer.head)


def six_orders(*between: AnyMoment) -> Spec:
    """Six orders a day apart from START on, and what happened between and after them."""
    moments = [*(bought(START + n * DAY, 1, f"o{n}") for n in range(6)), *between]
    return given(*sorted(moments, key=lambda moment: moment.key))


def test_without_a_question_nothing_is_known() -> None:
    assert informed(touched(START, intent="care"), touched(START + 1, intent="other"), opened(START + 2)) is None


def test_a_question_was_enough_until_a_case_follows() -> None:
    assert informed(touched(START)) == 100
    assert informed(touched(START), opened(START + HOUR)) == 0


@pytest.mark.parametrize(("later", "share"), [(1, 0), (7 * DAY, 0), (7 * DAY + 1, 100)])
def test_a_case_follows_within_seven_days(later: int, share: int) -> None:
    assert informed(touched(START), opened(START + later)) == share


def test_a_case_of_the_same_instant_or_before_does_not_follow() -> None:
    assert informed(opened(START), touched(START)) == 100
    assert informed(opened(START - 1), touched(START)) == 100


def test_a_case_follows_all_that_was_asked_in_the_days_before_and_the_next_case_none_of_it() -> None:
    questions = [touched(START - 8 * DAY), touched(START), touched(START + HOUR)]
    assert informed(*questions, opened(START + DAY)) == 33
    assert informed(*questions, opened(START + DAY), opened(START + 2 * DAY, "k2")) == 33


def test_the_same_case_opened_again_or_coming_back_follows_nothing() -> None:
    again = opened(START + 4, id="again")
    assert informed(opened(START), resolved(START + 1), touched(START + 2), reopened(START + 3), again) == 100


def test_the_share_is_rounded_down() -> None:
    assert informed(*(touched(START + n * DAY) for n in (0, 20, 40)), opened(START + 41 * DAY)) == 66


def test_of_very_many_questions_in_a_week_the_oldest_were_enough() -> None:
    most = contacts.OPEN_MAX
    story = given(*(touched(START + n) for n in range(most + 8)), opened(START + DAY))

    assert contacts.informed_pct(story.customer.head) == 8 * 100 // (most + 8)
    assert story.customer.head.informed.open == ()


def test_questions_of_long_ago_are_not_kept_one_by_one() -> None:
    story = given(touched(START), touched(START + 7 * DAY), touched(START + 7 * DAY + 1))
    assert story.customer.head.informed.open == (START + 7 * DAY, START + 7 * DAY + 1)


@pytest.mark.parametrize(
    "order", list(permutations([touched(START), touched(START + DAY), opened(START + 8 * DAY - 1)]))
)
def test_questions_and_cases_may_come_in_any_order(order: tuple[AnyMoment, ...]) -> None:
    assert informed(*order) == 50


def test_with_fewer_than_six_orders_nothing_rises() -> None:
    assert rise(*(bought(START + n, 1, f"o{n}") for n in range(5)), touched(START + 9)) is None
    assert rise(*(bought(START + n, 1, f"o{n}") for n in range(6))) == 0


# The first three orders are on days 0 to 2, so that from day 3 on contacts count for the last three.
@pytest.mark.parametrize(
    ("when", "expected"),
    [(-1, 0), (0, -1), (3 * DAY - 1, -1), (3 * DAY, 1), (60 * DAY, 1)],
)
def test_a_contact_counts_for_the_orders_before_it(when: int, expected: int) -> None:
    assert contacts.rise(six_orders(touched(START + when)).customer.head) == expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (touched(START + 4 * DAY), 1),
        (touched(START + 4 * DAY, intent="suggestion"), 0),
        (touched(START + 4 * DAY, intent="care", accepted=True), 0),
        (opened(START + 4 * DAY), 1),
    ],
)
def test_contacts_are_questions_and_cases(moment: AnyMoment, expected: int) -> None:
    assert contacts.rise(six_orders(moment).customer.head) == expected


def test_a_case_that_comes_back_is_a_contact_more_and_its_answers_are_none() -> None:
    life: list[AnyMoment] = [
        opened(START + DAY),
        answered(START + 4 * DAY),
        resolved(START + 5 * DAY),
        reopened(START + 6 * DAY),
    ]
    assert contacts.rise(six_orders(*life).customer.head) == 0
    assert contacts.rise(six_orders(*life, reopened(START + 7 * DAY)).customer.head) == 0, "it was open already"


def test_the_orders_before_the_last_six_do_not_count() -> None:
    seven = [bought(START + n * DAY, 1, f"o{n}") for n in range(7)]
    assert rise(seven[0], touched(START + HOUR), *seven[1:]) == 0


def test_an_order_that_was_undone_still_parts_contacts() -> None:
    undone: list[AnyMoment] = [refunded(START + 5 * DAY + 1, "o5"), cancelled(START + 5 * DAY + 2, "o4")]
    assert contacts.rise(six_orders(touched(START), *undone).customer.head) == -1
