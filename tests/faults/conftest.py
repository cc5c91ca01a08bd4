"""Fault tests print their verdicts at the end, and write them to the page that `FAULTS_PAGE` names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults import table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: pytest.ExitCode) -> None:
    """Print the verdict table; write it down where that is asked for, and the run was not broken off."""
    if not table.ROWS and not table.BROKEN and not table.GIFTS:
        return
    terminalreporter.section("verdicts")
    for line in table.plain(table.ROWS, table.BROKEN):
        terminalreporter.write_line(line)
    for line in table.gifts_plain(table.GIFTS):
        terminalreporter.write_line(line)
    if (document := os.environ.get("FAULTS_PAGE")) and exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        reports = [*terminalreporter.getreports("failed"), *terminalreporter.getreports("error")]
        failed = sorted({report.nodeid.partition("::")[2] for report in reports})
        Path(document).write_text(table.page(table.ROWS, table.BROKEN, failed, table.GIFTS), encoding="utf-8")
