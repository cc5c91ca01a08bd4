"""`cx serve` as a process: it answers where it should, says nothing of customers in its log, and ends when asked."""

from __future__ import annotations

import asyncio
import signal
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from ops.embedded.ports import HOST, choose
from streams import admin
from streams.settings import KafkaSettings, RedisSettings, Settings
from tests.integration.certificates import Authority
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
        "API__LISTEN": f"{HOST}:{choose(None, set())}",
    }


def ran(environment: dict[str, str], *arguments: str) -> Command:
    with Command(*arguments, **environment) as command:
        command.ends()
    return command


def stopped(serve: Command, number: signal.Signals) -> int:
    serve.process.send_signal(number)
    return serve.process.wait(DEADLINE_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_until_it_is_asked_to_stop(environment: dict[str, str], number: signal.Signals) -> None:
    at = f"http://{environment['API__LISTEN']}"
    bearer = ran(environment, "token", "create", "till", "--scope", "cx:read").lines[-1]
    headers = {"Authorization": f"Bearer {bearer}"}
    with Command("serve", **environment) as serve, httpx.Client(base_url=at, timeout=60, headers=headers) as client:
        serve.until("Uvicorn running")
        assert client.get("/live").json() == {"status": "live"}
        assert client.get("/ready").json() == {"status": "ready", "redis": "up"}
        found = client.get("/v1/customers/somebody%2Fwhom")
        assert (found.json()["customer_id"], found.json()["degraded"]) == ("somebody/whom", False)
        assert "server" not in found.headers
        client.get("/v1/customers/somebody/whom")
        client.close()  # else it would wait for this connection to end
        assert stopped(serve, number) == 0
    said = "\n".join(serve.lines)
    assert "somebody" not in said
    assert bearer.split("_", 2)[2] not in said


def test_a_token_is_made_listed_turned_and_taken_back(environment: dict[str, str]) -> None:
    made = ran(environment, "token", "create", "till 7", "--scope", "cx:read", "--source", "/tills/7")
    name, secret = made.lines[-1].split("_", 2)[1:]
    assert any(f"action=token.created by=operator about={name}" in line for line in made.lines)
    assert "\n".join(made.lines).count(secret) == 1
    listed = "\n".join(ran(environment, "token", "list").lines)
    assert all(part in listed for part in (name, "till 7", "cx:read", "/tills/7"))
    assert secret not in listed
    turned = ran(environment, "token", "rotate", name, "--keep", "1m").lines[-1]
    assert turned.split("_", 2)[1] == name
    assert turned.split("_", 2)[2] != secret
    assert ran(environment, "token", "revoke", name).process.returncode == 0
    again = ran(environment, "token", "revoke", name)
    assert (again.process.returncode, again.lines[-1]) == (1, "cx: there is no such token")
    assert name not in "\n".join(ran(environment, "token", "list").lines)


def test_by_tls_it_speaks_nothing_else(environment: dict[str, str], tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.issue("server")
    trusting = ssl.create_default_context(cafile=str(authority.ca_file))
    host, _, port = environment["API__LISTEN"].partition(":")
    tls = {"API__CERT_FILE": str(certificate), "API__KEY_FILE": str(key)}
    listen = {"API__LISTEN": f"0.0.0.0:{port}"}  # as a server does that others reach
    with Command("serve", **(environment | tls | listen)) as serve:
        serve.until("Uvicorn running")
        with httpx.Client(base_url=f"https://{host}:{port}", verify=trusting) as client:
            assert client.get("/live").headers["strict-transport-security"]
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://{host}:{port}/live")
        assert stopped(serve, signal.SIGTERM) == 0


def test_without_kafka_it_does_not_begin(environment: dict[str, str]) -> None:
    with Command("serve", **(environment | {"KAFKA__BOOTSTRAP": GONE})) as serve:
        assert serve.ends() == 1
    assert any(GONE in line for line in serve.lines)


def test_without_redis_at_its_start_it_knows_nobody_and_answers_all_the_same(environment: dict[str, str]) -> None:
    at = f"http://{environment['API__LISTEN']}"
    with Command("serve", **(environment | {"REDIS__URL": f"redis://{GONE}/0"})) as serve:
        serve.until("Uvicorn running")
        with httpx.Client(base_url=at, timeout=60) as client:
            sent = {"Authorization": "Bearer cx_000000000000_x"}
            assert client.get("/v1/customers/lan", headers=sent).status_code == 503
            assert client.get("/ready").json() == {"status": "ready", "redis": "away"}
        assert stopped(serve, signal.SIGTERM) == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"API__LISTEN": "everywhere"}, "api.listen"),
        ({"API__LISTEN": "0.0.0.0:8400"}, "setting api: listening on other than loopback needs cert_file"),
        ({"API__CERT_FILE": __file__}, "setting api: cert_file and key_file go together"),
    ],
)
def test_a_wrong_setting_is_said(environment: dict[str, str], wrong: dict[str, str], said: str) -> None:
    serve = ran(environment | wrong, "serve")
    assert serve.process.returncode == 78
    assert any(said in line for line in serve.lines)
