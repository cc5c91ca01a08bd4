"""How far a group has come, and how fast."""

import pytest
from aiokafka import TopicPartition

from bench.harness.observer import Pace
from bench.harness.progress import Standing, done_of, pace

ENDS = {TopicPartition("purchases", 0): 10, TopicPartition("purchases", 1): 5, TopicPartition("clock", 0): 2}


@pytest.mark.parametrize(
    ("committed", "found"),
    [
        ([], (0, False)),
        ([10, 4, 2], (14, False)),
        ([10, 5, 1], (15, False)),
        ([10, 5, 2], (15, True)),
        ([11, 5, 2], (15, True)),
    ],
    ids=["nothing", "a record is missing", "a tick is missing", "all", "written since"],
)
def test_all_is_done_when_the_ticks_are_too_but_they_do_not_count(
    committed: list[int], found: tuple[int, bool]
) -> None:
    assert done_of(dict(zip(ENDS, committed, strict=False)), ENDS, "clock") == found


def test_the_clock_runs_from_the_first_commit_to_the_last_that_brought_something() -> None:
    dones = [(1.0, 0), (2.0, 100), (3.0, 500), (3.5, 900), (4.0, 1_100), (9.0, 1_100)]

    assert pace([Standing(at, done, at + 1) for at, done in dones]) == Pace(per_second=500.0, cpu_us=2_000.0)


@pytest.mark.parametrize("dones", [[], [0], [0, 7], [0, 7, 7, 7, 7], [0, 7, 8, 9]])
def test_what_comes_in_a_few_commits_has_no_pace(dones: list[int]) -> None:
    assert pace([Standing(at, done) for at, done in enumerate(dones)]) is None
