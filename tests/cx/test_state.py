"""State: how a customer is written down, and that what format 1 wrote is read for ever."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cx.calendar import DAY
from cx.moments import AnyMoment, Enrolled, Imported, Overridden, ProfileUpdated, Purchased, Referred
from cx.state import (
    FORMAT,
    NEVER,
    Base,
    Customer,
    Day,
    Head,
    Informed,
    Life,
    Standing,
    StateFormatError,
    Told,
    base_of,
    canonical,
    deadline_of,
    decode,
    encode,
    format_of,
    head_of,
)
from tests.spec import (
    GIFT,
    GUARDED,
    Spec,
    adjusted,
    answered,
    asked,
    at,
    became,
    bought,
    cancelled,
    chosen,
    escalated,
    feedback,
    freed,
    given,
    opened,
    refunded,
    reopened,
    resolved,
    reward,
    rules,
    touched,
)

START = at("2026-03-01T10:00")
FALL = at("2027-03-01T00:00")
LATENESS = 30 * DAY
FIXTURE = Path(__file__).parents[1] / "fixtures" / "state-format-1.bin"
SECOND = FIXTURE.with_name("state-format-2.bin")


def full_story() -> Spec:
    """Return a customer who has something of everything: all kinds of moments, a base, what waits, rewards, a fall."""
    early: list[AnyMoment] = [touched(START - (60 - n) * DAY, id=f"t{n}") for n in range(18)]
    moments: list[AnyMoment] = [
        Enrolled(START - DAY, "app", "e1", joined=739_600),
        ProfileUpdated(START - 1, "app", "u", birthday="02-29", locale="en", preferences=("tea", "sữa"), notify=False),
        bought(START, 6_000, not_money=(("points", 600),), shipping=20, tax=80, store="hcm-1"),
        refunded(START + 1, "o1", ("l1", 900)),
        bought(START + 2, 100, "o2"),
        cancelled(START + 3, "o2"),
        refunded(START + 4, "o9"),
        refunded(START + 5, "o1", ("l1", 99_999)),
        opened(START + 6),
        answered(START + 7),
        escalated(START + 8),
        resolved(START + 9),
        reopened(START + 10),
        answered(START + 11, "k9"),
        feedback(START + 12, score=3, dimension="service"),
        feedback(START + 13, "complaint", None, case="k1"),
        touched(START + 14, "consider", "care", accepted=True),
        Referred(START + 15, "app", "r1"),
    ]  # fmt: skip
    with_all = rules(tiers=GUARDED, levels=None, rewards=[reward("gift", "silver"), reward("big", "gold", quantity=2)])
    return given(*early, by=with_all).tick(START).each(*moments)


def second_story() -> Spec:
    """Return the same customer with what format 2 brought: points, a person's word, moving in, choices, a hold."""
    policy = rules(
        tiers=GUARDED | {"window": {"calendar": "year"}, "downgrade": {"mode": "one-step"}},
        levels=None,
        rewards=[
            reward("gift", "silver"),
            reward("pick", "silver", gift=None, choices=[GIFT, GIFT | {"id": "cake"}]),
            {"id": "run", "when": {"streak": {"orders": 2, "within": "week"}}, "gift": GIFT},
            {"id": "friend", "when": {"promoter_refers": True}, "gift": GIFT},
        ],
        velocity=[{"id": "many", "counts": "orders", "more_than": 2, "within_hours": 24}],
        points={"rates": [{"per": 10, "categories": ["food"]}, {"per": 9}], "expiry": {"after_months": 6}},
    )
    story = Spec(policy, full_story().customer.__class__("lan")).each(*full_story().customer.recent, recorded=START)
    lots, days = ((70, 739_600, 0), (30, 739_500, 739_999)), ((739_600, 700, 2, 1),)
    moved = Imported(
        START + 16, "old", "in", joined=739_000, tier="silver", since=START, until=None, lots=lots, days=days
    )
    word = Overridden(START + 17, "desk", "word", tier="gold", until=FALL, reason="sorry", person="p7")
    more: list[AnyMoment] = [moved, word, adjusted(START + 18, -20), asked(START + 19, 50), asked(START + 20, 9_999)]
    later: list[AnyMoment] = [
        bought(START + 21, 500, "o3", currency=""),
        chosen(START + 22, "pick/2026/1", "cake"),
        became(START + 23, "gift/2026/1", "redeemed"),
        bought(START + 24, 10, "o4"),
        freed(START + 25, "many-2026-03-01"),
    ]
    return story.each(*more, *later, recorded=START + 30)


