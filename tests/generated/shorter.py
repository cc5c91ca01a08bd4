"""A log made shorter that still shows what the long one did, so that its reader sees what it is about."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from tests.generated.logs import Event, written

LOOKS_MAX = 200  # at most, so that this takes no longer than a minute or two, however long the log is


def shorter(log: list[Event], shows: Callable[[list[Event]], bool], looks: int = LOOKS_MAX) -> list[Event]:
    """Leave events out, half of them at once and at last one by one, while the rest *shows* it all the same."""
    size = len(log) // 2
    while size:
        place = 0
        while place < len(log) and looks:
            rest, looks = log[:place] + log[place + size :], looks - 1
            if rest and shows(rest):
                log = rest
            else:
                place += size
        size //= 2
    return log


def fail(why: str, log: list[Event], shows: Callable[[list[Event]], bool], folder: Path) -> NoReturn:
    """Write down a log that shows what should not be, and tell of which of its events it is enough to have."""
    path = written(log, folder)
    few = [json.dumps(event) for event in shorter(log, shows)]
    # No `pytest.fail`, which Hypothesis cannot tell from a test that has run out of time.
    told = "\n".join([why, f"{path}, of which these are enough:", *few])
    raise AssertionError(told)
