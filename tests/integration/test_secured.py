"""A cluster that lets nobody in without TLS and a name: the commands join it, and say why where they may not."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaProducer
from redis import Redis

from ops.embedded import ports
from ops.embedded.brokers import Extras
from ops.embedded.stack import Stack
from streams.access import AwayError, RefusedError, ask_kafka, ask_redis
from streams.loop import Policy
from streams.settings import KafkaSettings, RedisSettings
from tests.integration.certificates import Authority
from tests.integration.processes import Command
from tests.integration.tls_proxy import TlsProxy
from tests.integration.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path

    from schemas.errors import CxError

USER = "cx-worker"
PASSWORD = "n0-one-may-read-this"
PARTITIONS = 2
PATIENCE_S = 60.0
SASL = "org.apache.kafka.common.security"
# What a worker needs of Redis, and no more; README says the same.
COMMANDS = "+mget +mset +hget +hset +hmget +hsetnx +expire +del +evalsha +script|load"


@dataclass(frozen=True)
class Cluster:
    """Where the doors are, and the keys to them; each a part of `KafkaSettings` or `RedisSettings`."""

    folder: Path
    kafka_by_password: dict[str, str]
    kafka_by_certificate: dict[str, str]
    kafka_plain: str
    redis_by_password: dict[str, str]
    redis_by_certificate: dict[str, str]
    other_authority: str

    def variables(self, kafka: dict[str, str], redis: dict[str, str]) -> dict[str, str]:
        """Return settings of a process, as variables without their prefix."""
        found = {f"KAFKA__{name.upper()}": value for name, value in kafka.items()}
        found |= {f"REDIS__{name.upper()}": value for name, value in redis.items()}
        return found | {"PARTITIONS": str(PARTITIONS), "DATA": str(self.folder / "data"), "LOG_LEVEL": "debug"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("secured")
    authority, other = Authority(folder, "authority"), Authority(folder, "other")
    server, server_key = authority.issue("server")
    client, client_key = authority.issue("client")
    pair = folder / "server-with-key.pem"
    pair.write_bytes(server_key.read_bytes() + server.read_bytes())
    taken: set[int] = set()
    doors = {"SASL_SSL": ports.choose(None, taken), "SSL": ports.choose(None, taken)}
    properties = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(pair),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.ca_file),
        "listener.name.ssl.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{SASL}.scram.ScramLoginModule required;",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": (
            f'{SASL}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        ),
    }
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(server, server_key)
    mutual = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.ca_file)
    mutual.load_cert_chain(server, server_key)
    mutual.verify_mode = ssl.CERT_REQUIRED
    by_password = {"username": USER, "password": PASSWORD, "ca_file": str(authority.ca_file)}
    by_certificate = {"cert_file": str(client), "key_file": str(client_key), "ca_file": str(authority.ca_file)}
    with ExitStack() as held:
        stack = held.enter_context(Stack(folder / "stack", extras=Extras(doors, properties)))
        credentials = f"SCRAM-SHA-512=[iterations=4096,password={PASSWORD}]"
        named = ("--entity-type", "users", "--entity-name", USER)
        stack.kafka_tool("kafka-configs", "--alter", "--add-config", credentials, *named).check_returncode()
        redis_port = int(stack.redis_url.rpartition(":")[2].partition("/")[0])
        _let_in_only(stack.redis_url, USER, PASSWORD)
        one_way, both_ways = (held.enter_context(TlsProxy(context, redis_port)) for context in (tls, mutual))
        user = {"username": USER, "password": PASSWORD}
        yield Cluster(
            folder=folder,
            kafka_by_password={
                **by_password,
                "bootstrap": f"127.0.0.1:{doors['SASL_SSL']}",
                "security": "SASL_SSL",
            },
            kafka_by_certificate={**by_certificate, "bootstrap": f"127.0.0.1:{doors['SSL']}", "security": "SSL"},
            kafka_plain=stack.bootstrap,
            redis_by_password={**by_password, "url": f"rediss://127.0.0.1:{one_way.port}/0"},
            redis_by_certificate={**by_certificate, **user, "url": f"rediss://127.0.0.1:{both_ways.port}/0"},
            other_authority=str(other.ca_file),
        )


def _let_in_only(redis_url: str, user: str, password: str) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.execute_command("ACL SETUSER", user, "on", f">{password}", "~cx:*", *COMMANDS.split())
        redis.execute_command("ACL SETUSER", "stranger", "on", f">{password}", "~other:*", "+@all")
        redis.execute_command("ACL SETUSER", "default", "off")


def cx(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    with Command(*arguments, **settings) as command:
        code = command.process.wait(PATIENCE_S)
        command.reader.join(PATIENCE_S)
    return subprocess.CompletedProcess(arguments, code, "\n".join(command.lines))


async def buy(kafka: dict[str, str], customer: str) -> None:
    line = {"line_id": "1", "sku": "s", "category": "shoes", "quantity": 1, "amount": 12_000_000}
    data = {"order_id": customer, "channel": "web", "currency": "VND", "lines": [line]}
    kind = {"specversion": "1.0", "id": customer, "source": "/shop", "type": "purchase.completed"}
    event = kind | {"time": datetime.now(UTC).isoformat(), "subject": customer, "data": data}
    async with AIOKafkaProducer(**KafkaSettings.model_validate(kafka).client_options()) as producer:
        await producer.send_and_wait("cx.purchases", json.dumps(event).encode(), key=customer.encode())


def profile_of(customer: str, settings: dict[str, str]) -> dict[str, Any]:
    """Return what `cx customer` shows, as soon as it shows something."""
    deadline = time.monotonic() + PATIENCE_S
    while (shown := cx("customer", customer, "--json", **settings)).returncode != 0:
        assert "no such customer" in shown.stdout
        assert time.monotonic() < deadline
    profile: dict[str, Any] = json.loads(shown.stdout)
    return profile


def test_commands_and_a_worker_join_with_a_password_over_tls(cluster: Cluster, tmp_path: Path) -> None:
    settings = cluster.variables(cluster.kafka_by_password, cluster.redis_by_password)
    made = cx("topics", "create", **settings)
    assert (made.returncode, made.stdout.splitlines()[-1].endswith("topics created")) == (0, True), made.stdout
    tail = ("tail", "tier-changes", "--from-start", "--limit", "1", "--json")
    with Worker(tmp_path / "worker.log", **settings) as worker, Command(*tail, **settings) as told:
        produced = cx("generate", "--rate", "0", "--events", "50", **settings)
        asyncio.run(buy(cluster.kafka_by_password, "lan"))
        profile = profile_of("lan", settings)
        assert told.process.wait(PATIENCE_S) == 0
        assert worker.stop() == 0

    assert (produced.returncode, produced.stdout.split(" in ")[0]) == (0, "50 records")
    assert profile["tier"] == "gold"
    assert json.loads(told.lines[0])["event"]["type"] == "tier.upgraded"
    assert "read model" not in worker.text()
    assert PASSWORD not in worker.text() + made.stdout + produced.stdout + "".join(told.lines)


def test_a_worker_joins_with_a_certificate(cluster: Cluster, tmp_path: Path) -> None:
    settings = cluster.variables(cluster.kafka_by_certificate, cluster.redis_by_certificate)
    assert cx("topics", "create", **settings).returncode == 0
    with Worker(tmp_path / "worker.log", **settings) as worker:
        asyncio.run(buy(cluster.kafka_by_certificate, "mai"))
        assert profile_of("mai", settings)["tier"] == "gold"
        assert worker.stop() == 0


def test_who_is_not_let_in_is_told_why_in_one_line_and_tries_no_longer(cluster: Cluster) -> None:
    kafka, redis = cluster.kafka_by_password, cluster.redis_by_password
    unknown = f"Kafka at {kafka['bootstrap']} does not know this user name with this password"
    host = redis["url"].split("/")[2]
    mistrust = "has a certificate that we do not trust (unable to get local issuer certificate)"
    wrong_password, wrong_authority = {"password": "wr0ng"}, {"ca_file": cluster.other_authority}
    expected = {
        ("topics", "create", "kafka", "password"): unknown,
        ("tail", "kafka", "password"): unknown,
        ("generate", "kafka", "password"): unknown,
        ("worker", "kafka", "password"): unknown,
        ("worker", "kafka", "authority"): f"Kafka at {kafka['bootstrap']} {mistrust}: see CX_KAFKA__CA_FILE",
        ("worker", "redis", "password"): f"Redis at {host} does not know this user name with this password",
        ("customer", "lan", "redis", "authority"): f"Redis at {host} {mistrust}: see CX_REDIS__CA_FILE",
    }
    wrong = {"password": wrong_password, "authority": wrong_authority}
    with ExitStack() as held:
        running = {}
        for case in expected:
            *arguments, server, what = case
            kafka_used = kafka | (wrong[what] if server == "kafka" else {})
            redis_used = redis | (wrong[what] if server == "redis" else {})
            command = Command(*arguments, **cluster.variables(kafka_used, redis_used))
            running[case] = held.enter_context(command)
        codes = {case: command.process.wait(PATIENCE_S) for case, command in running.items()}
        for command in running.values():
            command.reader.join(PATIENCE_S)

    assert {case: command.lines for case, command in running.items()} == {
        case: [f"cx: {line}"] for case, line in expected.items()
    }
    assert set(codes.values()) == {78}


async def refusal(asking: Coroutine[Any, Any, None], kind: type[CxError] = RefusedError) -> str:
    """Return what is said where we are not let in, once all connections are closed."""
    with pytest.raises(kind) as refused:
        await asking
    selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]  # noqa: SLF001  # nobody else knows
    async with asyncio.timeout(PATIENCE_S):
        while len(selector.get_map()) > 1:  # noqa: ASYNC110  # besides the pipe of the loop; sockets tell nobody
            await asyncio.sleep(0.01)
    return str(refused.value)


@pytest.mark.parametrize(
    ("door", "change", "reason"),
    [
        ("password", {"username": "nobody"}, "does not know this user name with this password"),
        ("password", {"sasl_mechanism": "SCRAM-SHA-256"}, "does not take SCRAM-SHA-256: see CX_KAFKA__SASL_MECHANISM"),
        ("certificate", {"cert_file": None, "key_file": None}, "misses our certificate, or does not accept it"),
    ],
)
async def test_kafka_says_what_it_has_against_us(
    door: str, change: dict[str, Any], reason: str, cluster: Cluster
) -> None:
    settings = KafkaSettings.model_validate(getattr(cluster, f"kafka_by_{door}") | change)
    assert reason in await refusal(ask_kafka(settings))


async def test_a_certificate_of_another_host_is_refused_and_the_next_server_asked(cluster: Cluster) -> None:
    password = cluster.kafka_by_password
    here = password["bootstrap"]
    other = here.replace("127.0.0.1", "localhost")
    alone = KafkaSettings.model_validate(password | {"bootstrap": f"127.0.0.1:1,{other}"})
    assert "that we do not trust (Hostname mismatch" in await refusal(ask_kafka(alone))
    await ask_kafka(KafkaSettings.model_validate(password | {"bootstrap": f"{other},{here}"}))


async def test_a_password_in_the_clear_is_taken_within_tls(cluster: Cluster) -> None:
    await ask_kafka(KafkaSettings.model_validate(cluster.kafka_by_password | {"sasl_mechanism": "PLAIN"}))


async def test_the_wrong_kind_of_listener_is_named(cluster: Cluster) -> None:
    certificate, password = cluster.kafka_by_certificate, cluster.kafka_by_password
    crossed = [
        ({"bootstrap": password["bootstrap"]}, "PLAINTEXT"),
        (certificate | {"bootstrap": password["bootstrap"]}, "SSL"),
        (password | {"bootstrap": cluster.kafka_plain}, "SASL_SSL"),
    ]
    for settings, kind in crossed:
        said = await refusal(ask_kafka(KafkaSettings.model_validate(settings)), AwayError)
        assert said.endswith(f"does it listen for {kind}? See CX_KAFKA__SECURITY")
    named = password | {"bootstrap": cluster.kafka_plain, "security": "SASL_PLAINTEXT", "ca_file": None}
    said = await refusal(ask_kafka(KafkaSettings.model_validate(named)))
    assert said.endswith("wants no user name here: see CX_KAFKA__SECURITY")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"username": None, "password": None}, "does not know this user name with this password"),
        ({"username": "stranger"}, "does not let this user do what we need"),
    ],
)
async def test_redis_says_what_it_has_against_us(change: dict[str, Any], reason: str, cluster: Cluster) -> None:
    settings = RedisSettings.model_validate(cluster.redis_by_password | change)
    assert reason in await refusal(ask_redis(settings, "cx", "customers"))


async def test_a_redis_certificate_of_another_host_is_refused(cluster: Cluster) -> None:
    settings = cluster.redis_by_password
    other = settings | {"url": settings["url"].replace("127.0.0.1", "localhost")}
    said = await refusal(ask_redis(RedisSettings.model_validate(other), "cx", "customers"))
    assert "that we do not trust (Hostname mismatch" in said


async def test_a_redis_that_asks_for_a_certificate_is_told_of(cluster: Cluster) -> None:
    settings = cluster.redis_by_certificate | {"cert_file": None, "key_file": None}
    said = await refusal(ask_redis(RedisSettings.model_validate(settings), "cx", "customers"), AwayError)
    assert said.endswith(", or does it ask for CX_REDIS__CERT_FILE?")


def test_a_connection_is_closed_although_the_other_side_never_says_goodbye(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue("server"))

    async def close(port: int) -> None:
        trusting = ssl.create_default_context(cafile=authority.ca_file)
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        writer.close()
        closed = asyncio.ensure_future(writer.wait_closed())
        await asyncio.wait({closed}, timeout=20)  # uvloop's own patience is 30 s
        in_time = closed.done()
        writer.transport.abort()
        with suppress(OSError):
            await closed
        assert in_time

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as thread:
        silent = thread.submit(lambda: context.wrap_socket(listener.accept()[0], server_side=True))
        try:
            with asyncio.Runner(loop_factory=Policy().new_event_loop) as runner:
                runner.run(close(listener.getsockname()[1]))
        finally:
            silent.result(PATIENCE_S).close()
