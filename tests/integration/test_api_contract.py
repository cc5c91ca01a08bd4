"""The API against its own OpenAPI document, by a tool that is not ours: whatever is sent, it answers as it says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from ops.embedded.ports import HOST, choose
from ops.embedded.stack import Stack
from serving.app import build
from streams import admin
from streams.settings import KafkaSettings, RedisSettings, Settings
from tests.serving.api import service, stored_bearer

DEADLINE_S = 60.0
PARTITIONS = 4


class Served(NamedTuple):
    address: str
    headers: dict[str, str]


@pytest.fixture(scope="module")
def served(own_stack: Stack) -> Iterator[Served]:
    """Where the API answers, from a thread of this process; nobody decides on what comes in."""
    kafka, redis = KafkaSettings(bootstrap=own_stack.bootstrap), RedisSettings(url=own_stack.redis_url)
    asyncio.run(admin.create(Settings(partitions=PARTITIONS, kafka=kafka, redis=redis)))
    port = choose(None, set())
    app = build(service(redis.url, kafka.bootstrap))
    server = uvicorn.Server(uvicorn.Config(app, host=HOST, port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    token = asyncio.run(stored_bearer(redis.url))
    yield Served(f"http://{HOST}:{port}", {"Authorization": f"Bearer {token}"})
    server.should_exit = True
    thread.join(DEADLINE_S)


@settings(max_examples=25, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def answers(operation: Any, headers: dict[str, str], data: st.DataObject) -> None:
    """Call an operation as its document allows, and as it does not, and hold each answer against the document."""
    mode = data.draw(st.sampled_from(list(schemathesis.GenerationMode)))
    case = data.draw(operation.as_strategy(generation_mode=mode))
    if str(case.query.get("timeout_ms", "")).isdigit():
        case.query["timeout_ms"] = 1  # nobody decides
    # An event may be as its schema says and yet be of no currency of ours, or of a day that there is not.
    case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])


def test_it_answers_as_its_document_says(served: Served) -> None:
    # The stream never ends, which a call would wait for: test_stream.py is about it.
    document = schemathesis.openapi.from_url(f"{served.address}/openapi.json").exclude(path="/v1/stream")
    document.validate()
    found = list(document.get_all_operations())

    assert len(found) > 10
    for operation in found:
        assert isinstance(operation, Ok), operation
        answers(operation.ok(), served.headers)
