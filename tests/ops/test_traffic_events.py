"""The records of a run: the same again for the same seed, valid, in order, in the asked shares, within limits."""

import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from ops.traffic.errors import OptionsError
from ops.traffic.instants import DAY, HOUR, VIETNAM, from_ms
from ops.traffic.options import Options
from ops.traffic.records import Kind
from ops.traffic.shops import CATEGORIES, STORES
from schemas.inputs import parse
from tests.ops.traffic_runs import NOW, PROGRAMME, by_customer, lived, made, run

MONTH = 30 * DAY
SHARES: dict[str, Any] = {"late_share": 0.05, "duplicate_share": 0.03, "poison_share": 0.03}
FAULTY = run(**SHARES, programme=PROGRAMME, seed=3)
LIVE = Options(now=NOW, rate=100.0, seconds=60.0, **SHARES, programme=PROGRAMME)
SHORT = [run(events=30, span=timedelta(days=1), late_share=0.3, seed=seed) for seed in range(10)]
SUPPORTED = {
    *("purchase.completed", "purchase.refunded", "purchase.cancelled"),
    *("case.opened", "case.responded", "case.resolved", "case.reopened", "case.escalated"),
    *("feedback.submitted", "customer.enrolled", "touchpoint.recorded", "referral.converted", "profile.updated"),
}
WORDS = {"reward.chosen", "gift.delivered", "gift.redeemed", "hold.released", "hold.confirmed"}


