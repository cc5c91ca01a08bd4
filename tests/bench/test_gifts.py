"""From rates and latencies of the gift desk to figures, targets and a page; and the work that is measured."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from bench import gifts
from bench.harness import machine
from bench.harness.figures import verdict
from schemas.desk import parse


@pytest.mark.parametrize(
    ("per_second", "slowest", "missed"),
    [(1_000.0, 250.0, []), (999.0, 250.0, ["per_second"]), (1_000.0, 251.0, ["p99_ms"])],
)
def test_each_target_is_missed_by_its_own_figure_only(per_second: float, slowest: float, missed: list[str]) -> None:
    heard = gifts.Heard(per_second, [*range(1, 99), slowest, 900])
    figures, targets = gifts.summarise({100_000: [7_000.0, 9_000.0, 8_000.0]}, [heard])

    assert figures["decided_per_second_100000"] == 8_000
    assert [target.name for target in targets if not target.met] == missed
    assert verdict(targets) is not bool(missed)
    page = gifts.describe(figures | {"machine": machine.describe()}, targets)
    assert "| 100,000 | 8,000 |" in page


def test_what_is_measured_is_what_the_desk_takes() -> None:
    asked = gifts.requests(random.Random(1), 3)
    for topic, value in [*gifts.catalogue(), *islice(gifts.codes(3), 3), *asked]:
        parse(topic, b"shop", value)


def test_every_request_of_a_round_is_answered() -> None:
    assert gifts.decided(gifts.GIFTS, 0, 100) > 0
