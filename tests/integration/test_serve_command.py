"""`cx serve` as a process: it answers where it should, says nothing of customers in its log, and ends when asked."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import httpx
import pytest

from ops.embedded.ports import HOST, choose
from streams import admin
from streams.settings import KafkaSettings, RedisSettings, Settings
from tests.integration.processes import DEADLINE_S, Command

if TYPE_CHECKING:
    from ops.embedded.stack import Stack

PARTITIONS = 4
GONE = "127.0.0.1:1"


@pytest.fixture
def environment(own_stack: Stack) -> dict[str, str]:
    kafka, redis = KafkaSettings(bootstrap=own_stack.bootstrap), RedisSettings(url=own_stack.redis_url)
    asyncio.run(admin.create(Settings(partitions=PARTITIONS, kafka=kafka, redis=redis)))
    return {
        "KAFKA__BOOTSTRAP": kafka.bootstrap,
        "REDIS__URL": redis.url,
        "PARTITIONS": str(PARTITIONS),
        "HTTP__LISTEN": f"{HOST}:{choose(None, set())}",
    }


def stopped(serve: Command, number: signal.Signals) -> int:
    serve.process.send_signal(number)
    return serve.process.wait(DEADLINE_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_until_it_is_asked_to_stop(environment: dict[str, str], number: signal.Signals) -> None:
    at = f"http://{environment['HTTP__LISTEN']}"
    with Command("serve", **environment) as serve, httpx.Client(base_url=at, timeout=60) as client:
        serve.until("Uvicorn running")
        assert client.get("/live").json() == {"status": "live"}
        assert client.get("/ready").json() == {"status": "ready", "redis": "up"}
        found = client.get("/v1/customers/somebody%2Fwhom")
        assert (found.json()["customer_id"], found.json()["degraded"]) == ("somebody/whom", False)
        assert "server" not in found.headers
        client.get("/v1/customers/somebody/whom")
        client.close()  # else it would wait for this connection to end
        assert stopped(serve, number) == 0
    assert "somebody" not in "\n".join(serve.lines)


def test_without_kafka_it_does_not_begin(environment: dict[str, str]) -> None:
    with Command("serve", **(environment | {"KAFKA__BOOTSTRAP": GONE})) as serve:
        assert serve.ends() == 1
    assert any(GONE in line for line in serve.lines)


def test_without_redis_it_says_the_base_tier(environment: dict[str, str]) -> None:
    at = f"http://{environment['HTTP__LISTEN']}"
    with Command("serve", **(environment | {"REDIS__URL": f"redis://{GONE}/0"})) as serve:
        serve.until("Uvicorn running")
        with httpx.Client(base_url=at, timeout=60) as client:
            assert client.get("/v1/customers/lan").json()["degraded"] is True
        assert stopped(serve, signal.SIGTERM) == 0


def test_a_wrong_setting_is_said(environment: dict[str, str]) -> None:
    with Command("serve", **(environment | {"HTTP__LISTEN": "everywhere"})) as serve:
        assert serve.ends() == 78
    assert any("http.listen" in line for line in serve.lines)
