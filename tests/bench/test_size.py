"""From lives to groups, from what processes took to figures, targets and a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from bench import size
from bench.harness import machine
from bench.harness.figures import verdict
from bench.harness.footprint import Footprint
from bench.harness.holding import Held
from bench.harness.lives import Folding, Lives, alike, another, lately, load, save, shared, states_of, traffic
from bench.harness.memory import factors, growth, part, rss_bytes
from bench.harness.occupancy import Occupancy, Soak
from cx.state import decode
from ops.traffic.records import Arrival, Kind

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
FACTOR = {"resident": 5.5, "median": 5.0, "most": 8.5, "least": 2.5}
FACTS: dict[str, Any] = {"at": "2026-01-01", "machine": machine.describe()}
MOMENTS_MIB = {"recovered": 200, "cold": 70, "hot": 350, "redis_away": 550, "kafka_away": 450}
WAITING = {"redis_away": 9_000, "kafka_away": 4_500}
FEW = Occupancy(100_000, 60 * MIB, {how: rss * MIB for how, rss in MOMENTS_MIB.items()}, 8_000, WAITING)


def made(median: float) -> dict[str, Footprint]:
    """Return the footprint of typical customers whose states have *median* bytes."""
    return {"typical": Footprint(9, median, 3_500.4, 9_000, 1_500, 2_000, 1_800, 5_000)}


def at_work(*fifths: float, folded: int = 900) -> Occupancy:
    """Return a worker of a million with so many MiB in each of *fifths*, that took 1,000 events."""
    samples = [(float(n + 1), round(rss * MIB)) for n, rss in enumerate(rss for rss in fifths for _ in range(4))]
    return FEW._replace(customers=1_000_000, soak=Soak(1_000, folded, samples))


@pytest.mark.parametrize(
    ("median", "last", "folded", "missed"),
    [
        (4_096.0, 440, 900, []),
        (4_097.0, 440, 900, ["state_bytes_typical"]),
        (4_096.0, 441, 900, ["soak_growth"]),
        (4_096.0, 440, 899, ["soak_folded_share"]),
    ],
)
def test_each_target_is_missed_by_its_own_figure_only(
    median: float, last: float, folded: int, missed: list[str]
) -> None:
    _, targets = size.summarise(made(median), FACTOR, FEW, at_work(100, 400, 400, 400, last, folded=folded))
    assert [target.name for target in targets if not target.met] == missed
    assert verdict(targets) is not bool(missed)


def test_without_a_soak_there_is_no_verdict_but_a_page() -> None:
    none = FEW._replace(customers=1_000_000)
    figures, targets = size.summarise(made(3_000), FACTOR, FEW, none)
    page = size.describe(made(3_000), FEW, none, figures | FACTS, targets)

    assert figures["soak_growth"] is figures["soak_folded_share"] is None
    assert not verdict(targets)
    assert "folded and committed" not in page


def test_the_page_and_the_chart_show_both_numbers_of_customers() -> None:
    many = at_work(300, 410, 420, 430, 440)
    figures, targets = size.summarise(made(3_208), FACTOR, FEW, many)
    page = size.describe(made(3_208), FEW, many, figures | FACTS, targets)
    small, large = size.chart_groups(FEW, many)

    assert figures["rss_mib_hot_at_1000000"] == figures["rss_mib_hot_at_100000"] == 350
    assert figures["soak_rss_mib"] == [300, 410, 420, 430, 440]
    assert (figures["decoded_factor_median"], figures["decoded_factor_most"]) == (5.0, 8.5)
    assert "| typical: 1 to 5 events in the last 30 days | 9 | 3,208 | 3,500 |" in page
    assert "| caches full, hot | 350 | 350 |" in page
    assert (figures["rss_mib_redis_away_at_1000000"], figures["waiting_kafka_away_at_1000000"]) == (550, 4_500)
    assert "at most 9,000 of these customers find room" in page
    assert [bar.value for bar in small.bars] == [200, 70, 350, 550, 450]
    assert (large.bars[-1].value, large.bars[-1].low, large.bars[-1].high) == (440, 300, 440)


def test_growth_leaves_out_the_first_fifth_and_one_odd_sample() -> None:
    samples = [(float(second), 400) for second in range(101)]
    samples[5] = 5.0, 1
    samples[95] = 95.0, 4_000
    assert growth(samples) == 1.0
    assert growth([(at, rss + (100 if at >= 80 else 0)) for at, rss in samples]) == 1.25
    assert part(samples, 0) == 400


def test_a_soak_too_short_to_tell_has_no_growth() -> None:
    assert growth([]) is None
    assert growth([(0.0, 400), (10.0, 400)]) is None


def test_a_group_is_who_had_so_many_events_in_the_last_month() -> None:
    states = [(f"kh-{count:06d}".encode(), b"x") for count in (0, 1, 5, 6, 14, 15, 25, 26)]
    events = {key: int(key[3:]) for key, _ in states if int(key[3:])}
    groups = size.group(states, events)
    assert [int(key[3:]) for key, _ in groups["typical"]] == [1, 5]
    assert [int(key[3:]) for key, _ in groups["busy"]] == [15, 25]
    assert groups["all"] == states
    assert "busy" not in size.group(states[:3], events)


def test_repeats_ticks_and_what_happened_before_do_not_count_as_lately() -> None:
    day = 86_400_000
    one = Arrival("t", b"kh-000001", b"{}", 60 * day, Kind.EVENT, "x", "kh-000001", 30 * day + 1)
    rest = [
        replace(one, time=30 * day),
        replace(one, kind=Kind.DUPLICATE, time=59 * day),
        replace(one, kind=Kind.TICK, key=None, time=60 * day),
    ]
    assert lately([one, *rest], 60 * day) == {b"kh-000001": 1}


def test_decoded_states_are_counted_by_what_is_allocated_for_them() -> None:
    small, large = factors([b"x" * 1_000, b"x" * 1_000], lambda value: bytearray(len(value) * 4))
    assert 4.0 <= small < 4.5
    assert 4.0 <= large < 4.5


def test_resident_memory_is_that_of_this_process() -> None:
    before = rss_bytes()
    held = bytearray(b"x") * (64 * MIB)
    assert 48 * MIB < rss_bytes() - before < 128 * MIB
    del held


def test_others_who_live_alike_take_up_what_arrives_next(tmp_path: Path) -> None:
    past, ahead = traffic(20)
    held = Held(tmp_path / "past")
    folding = Folding(held.partitions)
    folding.take(past)
    states = states_of(held.partitions)
    held.close()
    save(tmp_path / "lives", Lives(1, states, ahead))

    assert folding.taken > 500
    assert folding.folded > 0.95 * folding.taken
    lives = load(tmp_path / "lives")
    assert lives == Lives(1, states, ahead)

    held = Held(tmp_path / "alike")
    others = dict(alike(lives.states, 3 * len(states)))
    assert len(others) == 3 * len(states)
    for key, value in others.items():
        assert decode(value).id == key.decode()
        held.of(key).recover([(0, key, value)])
    going_on = Folding(held.partitions)
    events = [one for one in lives.ahead if one.kind is not Kind.TICK]
    for one in events:
        going_on.fold(shared(one, number) for number in range(3))
    after = dict(states_of(held.partitions))
    held.close()

    assert after.keys() >= others.keys()
    # Each has lived on as the customer did whom it was made of: the references in what arrives are to its own past.
    assert going_on.folded > 0.9 * going_on.taken == 0.9 * 3 * len(events)
    versions = {key: [decode(after[another(key, number)]).version for number in range(3)] for key, _ in states}
    assert all(len(set(three)) == 1 for three in versions.values())
    assert any(decode(value).version < versions[key][0] for key, value in states)