@dataclass(frozen=True)
class Read:
    """What is looked at of the golden state: plain values, so that it reads alike whatever the classes become."""

    id: str = "lan"
    tier: str = "silver"
    spend: int = 4_599
    days: int = 1
    settled: int = 18
    recent: int = 18
    waiting: int = 2
    refused: int = 1
    level: int = 1
    locale: str = "en"
    told_tier: str = "silver"
    revision: int = 6
    rewards: int = 3
    kept: int = 9


def test_what_is_written_down_is_read_back() -> None:
    customer = full_story().customer

    assert decode(encode(customer, LATENESS)) == customer
    assert encode(decode(encode(customer, LATENESS)), LATENESS) == encode(customer, LATENESS)


def test_what_base_and_head_have_in_common_is_written_once_and_the_rest_read_back_in_its_order() -> None:
    orders = [bought(START + n * DAY, 700, f"o{n}") for n in range(16)]
    story = given(*orders).tick(START + 50 * DAY).when(touched(START + 50 * DAY))
    story = story.when(refunded(START + 51 * DAY, "o3", ("l1", 200)), cancelled(START + 51 * DAY + 1, "o5"))
    customer = story.customer
    assert customer.base
    own, others = customer.base.open_orders, customer.head.open_orders
    assert {key for key, order in own.items() if others.get(key) != order} == {"o3\nshop", "o5\nshop"}
    data = encode(customer, LATENESS)
    read = decode(data)

    assert read == customer
    assert [*read.base.open_orders] == [*own]
    assert [*read.base.days] == [*customer.base.days]
    once = len(msgspec.msgpack.encode(own)) + len(msgspec.msgpack.encode(customer.base.days))
    customer.base = msgspec.structs.replace(customer.base, open_orders={}, days={})
    assert len(data) - len(encode(customer, LATENESS)) < once / 4


def test_places_that_are_not_there_are_damage() -> None:
    data = encode(full_story().customer, LATENESS)
    base, journey = 5, 4
    plain = msgspec.msgpack.decode(data[10:])
    assert len(plain[base][journey]) == 1
    plain[base][journey] = [99]

    with pytest.raises(StateFormatError, match="state is damaged"):
        decode(data[:10] + msgspec.msgpack.encode(plain))


def test_a_new_customer_is_written_and_read_as_well() -> None:
    assert decode(encode(Customer("lan"), LATENESS)) == Customer("lan")


def test_a_state_of_format_1_is_read_for_ever() -> None:
    data = FIXTURE.read_bytes()
    customer = decode(data)
    head, told = customer.head, customer.told

    assert format_of(data) == 1
    assert deadline_of(data) == START + 4 + LATENESS
    assert Read() == Read(
        id=customer.id,
        tier=head.tier,
        spend=head.counted.spend,
        days=len(head.days),
        settled=customer.settled,
        recent=len(customer.recent),
        waiting=len(head.waiting),
        refused=len(head.refused),
        level=head.level,
        locale=head.locale or "",
        told_tier=told.tier,
        revision=told.revision,
        rewards=len(told.rewards),
        kept=len(customer.kept),
    )
    assert {type(moment).__name__ for moment in customer.recent} == {
        "Enrolled", "ProfileUpdated", "Purchased", "Refunded", "Cancelled", "CaseOpened", "CaseResponded",
        "CaseEscalated", "CaseResolved", "CaseReopened", "FeedbackGiven", "Touched", "Referred",
    }  # fmt: skip


