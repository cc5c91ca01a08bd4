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
    standings = [Standing(1.0, 0, 3.0), Standing(2.0, 100, 4.0), Standing(4.0, 1_100, 6.0), Standing(9.0, 1_100, 6.5)]

    assert pace(standings) == Pace(per_second=500.0, cpu_us=2_000.0)


@pytest.mark.parametrize("standings", [[], [Standing(1.0, 0)], [Standing(1.0, 0), Standing(2.0, 7)]])
def test_what_comes_at_once_has_no_pace(standings: list[Standing]) -> None:
    assert pace(standings) is None
