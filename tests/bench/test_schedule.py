"""Latency counts from when an event was due, whatever the generator did."""

from bench.harness.schedule import Phase, due_ns, latencies_ms, plan

SECOND = 1_000_000_000


def test_phases_follow_one_another_and_share_no_serial() -> None:
    phases = plan([10, 100, 1], warm_s=1, measured_s=2)

    assert phases == [Phase(10, 0, 10, 30), Phase(100, 30, 100, 300), Phase(1, 330, 1, 3)]


def test_events_are_due_evenly() -> None:
    assert [due_ns(7, number, 4) - 7 for number in range(5)] == [0, SECOND // 4, SECOND // 2, 3 * SECOND // 4, SECOND]


def test_what_was_sent_late_has_waited_all_the_same() -> None:
    # Four events a second, the second one answered at once but sent 0.3 s late: 0.3 s is what its customer waited.
    phase = Phase(rate=4, first=100, warm=0, count=2)

    assert latencies_ms(phase, SECOND, [(100, SECOND + 5_000_000), (101, SECOND + SECOND // 4 + 300_000_000)]) == [
        5.0,
        300.0,
    ]


def test_the_warm_up_and_other_phases_do_not_count() -> None:
    phase = Phase(rate=1, first=10, warm=1, count=3)
    arrivals = [(serial, 20 * SECOND) for serial in (9, 10, 11, 12, 13)]

    assert latencies_ms(phase, 0, arrivals) == [18_000.0, 19_000.0]


def test_of_a_repeated_answer_the_first_counts_and_a_missing_one_is_left_out() -> None:
    phase = Phase(rate=1, first=0, warm=0, count=2)

    assert latencies_ms(phase, 0, [(0, SECOND), (0, 9 * SECOND)]) == [1_000.0]
