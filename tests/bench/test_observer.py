"""What the observer makes of what it saw."""

import orjson
import pytest

from bench.harness.observer import Observation, Pace, Sight, pace


def seen(*sights: tuple[float, list[int]]) -> Observation:
    """Return an observation of outputs by their serials; a second of processor time each second."""
    observation = Observation()
    for at, serials in sights:
        observation.add(Sight(at, [orjson.dumps({"serial": serial}) for serial in serials], cpu_s=at))
    return observation


def test_the_clock_runs_from_the_first_sight_to_the_last_and_counts_what_came_between() -> None:
    # Two outputs in the first sight, four after it, in two seconds; each stands for ten events.
    found = pace(seen((5.0, [0, 10]), (6.0, [20, 30]), (7.0, [40, 50])), every=10)

    assert found == Pace(per_second=20.0, cpu_us=50_000.0)


def test_a_repeated_output_neither_counts_nor_moves_the_end() -> None:
    assert pace(seen((5.0, [0]), (6.0, [10, 0]), (9.0, [10])), every=10) == Pace(10.0, 100_000.0)


@pytest.mark.parametrize("sights", [(), ((5.0, [0, 10]),), ((5.0, [0]), (6.0, [0]))])
def test_without_a_second_sight_of_something_new_there_is_no_pace(sights: tuple[tuple[float, list[int]], ...]) -> None:
    assert pace(seen(*sights), every=10) is None


def test_an_unknown_processor_time_leaves_the_rate() -> None:
    observation = Observation()
    observation.add(Sight(1.0, [b'{"serial":0}']))
    observation.add(Sight(2.0, [b'{"serial":1}']))

    assert pace(observation, every=1) == Pace(1.0, None)


def test_an_empty_look_is_no_sight() -> None:
    observation = seen((1.0, [0]), (2.0, []))

    assert (observation.count, observation.last_at, len(observation.sights)) == (1, 1.0, 1)
