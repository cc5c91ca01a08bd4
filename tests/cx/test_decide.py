"""Decide: what is taken, what is a duplicate, what goes to dead letters, and when what waits is given up."""

from itertools import permutations

import pytest

from cx.calendar import DAY, HOUR, MINUTE, month_end
from cx.decide import SETTLE_MIN, Arrival, advance, decide, shrink
from cx.moments import AnyMoment, Enrolled, ProfileUpdated
from cx.rules import Rules
from cx.state import KEPT_BYTES_MAX, KEPT_ONE_BYTES_MAX, NEVER, Customer, Kept, decode, encode
from tests.spec import (
    LADDER,
    SOURCE,
    Spec,
    answered,
    at,
    bought,
    cancelled,
    day,
    given,
    opened,
    refunded,
    rules,
    touched,
)

START = at("2026-03-01T10:00")
LATENESS = 30 * DAY


def derived(story: Spec) -> tuple[object, ...]:
    """Return all that must not depend on the order of arrival."""
    return story.customer.head, story.customer.events_held, story.spend


# Identity


def test_the_same_event_again_changes_nothing() -> None:
    story = given(bought(START))
    again = story.when(bought(START))

    assert not again.decision.changed
    assert (again.decision.duplicates, again.decision.applied) == (1, 0)
    assert again.customer == story.customer


def test_the_same_event_twice_in_one_batch_is_taken_once() -> None:
    story = given().when(bought(START, 600), bought(START, 600))

    assert (story.decision.applied, story.decision.duplicates, story.spend) == (1, 1, 600)


def test_one_id_of_two_sources_is_two_events() -> None:
    story = given(touched(START, source="app"), touched(START, source="web"))

    assert story.customer.events_held == 2


@pytest.mark.parametrize(
    "other", [bought(START, 601), bought(START + 1, 600), touched(START, source=SOURCE, id="buy-o1")]
)
@pytest.mark.parametrize("together", [True, False])
def test_one_id_with_two_contents_is_a_conflict_and_the_first_wins(other: AnyMoment, *, together: bool) -> None:
    first = bought(START, 600)
    story = given().when(first, other) if together else given(first, other)

    assert story.refusals == (("conflicting-id", "id"),)
    assert (story.spend, story.customer.events_held) == (600, 1)


def test_a_repeat_of_an_event_that_waits_is_a_duplicate() -> None:
    story = given(refunded(START)).when(refunded(START))

    assert (story.decision.duplicates, story.customer.events_held) == (1, 1)


# Business keys


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", list(permutations([0, 1, 2])))
def test_an_order_told_again_under_other_ids_counts_once_whichever_comes_first(
    order: tuple[int, ...], *, together: bool
) -> None:
    tellings = [bought(START, 600), bought(START + HOUR, 600, id="again"), bought(START + 2 * HOUR, 600, id="third")]
    moments = [tellings[place] for place in order]
    story = given().when(*moments) if together else given(*moments)

    assert (story.spend, story.orders, story.customer.events_held) == (600, 1, 1)
    assert story.customer.recent == (tellings[0],), "the earliest stays"
    assert derived(story) == derived(given(*tellings))


def test_an_order_told_again_in_the_same_instant_is_the_one_with_the_lower_id() -> None:
    for moments in permutations([bought(START, id="a"), bought(START, id="b")]):
        assert given(*moments).customer.recent[0].id == "a"


def test_a_repeat_is_a_duplicate_also_when_it_replaces_the_first() -> None:
    story = given(bought(START + HOUR, 600, id="again")).when(bought(START, 600))

    assert (story.decision.applied, story.decision.duplicates) == (1, 1)
    assert story.when(bought(START + HOUR, 600, id="again")).decision.duplicates == 1


def test_an_order_told_again_with_another_content_is_a_conflict() -> None:
    story = given(bought(START, 600), bought(START + 1, 700, id="again"))

    assert story.refusals == (("conflicting-order", "data.order_id"),)
    assert story.spend == 600


def test_two_contents_of_an_order_in_one_batch_are_a_conflict() -> None:
    story = given().when(bought(START, 600), bought(START, 700, id="again"))

    assert (story.spend, story.refusals) == (600, (("conflicting-order", "data.order_id"),))


