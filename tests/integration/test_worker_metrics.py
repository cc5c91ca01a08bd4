"""What a real worker, gift desk and counting process tell Prometheus of their work, and whether they are well."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ops.embedded import ports
from ops.embedded.stack import Stack
from streams import admin
from streams.settings import KafkaSettings, RedisSettings, Settings
from tests.integration.processes import Command
from tests.integration.scraped import Samples, ask, read
from tests.integration.test_worker import connected, now, purchase
from tests.integration.worker import Worker

PARTITIONS = 2
DEADLINE_S = 60.0


class System:
    """The topics, and where a process of ours answers."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.address = f"{ports.HOST}:{ports.choose(None, set())}"
        self.settings = Settings(
            partitions=PARTITIONS,
            kafka=KafkaSettings(bootstrap=stack.bootstrap),
            redis=RedisSettings(url=stack.redis_url),
        )
        self.environment = {
            "KAFKA__BOOTSTRAP": stack.bootstrap,
            "REDIS__URL": stack.redis_url,
            "PARTITIONS": str(PARTITIONS),
            "DATA": str(folder),
            "METRICS": self.address,
        }

    async def until(self, true: Callable[[Samples], bool]) -> Samples:
        """Return what is told once *true* says so."""
        deadline = time.monotonic() + DEADLINE_S
        found: Samples = {}
        while not true(found):
            assert time.monotonic() < deadline, {name: found[name] for name in found if name.startswith("cx_")}
            await asyncio.sleep(0.1)
            try:
                found = await asyncio.to_thread(read, self.address)
            except OSError:
                continue
        return found

    async def answer(self, path: str) -> tuple[int, str]:
        return await asyncio.to_thread(ask, self.address, path)


@pytest.fixture
def system(own_stack: Stack, tmp_path: Path) -> System:
    made = System(own_stack, tmp_path / "data")
    asyncio.run(admin.create(made.settings))
    return made


async def test_a_worker_tells_what_became_of_events_and_how_long_it_took(system: System, tmp_path: Path) -> None:
    with Worker(tmp_path / "worker.log", **system.environment):
        ready = await system.until(_is_at_work)
        assert await system.answer("/ready") == (200, "ok\n")
        assert await system.answer("/live") == (200, "ok\n")
        async with connected(system.settings) as client:
            happened = now() - timedelta(seconds=400)
            for number in range(3):
                again = purchase(f"lan-{number}", 1_000_000, at=happened)
                await client.send("cx.purchases", again)
                await client.send("cx.purchases", again)
            await client.send_raw("cx.purchases", b"lan", b"no JSON")
            place = ("customers", "cx.purchases")
            found = await system.until(lambda told: _seen(told, place) == 7 and _ticks(told, "customers") >= 1)

    events = {result: value for (_, result, _), value in found["cx_events_processed_total"].items()}
    assert events == {"applied": 3, "duplicate": 3, "dlq": 1}
    assert found["cx_dlq_total"] == {("customers", "not-json", "cx.purchases"): 1}
    decided, visible = found["cx_event_decided_seconds_bucket"], found["cx_event_visible_seconds_bucket"]
    assert decided["customers", "+Inf", "cx.purchases"] == visible["customers", "+Inf", "cx.purchases"] == 7
    for bound in ("60.0", "300.0"):
        assert found["cx_event_produced_seconds_bucket"]["customers", bound, "cx.purchases"] == 0
    assert found["cx_event_produced_seconds_bucket"]["customers", "3600.0", "cx.purchases"] == 6
    assert found["cx_event_e2e_latency_seconds_count"][place] == 6  # what cannot be read has not happened at any time
    assert found["cx_event_e2e_latency_seconds_sum"][place] > 6 * 400
    assert found["cx_watermark_timestamp_seconds"][place] == pytest.approx(happened.timestamp(), abs=0.002)
    assert found["cx_event_processing_seconds_count"][place] >= 1
    assert set(found["cx_tick_timestamp_seconds"]) <= {("customers", "0"), ("customers", "1")}
    assert found["cx_redis_write_seconds_count"]["customers",] >= 1
    assert found["cx_assigned_partitions"]["customers",] == PARTITIONS
    assert found["cx_standing_seconds"]["customers",] == 0
    assert ready["cx_build_info"] != {}


def _is_at_work(found: Samples) -> bool:
    return found.get("cx_rebalance_seconds_count", {}).get(("customers",)) == 1


def _ticks(found: Samples, lane: str) -> float:
    return found.get("cx_tick_delay_seconds_count", {}).get((lane,), 0)


def _seen(found: Samples, place: tuple[str, str]) -> float:
    return found.get("cx_event_visible_seconds_count", {}).get(place, 0)


async def test_no_figure_names_a_customer(system: System, tmp_path: Path) -> None:
    with Worker(tmp_path / "worker.log", **system.environment) as worker:
        await system.until(_is_at_work)
        async with connected(system.settings) as client:
            await client.send("cx.purchases", purchase("nguyen-thi-lan", 1_000_000))
            await client.send_raw("cx.purchases", b"nguyen-thi-lan", b"nguyen-thi-lan")
            found = await system.until(lambda told: told.get("cx_dlq_total", {}) != {})
        text = worker.text()

    labels = {value for samples in found.values() for key in samples for value in key}
    assert not any("nguyen" in label for label in labels)
    assert "nguyen" not in text


async def test_a_desk_tells_figures_of_its_own_lane(system: System) -> None:
    with Command("desk", **system.environment):
        found = await system.until(lambda told: _ticks(told, "gifts") >= 1)
        assert await system.answer("/ready") == (200, "ok\n")

    assert found["cx_assigned_partitions"]["gifts",] == 4
    assert "cx_event_visible_seconds_count" not in found  # it shows nothing


async def test_who_counts_is_ready_once_all_there_was_is_counted(system: System) -> None:
    with Command("aggregate", **system.environment) as counting:
        counting.until("counted all there was")
        found = await system.until(lambda told: "cx_aggregate_remaining_records" in told)
        assert await system.answer("/ready") == (200, "ok\n")

    assert found["cx_aggregate_remaining_records"] == {(): 0}


async def test_an_agent_of_a_vendor_is_ready_once_it_has_partitions(system: System) -> None:
    keys = {"CODES__KEYS": f"k:{'A' * 43}=", "CODES__IDENTITY": f"{'B' * 42}A="}
    vendor = {"VENDOR__NAME": "studio", "VENDOR__URL": "http://127.0.0.1:1"}
    with Command("vendor", **system.environment, **keys, **vendor) as agent:
        await system.until(lambda told: told.get("cx_vendor_running_orders", {}).get(("studio",)) == 0)
        deadline = time.monotonic() + DEADLINE_S
        while await system.answer("/ready") != (200, "ok\n"):
            assert time.monotonic() < deadline, agent.lines
            await asyncio.sleep(0.1)
        assert await system.answer("/live") == (200, "ok\n")
