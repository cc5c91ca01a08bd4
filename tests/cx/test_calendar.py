"""Calendar: local days of a time zone, their first instants, and how instants are written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies

from cx.calendar import DAY, HOUR, Calendar, instant, micros, rfc3339
from tests.spec import VIETNAM, at, day

ZONES = [VIETNAM, "UTC", "Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Asia/Kathmandu", "Africa/Cairo"]


def test_a_day_begins_at_local_midnight() -> None:
    calendar = Calendar(VIETNAM)
    midnight = micros(datetime(2026, 2, 28, 17, tzinfo=UTC))

    assert calendar.day(midnight) == day("2026-03-01")
    assert calendar.day(midnight - 1) == day("2026-02-28")
    assert calendar.start(day("2026-03-01")) == midnight


@pytest.mark.parametrize(
    ("zone", "local_day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/Sao_Paulo", "2018-11-04", 23),  # midnight itself is skipped
        ("America/Sao_Paulo", "2018-02-17", 25),
        ("America/Havana", "2026-11-01", 25),  # midnight comes twice
        ("Pacific/Apia", "2011-12-30", 0),  # the day that Samoa left out
        (VIETNAM, "2026-03-29", 24),
        (VIETNAM, "2024-02-29", 24),
    ],
)
def test_a_day_is_as_long_as_its_zone_makes_it(zone: str, local_day: str, hours: int) -> None:
    calendar = Calendar(zone)
    first = day(local_day)

    assert calendar.start(first + 1) - calendar.start(first) == hours * HOUR


def test_where_midnight_is_skipped_the_day_begins_after_the_gap() -> None:
    calendar = Calendar("America/Sao_Paulo")

    assert calendar.start(day("2018-11-04")) == at("2018-11-04T01:00", "America/Sao_Paulo")


def test_where_midnight_comes_twice_the_day_begins_with_the_first() -> None:
    calendar = Calendar("America/Havana")
    start = calendar.start(day("2026-11-01"))

    assert start == micros(datetime(2026, 11, 1, 4, tzinfo=UTC))
    assert calendar.day(start + HOUR) == day("2026-11-01")


@pytest.mark.parametrize(
    ("zone", "before", "days", "after"),
    [
        ("Europe/Paris", "2026-10-01T00:00", 31, "2026-11-01T00:00"),  # an hour longer than 31 times 24 hours
        ("Europe/Paris", "2026-03-01T10:00", 31, "2026-04-01T10:00"),  # an hour shorter
        (
            "America/Sao_Paulo",
            "2018-11-04T01:00",
            1,
            "2018-11-05T00:00",
        ),  # a day begins at 1:00
        (VIETNAM, "2026-02-28T23:59", 1, "2026-03-01T23:59"),
        (VIETNAM, "2026-02-28T00:00", 0, "2026-02-28T00:00"),
    ],
)
def test_days_later_it_is_the_same_time_of_day(zone: str, before: str, days: int, after: str) -> None:
    assert Calendar(zone).later(at(before, zone), days) == at(after, zone)


@given(
    strategies.sampled_from(ZONES),
    strategies.datetimes(datetime(2015, 1, 1), datetime(2040, 1, 1), timezones=strategies.just(UTC)),  # noqa: DTZ001  # its zone is beside it
)
def test_every_instant_lies_within_its_day(zone: str, when: datetime) -> None:
    calendar = Calendar(zone)
    now = micros(when)
    local = calendar.day(now)

    assert calendar.start(local) <= now < calendar.start(local + 1)
    assert local == when.astimezone(calendar.zone).toordinal()


@pytest.mark.parametrize(("local", "year"), [("2025-12-31T23:59:59.999999", 2025), ("2026-01-01T00:00", 2026)])
def test_the_year_turns_at_local_midnight(local: str, year: int) -> None:
    assert Calendar(VIETNAM).year(at(local)) == year


def test_microseconds_survive_the_way_to_an_instant_and_back() -> None:
    when = datetime(2026, 3, 1, 9, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=7)))

    assert instant(micros(when)) == when
    assert micros(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


@pytest.mark.parametrize(
    ("now", "text"),
    [(0, "1970-01-01T00:00:00Z"), (DAY + 1, "1970-01-02T00:00:00.000001Z"), (-DAY, "1969-12-31T00:00:00Z")],
)
def test_instants_are_written_in_utc(now: int, text: str) -> None:
    assert rfc3339(now) == text


def test_days_stay_right_when_the_cache_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cx.calendar._CACHE_MAX", 2)
    calendar = Calendar(VIETNAM)
    start = at("2026-03-01T00:00")

    assert [calendar.day(start + number * DAY) for number in range(5)] == [day("2026-03-01") + n for n in range(5)]
