"""The verdict: all accounted for is ok, and every way in which it is not is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from ops.audit.gifts import Numbers
from ops.audit.verdict import judge
from schemas.errors import Reason
from tests.ops.audit_records import World, answered, asked, event, output, produced, record, refused, state

if TYPE_CHECKING:
    from collections.abc import Callable

MANIFEST = produced(lan=2, mai=1)


def test_a_run_in_which_every_event_is_accounted_for_is_ok() -> None:
    verdict = judge(World().read(), MANIFEST, 0)

    assert verdict.ok
    assert verdict.faults == ()
    assert msgspec.structs.asdict(verdict) == {
        "events_in": 5,
        "decided": 3,
        "duplicates": 1,
        "dead_letters": 1,
        "tier_changes": 2,
        "level_changes": 0,
        "rewards_issued": 0,
        "lag": 0,
        "faults": (),
        "gifts": Numbers(),
    }


def a_missing_event(world: World) -> None:
    world.states = [state("lan", 1), state("mai", 1)]


def an_event_that_never_arrived(world: World) -> None:
    world.inputs.pop(1)
    world.states[-1] = state("lan", 1)


def an_event_decided_twice(world: World) -> None:
    world.states.append(state("lan", 3))


def a_lost_event_made_up_for_by_another_customers_double(world: World) -> None:
    world.states += [state("lan", 1), state("mai", 2)]


def a_customer_with_two_halves(world: World) -> None:
    world.states.append(state("mai", 1, partition=5))


def a_customer_nobody_produced(world: World) -> None:
    world.states.append(state("someone", 1))


def a_lost_customer(world: World) -> None:
    world.states.append(record("cx-customers-changelog", b"mai", None))


def a_lost_duplicate(world: World) -> None:
    del world.inputs[3]


def a_lost_dead_letter(world: World) -> None:
    world.letters = []


def a_dead_letter_with_another_reason(world: World) -> None:
    world.letters = [refused(world.inputs[-1], Reason.NAIVE_TIME)]


def a_foreign_dead_letter_in_place_of_ours(world: World) -> None:
    world.letters = [refused(event("elsewhere"))]


def a_dead_letter_of_a_good_event(world: World) -> None:
    world.letters.append(refused(world.inputs[1]))


def a_record_refused_twice(world: World) -> None:
    world.letters.append(refused(world.inputs[-1]))


def a_refused_tick(world: World) -> None:
    world.letters.append(refused(record("cx.clock", None, b"{}")))


def an_output_published_twice(world: World) -> None:
    world.outputs.append(output("gold of lan", "b"))


def an_output_that_breaks_its_contract(world: World) -> None:
    world.outputs.append(record("cx.tier-changes", b"lan", b'{"id": "x"}'))


def a_request_without_an_answer(world: World) -> None:
    world.desk = [asked("r1", "coffee")]


def an_answer_that_nobody_folded(world: World) -> None:
    world.desk = [asked("r1", "coffee"), answered("gift.refused", "r1")]


def a_thing_that_the_desk_could_not_take(world: World) -> None:
    world.letters.append(refused(asked("r1", "coffee")))


def a_dead_letter_that_says_nothing(world: World) -> None:
    world.letters.append(record("cx.dead-letters", b"lan", b"?"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (a_missing_event, "4 events are accounted for, 5 were produced"),
        (an_event_that_never_arrived, "4 records are in the topics, 5 were produced"),
        (an_event_decided_twice, "6 events are accounted for, 5 were produced"),
        (a_lost_event_made_up_for_by_another_customers_double, "2 customers hold another number of events"),
        (a_customer_with_two_halves, "1 customers hold another number of events"),
        (a_customer_nobody_produced, "1 customers hold another number of events"),
        (a_lost_customer, "1 customers hold another number of events"),
        (a_lost_duplicate, "0 records are repeats, 1 were produced"),
        (a_lost_dead_letter, "dead letters differ from the poison that was produced: invalid"),
        (
            a_dead_letter_with_another_reason,
            "dead letters differ from the poison that was produced: invalid, naive-time",
        ),
        (a_foreign_dead_letter_in_place_of_ours, "1 dead letters name records that do not exist"),
        (a_dead_letter_of_a_good_event, "6 events are accounted for, 5 were produced"),
        (a_record_refused_twice, "1 records went to dead letters twice"),
        (a_refused_tick, "1 ticks were refused"),
        (an_output_published_twice, "1 outputs were published twice"),
        (an_output_that_breaks_its_contract, "1 outputs break their contract"),
        (a_request_without_an_answer, "1 requests for gifts have no answer"),
        (an_answer_that_nobody_folded, "4 events are accounted for, 5 were produced"),
        (a_thing_that_the_desk_could_not_take, "1 things said to the gift desk were refused"),
        (a_dead_letter_that_says_nothing, "1 outputs break their contract"),
    ],
)
def test_whatever_is_not_right_is_found(spoil: Callable[[World], None], said: str) -> None:
    world = World()
    spoil(world)

    verdict = judge(world.read(), MANIFEST, 0)

    assert not verdict.ok
    assert [fault for fault in verdict.faults if fault.startswith(said)], verdict.faults


def test_what_the_gift_desk_answers_is_folded_like_an_event_and_counted_apart() -> None:
    world = World()
    world.desk = [
        *(asked(name, "coffee", "cake") for name in ("r1", "r2", "r3", "r4", "r5")),
        answered("gift.waitlisted", "r1"),
        answered("gift.allocated", "r1", gift_id="coffee"),
        answered("gift.allocated", "r2", gift_id="cake"),
        answered("gift.refused", "r3"),
        answered("gift.waitlisted", "r4"),
        answered("gift.withdrawn", "r5"),
        answered("gift.withdrawn", "r2", gift_id="cake"),
        record("cx.gift-requests", b"shop", b'{"type": "claim.redeemed", "data": {"request_id": "r1"}}'),
    ]
    world.letters.append(refused(record("cx.gift-requests", b"shop", b""), Reason.UNKNOWN_REWARD))  # used on its end
    world.states.append(state("lan", 2 + 7))

    verdict = judge(world.read(), MANIFEST, 0)

    assert verdict.faults == ()
    assert (verdict.events_in, verdict.decided) == (5, 3)
    assert verdict.gifts == Numbers(asked=5, issued=2, instead=1, used=1, refused=1, waiting=1)


@pytest.mark.parametrize(("lag", "said"), [(1, "the lag is 1, not 0"), (None, "the lag is not known")])
def test_what_is_still_to_do_is_not_ok(lag: int | None, said: str) -> None:
    assert judge(World().read(), MANIFEST, lag).faults == (said,)
