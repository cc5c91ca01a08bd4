"""The page about the properties: which it numbers, and what it says of a test."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tests.house.tree import ROOT
from tests.properties.plugin import NUMBERS, Tried, page_of


def test_every_test_with_a_number_is_there_and_every_property_of_this_step_has_one() -> None:
    folders = ("tests/cx", "tests/generated", "tests/cli")
    texts = (path.read_text("utf-8") for folder in folders for path in (ROOT / folder).glob("test_*.py"))
    names = {name for text in texts for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)}

    assert NUMBERS.keys() <= names
    assert set(NUMBERS.values()) == {"1", "2", "3", "4", "6", "7", "8", "10"}


def test_properties_come_in_their_order_and_one_that_does_not_hold_is_seen() -> None:
    tried = [
        Tried("", "it rests on this", "tests/a.py", 0, 0.4, passed=True),
        Tried("10", "both agree", "tests/b.py", 10_000, 3_600.0, passed=False),
        Tried("2", "order is nothing", "tests/c.py", 3_333, 5.0, passed=True),
    ]
    rows = [line for line in page_of(tried, datetime(2026, 3, 1, tzinfo=UTC)).splitlines() if line.startswith("| ")]

    assert rows[1:] == [
        "| 2 | order is nothing | `tests/c.py` | 3,333 | 5 | yes |",
        "| 10 | both agree | `tests/b.py` | 10,000 | 3,600 | **no** |",
        "|  | it rests on this | `tests/a.py` |  | 0 | yes |",
    ]
