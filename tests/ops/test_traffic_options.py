"""Options of a run: durations, and what is refused in one line."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from ops.traffic.errors import OptionsError
from ops.traffic.options import duration
from ops.traffic.population import Month
from tests.ops.traffic_runs import NOW, run


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("400d", timedelta(days=400)),
        ("36h", timedelta(hours=36)),
        ("90m", timedelta(minutes=90)),
        ("0.5s", timedelta(milliseconds=500)),
        ("3650d", timedelta(days=3650)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["", "400", "d", "-1d", "1w", "1d2h", "3651d", "1e3s", "٣d" * 2])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(OptionsError, match="a duration"):
        duration(text)


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ({"now": datetime(2026, 1, 1)}, "needs an offset"),  # noqa: DTZ001  # the very thing refused
        ({"rate": -1.0}, "cannot be negative"),
        ({"seconds": -1.0}, "cannot be negative"),
        ({"events": None}, "rate 0 needs a number of events"),
        ({"events": 0}, "nothing to make"),
        ({"events": None, "rate": 0.1, "seconds": 1.0}, "nothing to make"),
        ({"customers": 0}, "at least one customer"),
        ({"hot": 401}, "not so many customers"),
        ({"hot": -1}, "not so many customers"),
        ({"span": timedelta(seconds=59)}, "at least a minute"),
        ({"tick_every": timedelta()}, "positive distance"),
        ({"late_share": -0.01}, "each share"),
        ({"duplicate_share": 0.31}, "each share"),
        ({"poison_share": 1.0}, "each share"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(wanted: dict[str, Any], complaint: str) -> None:
    with pytest.raises(OptionsError, match=complaint) as refused:
        run(**wanted)
    assert "\n" not in str(refused.value)


def test_more_hot_customers_than_a_month_has_room_for_are_refused() -> None:
    Month(run(hot=3, span=timedelta(days=60)))
    with pytest.raises(OptionsError, match="4 hot customers need 3600 records in 30 days"):
        Month(run(hot=4, span=timedelta(days=60)))


def test_a_span_ends_now_and_a_run_without_one_begins_now() -> None:
    now_ms = NOW.timestamp() * 1_000
    assert run().end_ms == now_ms
    assert run(rate=100.0, span=None).start_ms == now_ms
    assert run(span=None).end_ms == now_ms  # as fast as possible: what it makes is over when it is made