def test_a_repeat_is_known_by_what_was_bought_not_by_what_is_left() -> None:
    story = given(bought(START, 600), refunded(START + 1, "o1", ("l1", 100))).when(bought(START + 2, 600, id="again"))

    assert (story.decision.duplicates, story.spend) == (1, 500)


def test_a_repeat_is_known_although_its_order_has_long_been_out_of_reach_of_refunds() -> None:
    first, again, newer = bought(START), bought(START + 70 * DAY, id="again"), bought(START + 95 * DAY, 1, "o2")

    assert derived(given(first, newer, again)) == derived(given(first, again, newer))
    assert given(first, newer, again).decision.duplicates == 1


# Too late, too early


@pytest.mark.parametrize(("late", "refusals"), [(LATENESS, ()), (LATENESS + 1, (("too-late", "time"),))])
def test_an_event_may_come_as_late_as_the_policy_says(late: int, refusals: tuple[object, ...]) -> None:
    assert given().when(bought(START), recorded=START + late).refusals == refusals
    assert given().tick(START + late).when(bought(START)).refusals == refusals


@pytest.mark.parametrize(("early", "refusals"), [(10 * MINUTE, ()), (10 * MINUTE + 1, (("future", "time"),))])
def test_a_clock_may_be_as_fast_as_the_policy_says(early: int, refusals: tuple[object, ...]) -> None:
    assert given().when(bought(START), recorded=START - early).refusals == refusals


def test_lateness_is_never_judged_by_the_newest_event() -> None:
    story = given(touched(START + 100 * DAY), bought(START))

    assert (story.refusals, story.tier) == ((), "silver")


def test_a_duplicate_that_comes_too_late_is_too_late() -> None:
    story = given(bought(START)).when(bought(START), recorded=START + LATENESS + 1)

    assert (story.decision.duplicates, story.refusals) == (0, (("too-late", "time"),))
    assert not story.decision.changed


def test_a_refusal_carries_the_record_as_it_came() -> None:
    record = Kept("cx.purchases", 3, 77, b"{}", (("ce_id", b"1"),))
    decision = decide(Customer("lan"), [Arrival(bought(START), START + 31 * DAY, record)], 0, rules())

    assert decision.refusals[0].record == record


def test_one_refused_event_disturbs_no_other_of_its_batch() -> None:
    story = given().when(bought(START), touched(START + 1, id="buy-o1", source=SOURCE), bought(START + 2, 1, "o2"))

    assert (story.spend, len(story.refusals)) == (1_001, 1)


# References


@pytest.mark.parametrize(
    ("moment", "refusal"),
    [
        (refunded(START), ("unknown-order", "data.order_id")),
        (cancelled(START), ("unknown-order", "data.order_id")),
        (answered(START), ("unknown-case", "data.case_id")),
    ],
)
def test_what_waits_in_vain_is_given_up_when_the_clock_is_lateness_past_its_time(
    moment: AnyMoment, refusal: tuple[str, str]
) -> None:
    story = given(moment)
    assert story.customer.next_deadline(LATENESS) == START + LATENESS

    early = story.tick(START + LATENESS - 1)
    assert (early.refusals, early.customer.events_held) == ((), 1)
    late = early.tick(START + LATENESS)
    assert (late.refusals, late.customer.events_held) == ((refusal,), 0)
    assert late.kept[0].value == moment.id.encode(), "with its bytes"
    assert late.customer.next_deadline(LATENESS) == NEVER


def test_only_the_clock_gives_up_never_a_newer_event() -> None:
    moments: list[AnyMoment] = [refunded(START), bought(START + 1), touched(START + LATENESS)]
    stories = [given(*order) for order in permutations(moments)]

    assert {story.spend for story in stories} == {0}
    assert all(derived(story) == derived(stories[0]) for story in stories)


def test_given_up_is_as_if_it_had_never_come() -> None:
    story = given(refunded(START), touched(START + DAY)).tick(START + LATENESS)

    assert story.customer.head == given(touched(START + DAY)).customer.head


