"""What is said of a group, once Kafka has told its offsets."""

from __future__ import annotations

import pytest
from aiokafka.structs import TopicPartition

from ops.lag.groups import GroupLag, Movement, PartitionLag, Verdict

TP = TopicPartition("cx.purchases", 0)


def part(messages: int | None, seconds: float | None = 0.0, *, number: int = 0, stalled: bool = False) -> PartitionLag:
    return PartitionLag("cx.purchases", number, 0, 10, 1, messages, seconds, None, stalled)


def group(*partitions: PartitionLag) -> GroupLag:
    return GroupLag("cx", "Stable", (), partitions)


@pytest.mark.parametrize(
    ("partitions", "verdict"),
    [
        ([], Verdict.OK),
        ([part(0)], Verdict.OK),
        ([part(0), part(1, 0.5)], Verdict.BEHIND),
        ([part(0), part(1, None)], Verdict.BEHIND),
        ([part(None, None), part(1, 2.0)], Verdict.UNKNOWN),
        ([part(None, None), part(1, 2.0, stalled=True)], Verdict.STALLED),
    ],
)
def test_a_group_is_as_its_worst_partition(partitions: list[PartitionLag], verdict: Verdict) -> None:
    assert group(*partitions).verdict is verdict


def test_messages_add_up_and_seconds_are_those_of_the_longest_wait() -> None:
    whole = group(part(3, 0.5), part(4, 7.25, number=1), part(None, None, number=2))

    assert (whole.messages, whole.seconds) == (7, 7.25)
    assert whole.as_data()["messages"] == 7
    assert [one["partition"] for one in whole.as_data()["partitions"]] == [0, 1, 2]


def test_who_stands_still_for_long_enough_is_stalled_and_not_before() -> None:
    movement = Movement(10.0)

    assert not movement.stalled("cx", TP, 5, 3, now=100.0)
    assert not movement.stalled("cx", TP, 5, 9, now=109.9)
    assert movement.stalled("cx", TP, 5, 9, now=110.0)
    assert not movement.stalled("cx", TP, 6, 8, now=111.0)
    assert not movement.stalled("cx", TP, 6, 8, now=120.9)
    assert movement.stalled("cx", TP, 6, 8, now=121.0)


def test_a_record_that_has_just_come_makes_nobody_stalled() -> None:
    movement = Movement(10.0)

    assert not movement.stalled("cx", TP, 5, 0, now=0.0)
    assert not movement.stalled("cx", TP, 5, 1, now=60.0)
    assert movement.stalled("cx", TP, 5, 1, now=70.0)


def test_who_read_everything_begins_anew() -> None:
    movement = Movement(10.0)
    movement.stalled("cx", TP, 5, 1, now=0.0)
    movement.stalled("cx", TP, 5, 0, now=5.0)  # what was left were control records

    assert not movement.stalled("cx", TP, 5, 1, now=11.0)


def test_groups_do_not_share_their_places_and_what_is_gone_is_forgotten() -> None:
    movement = Movement(10.0)
    movement.stalled("cx", TP, 5, 1, now=0.0)
    movement.stalled("other", TP, 5, 1, now=9.0)

    assert not movement.stalled("other", TP, 5, 1, now=11.0)
    movement.keep({("other", TP)})
    assert not movement.stalled("cx", TP, 5, 1, now=12.0)
    assert movement.stalled("other", TP, 5, 1, now=19.0)
