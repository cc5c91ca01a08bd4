"""A million lifelike events: the replay has the reference's states, in any order, and in little memory.

A tenth as many under a second policy, with periods and points. `CX_EVENTS` says how many; `VERIFY_PAGE` names the page
that the figures go to.
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
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

EVENTS = int(os.environ.get("CX_EVENTS", "1000000"))
SHUFFLED = EVENTS // 20  # every late event folds its customer again, so that disorder takes far longer
ROOT = Path(__file__).parents[2]
RETAIL, AIRLINE = (ROOT / "policies" / f"{name}.yaml" for name in ("retail-vn", "airline-style"))
# The generator's shops take nothing else; so cheap a euro leads its customers up the ladder and down again.
IN_DONG = {"VND": {"units": 3_000, "worth": 100}}
WISH_EVERY, WORD_EVERY, MOVED_IN = 25, 400, 5  # orders, orders, customers
NOW = "2026-11-01T00:00:00+07:00"
AFTERWARDS = "2028-03-01T00:00:00+07:00"  # when the year after has been looked at, and the days of grace are over
RECENT_MAX = 1_000
RSS_MAX_MIB = 1_024
PARTS = 2


@dataclass(frozen=True)
class Run:
    """What one run under one policy came to."""

    programme: str
    said: str
    replay_s: float
    rss_mib: int
    reference_s: float
    told: list[str]


pytestmark = [pytest.mark.verify, pytest.mark.timeout(3 * 3_600)]


def cx(*arguments: str | Path) -> tuple[str, float]:
    """Run `cx`; return what it says, and how long it took in seconds."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "cli", *map(str, arguments)], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return done.stdout + done.stderr, time.monotonic() - begun


