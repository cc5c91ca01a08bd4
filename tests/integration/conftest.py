"""One real Kafka and one real Redis for all integration tests; a test keeps apart by its own names."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from ops.embedded.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack of one broker on an empty folder; where it cannot start, every test that asks for it fails."""
    root: Path = tmp_path_factory.mktemp("stack")
    with Stack(root) as running:
        yield running


@pytest.fixture(scope="session")
def bootstrap(stack: Stack) -> str:
    """Kafka's bootstrap servers."""
    return stack.bootstrap


@pytest.fixture(scope="session")
def redis_url(stack: Stack) -> str:
    """Address of Redis, shared by all tests: prefix every key with `unique`."""
    return stack.redis_url


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> str:
    """A prefix for the topics, groups and keys of one test, legal in all three."""
    words = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in request.node.name)
    return f"{words[:40]}-{uuid4().hex[:8]}"
