"""One real Kafka and one real Redis for all integration tests; a test keeps apart by its own names."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from redis.asyncio import Redis

from ops.embedded.brokers import Extras
from ops.embedded.stack import Stack

EMPTY_S = 30.0
HURRIED = {
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",  # Kafka's default is 10 s
    "group.min.session.timeout.ms": "1000",  # 6 s; so that a test may miss a killed worker sooner
}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack of one broker on an empty folder; where it cannot start, every test that asks for it fails."""
    root: Path = tmp_path_factory.mktemp("stack")
    with Stack(root, extras=Extras(properties=HURRIED)) as running:
        yield running


@pytest.fixture(scope="session")
def bootstrap(stack: Stack) -> str:
    """Kafka's bootstrap servers."""
    return stack.bootstrap


@pytest.fixture(scope="session")
def redis_url(stack: Stack) -> str:
    """Address of Redis, shared by all tests: prefix every key with `unique`."""
    return stack.redis_url


@pytest.fixture(scope="module")
def own_stack(stack: Stack) -> Stack:
    """The same stack, emptied, for a module that needs the topics of the contract for itself."""
    asyncio.run(_empty(stack))
    return stack


async def _empty(stack: Stack) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap)
    await admin.start()
    try:
        async with asyncio.timeout(EMPTY_S):
            # With the topics Kafka drops what groups have committed: a worker begins at the beginning of new ones.
            while topics := [name for name in await admin.list_topics() if not name.startswith("__")]:
                await admin.delete_topics(topics)
    finally:
        await admin.close()
    redis = Redis.from_url(stack.redis_url)
    await redis.flushall()
    await redis.aclose()


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> str:
    """A prefix for the topics, groups and keys of one test, legal in all three."""
    words = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in request.node.name)
    return f"{words[:40]}-{uuid4().hex[:8]}"
