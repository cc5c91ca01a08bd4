"""The demo and what it rests on: every event accounted for, also across a kill, also by a client that is not ours."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.audit.reader import Audit
from ops.audit.verdict import Verdict, judge
from ops.embedded.stack import Stack
from ops.local import Local
from ops.supervise import environment
from ops.traffic.generator import generate
from ops.traffic.kafka import KafkaSink
from ops.traffic.manifest import Manifest
from ops.traffic.options import Options
from streams.settings import Settings
from tests.integration.processes import Command, until_ready
from tests.ops.traffic_runs import PROGRAMME

FIELDS = [
    "events_in",
    "decided",
    "duplicates",
    "dead_letters",
    "tier_changes",
    "level_changes",
    "rewards_issued",
    "gifts_used",
    "gifts_refused",
    "gifts_waiting",
    "lag",
    "p50_ms",
    "p99_ms",
    "events_per_second",
    "ok",
]
OUTPUTS = ("cx.tier-changes", "cx.level-changes", "cx.rewards", "cx.points", "cx.care")
PARTITIONS = 4
DEADLINE_S = 90.0


def test_a_demo_accounts_for_every_event(tmp_path: Path) -> None:
    root, picture = tmp_path / "demo", tmp_path / "docs" / "demo.svg"
    options = ("--rate", "200", "--customers", "300", "--root", str(root), "--save-screen", str(picture))
    with Command("demo", "--seconds", "6", "--json", *options, PARTITIONS=str(PARTITIONS)) as demo:
        demo.until("the worker is starting")
        code = demo.ends()

    assert code == 0, demo.lines
    figures = json.loads(demo.lines[-1])
    assert list(figures) == FIELDS
    assert figures["ok"] is True
    assert figures["events_in"] == figures["decided"] + figures["duplicates"] + figures["dead_letters"]
    assert figures["events_in"] > 1_200, "customers have chosen gifts, and used them"
    assert figures["lag"] == 0
    in_vain = {"gifts_used", "gifts_refused", "gifts_waiting"}  # so short a run may know none of it
    assert min(figures[name] for name in FIELDS if name not in {"lag", "ok", *in_vain}) > 0
    assert figures["p50_ms"] <= figures["p99_ms"]
    assert any("every one accounted for" in line for line in demo.lines)
    paid = [line for line in demo.lines if line.startswith("  pays ")]
    assert [line.split(": ")[-1] for line in paid] == ["member → silver", "silver → gold"]
    assert all(f"quoted: {tier})" in line for line, tier in zip(paid, ("silver", "gold"), strict=True))
    assert picture.read_text("utf-8").startswith("<svg")
    rows = reported(root)
    assert sum(row["issued"] for row in rows) == figures["rewards_issued"]
    assert sum(row["redeemed"] for row in rows) >= figures["gifts_used"] > 0  # one may be of what was taken back
    assert 0 < sum(row["cost"] for row in rows) < sum(row["face_value"] for row in rows)


def reported(root: Path) -> list[dict[str, Any]]:
    """Return what `cx report gifts` says of a demo that has ended."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", "report", "gifts", "--json"],
        env={name: value for name, value in os.environ.items() if not name.startswith("CX_")} | {"CX_DATA": str(root)},
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE_S,
    )
    assert "Kafka does not run here" in done.stderr
    return list(json.loads(done.stdout))


def test_ctrl_c_ends_a_demo_and_all_that_it_started(tmp_path: Path) -> None:
    with Command("demo", "--root", str(tmp_path / "demo"), "--rate", "50", PARTITIONS=str(PARTITIONS)) as demo:
        demo.until("events, ")
        code = demo.ends(signal.SIGINT)

    assert code == 130
    assert not any("Traceback" in line for line in demo.lines), demo.lines


@dataclass(frozen=True)
class Run:
    """A run in whose middle the worker was killed, on a system that still runs."""

    local: Local
    manifest: Manifest
    verdict: Verdict
    output_ids: frozenset[str]
    kills: int


@pytest.fixture(scope="module")
def run(own_stack: Stack) -> Iterator[Run]:
    local = Local(own_stack, Settings(partitions=PARTITIONS), clock="external")
    try:
        local.start()
        until_ready(local)
        yield asyncio.run(killed_in_the_middle(local))
    finally:
        local.stop_workers()


