"""From runs to figures, targets and a page."""

import json
import os
from dataclasses import replace
from typing import Any

import pytest

from bench import lane, latency
from bench.harness import machine, stand
from bench.harness.answers import SHARES, Heard, Hearing
from bench.harness.contest import Run
from bench.harness.contestants import Contestant
from bench.harness.figures import verdict
from bench.harness.observer import Pace
from bench.harness.page import DOCS

OURS = Contestant("ours", "ours", "exactly-once", "disk", ("x",))
STREAMS = Contestant("kafka_streams", "Streams", "exactly-once", "disk", ("x",), earlier_per_second=100)
ABSENT = replace(STREAMS, command=(), absent="no Java")
PEERS = tuple(
    Contestant(name, name, "exactly-once", "disk", ("x",)) for name in ("bare_loop", "bare_loop_store", "quix")
)
FAUST = Contestant("plain_faust", "plain Faust", "at-least-once", "memory", ("x",))
FACTS = {"at": "2026-01-01", "events": 9, "seconds": 9, "suspect": ["quix"], "machine": machine.describe()}


def ran(*rates: float | None) -> list[Run]:
    """Return a run for each of *rates*; one of None went wrong."""
    return [
        Run(Pace(rate, 10.0), 1.0, 5, 0, ()) if rate else Run(None, 1.0, 5, 0, ("2 outputs are wrong",))
        for rate in rates
    ]


def lane_runs() -> dict[str, list[Run]]:
    """Return runs in which all targets are met, the ratio to the bare loop with a store just so."""
    return {
        "ours": ran(79, 80, 200),
        "bare_loop": ran(1_000),
        "bare_loop_store": ran(100),
        "quix": ran(60),
        "kafka_streams": ran(50),
        "plain_faust": ran(8),
    }


def test_ours_is_held_against_the_bare_loop_that_keeps_its_state_alike() -> None:
    contestants = (OURS, *PEERS, STREAMS, FAUST)
    figures, targets = lane.summarise(contestants, lane_runs())
    in_memory, _ = lane.summarise((replace(OURS, store="memory"), *contestants[1:]), lane_runs())

    assert (figures["ours_per_second"], figures["spread"]["ours"]) == (80, [79, 200])
    assert (figures["ratio_to_bare"], in_memory["ratio_to_bare"]) == (0.8, 0.08)
    assert (figures["ratio_to_bare_is_to"], figures["ratio_to_bare_loop_store"]) == ("bare_loop_store", 0.8)
    assert (in_memory["ratio_to_bare_is_to"], figures["ratio_to_bare_loop"]) == ("bare_loop", 0.08)
    assert figures["cpu_us_per_event"]["ours"] == 10.0
    assert verdict(targets, optional=lane.OPTIONAL)


def test_without_java_there_is_no_figure_and_no_fault_of_ours() -> None:
    figures, targets = lane.summarise((OURS, *PEERS, ABSENT, FAUST), lane_runs() | {"kafka_streams": []})

    assert figures["kafka_streams_per_second"] is figures["ratio_to_kafka_streams"] is None
    assert figures["absent"] == {"kafka_streams": "no Java"}
    assert verdict(targets, optional=lane.OPTIONAL)


def test_what_was_not_run_is_null_and_not_left_out() -> None:
    figures, _ = lane.summarise((OURS,), {"ours": ran(80)})

    names = ("ours", "plain_faust", "quix", "bytewax", "bare_loop", "kafka_streams")
    assert [figures[f"{name}_per_second"] for name in names] == [80, None, None, None, None, None]
    assert [figures[name] for name in lane.TARGETS] == [None] * 4


def test_the_page_says_what_has_to_be_known_of_the_figures_that_are_in_the_docs() -> None:
    figures = json.loads((DOCS / "benchmarks/lane.json").read_text("utf-8"))
    page = (DOCS / "benchmarks.md").read_text("utf-8")
    remarks = lane.remarks(figures)

    assert len(remarks) == 3
    assert all(remark in page for remark in remarks)