def busiest_month(times: Iterable[int]) -> int:
    """Return the most events in any 30 days."""
    ordered, first, most = sorted(times), 0, 0
    for last, time in enumerate(ordered):
        while time - ordered[first] >= MONTH:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_the_same_options_give_the_same_bytes_in_another_process() -> None:
    program = (
        "import hashlib; from tests.ops.test_traffic_events import FAULTY, made;"
        "print(hashlib.sha256(repr(made(FAULTY)).encode()).hexdigest())"
    )

    def digest(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
        return done.stdout.decode()

    assert digest("1") == digest("2")


@pytest.mark.parametrize("other", [{"seed": 2}, {"now": NOW + timedelta(seconds=1)}])
def test_another_seed_or_instant_gives_other_ids(other: dict[str, object]) -> None:
    def ids(options: Options) -> set[str]:
        return {value["id"] for _, value in lived(options)}

    assert ids(run(events=500)) & ids(run(events=500, **other)) == set()


@pytest.mark.parametrize("options", [FAULTY, LIVE])
def test_every_valid_event_is_accepted_by_the_contract_and_is_of_a_type_that_is_handled(options: Options) -> None:
    valid = [one for one in made(options) if one.kind is Kind.EVENT]
    for one in valid:
        event = parse(one.topic, one.key, one.value)
        assert (event.type, event.subject) == (one.type, one.customer)
        assert event.time == from_ms(one.time)
    assert {one.type for one in valid} == (SUPPORTED | WORDS if options.span else SUPPORTED)


def test_all_groups_stages_and_instruments_occur_and_profiles_in_both_languages() -> None:
    values = defaultdict(set)
    for one, value in lived(FAULTY):
        for field in ("group", "stage", "intent", "accepted", "instrument", "locale", "priority"):
            values[one.type, field].add(value["data"].get(field))
    assert values["touchpoint.recorded", "group"] == {"people", "product", "digital"}
    assert values["touchpoint.recorded", "stage"] == {"discover", "consider", "purchase", "use", "support", "advocate"}
    assert values["touchpoint.recorded", "intent"] == {"information", "suggestion", "care", "other"}
    assert values["touchpoint.recorded", "accepted"] == {True, False, None}
    assert values["feedback.submitted", "instrument"] == {"nps", "csat", "ces", "review", "complaint"}
    assert values["profile.updated", "locale"] >= {"vi", "en"}
    assert values["case.opened", "priority"] == {None, "low", "high", "urgent"}


@pytest.mark.parametrize("options", [FAULTY, LIVE])
def test_records_come_in_the_order_of_their_arrival_within_the_run_and_never_before_they_happened(
    options: Options,
) -> None:
    records = made(options)
    assert all(one.at <= after.at for one, after in pairwise(records))
    assert options.start_ms <= records[0].at
    assert records[-1].at == options.end_ms
    assert all(one.time <= one.at for one in records if one.kind is Kind.EVENT)


@pytest.mark.parametrize("options", [FAULTY, LIVE])
def test_there_are_exactly_as_many_records_as_asked_in_the_asked_shares(options: Options) -> None:
    kinds = Counter(one.kind for one in made(options))
    late = sum(one.kind is Kind.EVENT and one.at - one.time >= HOUR for one in made(options))
    assert kinds.total() - kinds[Kind.TICK] == options.total == 6_000
    assert kinds[Kind.POISON] == pytest.approx(180, rel=0.3)
    assert kinds[Kind.DUPLICATE] == pytest.approx(180, rel=0.3)
    assert late == pytest.approx(300, rel=0.2)


def test_without_shares_nothing_is_late_twice_or_broken() -> None:
    assert {one.kind for one in made(run())} == {Kind.EVENT, Kind.TICK}
    assert all(one.time == one.at for one in made(run()))


@pytest.mark.parametrize("options", [FAULTY, LIVE])
def test_late_events_arrive_hours_to_days_late_but_within_25_days(options: Options) -> None:
    delays = [one.at - one.time for one in made(options) if one.kind is Kind.EVENT]
    assert max(delays) < 25 * DAY
    assert sum(delay > DAY for delay in delays) > 50
    assert sum(HOUR <= delay <= DAY for delay in delays) > 50
    assert not any(0 < delay < HOUR for delay in delays)


@pytest.mark.parametrize("options", [FAULTY, LIVE])
def test_a_duplicate_repeats_an_earlier_record_byte_for_byte(options: Options) -> None:
    seen: dict[bytes | None, tuple[str, bytes | None]] = {}
    for one in made(options):
        if one.kind is Kind.DUPLICATE:
            assert seen[one.value] == (one.topic, one.key)
        elif one.kind is Kind.EVENT:
            assert one.value not in seen
            seen[one.value] = (one.topic, one.key)


@pytest.mark.parametrize("options", [FAULTY, LIVE, *SHORT])
def test_every_event_that_happened_has_arrived_by_the_end_under_an_id_of_its_own(options: Options) -> None:
    numbers = [int(value["id"].removeprefix(f"{options.run}-"), 16) for _, value in lived(options)]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("options", [FAULTY, LIVE, run(events=10_000, seed=3)])
def test_no_more_is_refunded_than_is_left_of_a_known_order(options: Options) -> None:
    left: dict[tuple[str, str], dict[str, int]] = {}
    kinds = Counter[str]()
    for one, value in lived(options):
        data = value["data"]
        order = (value["source"], data.get("order_id", ""))
        if one.type == "purchase.completed":
            assert order not in left
            left[order] = {line["line_id"]: line["amount"] for line in data["lines"]} | {"tax": data["tax"]}
        elif one.type == "purchase.refunded" and "lines" in data:
            kinds["part"] += 1
            for line in (*data["lines"], {"line_id": "tax", "amount": data["tax"]}):
                left[order][line["line_id"]] -= line["amount"]
                assert left[order][line["line_id"]] >= 0
        elif one.type in {"purchase.refunded", "purchase.cancelled"}:
            kinds["whole" if one.type == "purchase.refunded" else "cancelled"] += 1
            assert sum(left.pop(order).values()) > 0
    assert min(kinds["part"], kinds["whole"], kinds["cancelled"]) > 5


@pytest.mark.parametrize("options", [FAULTY, LIVE])
def test_a_case_is_opened_answered_solved_and_reopened_in_this_order(options: Options) -> None:
    states: dict[str, str] = defaultdict(lambda: "new")
    allowed = {
        "case.opened": {"new"},
        "case.responded": {"case.opened"},
        "case.escalated": {"case.responded"},
        "case.resolved": {"case.responded", "case.escalated", "case.reopened"},
        "case.reopened": {"case.resolved"},
    }
    for one, value in lived(options):
        if one.type in allowed:
            assert states[value["data"]["case_id"]] in allowed[one.type]
            states[value["data"]["case_id"]] = one.type
    assert len(states) > 50


def test_orders_are_placed_in_vietnamese_stores_and_shops_and_paid_in_dong() -> None:
    stores, categories = {store.name: store.code for store in STORES}, {category.name for category in CATEGORIES}
    channels = set()
    for _, value in (pair for pair in lived(FAULTY) if pair[0].type == "purchase.completed"):
        data = value["data"]
        place = stores[data["store"]] if data["channel"] == "store" else ""
        channels.add((data["channel"], value["source"].removesuffix(place)))
        goods = sum(line["amount"] for line in data["lines"])
        assert data["currency"] == "VND"
        assert {line["category"] for line in data["lines"]} <= categories
        assert all(line["amount"] % 1_000 == 0 < line["amount"] for line in data["lines"])
        assert sum(part["amount"] for part in data["payments"]) == goods + data["tax"] + data.get("shipping", 0)
    assert channels == {
        *(("store", "/tills/"), ("web", "/shops/web"), ("app", "/shops/app")),
        *(("partner", "/partners/san-a"), ("partner", "/partners/san-b")),
    }


def test_the_first_that_is_heard_of_a_customer_is_the_enrolment() -> None:
    for told in by_customer(run()).values():
        assert [one.type == "customer.enrolled" for one, _ in told] == [True] + [False] * (len(told) - 1)


def test_no_customer_has_more_than_300_events_in_30_days_however_few_they_are() -> None:
    crowded = run(span=timedelta(days=60), customers=45, late_share=0.05)
    told = by_customer(crowded)
    assert max(busiest_month(one.time for one, _ in those) for those in told.values()) <= 300
    # Half of it in each block of 30 days is what makes that sure.
    blocks = Counter((name, (crowded.end_ms - one.time) // MONTH) for name in told for one, _ in told[name])
    assert 121 <= max(blocks.values()) <= 150


def test_the_limit_holds_in_a_run_without_span_too() -> None:
    crowded = Options(now=NOW, rate=1_000.0, seconds=6.0, customers=45)
    counts = {name: len(told) for name, told in by_customer(crowded).items()}
    assert 241 <= max(counts.values()) <= 300


def test_too_many_events_for_too_few_customers_are_refused() -> None:
    assert run(customers=6).total == 6_000
    with pytest.raises(OptionsError, match="raise customers or span"):
        run(customers=5)


@pytest.mark.parametrize("span", [timedelta(days=60), None])
def test_hot_customers_and_only_they_exceed_the_limit(span: timedelta | None) -> None:
    hot = run(span=span, hot=2, customers=100, late_share=0.03, poison_share=0.03)
    months = {name: busiest_month(one.time for one, _ in told) for name, told in by_customer(hot).items()}
    assert {name for name, most in months.items() if most > 300} == {"kh-000001", "kh-000002"}
    types = Counter(one.type for name in ("kh-000001", "kh-000002") for one, _ in by_customer(hot)[name])
    assert types["case.resolved"] > 0.7 * types["case.opened"]  # no limit cuts short what follows


def test_activity_is_uneven() -> None:
    counts = sorted((len(told) for told in by_customer(run(events=10_000, customers=1_000)).values()), reverse=True)
    assert sum(counts[:100]) > 0.35 * sum(counts)
    assert counts[500] < 10


def test_a_simulated_day_has_few_events_at_night_and_peaks_at_noon_and_in_the_evening() -> None:
    hours = Counter(datetime.fromtimestamp(one.at / 1_000, VIETNAM).hour for one, _ in lived(run(events=20_000)))
    assert max(hours[hour] for hour in range(1, 5)) < 0.1 * hours[20]
    assert hours[12] > max(hours[hour] for hour in (9, 10, 14, 15, 16))
    assert max(hours, key=lambda hour: hours[hour]) in {19, 20}


def test_days_follow_one_another_evenly() -> None:
    days = Counter(datetime.fromtimestamp(one.at / 1_000, VIETNAM).date() for one, _ in lived(run()))
    assert list(days.values()) == [15] * 400  # the run begins and ends at midnight


def test_a_run_without_span_is_spread_evenly_from_now_on() -> None:
    options = Options(now=NOW, rate=100.0, seconds=60.0, ticks=False)
    arrivals = [one.at - options.start_ms for one in made(options)]
    assert options.start_ms == NOW.timestamp() * 1_000
    assert arrivals == [number * 10 for number in range(6_000)]


def test_a_file_holds_the_time_up_to_now() -> None:
    options = Options(now=NOW, rate=100.0, seconds=60.0, medium="file")
    assert options.end_ms == NOW.timestamp() * 1_000


def test_ticks_come_at_their_distance_after_all_that_arrived_before_and_once_more_at_the_end() -> None:
    options = run(tick_every=timedelta(days=1))
    newest, ticks = 0, []
    for one in made(options):
        if one.kind is Kind.TICK:
            ticks.append(one.at)
            assert newest <= one.at
        else:
            newest = one.at
            assert not ticks or ticks[-1] <= one.at
    assert ticks == [options.start_ms + day * DAY for day in range(1, 400)] + [options.end_ms]


@pytest.mark.parametrize(
    ("options", "tick_ms"),
    [
        (run(rate=100.0, events=None, seconds=60.0), 400 * DAY // 240),
        (run(rate=1.0, events=None, seconds=6_000.0), HOUR),
        (run(medium="file"), HOUR),
        (LIVE, 1_000),
        (run(tick_every=timedelta(minutes=5)), 300_000),
    ],
)
def test_the_distance_of_ticks_is_an_hour_but_at_most_four_in_a_second_of_the_wall(
    options: Options, tick_ms: int
) -> None:
    assert options.tick_ms == tick_ms


def test_ticks_can_be_left_out() -> None:
    assert Kind.TICK not in {one.kind for one in made(run(ticks=False))}
