"""Identity: the same event again is a duplicate, one name with two contents is a conflict, read from real events."""

from typing import Any

import pytest

from cx.calendar import DAY, HOUR
from cx.intake import moment_of
from cx.moments import AnyMoment
from schemas.envelope import encode_binary
from schemas.inputs import TOPIC_OF, parse
from tests.schemas.samples import accepted, changed, full, least, without
from tests.spec import Spec, at, given, rules, touched

NOW = at("2025-03-01T10:00")
CONFLICT = (("conflicting-id", "id"),)
CONFLICTING_ORDER = (("conflicting-order", "data.order_id"),)

# Of each sample, what no rule reads and yet makes another content.
UNREAD = [
    ("purchase.completed", "data.lines.0.sku", "sku-2"),
    ("purchase.completed", "data.lines.0.quantity", 3),
    ("purchase.completed", "data.payments.0.amount", 59_999),
]


def moment(event: dict[str, Any]) -> AnyMoment:
    return moment_of(accepted(event), rules())


def told(first: AnyMoment, second: AnyMoment, *, together: bool) -> Spec:
    return given().when(first, second) if together else given(first, second)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        *UNREAD,
        ("purchase.refunded", "data.lines.0.quantity", 2),
        ("purchase.refunded", "data.reason", "too small"),
        ("case.responded", "data.agent", "a2"),
        ("feedback.submitted", "data.order_id", "o2"),
        ("touchpoint.recorded", "data.topic", "colours"),
        ("referral.converted", "data.referred", "hoa"),
    ],
)
def test_one_id_with_two_contents_is_a_conflict_also_where_no_rule_reads_the_difference(
    name: str, path: str, value: object, *, together: bool
) -> None:
    event = full(name)
    story = told(moment(event), moment(changed(event, path, value)), together=together)

    assert story.refusals == CONFLICT
    assert story.customer.recent == (moment(event),), "the first folded wins"


def test_one_id_of_two_types_that_say_the_same_is_a_conflict() -> None:
    story = given(moment(least("case.responded")), moment(least("case.resolved")))

    assert story.refusals == CONFLICT


def test_one_id_at_two_times_is_a_conflict() -> None:
    event = least("purchase.completed")
    story = given(moment(event), moment(event | {"time": "2025-03-01T10:00:00.000001+07:00"}))

    assert story.refusals == CONFLICT


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(("name", "path", "value"), UNREAD)
def test_an_order_told_again_with_another_content_is_a_conflict(
    name: str, path: str, value: object, *, together: bool
) -> None:
    event = full(name)
    other = changed(event, path, value) | {"id": "again"}
    story = told(moment(event), moment(other), together=together)

    assert story.refusals == CONFLICTING_ORDER
    assert (story.orders, story.customer.recent) == (1, (moment(event),))


def test_an_order_told_again_with_another_content_is_a_conflict_when_its_event_is_long_in_the_base() -> None:
    event = full("purchase.completed")
    later = {"id": "again", "time": "2025-05-20T10:00:00+07:00"}
    story = given(moment(event), *(touched(NOW + n * HOUR) for n in range(20))).tick(NOW + 79 * DAY)
    story = story.when(touched(NOW + 79 * DAY))
    assert story.customer.settled == 16

    assert story.when(moment(changed(event, *UNREAD[0][1:]) | later)).refusals == CONFLICTING_ORDER
    assert story.when(moment(event | later)).decision.duplicates == 1


def repeat(**attributes: Any) -> dict[str, Any]:
    """Return the purchase of the tests below as a producer may send it again."""
    return full("purchase.completed") | attributes


REPEATS = {
    "the same": repeat(),
    "recorded later": repeat(recordedtime="2025-03-01T11:00:00Z"),
    "never recorded": without(repeat(), "recordedtime"),
    "another cause": repeat(causationid="e00"),
    "an answer elsewhere": repeat(cxreply="till-2"),
    "another schema": repeat(dataschema="urn:cxstream:2"),
    "another zone": repeat(time="2025-03-01T03:00:00Z"),
    "a new field": changed(repeat(), "data.lines.0.colour", "red"),
    "keys turned round": repeat(data=dict(reversed(full("purchase.completed")["data"].items()))),
}


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("again", REPEATS.values(), ids=REPEATS)
def test_what_a_retry_may_change_leaves_it_a_duplicate(again: dict[str, Any], *, together: bool) -> None:
    story = told(moment(repeat()), moment(again), together=together)

    assert (story.decision.duplicates, story.refusals, story.customer.events_held) == (1, (), 1)


@pytest.mark.parametrize("again", REPEATS.values(), ids=REPEATS)
def test_what_a_retry_may_change_leaves_an_order_a_duplicate_under_another_id(again: dict[str, Any]) -> None:
    story = given(moment(repeat()), moment(again | {"id": "again"}))

    assert (story.decision.duplicates, story.refusals, story.orders) == (1, (), 1)


def test_a_retry_in_binary_mode_is_a_duplicate() -> None:
    event = repeat()
    data, headers = encode_binary(accepted(event))
    binary = moment_of(parse(TOPIC_OF[event["type"]], b"lan", data, headers), rules())

    assert given(moment(event), binary).decision.duplicates == 1


def test_a_retry_of_feedback_with_other_words_is_a_duplicate_for_nobody_keeps_the_words() -> None:
    event = full("feedback.submitted")
    story = given(moment(event), moment(changed(event, "data.text", "thanks")))

    assert (story.decision.duplicates, story.refusals) == (1, ())
