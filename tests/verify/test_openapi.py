"""The API does what its OpenAPI document says, as Schemathesis finds it, with calls of its own invention."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ops.embedded.ports import choose
from ops.embedded.stack import Stack
from streams import admin
from streams.settings import KafkaSettings, RedisSettings, Settings
from tests.integration.processes import Command
from tests.serving.api import stored_bearer

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTITIONS = 3
START_S = 60.0
EXAMPLES = 60
SEED = 20260301
# It never ends, which Schemathesis waits for: tests/integration/test_stream.py is about it.
ENDLESS = "/v1/stream"
# What a schema has no words for is refused all the same, such as a year after 8999: docs/contract/README.md lists it.
UNSAYABLE = "positive_data_acceptance"
# A call may wait ten seconds for a decision, by its own wish; here nobody decides.
ANSWER_S = "30"

pytestmark = [pytest.mark.verify, pytest.mark.timeout(1_800)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of `cx serve` on a Kafka and a Redis of its own, and a token that it knows."""
    with Stack(tmp_path_factory.mktemp("stack")) as stack:
        settings = Settings(
            partitions=PARTITIONS,
            kafka=KafkaSettings(bootstrap=stack.bootstrap),
            redis=RedisSettings(url=stack.redis_url),
        )
        asyncio.run(admin.create(settings))
        listen = f"127.0.0.1:{choose(None, set())}"
        variables = {
            "KAFKA__BOOTSTRAP": stack.bootstrap,
            "REDIS__URL": stack.redis_url,
            "PARTITIONS": str(PARTITIONS),
            "API__LISTEN": listen,
            "API__CALLS_PER_SECOND": "100000",
        }
        with Command("serve", **variables) as server:
            deadline = time.monotonic() + START_S
            while not _is_there(f"http://{listen}/live"):
                assert server.process.poll() is None, server.lines
                assert time.monotonic() < deadline, server.lines
                time.sleep(0.1)
            yield f"http://{listen}", asyncio.run(stored_bearer(stack.redis_url))


@pytest.fixture
def url(served: tuple[str, str]) -> str:
    return served[0]


def _is_there(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def document(url: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{url}/openapi.json", timeout=10).json()
    return found


def schemathesis(location: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("schemathesis")
    command = [str(program), "--no-color", "run", location, "--checks", "all", "--exclude-checks", UNSAYABLE]
    command += ["--max-response-time", ANSWER_S, "--seed", str(SEED), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "120"}, timeout=1_500
    )


def test_every_call_does_what_the_document_says(served: tuple[str, str]) -> None:
    url, bearer = served
    by = ("--header", f"Authorization: Bearer {bearer}")
    done = schemathesis(f"{url}/openapi.json", *by, "--exclude-path", ENDLESS, "--max-examples", str(EXAMPLES))

    assert done.returncode == 0, done.stdout[-8_000:]
    count = sum(len(operations) for path, operations in document(url)["paths"].items() if path != ENDLESS)
    assert re.search(rf"Tested: {count}\b", done.stdout), done.stdout[-3_000:]


def test_the_document_has_the_stream_and_problems_for_what_goes_wrong(url: str) -> None:
    told = document(url)

    assert told["openapi"].startswith("3.1.")
    assert "text/event-stream" in told["paths"][ENDLESS]["get"]["responses"]["200"]["content"]
    for path, operations in told["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert "application/problem+json" in response["content"], (method, path, status)


def test_a_document_that_says_something_else_is_noticed(url: str, tmp_path: Path) -> None:
    told = document(url)
    told["paths"]["/live"]["get"]["responses"]["200"]["content"]["application/json"]["schema"] = {"type": "integer"}
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps(told), "utf-8")

    assert schemathesis(str(file), "--url", url, "--include-path", "/live", "--max-examples", "5").returncode == 1
