"""`cx up` on real processes: what it prints, what it keeps, what it rebuilds, and that nothing outlives it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from streams.readmodel import connect
from streams.settings import RedisSettings
from tests.integration.processes import Command, descendants
from tests.integration.shown import profile_in

if TYPE_CHECKING:
    from pathlib import Path

PARTITIONS = 2
OLDER = b"\x7f" * 8 + (0).to_bytes(2) + b"written by a version long gone"
PATIENCE_S = 60.0


def exported(up: Command) -> dict[str, str]:
    """Return what `cx up` tells to type into other terminals."""
    lines = [line.split() for line in up.lines if line.strip().startswith("export ")]
    return dict(words[1].split("=", 1) for words in lines)


def purchase(name: str) -> bytes:
    line = {"line_id": "1", "sku": "s", "category": "shoes", "quantity": 1, "amount": 12_000_000}
    data = {"order_id": name, "channel": "web", "currency": "VND", "lines": [line]}
    now = datetime.now(UTC).isoformat()
    kind = {"specversion": "1.0", "id": name, "source": "/shop", "type": "purchase.completed"}
    return json.dumps(kind | {"time": now, "subject": "lan", "data": data}).encode()


async def write(bootstrap: str, *records: tuple[str, bytes, bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for topic, key, value in records:
            await producer.send_and_wait(topic, value, key=key)


async def delete(bootstrap: str, topic: str) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    await client.delete_topics([topic])
    await client.close()


async def lan(redis_url: str) -> dict[str, Any]:
    """Return Lan's profile as soon as there is one."""
    deadline = time.monotonic() + PATIENCE_S
    async with connect(RedisSettings(url=redis_url)) as client:
        while not (profile := await profile_in(client, "lan")):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
    return profile


def metrics(up: Command) -> bytes:
    """Return what Prometheus would read."""
    [address] = [line.split()[1] for line in up.lines if line.strip().startswith("metrics ")]
    with urllib.request.urlopen("http://" + address.removeprefix("http://"), timeout=PATIENCE_S) as answer:
        found: bytes = answer.read()
    return found


def test_up_survives_a_crash_rebuilds_an_older_format_and_ends_with_its_worker(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with Command("up", "--root", str(root), PARTITIONS=str(PARTITIONS)) as up:
        up.until("worker: ready: 2 partitions")
        up.until("API      http://127.0.0.1:")
        servers = exported(up)
        bootstrap = servers["CX_KAFKA__BOOTSTRAP"]
        # Ahead of everything in each partition, as if an older version had begun this folder.
        older = [("cx-customers-changelog", f"old-{number}".encode(), OLDER) for number in range(20)]
        asyncio.run(write(bootstrap, *older, ("cx.purchases", b"lan", purchase("o1"))))
        first = asyncio.run(lan(servers["CX_REDIS__URL"]))
        figures = metrics(up)
        # As where a version adds a topic, or a rebuild was cut off: the format has to be looked at all the same.
        asyncio.run(delete(bootstrap, "cx.level-changes"))
        assert up.ends(signal.SIGKILL) == -signal.SIGKILL

    with Command("up", "--root", str(root), PARTITIONS=str(PARTITIONS)) as up:
        up.until("worker: ready: 2 partitions")
        up.until("API      http://127.0.0.1:")
        assert "data of format 0 found, this version has 2: state and outputs are rebuilt from the log" in up.lines
        again = asyncio.run(lan(exported(up)["CX_REDIS__URL"]))
        os.kill(up.descendant("-m cli worker"), signal.SIGKILL)
        assert up.ends() == 128 + signal.SIGKILL

    assert b'cx_assigned_partitions{lane="customers"} 2.0\n' in figures
    assert (first["tier"], again["tier"], again["events_held"]) == ("gold", "gold", 1)
    assert again["rewards"] == first["rewards"]
    assert up.lines[-1] == f"cx: worker was ended by signal 9 (log: {root / 'logs' / 'worker.log'})"


def test_infra_only_starts_no_worker(tmp_path: Path) -> None:
    with Command("up", "--root", str(tmp_path), "--infra-only", PARTITIONS=str(PARTITIONS)) as up:
        up.until("Ctrl-C stops everything")
        programs = subprocess.run(
            [sys.executable, "-m", "cli", "topics", "check"],
            env=up.environment | exported(up),
            capture_output=True,
            text=True,
            check=False,
        )
        family = descendants(up.process.pid)
        assert up.ends(signal.SIGTERM) == 0

    assert up.lines[-1] == "stopping"
    assert programs.stdout == "all topics are as they should be\n"
    assert len(family) == 4  # Kafka, Redis, and a guard for each


def test_up_runs_a_gift_desk_where_gifts_come_from_one(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("{programme: shop, currency: VND, gifts_from: desk, tiers: {ladder: [{name: member}]}}")
    with Command("up", "--root", str(tmp_path / "root"), PARTITIONS=str(PARTITIONS), POLICY=str(policy)) as up:
        up.until("desk: ready: 4 partitions")
        assert up.descendant("-m cli desk")
        assert up.ends(signal.SIGINT) == 0