def test_giving_up_leaves_what_else_waits() -> None:
    story = given(refunded(START), refunded(START + 1), refunded(START + 2, "o2")).tick(START + LATENESS)

    assert len(story.refusals) == 1
    assert story.profile["waiting"] == 2
    assert story.tick(START + LATENESS + 2).profile["waiting"] == 0


def test_what_was_given_up_does_not_take_effect_later() -> None:
    story = given(refunded(START)).tick(START + LATENESS).when(bought(START + DAY))

    assert (story.spend, story.orders) == (1_000, 1)


def test_a_tick_and_an_event_at_once_give_up_as_well() -> None:
    story = given(refunded(START))
    decision = decide(story.customer, [Arrival(touched(START + LATENESS), START + LATENESS)], START + LATENESS, rules())

    assert [refusal.reason for refusal in decision.refusals] == ["unknown-order"]
    assert decision.customer.events_held == 1


# Base and head


def test_moments_beyond_lateness_go_into_the_base_in_groups() -> None:
    few = [touched(START + n) for n in range(SETTLE_MIN)]
    story = given(*few).tick(START + LATENESS + SETTLE_MIN - 1).when(touched(START + LATENESS + HOUR))
    assert (story.customer.settled, len(story.customer.recent)) == (0, SETTLE_MIN + 1), (
        "the sixteenth is not old enough"
    )

    later = story.tick(START + LATENESS + SETTLE_MIN).when(touched(START + LATENESS + HOUR + 1))
    assert (later.customer.settled, len(later.customer.recent)) == (SETTLE_MIN, 2)
    assert later.customer.floor == START + SETTLE_MIN
    assert later.customer.events_held == SETTLE_MIN + 2


def long_story(*more: AnyMoment) -> Spec:
    """Return a story of which the older half is in the base, and *more* that comes late."""
    orders = [bought(START + n * DAY, 40 + n, f"o{n}") for n in range(60)]
    return given(*orders).tick(START + 62 * DAY).when(touched(START + 62 * DAY)).each(*more)


def test_settling_changes_nothing_that_is_seen() -> None:
    story = long_story()
    unsettled = given(*(bought(START + n * DAY, 40 + n, f"o{n}") for n in range(60)), touched(START + 62 * DAY))

    assert story.customer.settled > 0
    assert story.customer.head == unsettled.customer.head
    assert story.told == unsettled.told


@pytest.mark.parametrize(
    "late",
    [
        bought(START + 40 * DAY, 5_000, "late"),
        refunded(START + 40 * DAY, "o1"),
        cancelled(START + 33 * DAY, "o20"),
        Enrolled(START + 45 * DAY, "app", "e1", joined=737_000),
    ],
    ids=lambda moment: type(moment).__name__,
)
def test_a_late_event_is_folded_from_the_base_as_if_it_had_come_in_time(late: AnyMoment) -> None:
    moments = sorted([*(bought(START + n * DAY, 40 + n, f"o{n}") for n in range(60)), late], key=lambda m: m.key)
    timely = given(*moments, touched(START + 62 * DAY))
    story = long_story(late)

    assert late in story.customer.recent
    assert story.customer.head == timely.customer.head


def test_what_is_older_than_the_base_is_too_late() -> None:
    story = long_story()
    floor = story.customer.floor

    assert story.when(touched(floor - 1), recorded=floor).refusals == (("too-late", "time"),)
    assert story.tick(floor).when(touched(floor), recorded=floor).customer.events_held == 62


def test_above_recent_max_the_oldest_go_into_the_base() -> None:
    small = rules(clock={"recent_max": 10})
    story = given(*(touched(START + n) for n in range(10)), by=small)
    assert len(story.customer.recent) == 10

    story = story.when(touched(START + 10))
    assert (len(story.customer.recent), story.customer.settled) == (9, 2), "one more than needed, so that not each pays"
    assert story.when(touched(START + 1, id="late")).refusals == (("too-late", "time"),)
    assert story.when(touched(START + 2, id="late")).refusals == ()


