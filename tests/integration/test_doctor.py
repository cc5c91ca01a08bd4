"""`cx doctor` on a real Kafka and Redis, and the worker that does not start where it finds a fault."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import CreateAclsRequest
from redis.asyncio import Redis

from ops.embedded.brokers import Extras
from ops.embedded.stack import Stack
from streams import admin
from streams.settings import KafkaSettings, Settings
from tests.integration.processes import Command
from tests.integration.worker import Worker

PARTITIONS = 2


def environment(stack: Stack, folder: Path, **more: str) -> dict[str, str]:
    return {
        "KAFKA__BOOTSTRAP": stack.bootstrap,
        "REDIS__URL": stack.redis_url,
        "PARTITIONS": str(PARTITIONS),
        "DATA": str(folder),
        **more,
    }


async def examined(settings: dict[str, str], *arguments: str) -> tuple[int, list[dict[str, str]]]:
    """Return exit code and findings."""
    with Command("doctor", "--json", *arguments, **settings) as doctor:
        code = await asyncio.to_thread(doctor.ends)
        return code, json.loads(doctor.lines[-1])


def texts(found: list[dict[str, str]], *grades: str) -> list[str]:
    return [one["text"] for one in found if one["grade"] in grades]


@pytest.fixture
async def made(own_stack: Stack) -> Stack:
    """The stack, with the topics."""
    await admin.create(Settings(partitions=PARTITIONS, kafka=KafkaSettings(bootstrap=own_stack.bootstrap)))
    return own_stack


async def test_where_nothing_is_wrong_it_says_what_was_looked_at(made: Stack, tmp_path: Path) -> None:
    code, found = await examined(environment(made, tmp_path), "--desk")

    assert (code, texts(found, "fault", "unknown")) == (0, [])
    assert {one["area"] for one in found} == {"kafka", "topics", "rights", "redis", "clock", "disk", "policy"}
    assert "replication is 1: a disk that fails may lose events" in texts(found, "warning")
    assert "we may use groups and transactional ids" in texts(found, "ok")
    assert "our clock and that of Redis agree" in texts(found, "ok")
    with Command("doctor", **environment(made, tmp_path)) as plain:
        assert await asyncio.to_thread(plain.ends) == 0
        assert plain.lines[0].split()[0] == "warning"  # what is worst comes first


async def test_topics_that_are_not_there_are_a_fault_also_of_a_worker(own_stack: Stack, tmp_path: Path) -> None:
    await admin.create(Settings(partitions=PARTITIONS, kafka=KafkaSettings(bootstrap=own_stack.bootstrap)))
    settings = environment(own_stack, tmp_path, APP="another")
    code, found = await examined(settings)

    assert code == 78
    assert texts(found, "fault") == [f"another-{name}-changelog: is missing" for name in ("customers", "desk-gifts")]
    with Worker(tmp_path / "worker.log", **settings) as worker:
        assert worker.exit_code() == 78
    assert "cx: another-customers-changelog: is missing" in worker.text()


@asynccontextmanager
async def redis_with(stack: Stack, **settings: str) -> AsyncIterator[None]:
    """Let Redis be set up in another way for a while."""
    redis = Redis.from_url(stack.redis_url, decode_responses=True)
    names = {name: name.replace("_", "-") for name in settings}
    before: dict[str, Any] = {name: (await redis.config_get(names[name]))[names[name]] for name in settings}
    try:
        for name, value in settings.items():
            await redis.config_set(names[name], value)
        yield
    finally:
        for name, value in before.items():
            await redis.config_set(names[name], value)
        await redis.aclose()


async def test_a_redis_that_forgets_customers_is_a_fault_also_of_a_worker(made: Stack, tmp_path: Path) -> None:
    reason = "maxmemory-policy is allkeys-lru: customers would go without being missed; should be noeviction"
    async with redis_with(made, maxmemory_policy="allkeys-lru", maxmemory="1gb"):
        code, found = await examined(environment(made, tmp_path))
        with Worker(tmp_path / "worker.log", **environment(made, tmp_path)) as worker:
            assert await asyncio.to_thread(worker.exit_code) == 78

    assert (code, texts(found, "fault")) == (78, [reason])
    assert f"cx: {reason}" in worker.text()


async def test_what_only_warns_lets_a_worker_start_and_is_in_its_log(made: Stack, tmp_path: Path) -> None:
    async with redis_with(made, appendonly="no"):
        with Worker(tmp_path / "worker.log", **environment(made, tmp_path)) as worker:
            await asyncio.to_thread(worker.until_ready)
            assert await asyncio.to_thread(worker.stop) == 0

    assert "WARNING cli.preflight preflight: appendonly is no" in worker.text()
    assert "WARNING cli.preflight preflight: replication is 1" in worker.text()


async def test_a_session_timeout_that_kafka_refuses_is_found_before_the_group_does(made: Stack, tmp_path: Path) -> None:
    code, found = await examined(environment(made, tmp_path, KAFKA__SESSION_TIMEOUT_S="1.0", KAFKA__HEARTBEAT_S="0.3"))
    assert (code, texts(found, "fault")) == (0, [])  # the least that this broker takes

    with Stack(tmp_path / "stack") as other:  # Kafka's own default is six seconds
        settings = environment(other, tmp_path, KAFKA__SESSION_TIMEOUT_S="5.9")
        with Command("topics", "create", **settings) as create:
            assert await asyncio.to_thread(create.ends) == 0
        code, found = await examined(settings)
    assert code == 78
    (text,) = texts(found, "fault")
    assert text.startswith("CX_KAFKA__SESSION_TIMEOUT_S is 5.9; Kafka takes 6000 to ")


async def test_servers_that_are_away_and_a_policy_that_is_wrong(made: Stack, tmp_path: Path) -> None:
    code, found = await examined(environment(made, tmp_path, KAFKA__BOOTSTRAP="127.0.0.1:1"))
    assert (code, len(texts(found, "fault"))) == (1, 1)
    assert texts(found, "fault")[0].startswith("Kafka at 127.0.0.1:1 does not answer as it should")

    code, found = await examined(environment(made, tmp_path, REDIS__URL="redis://lan:s3cret@127.0.0.1:1"))
    assert code == 0  # a worker starts all the same
    assert any(text.startswith("read model is away: Redis at 127.0.0.1:1 ") for text in texts(found, "warning"))
    assert "s3cret" not in str(found)

    (tmp_path / "own.yaml").write_text("version: 1\n")
    code, found = await examined(environment(made, tmp_path, POLICY=str(tmp_path / "own.yaml")))
    assert code == 78
    assert [one["area"] for one in found if one["grade"] == "fault"] == ["policy"]


@pytest.mark.timeout(300)
async def test_rights_that_are_missing_are_named(tmp_path: Path) -> None:
    authorizer = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
    }
    with Stack(tmp_path / "stack", extras=Extras(properties=authorizer)) as stack:
        settings = environment(stack, tmp_path)
        await admin.create(Settings(partitions=PARTITIONS, kafka=KafkaSettings(bootstrap=stack.bootstrap)))
        code, found = await examined(settings)
        assert (code, texts(found, "fault", "unknown")) == (0, [])

        await allow(stack, (TOPIC, "cx.purchases", DESCRIBE), (TOPIC, "cx.purchases", DESCRIBE_CONFIGS))
        await allow(stack, (TOPIC, "cx.rewards", DESCRIBE), (TOPIC, "cx.rewards", DESCRIBE_CONFIGS))
        await allow(stack, (GROUP, "cx", DESCRIBE), (TRANSACTIONAL_ID, "cx-customers-0", CREATE))
        expected = {
            "we may not read cx.purchases",
            "we may not write cx.rewards",
            "we may not read with the group cx",
            "we may not use the transactional ids cx-customers-…",
        }
        async with asyncio.timeout(30):  # rights take a moment to be known to a broker
            while set(texts(found, "fault")) != expected:
                code, found = await examined(settings)
        assert code == 78
        with Worker(tmp_path / "worker.log", **settings) as worker:
            assert await asyncio.to_thread(worker.exit_code) == 78
        assert "cx: we may not read cx.purchases" in worker.text()


TOPIC, GROUP, TRANSACTIONAL_ID = 2, 3, 5  # Kafka's codes
CREATE, DESCRIBE, DESCRIBE_CONFIGS = 5, 8, 10
_LITERAL, _ALLOW = 3, 3


async def allow(stack: Stack, *rights: tuple[int, str, int]) -> None:
    """Let us do nothing else with what *rights* name: where a rule names something, the rest is refused."""
    client = AIOKafkaClient(bootstrap_servers=stack.bootstrap)
    await client.bootstrap()
    for kind, name, operation in rights:
        made = CreateAclsRequest(kind, name, _LITERAL, "User:ANONYMOUS", "*", operation, _ALLOW)
        answer = await client.send(client.get_random_node(), made)
        assert not any(code for code, _ in answer.creation_responses)
    await client.close()