def test_a_benchmark_that_fails_tells_so_in_its_last_line_and_its_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails() -> bool:
        message = "no Kafka"
        raise OSError(message)

    codes = []
    for main in (fails, lambda: False, lambda: True):
        with pytest.raises(SystemExit) as ended:
            stand.conduct("lane", main)
        codes.append(ended.value.code)
    said = capsys.readouterr()

    assert codes == [1, 1, 0]
    assert [json.loads(line) for line in said.out.splitlines()] == [
        {"benchmark": "lane", "ok": False, "error": "OSError: no Kafka", "targets": {}}
    ]
    assert "Traceback" in said.err


def test_a_run_that_went_wrong_counts_nowhere_and_is_told() -> None:
    runs = lane_runs() | {"ours": ran(None, 90, None)}
    figures, targets = lane.summarise((OURS, *PEERS, STREAMS, FAUST), runs)
    page = lane.describe((OURS, *PEERS, STREAMS, FAUST), runs, figures | FACTS, targets)

    assert figures["ours_per_second"] == 90
    assert figures["faults"] == {"ours": ["2 outputs are wrong"]}
    assert "No figure of ours: 2 outputs are wrong." in page


@pytest.mark.parametrize(("rate", "found"), [(84.0, ["kafka_streams"]), (85.0, [])])
def test_a_peer_below_85_percent_of_what_it_was_is_suspect(rate: float, found: list[str]) -> None:
    assert lane.suspects((OURS, STREAMS), {"ours": ran(1), "kafka_streams": ran(rate)}) == found


def test_the_page_shows_everybody_and_the_chart_only_who_has_a_figure() -> None:
    contestants = (OURS, *PEERS, ABSENT, FAUST)
    runs = lane_runs() | {"kafka_streams": []}
    figures, targets = lane.summarise(contestants, runs)
    page = lane.describe(contestants, runs, figures | FACTS, targets)
    groups = lane.chart_groups(contestants, runs)

    assert all(f"| {one.label} |" in page for one in contestants)
    assert "No figure of kafka_streams: no Java." in page
    assert "to be explained: quix." in page
    assert [bar.label for bar in groups[0].bars] == ["bare_loop", "bare_loop_store", "ours", "quix"]


def heard(ms: float) -> Hearing:
    """Return a hearing in which every figure at every rate is *ms*."""
    return Hearing(tuple(Heard(rate, dict.fromkeys(SHARES, ms), 0.5) for rate in latency.BOUNDS_MS), ())


def test_latency_is_held_against_its_bounds_and_against_kafka_streams() -> None:
    figures, targets = latency.summarise((OURS, STREAMS), {"ours": [heard(40.0)], "kafka_streams": [heard(80.0)]})
    slower, missed = latency.summarise((OURS, STREAMS), {"ours": [heard(40.1)], "kafka_streams": [heard(40.0)]})

    assert figures["ours_p99_ms_at_100"] == 40.0
    assert figures["p99_to_kafka_streams_at_5000"] == 0.5
    assert verdict(targets)
    assert slower["p99_to_kafka_streams_at_100"] == 1.0
    assert [target.name for target in missed if not target.met] == ["ours_p99_ms_at_100"]


def test_a_hearing_with_a_fault_has_no_figures() -> None:
    wrong: Any = replace(heard(1.0), faults=("9 outputs are missing",))
    figures, targets = latency.summarise((OURS,), {"ours": [wrong]})
    page = latency.describe((OURS,), {"ours": [wrong]}, figures | FACTS, targets)

    assert figures["ours_p99_ms_at_100"] is None
    assert "No figure of ours: 9 outputs are missing." in page
    assert [group.bars for group in latency.chart_groups((OURS,), {"ours": [wrong]})] == [[], [], []]


def test_a_machine_is_described_without_naming_it() -> None:
    facts = machine.describe()

    assert facts["cores"] >= 1
    assert facts["memory_gib"] >= 1
    assert set(facts) == {"cpu", "cores", "memory_gib", "system", "python", "kafka", "java", "packages"}
    assert f"Kafka {facts['kafka']}" in machine.sentence(facts)


def test_processor_time_is_that_of_user_and_system() -> None:
    before = sum(os.times()[:2])
    found = machine.cpu_s(os.getpid())
    after = sum(os.times()[:2])

    assert found is None or before - 0.02 <= found <= after + 0.02


def test_a_process_that_is_gone_has_used_no_known_time() -> None:
    assert machine.cpu_s(None) is None