def test_a_state_of_format_1_is_written_as_one_of_today() -> None:
    customer = decode(FIXTURE.read_bytes())
    data = encode(customer, LATENESS)
    assert format_of(data) == FORMAT
    assert decode(data) == customer


def test_a_state_of_format_1_is_the_customer_that_the_same_story_makes_today() -> None:
    before, today = decode(FIXTURE.read_bytes()), full_story().customer
    later = START + 2 * DAY

    def goes_on(customer: Customer) -> Customer:
        return Spec(full_story().rules, customer).tick(later).when(touched(later, "use")).customer

    assert without_places(goes_on(before).head) == without_places(goes_on(today).head)
    assert without_lives(goes_on(before).told) == without_lives(goes_on(today).told)


def test_a_case_in_a_state_of_format_1_goes_on_waiting_for_its_answer() -> None:
    header, data = FIXTURE.read_bytes()[:10], msgspec.msgpack.decode(FIXTURE.read_bytes()[10:])
    cases, answer, begins = 20, 6, msgspec.msgpack.decode(data[5])
    data[7][cases]["k1\ndesk"][answer] = None
    begins[cases] = data[7][cases]
    data[5] = msgspec.msgpack.encode(begins)
    customer = decode(header + msgspec.msgpack.encode(data))

    assert customer.head.waits == head_of(customer.base).waits == (START + 6 + DAY,)
    story = Spec(full_story().rules, customer).when(answered(START + DAY))
    assert (story.customer.head.waits, story.customer.head.counts["answered"]) == ((), 2)


NOT_KNOWN: dict[str, Any] = {"rhythm": (), "informed": Informed(), "contacts": (), "detracted": None, "journey": {}}
NOT_KNOWN["crests"] = Head().crests


def without_places(head: Head) -> Head:
    """Return *head* without what format 1 did not know.

    That is since when a tier is held, what a reward rests on, a rhythm, contacts, the journey, and whether help came
    before a complaint.
    """
    owed = {key: msgspec.structs.replace(one, rank=0, source="", lost_at=0) for key, one in head.entitlements.items()}
    orders = {key: msgspec.structs.replace(order, digital=False) for key, order in head.open_orders.items()}
    standing = Standing(head.tier, head.tier_since)
    counts = {name: count for name, count in head.counts.items() if name != "care_accepted"}
    known = msgspec.structs.replace(head, standing=standing, entitlements=owed, open_orders=orders)
    return msgspec.structs.replace(known, counts=counts, **NOT_KNOWN)


def without_lives(told: Told) -> Told:
    """Return *told* without what format 1 did not know of a reward: what was issued, and until when it can be used."""
    lives = {key: Life(life.status, life.times) for key, life in told.rewards.items()}
    return msgspec.structs.replace(told, rewards=lives, due=NEVER)


def test_a_state_of_format_2_is_still_written_the_same_way() -> None:
    # Without this a change of the layout would go unnoticed until it meets an old state: it takes a new format.
    assert FORMAT == 2
    assert encode(decode(SECOND.read_bytes()), LATENESS) == SECOND.read_bytes()


def test_a_state_of_format_2_is_the_customer_that_the_same_story_makes_today() -> None:
    assert decode(SECOND.read_bytes()) == second_story().customer


def test_a_state_of_format_1_goes_on_as_if_it_had_been_decided_today() -> None:
    story = Spec(full_story().rules, decode(FIXTURE.read_bytes())).when(resolved(START + DAY))

    assert story.tier == "silver"
    assert story.customer.head.cases["k1\ndesk"].resolved == START + DAY
    late = story.when(touched(START + 2, "use"))
    assert late.customer.head.reached == START + DAY


def test_an_order_in_a_state_of_format_1_is_still_known_by_its_fingerprint() -> None:
    story = Spec(full_story().rules, decode(FIXTURE.read_bytes()))
    first = next(moment for moment in story.customer.recent if isinstance(moment, Purchased))

    again = story.when(msgspec.structs.replace(first, at=first.at + 1, id="again"))
    assert (again.decision.duplicates, again.refusals) == (1, ())