async def killed_in_the_middle(local: Local) -> Run:
    """Send traffic, kill the worker once it has decided something, start it again, and judge when all is done."""
    options = Options(
        now=datetime.now(UTC),
        rate=120,
        seconds=8,
        customers=300,
        seed=7,
        span=timedelta(days=400),
        poison_share=0.02,
        programme=PROGRAMME,
    )
    child = local.workers[0].child
    kills = 0
    async with Audit(local.settings) as audit, KafkaSink(local.settings.kafka.client_options()) as sink:
        traffic = asyncio.create_task(generate(options, sink))
        deadline = time.monotonic() + DEADLINE_S
        while not traffic.done() or await audit.lag() > 0:
            await audit.read(0.05)
            if kills == 0 and sum(holding.events for holding in audit.ledger.holdings()) > options.total // 4:
                assert not traffic.done()
                await asyncio.to_thread(child.kill)
                await asyncio.to_thread(local.workers[0].launch)
                kills += 1
            assert time.monotonic() < deadline, audit.ledger.events_in
        manifest = await traffic
        assert await audit.read_to_end(DEADLINE_S)
        verdict = judge(audit.ledger, manifest, await audit.lag())
        return Run(local, manifest, verdict, audit.ledger.output_ids, kills)


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(run: Run) -> None:
    assert run.kills == 1
    assert run.verdict.faults == ()
    assert run.verdict.ok
    assert run.verdict.decided == sum(run.manifest.customers.values()) > 0
    assert run.verdict.dead_letters == sum(run.manifest.poison.values()) > 0
    assert min(run.manifest.events[word] for word in ("reward.chosen", "gift.delivered", "gift.redeemed")) > 0


def test_kafkas_own_consumer_reads_the_same_outputs(run: Run) -> None:
    seen = run.local.stack.kafka_tool(
        "kafka-console-consumer",
        *("--include", "|".join(topic.replace(".", r"\.") for topic in OUTPUTS), "--from-beginning"),
        *("--isolation-level", "read_committed", "--timeout-ms", "4000"),
    )
    ids = [json.loads(line)["id"] for line in seen.stdout.splitlines()]

    assert len(ids) == len(run.output_ids) > 0
    assert set(ids) == run.output_ids


def cx(run: Run, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        env=environment(run.local.settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )


def test_customers_are_shown_from_the_read_model(run: Run) -> None:
    busiest = max(run.manifest.customers, key=lambda name: run.manifest.customers[name])
    shown, raw, unknown = (
        cx(run, "customer", busiest),
        cx(run, "customer", busiest, "--json"),
        cx(run, "customer", "no"),
    )

    assert (shown.returncode, raw.returncode, unknown.returncode) == (0, 0, 1)
    assert busiest in shown.stdout
    assert f"{run.manifest.customers[busiest]} events" in shown.stdout
    assert json.loads(raw.stdout)["events_held"] == run.manifest.customers[busiest]
    redis = run.local.settings.redis.address
    assert (unknown.stdout, unknown.stderr) == ("", f"no: no such customer in the read model (Redis at {redis})\n")


def test_a_customers_tier_is_explained_from_the_read_model(run: Run) -> None:
    busiest = max(run.manifest.customers, key=lambda name: run.manifest.customers[name])
    said, unknown = cx(run, "why", busiest, "--lang", "vi"), cx(run, "why", "no")

    assert said.returncode == 0
    assert "Hạng hiện tại là" in said.stdout
    assert (unknown.returncode, unknown.stdout) == (1, "")


def test_tail_shows_outputs_from_the_start(run: Run) -> None:
    count = run.verdict.tier_changes
    lines = cx(run, "tail", "tier-changes", "--from-start", "--limit", str(count), "--json").stdout.splitlines()
    events = [json.loads(line)["event"] for line in lines]

    assert len({event["id"] for event in events}) == count
    assert {event["id"] for event in events} <= run.output_ids


def test_tail_shows_dead_letters_by_reason(run: Run) -> None:
    count = run.verdict.dead_letters
    lines = cx(run, "tail", "dead-letters", "--from-start", "--limit", str(count)).stdout.splitlines()

    assert len(lines) == count
    assert {line.split("refused: ")[1].split(" at ")[0].split(",")[0] for line in lines} == run.manifest.poison.keys()


def test_customers_move_in_by_way_of_kafka_and_only_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("customer_id,tier,tier_until\nmoved-in,gold,2199-12-31\n,silver,\n", "utf-8")
    at = ("--at", datetime.now(UTC).isoformat())
    said = [cx(run, "import", str(tmp_path / "c.csv"), *at) for _ in range(2)]
    deadline = time.monotonic() + DEADLINE_S
    while (shown := cx(run, "customer", "moved-in", "--json")).returncode:
        assert time.monotonic() < deadline, shown.stderr
        time.sleep(0.2)

    assert [one.returncode for one in said] == [1, 1]
    assert said[0].stderr.splitlines()[0] == "line 3: customer_id is missing"
    profile = json.loads(shown.stdout)
    assert (profile["tier"], profile["tier_until"]) == ("gold", "2199-12-31T17:00:00Z")
    assert profile["events_held"] == 1
