"""The exporter on a real Kafka: the numbers of Kafka's own tool, under the names that boards know."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from ops.embedded import ports
from ops.embedded.stack import Stack
from tests.integration.processes import Command
from tests.integration.scraped import Samples, ask, read
from tests.integration.test_lag import HUNDRED_S_MS, Case, case

__all__ = ["case"]  # the fixture
DEADLINE_S = 60.0


async def until_up(address: str, *, up: float) -> Samples:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            found = await asyncio.to_thread(read, address)
        except OSError:
            found = {}
        if found.get("kafka_lag_exporter_up", {}).get(()) == up:
            return found
        assert time.monotonic() < deadline, "the exporter does not say so"
        await asyncio.sleep(0.1)


async def test_prometheus_reads_what_kafkas_tool_says(case: Case) -> None:
    address = f"{ports.HOST}:{ports.choose(None, set())}"
    await case.send(7, ago_ms=HUNDRED_S_MS)
    await case.send(2, partition=1)
    settings = {"KAFKA__BOOTSTRAP": case.stack.bootstrap, "METRICS": address}
    asked = ("exporter", "--every", "1", "--cluster", "here", "--group", case.group, "--stalled-after", "1")
    async with case.consumer() as consumer:
        await consumer.commit({case.tp(0): 3, case.tp(1): 2})
        with Command(*asked, **settings):
            found = await until_up(address, up=1)
            kafkas = await case.kafkas()
            ready = await asyncio.to_thread(ask, address, "/ready")

    lags = found["kafka_consumergroup_group_lag"]
    ((labels, lag),) = [(key, value) for key, value in lags.items() if value]
    client, cluster, member, group, host, number, topic = labels  # by the names of the labels
    assert (cluster, group, number, topic, lag) == ("here", case.group, "0", case.topic, 4)
    assert client.startswith("aiokafka")
    assert member.startswith(client)
    assert host == "127.0.0.1"
    assert {key[5]: str(int(value)) for key, value in lags.items()} == {
        str(number): row[2] for (_, number), row in kafkas.items()
    }
    assert {key[5]: str(int(value)) for key, value in found["kafka_consumergroup_group_offset"].items()} == {
        str(number): row[0] for (_, number), row in kafkas.items()
    }
    assert {int(key[1]): int(value) for key, value in found["kafka_partition_latest_offset"].items()} == {
        number: row[1] for (_, number), row in kafkas.items()
    }
    assert set(found["kafka_partition_earliest_offset"].values()) == {0}
    assert 100 <= found["kafka_consumergroup_group_lag_seconds"][labels] < 200
    own = ("here", case.group)
    assert found["kafka_consumergroup_group_max_lag"][own] == 4
    assert found["kafka_consumergroup_group_sum_lag"][own] == 4
    assert found["kafka_consumergroup_group_topic_sum_lag"][*own, case.topic] == 4
    assert 100 <= found["kafka_consumergroup_group_max_lag_seconds"][own] < 200
    assert found["cx_group_members"][own] == 1
    assert ready == (200, "ok\n")


async def test_it_outlives_a_kafka_that_is_away_and_says_so() -> None:
    address = f"{ports.HOST}:{ports.choose(None, set())}"
    with Command("exporter", "--every", "1", KAFKA__BOOTSTRAP="127.0.0.1:1", METRICS=address) as command:
        found = await until_up(address, up=0)
        command.until("Kafka is away, waiting")

        assert "kafka_consumergroup_group_lag" not in found
        assert await asyncio.to_thread(ask, address, "/ready") == (503, "Kafka does not answer\n")
        assert await asyncio.to_thread(ask, address, "/live") == (200, "ok\n")
        assert (await asyncio.to_thread(ask, address, "/secret"))[0] == 404
        assert command.process.poll() is None


async def test_it_connects_once_kafka_is_there(tmp_path: Path) -> None:
    address = f"{ports.HOST}:{ports.choose(None, set())}"
    with Stack(tmp_path) as early:  # a stack keeps its ports
        bootstrap = early.bootstrap
    with Command("exporter", "--every", "1", KAFKA__BOOTSTRAP=bootstrap, METRICS=address):
        await until_up(address, up=0)
        with Stack(tmp_path) as late:
            assert late.bootstrap == bootstrap
            assert (await until_up(address, up=1))["cx_group_members"] == {("default", "cx"): 0}
        assert "cx_group_members" in await until_up(address, up=0)  # what was told is shown for a minute


def test_an_address_that_is_taken_ends_it_with_a_line(stack: Stack) -> None:
    with Command("exporter", KAFKA__BOOTSTRAP=stack.bootstrap, METRICS=stack.bootstrap) as command:
        assert command.ends() == 1
        assert command.lines[-1].startswith(f"cx: metrics: {stack.bootstrap} cannot be listened on ")


@pytest.mark.parametrize("every", ["0", "0.5", "301"])
def test_it_does_not_ask_all_the_time_or_hardly_ever(every: str) -> None:
    with Command("exporter", "--every", every) as command:
        assert command.ends() == 2
