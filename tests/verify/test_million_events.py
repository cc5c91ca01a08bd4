"""A million lifelike events: the replay has the reference's states, in any order, and in little memory.

`CX_EVENTS` says how many; `VERIFY_PAGE` names the page that the figures go to.
"""

from __future__ import annotations

import json
import os
import platform
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

EVENTS = int(os.environ.get("CX_EVENTS", "1000000"))
SHUFFLED = EVENTS // 20  # every late event folds its customer again, so that disorder takes far longer
ROOT = Path(__file__).parents[2]
POLICY = ROOT / "policies" / "retail-vn.yaml"
NOW = "2026-11-01T00:00:00+07:00"
RECENT_MAX = 1_000
RSS_MAX_MIB = 1_024
PARTS = 2

pytestmark = [pytest.mark.verify, pytest.mark.timeout(3 * 3_600)]


def cx(*arguments: str | Path) -> tuple[str, float]:
    """Run `cx`; return what it says, and how long it took in seconds."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "cli", *map(str, arguments)], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return done.stdout + done.stderr, time.monotonic() - begun


def generated(path: Path, events: int, *more: str) -> Path:
    count = ("--rate", "0", "--events", str(events), "--customers", str(max(events // 40, 1)), "--poison-share", "0")
    cx("generate", *count, "--span", "400d", "--now", NOW, *more, "--out", path)
    return path


def replayed(events: Path) -> tuple[Path, str, float]:
    """Return the states of a replay, what it said, and how long it took in seconds."""
    states = events.with_suffix(".states")
    return states, *cx("replay", events, "--policy", POLICY, "--states", states, "--until", NOW)


def test_a_million_events_have_the_states_of_the_reference(tmp_path: Path) -> None:
    events = generated(tmp_path / "events.jsonl", EVENTS, "--tick-every", "7d")
    states, said, seconds = replayed(events)
    rss_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1_024

    begun = time.monotonic()
    command = [sys.executable, "-m", "tests.verify.holding", *map(str, (events, states, POLICY, NOW))]
    parts = [
        subprocess.Popen([*command, str(part), str(PARTS)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for part in range(PARTS)
    ]
    told = [process.communicate()[0] for process in parts]
    reference_s = time.monotonic() - begun

    assert [process.returncode for process in parts] == [0] * PARTS, told
    assert rss_mib < RSS_MAX_MIB
    _page(said, seconds, rss_mib, reference_s, told)


def test_the_same_events_shuffled_and_three_times_over_have_the_same_bytes_of_state(tmp_path: Path) -> None:
    events = generated(tmp_path / "events.jsonl", SHUFFLED, "--no-ticks")
    told = [(json.loads(line)["subject"], line) for line in events.read_bytes().splitlines(keepends=True)]
    held = Counter(name for name, _ in told)
    # Who has more than the policy's `recent_max` in no order at all loses the oldest: their order is not free.
    lines = [line for name, line in told if held[name] <= RECENT_MAX]
    events.write_bytes(b"".join(lines))
    states = replayed(events)[0].read_bytes()

    for times in (1, 3):
        mixed = lines * times
        random.Random(times).shuffle(mixed)
        other = tmp_path / f"mixed-{times}.jsonl"
        other.write_bytes(b"".join(mixed))
        assert replayed(other)[0].read_bytes() == states
    assert states.count(b"\n") > SHUFFLED // 80


def _page(said: str, seconds: float, rss_mib: int, reference_s: float, told: list[str]) -> None:
    if not (page := os.environ.get("VERIFY_PAGE")):
        return
    summary = "\n".join(f"    {line}" for line in said.splitlines() if line.strip() and "%" not in line)
    Path(page).write_text(
        f"""# A million events against the reference

`make verify` writes this page. `cx generate` makes lifelike events over 400 days, late and repeated ones among them;
`cx replay` folds them under `retail-vn`; the reference (`tests/reference/`), which shares no line with the rules,
sorts the same events and works every customer's state out again: tier, since when, CX level, scores, measures, points,
progress and rewards of every customer are compared. Then {SHUFFLED:,} of such events, less those of customers with more
than {RECENT_MAX:,}, shuffled, and shuffled three times over, have to give the same bytes of state.

| | |
|---|---|
| replay | {seconds:.0f} s, {rss_mib} MiB at most |
| reference | {reference_s:.0f} s, in {PARTS} processes: {"; ".join(line.strip() for line in told)} |
| machine | {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()} |

{summary}
""",
        encoding="utf-8",
    )
