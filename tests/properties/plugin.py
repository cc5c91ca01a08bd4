"""What pytest tells of the properties in `make properties`: a line each, and the page `docs/properties.md`.

`PROPERTIES_PAGE` names the page; without it only lines are written. A run of part of the tests writes no page.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

# By the name of the test, the properties of the programme that it holds; the others hold up what these rest on.
NUMBERS = {
    "test_the_replay_of_any_prefix_changes_neither_state_nor_what_was_told": "1",
    "test_a_replay_from_nothing_says_the_same_under_the_same_ids": "1",
    "test_replaying_a_prefix_changes_nothing": "1",
    "test_in_whatever_order_events_came_the_same_follows_from_them": "2",
    "test_the_order_of_arrival_makes_no_difference": "2",
    "test_with_answers_as_facts_the_order_of_arrival_makes_no_difference": "2",
    "test_a_purchase_fully_refunded_is_as_if_never_made": "3",
    "test_when_all_is_refunded_nothing_is_left": "3",
    "test_a_purchase_fully_refunded_leaves_the_balance_of_one_never_made": "3",
    "test_points_conserve_and_what_is_told_adds_up": "4",
    "test_every_outcome_follows_from_its_record": "6",
    "test_every_outcome_follows_from_its_record_under_every_policy": "6",
    "test_time_alone_never_upgrades": "7",
    "test_the_policy_over_its_own_complete_log_with_its_answers_shows_no_difference": "8",
    "test_the_product_agrees_with_the_reference": "10",
    "test_the_product_agrees_with_the_reference_under_every_policy_and_in_every_hard_case": "10",
}
INTRODUCTION = """# Properties

`make properties` writes this page: what always holds, tried on many logs of chance; `make test` tries 200, always the
same. Hypothesis makes them; one that breaks a property is made smaller, and shown, of `tests/generated` as lines of
events that `cx replay` reads. Tests without a number of examples make as many logs of
seeds, or look at faults made by hand, which the reference has to see, and at how often hard cases are met.

1 replay, 2 order of arrival, 3 refunds undo, 4 points conserve, 6 outcomes follow from their records, 7 time alone
never upgrades, 8 a log with its answers shows no difference, 10 the reference agrees. 5 (budgets) and 9 (erasure) are
of steps to come.
"""


_Reporting = Generator[None, pytest.TestReport, pytest.TestReport]


class Tried(NamedTuple):
    """What one test came to."""

    number: str
    sentence: str
    where: str
    examples: int
    seconds: float
    passed: bool


@pytest.hookimpl(trylast=True)  # once there is a terminal to write to
def pytest_configure(config: pytest.Config) -> None:
    """Take part in the run."""
    config.pluginmanager.register(Teller(config), "properties-teller")


class Teller:
    """Hears of every test."""

    def __init__(self, config: pytest.Config) -> None:
        self.tried: list[Tried] = []
        self._whole = not config.option.keyword
        self._terminal: Any = config.pluginmanager.get_plugin("terminalreporter")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> _Reporting:
        """Write a line when a test has been run, or could not be."""
        report: pytest.TestReport = yield
        if call.when == "call" or report.failed:
            one = Tried(
                NUMBERS.get(item.originalname if isinstance(item, pytest.Function) else item.name, ""),
                item.name.removeprefix("test_").replace("_", " "),
                item.path.relative_to(item.config.rootpath).as_posix(),
                examples_of(item),
                call.duration,
                report.passed,
            )
            self.tried.append(one)
            said = "holds" if one.passed else "FAILS"
            self._terminal.write_line(f"{said} ({one.seconds:,.0f} s): {one.sentence}")
        return report

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Let no dot stand beside that line."""
        return (report.outcome, "", "") if report.when == "call" and report.passed else None

    def pytest_sessionfinish(self) -> None:
        """Write the page."""
        page = os.environ.get("PROPERTIES_PAGE")
        if page and self._whole and self.tried:
            Path(page).write_text(page_of(self.tried, datetime.now(UTC)), "utf-8")


def examples_of(item: pytest.Item) -> int:
    """Return how many examples Hypothesis makes for a test; 0 where it makes none."""
    found = getattr(getattr(item, "obj", None), "_hypothesis_internal_use_settings", None)
    return int(found.max_examples) if found else 0


def page_of(tried: list[Tried], at: datetime) -> str:
    """Return the page about what was tried."""
    rows = sorted(tried, key=lambda one: (not one.number, int(one.number or 0), one.where))
    lines = [
        f"| {one.number} | {one.sentence} | `{one.where}` | {f'{one.examples:,}' if one.examples else ''}"
        f" | {one.seconds:,.0f} | {'yes' if one.passed else '**no**'} |"
        for one in rows
    ]
    return "\n".join(
        [
            INTRODUCTION,
            f"{at:%d %B %Y}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}:",
            "",
            "| property | the test says | in | examples | seconds | holds |",
            "|---|---|---|---:|---:|---|",
            *lines,
            "",
        ]
    )