def test_a_group_of_one_instant_is_never_torn() -> None:
    small = rules(clock={"recent_max": 10})
    story = given(*(touched(START + n // 4, id=f"t{n:02}") for n in range(11)), by=small)

    assert (story.customer.settled, len(story.customer.recent)) == (4, 7)
    assert story.customer.floor == START + 1


def test_what_waits_can_be_given_up_from_the_base_too() -> None:
    small = rules(clock={"recent_max": 10})
    story = given(refunded(START), *(touched(START + n) for n in range(1, 12)), by=small)
    assert story.customer.settled > 0
    held = story.customer.events_held

    late = story.tick(START + LATENESS)
    assert late.refusals == (("unknown-order", "data.order_id"),)
    assert late.customer.events_held == held - 1
    assert late.when(bought(START + DAY)).spend == 1_000


def test_what_waits_in_a_mark_keeps_its_record_until_its_purchase_is_in_the_base() -> None:
    few = rules(clock={"recent_max": 20})
    marked = given(refunded(START, "o1"), *(touched(START + n) for n in range(1, SETTLE_MIN)), by=few)
    story = marked.when(*(touched(START + n) for n in range(SETTLE_MIN, SETTLE_MIN + 17)), bought(START + DAY, 1, "o1"))

    assert (story.customer.settled, story.profile["waiting"], len(story.customer.kept)) == (SETTLE_MIN, 0, 1)


def test_what_waits_in_the_base_still_meets_its_purchase() -> None:
    small = rules(clock={"recent_max": 10})
    story = given(refunded(START), *(touched(START + n) for n in range(1, 12)), bought(START + 20), by=small)

    assert (story.spend, story.profile["waiting"]) == (0, 0)
    assert story.tick(START + LATENESS).refusals == ()


def test_shrinking_moves_the_older_half_and_changes_nothing_that_is_seen() -> None:
    story = given(*(bought(START + n * HOUR, 100, f"o{n}") for n in range(9)), refunded(START, "o7"))
    smaller = shrink(story.customer, story.rules)

    assert (smaller.settled, len(smaller.recent)) == (5, 5)
    assert smaller.head == story.customer.head
    assert story.customer.settled == 0, "the original is left alone"
    late = decide(smaller, [Arrival(bought(START + 8 * HOUR - 1, 1, "x"), START)], 0, story.rules)
    assert late.refusals[0].reason == "future"
    taken = decide(smaller, [Arrival(bought(START + 8 * HOUR - 1, 1, "x"), START + DAY)], 0, story.rules)
    assert taken.customer.head == story.when(bought(START + 8 * HOUR - 1, 1, "x")).customer.head


def kept(size: int, offset: int = 0) -> Kept:
    return Kept("cx.purchases", 0, offset, b"x" * size)


def test_a_record_that_is_too_large_to_be_kept_is_refused_at_once() -> None:
    arrivals = [
        Arrival(refunded(START, "o1"), START, kept(KEPT_ONE_BYTES_MAX)),
        Arrival(refunded(START, "o2"), START, kept(KEPT_ONE_BYTES_MAX + 1)),
        Arrival(bought(START, 1_000, "o3"), START, kept(KEPT_ONE_BYTES_MAX + 1)),  # refers to nothing: nothing is kept
    ]
    story = decide(Customer("lan"), arrivals, 0, rules())

    assert [(refusal.reason, refusal.loc) for refusal in story.refusals] == [("too-large", "")]
    assert (story.applied, story.customer.kept_bytes) == (2, KEPT_ONE_BYTES_MAX)


def test_headers_are_kept_and_so_they_count() -> None:
    record = Kept("cx.purchases", 0, 0, b"x" * KEPT_ONE_BYTES_MAX, (("h", b""),))
    story = decide(Customer("lan"), [Arrival(refunded(START), START, record)], 0, rules())

    assert [refusal.reason for refusal in story.refusals] == ["too-large"]


@pytest.mark.parametrize("batch_size", [1, 100])
def test_what_refers_to_nothing_cannot_fill_a_customer(batch_size: int) -> None:
    fitting = KEPT_BYTES_MAX // KEPT_ONE_BYTES_MAX
    arrivals = [Arrival(refunded(START, f"o{n}"), START, kept(KEPT_ONE_BYTES_MAX, n)) for n in range(fitting + 2)]
    customer, reasons = Customer("lan"), []
    for start in range(0, len(arrivals), batch_size):
        story = decide(customer, arrivals[start : start + batch_size], 0, rules())
        customer = story.customer
        reasons += [refusal.reason for refusal in story.refusals]

    assert (reasons, customer.kept_bytes) == (["state-too-large"] * 2, KEPT_BYTES_MAX)
    assert decide(customer, [Arrival(bought(START, 1_000, "x"), START)], 0, rules()).applied == 1


def test_a_customer_who_is_not_there_yet_shrinks_to_nothing() -> None:
    assert shrink(Customer("lan"), rules()) == Customer("lan")


def test_time_alone_decides_as_well() -> None:
    story = given(bought(START))
    fall = at("2027-03-01T00:00")

    assert not advance(story.customer, fall - 1, story.rules).changed
    assert advance(story.customer, fall, story.rules).customer.head.tier == "member"


def test_a_customers_own_event_first_brings_it_up_to_date() -> None:
    story = given(bought(START)).when(touched(at("2027-03-02T00:00")))

    assert story.told == ["tier.upgraded member silver", "tier.downgraded silver member"]


def test_each_change_counts_one_version() -> None:
    story = given(bought(START), bought(START), touched(START + 1))

    assert story.customer.version == 2
    assert story.customer.policy == story.rules.hash


def ten_thousand_orders(by: Rules) -> tuple[Customer, list[int]]:
    """Let a customer buy for 1 đồng every 157 minutes over three years; return the days of the orders as well."""
    customer, at = Customer("lan"), [START + number * 157 * MINUTE for number in range(10_000)]
    for first in range(0, 10_000, 50):
        orders = [bought(at[number], 1, f"o{number}") for number in range(first, first + 50)]
        customer = decide(customer, [Arrival(order, order.at) for order in orders], orders[-1].at, by).customer
    assert customer.events_held == 10_000
    data = encode(customer, LATENESS)
    assert len(data) < 192 * 1024
    assert encode(decode(data), LATENESS) == data
    return customer, [by.calendar.day(one) for one in at]


def test_ten_thousand_orders_over_three_years_stay_small_and_right() -> None:
    customer, days = ten_thousand_orders(rules(clock={"recent_max": 300}))
    assert customer.head.counted.spend == sum(one > days[-1] - 365 for one in days)


def test_ten_thousand_orders_under_years_and_points_stay_small_and_right() -> None:
    by_years = {"ladder": LADDER, "window": {"anniversary": "year"}, "downgrade": {"mode": "one-step"}}
    points = {"rates": [{"per": 1}], "pending_days": 14, "expiry": {"after_months": 12}}
    customer, days = ten_thousand_orders(rules(clock={"recent_max": 250}, tiers=by_years, points=points))

    assert customer.head.counted.spend == sum(one >= day("2028-03-01") for one in days)
    ledger, pending = customer.head.ledger, sum(one > days[-1] - 14 for one in days)
    assert ledger.earned == 10_000 - pending
    assert ledger.balance == sum(month_end(one, 12) >= days[-1] for one in days) - pending
    assert ledger.balance + ledger.expired == ledger.earned


def test_a_profile_update_changes_only_what_it_names() -> None:
    first = ProfileUpdated(START, "app", "u1", birthday="02-29", locale="en", preferences=("tea",), notify=False)
    second = ProfileUpdated(START + 1, "app", "u2", birthday=None, locale=None, preferences=(), notify=None)
    head = given(first, second).customer.head

    assert (head.birthday, head.locale, head.preferences, head.notify) == ("02-29", "en", (), False)


def test_the_newest_profile_wins_whatever_came_first() -> None:
    old = ProfileUpdated(START, "app", "u1", birthday=None, locale="vi", preferences=None, notify=True)
    new = ProfileUpdated(START + 1, "app", "u2", birthday=None, locale="en", preferences=None, notify=False)

    assert given(new, old).customer.head.locale == "en"
    assert given(new, old).profile["notify"] is False


def test_causes_come_before_their_consequences_at_one_instant() -> None:
    story = given().when(answered(START), opened(START), refunded(START), bought(START), touched(START))

    assert [type(moment).__name__ for moment in story.customer.recent] == [
        "Purchased",
        "Refunded",
        "CaseOpened",
        "CaseResponded",
        "Touched",
    ]