def generated(path: Path, events: int, policy: Path, *more: str) -> Path:
    count = ("--rate", "0", "--events", str(events), "--customers", str(max(events // 40, 1)), "--poison-share", "0")
    cx("generate", *count, "--span", "400d", "--now", NOW, "--policy", policy, *more, "--out", path)
    return path


def enriched(events: Path) -> Path:
    """Return a file in which customers also move in, are given tiers and spend points, as the generator lets nobody."""
    path, orders, seen = events.with_suffix(".more"), 0, set[str]()
    with events.open("rb") as lines, path.open("wb") as file:
        for line in lines:
            one = json.loads(line)
            if (name := one.get("subject")) and name not in seen:
                seen.add(name)
                if len(seen) % MOVED_IN == 0:
                    file.write(_more(one, "customer.imported", _past(one, len(seen))))
            file.write(line)
            if one["type"] == "purchase.completed":
                orders += 1
                if orders % WISH_EVERY == 0:
                    points = 1_000 * (1 + orders % 3)
                    file.write(_more(one, "points.redemption-requested", {"points": points}))
                if orders % WORD_EVERY == 0:
                    until = (datetime.fromisoformat(one["time"]) + timedelta(days=60)).isoformat()
                    data = {"tier": "gold", "reason": "goodwill", "person": "p7", "until": until}
                    file.write(_more(one, "tier.overridden", data))
    return path


def _more(one: dict[str, Any], kind: str, data: dict[str, Any]) -> bytes:
    more = {"id": f"{kind}-{one['id']}", "source": "more", "type": kind, "data": data}
    return json.dumps(one | more).encode() + b"\n"


def _past(one: dict[str, Any], number: int) -> dict[str, Any]:
    """Return what a customer brings along: a tier for some time, points and days."""
    today = datetime.fromisoformat(one["time"]).date() - timedelta(days=2)
    before = [(today - timedelta(days=days)).isoformat() for days in (0, 40, 400)]
    return {
        "currency": "EUR",
        "joined": before[2],
        "tier": ("explorer", "silver", "gold")[number % 3],
        "tier_since": before[1],
        "tier_until": (today + timedelta(days=90)).isoformat(),
        "lots": [{"points": 500, "earned": before[1]}, {"points": 70, "earned": before[2], "expires": NOW[:10]}],
        "days": [{"day": day, "spend": 100_000, "orders": 1, "visits": 1} for day in before[:2]],
    }


def airline(folder: Path) -> Path:
    """Return the preset with calendar years, one step down and points, for a programme whose shops take đồng."""
    policy = yaml.safe_load(AIRLINE.read_text("utf-8"))
    policy["exchange_rates"] |= IN_DONG
    path = folder / AIRLINE.name
    path.write_text(yaml.safe_dump(policy), "utf-8")
    return path


def replayed(events: Path, policy: Path, until: str) -> tuple[Path, str, float]:
    """Return the states of a replay, what it said, and how long it took in seconds."""
    states = events.with_suffix(".states")
    return states, *cx("replay", events, "--policy", policy, "--states", states, "--until", until)


def compared(events: Path, policy: Path, until: str) -> Run:
    """Replay events under a policy, and see that all states are those of the reference."""
    states, said, seconds = replayed(events, policy, until)
    rss_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1_024
    begun = time.monotonic()
    command = [sys.executable, "-m", "tests.verify.holding", *map(str, (events, states, policy, until))]
    parts = [
        subprocess.Popen([*command, str(part), str(PARTS)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for part in range(PARTS)
    ]
    told = [process.communicate()[0] for process in parts]

    assert [process.returncode for process in parts] == [0] * PARTS, told
    assert rss_mib < RSS_MAX_MIB
    return Run(policy.stem, said, seconds, rss_mib, time.monotonic() - begun, told)


@pytest.fixture(scope="module")
def runs() -> Iterator[list[Run]]:
    done: list[Run] = []
    yield done
    _page(done)


def test_a_million_events_have_the_states_of_the_reference(tmp_path: Path, runs: list[Run]) -> None:
    events = generated(tmp_path / "events.jsonl", EVENTS, RETAIL, "--tick-every", "7d")
    runs.append(compared(events, RETAIL, NOW))


def test_years_points_words_and_imports_have_the_states_of_the_reference(tmp_path: Path, runs: list[Run]) -> None:
    events = enriched(generated(tmp_path / "events.jsonl", EVENTS // 10, AIRLINE, "--tick-every", "7d", "--seed", "2"))
    runs.append(compared(events, airline(tmp_path), AFTERWARDS))

    for kind in ("tier.upgraded", "tier.downgraded", "points.spent", "points.expired", "points.reversed"):
        assert kind in runs[-1].said


@pytest.mark.parametrize("preset", [RETAIL, AIRLINE], ids=lambda preset: preset.stem)
def test_the_same_events_shuffled_and_three_times_over_have_the_same_bytes_of_state(
    preset: Path, tmp_path: Path
) -> None:
    events, policy, until = generated(tmp_path / "events.jsonl", SHUFFLED, preset, "--no-ticks"), preset, NOW
    if preset is AIRLINE:
        events, policy, until = enriched(events), airline(tmp_path), AFTERWARDS
    told = [(json.loads(line)["subject"], line) for line in events.read_bytes().splitlines(keepends=True)]
    held = Counter(name for name, _ in told)
    # Who has more than the policy's `recent_max` in no order at all loses the oldest: their order is not free.
    lines = [line for name, line in told if held[name] <= RECENT_MAX]
    events.write_bytes(b"".join(lines))
    states = replayed(events, policy, until)[0].read_bytes()

    for times in (1, 3):
        mixed = lines * times
        random.Random(times).shuffle(mixed)
        other = tmp_path / f"mixed-{times}.jsonl"
        other.write_bytes(b"".join(mixed))
        assert replayed(other, policy, until)[0].read_bytes() == states
    assert states.count(b"\n") > SHUFFLED // 80


def _page(runs: list[Run]) -> None:
    if not (page := os.environ.get("VERIFY_PAGE")):
        return
    rows = "\n".join(
        f"| {run.programme} | {run.replay_s:.0f} s, {run.rss_mib} MiB at most | {run.reference_s:.0f} s: "
        f"{'; '.join(line.strip() for line in run.told)} |"
        for run in runs
    )
    lines = [line for run in runs for line in ("", *run.said.splitlines()) if "%" not in line]
    summary = "\n".join(f"    {line}".rstrip() for line in lines)
    Path(page).write_text(
        f"""# A million events against the reference

`make verify` writes this page. `cx generate` makes lifelike events over 400 days, late and repeated ones among them;
`cx replay` folds {EVENTS:,} under `retail-vn` (a rolling window, CX levels, rewards), and {EVENTS // 10:,} others, with
imports, words of persons and requests to spend points put in between, under `airline-style` (calendar years, one step
down, days of grace, points that wait and run out), with a rate for đồng. The reference (`tests/reference/`), which
shares no line with the rules, sorts the same events and works every customer's state out again, in {PARTS} processes:
tier, since when, CX level, scores, measures, points, progress and rewards of every customer are compared. Then
{SHUFFLED:,} of such events under either policy, less those of customers with more than {RECENT_MAX:,}, shuffled, and
shuffled three times over, have to give the same bytes of state.

On {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}:

| policy | replay | reference |
|---|---|---|
{rows}
{summary}
""",
        encoding="utf-8",
    )
