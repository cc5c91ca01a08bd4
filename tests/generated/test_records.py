"""Every decision record explains its outcome, under every policy: from it alone the outcome can be worked out again."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as over

from tests.cx.recompute import level_of, tier_of
from tests.generated.folded import folded
from tests.generated.logs import log_of
from tests.generated.programmes import ALL
from tests.generated.shorter import fail
from tests.generated.test_reference import EXAMPLES, RULES, SOME, Case, cases

Decided = tuple[str, dict[str, Any]]

pytestmark = pytest.mark.usefixtures("early_base")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("unexplained")


@SOME
@over(case=cases())
def test_every_outcome_follows_from_its_record(case: Case, folder: Path) -> None:
    check(case, folder)


def test_every_outcome_follows_from_its_record_under_every_policy(folder: Path) -> None:
    ways = set()
    for name, seed in ((name, seed) for name in ALL for seed in range(max(EXAMPLES // len(ALL), 9))):
        log, until = log_of(random.Random(f"{name}/{seed}"), ALL[name])
        ways |= check(Case(name, log, until), folder)

    assert {("enter", None), ("keep", None), (None, None), (None, "set"), ("enter", "floor")} <= ways


def check(case: Case, folder: Path) -> set[tuple[str | None, str | None]]:
    """Work all outcomes of a log out again, and return what they rested on; where one fails, tell of which events."""
    records = decided(case)
    for one in records:
        if not follows(one):
            how = f"under {case.name!r} until {case.until.isoformat()}: {one}"
            fail(how, case.log, lambda log: not all(map(follows, decided(replace(case, log=log)))), folder)
    ways = set()
    for record in (record for _, record in records if "window" in record):
        assert record["measures"]["orders"] == len(record["decisive"]) + (record["rest"] or {"count": 0})["count"]
        ways.add(_way(record["standing"]))
    return ways


def decided(case: Case) -> list[Decided]:
    """Return the outcomes that were told with a record, and these."""
    told = [output.event["data"] for output in folded(case.log, RULES[case.name], case.end).outputs]
    records = [(data, data["decision"]) for data in told if data.get("decision")]
    return [(str(data["to"]) if "to" in data else record["after"], record) for data, record in records]


def follows(decided: Decided) -> bool:
    outcome, record = decided
    return bool(record["after"] == outcome == (level_of if "cx-level" in record["rule"] else tier_of)(record))


def _way(standing: dict[str, Any]) -> tuple[str | None, str | None]:
    return standing["terms"], standing["given"] and standing["given"]["way"]