def test_the_first_eight_bytes_are_the_next_deadline() -> None:
    assert deadline_of(encode(Customer("lan"), LATENESS)) == NEVER
    assert deadline_of(encode(given(touched(START)).customer, LATENESS)) == NEVER
    assert deadline_of(encode(given(bought(START)).customer, LATENESS)) == FALL
    assert deadline_of(encode(given(refunded(START)).customer, LATENESS)) == START + LATENESS
    both = given(bought(START), refunded(START + 9, "o9")).customer
    assert deadline_of(encode(both, LATENESS)) == START + 9 + LATENESS
    assert encode(both, LATENESS)[:8] == (START + 9 + LATENESS).to_bytes(8, "big")


def test_the_earliest_of_what_waits_is_the_deadline() -> None:
    story = given(
        bought(START), refunded(START + 7, "o9"), refunded(START + 3, "o1", ("l1", 2_000)), answered(START + 5)
    )

    assert story.customer.next_deadline(LATENESS) == START + 3 + LATENESS


@pytest.mark.parametrize("format_", [0, 3, 65_535])
def test_another_format_is_refused_before_it_is_trusted(format_: int) -> None:
    data = encode(Customer("lan"), LATENESS)

    with pytest.raises(StateFormatError, match=f"format {format_}, this version reads 1 and 2"):
        decode(data[:8] + format_.to_bytes(2, "big") + data[10:])


def test_a_damaged_state_is_refused() -> None:
    data = encode(full_story().customer, LATENESS)

    for broken in (
        b"",
        data[:9],
        data[:10],
        data[:-1],
        data[:10] + b"\xc1",
        data[:10] + msgspec.msgpack.encode({"id": 1}),
    ):
        with pytest.raises(StateFormatError):
            decode(broken)


def test_an_error_names_nothing_of_the_customer() -> None:
    data = encode(full_story().customer, LATENESS)

    with pytest.raises(StateFormatError) as caught:
        decode(data[:-1])
    assert str(caught.value) == "state is damaged"


def test_a_base_of_nothing_is_a_fresh_head_and_a_damaged_one_is_refused() -> None:
    assert head_of(Base()) == Head()
    head = msgspec.structs.replace(full_story().customer.head, moves={})
    base = base_of(head)
    assert head_of(base) == head
    with pytest.raises(StateFormatError, match="base is damaged"):
        head_of(msgspec.structs.replace(base, rest=base.rest[:-1]))


def test_a_copy_shares_nothing_that_a_fold_changes() -> None:
    customer = second_story().customer
    before = encode(customer, LATENESS)
    head, told = customer.head.copy(), customer.told.copy()
    for container in (head.days, head.open_orders, head.waiting, head.refused, head.cases, head.counts,
                      head.channels, head.feedback, head.journey, told.answers, told.moves):  # fmt: skip
        assert container
        container.clear()

    assert encode(customer, LATENESS) == before


def test_fresh_customers_share_no_container() -> None:
    one, other = Customer("lan"), Customer("mai")
    one.head.days[1] = Day(1, 1)
    one.told.rewards["r"] = Life("issued", 1)

    assert (other.head.days, other.told.rewards) == ({}, {})


def test_equal_values_give_equal_bytes_whatever_came_first() -> None:
    assert (
        canonical({"b": 1, "a": [True, None]}) == canonical({"a": [True, None], "b": 1}) == b'{"a":[true,null],"b":1}'
    )


def test_a_typical_customer_takes_little_room() -> None:
    orders = [bought(START + n * DAY, 250_000, f"order-{n:05}") for n in range(40)]
    story = given(*orders).tick(orders[-1].at).when(touched(orders[-1].at + 1))

    assert len(encode(story.customer, LATENESS)) < 8 * 1024


if __name__ == "__main__":
    SECOND.write_bytes(encode(second_story().customer, LATENESS))
