"""When a process is to be started anew, and when it only does no work yet."""

from __future__ import annotations

import pytest

from ops.pulse import DEAF_S, Pulse
from streams.meter import Phase


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pulse(clock: Clock) -> Pulse:
    return Pulse(60.0, clock)


def test_who_waits_for_kafka_at_the_start_lives_and_is_not_ready(pulse: Pulse, clock: Clock) -> None:
    clock.now += 10_000

    assert (pulse.ill(), pulse.unready()) == ("", "no partitions are assigned yet")


def test_an_event_loop_that_stands_still_is_ill(pulse: Pulse, clock: Clock) -> None:
    pulse.beat(0.0)
    clock.now += DEAF_S
    assert pulse.ill() == ""

    clock.now += 1
    assert pulse.ill() == "the event loop has stood still for 31 seconds"
    pulse.beat(0.0)
    assert pulse.ill() == ""


@pytest.mark.parametrize(("standing_s", "ill"), [(0.0, False), (60.0, False), (60.5, True), (600.0, True)])
def test_work_of_which_nothing_moves_is_ill_after_a_while(pulse: Pulse, standing_s: float, *, ill: bool) -> None:
    pulse.beat(standing_s)

    assert bool(pulse.ill()) is ill


def test_ready_is_who_has_opened_all_partitions(pulse: Pulse) -> None:
    pulse.opening(Phase.STATE)
    assert pulse.unready() == "partitions are being opened: state"
    pulse.opening(None)
    assert pulse.unready() == "no partitions are assigned yet"
    pulse.joined(whole=True)
    assert pulse.unready() == ""
    pulse.opening(Phase.FENCING)
    assert pulse.unready() == "partitions are being opened: fencing"
    pulse.opening(None)
    pulse.joined(whole=False)
    assert pulse.unready() == "no partitions are assigned yet"
