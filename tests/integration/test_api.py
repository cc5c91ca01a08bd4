"""The API on a real Kafka and Redis with a real worker: who pays is told the new tier, and nothing happens twice."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.policy import load
from cx.rules import compile_policy
from ops.embedded.stack import Stack
from schemas.answers import EventAnswer
from serving.service import Service
from streams import admin
from streams.settings import KafkaSettings, RedisSettings, Settings
from tests.integration.worker import Worker
from tests.serving.api import AWAY, calling, problem, service

PARTITIONS = 4
WAIT = {"wait": "decision", "timeout_ms": "10000"}
STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
PATIENCE_S = 60.0
IDS = itertools.count()


@pytest.fixture(scope="module")
def settings(own_stack: Stack) -> Settings:
    made = Settings(
        partitions=PARTITIONS,
        kafka=KafkaSettings(bootstrap=own_stack.bootstrap),
        redis=RedisSettings(url=own_stack.redis_url),
    )
    asyncio.run(admin.create(made, keep_for_ever=True))
    return made


@pytest.fixture(scope="module")
def environment(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {
        "KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        "REDIS__URL": settings.redis.url,
        "PARTITIONS": str(PARTITIONS),
        "DATA": str(tmp_path_factory.mktemp("data")),
    }


@pytest.fixture(scope="module")
def worker(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with Worker(tmp_path_factory.mktemp("log") / "worker.log", **environment) as running:
        yield running.until_ready()


@pytest.fixture
def served(settings: Settings) -> Service:
    return service(settings.redis.url, settings.kafka.bootstrap, compile_policy(load("retail-vn")))


@pytest.fixture
async def till(served: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(served) as client:
        yield client


def buys(customer: str, amount: int, **attributes: Any) -> dict[str, Any]:
    number = next(IDS)
    line = {"line_id": "1", "sku": "s", "category": "shoes", "quantity": 1, "amount": amount}
    return {
        "specversion": "1.0",
        "id": f"{customer}-{number}",
        "source": "/stores/q1/tills/7",
        "type": "purchase.completed",
        "time": datetime.now(UTC).isoformat(),
        "subject": customer,
        "data": {"order_id": f"o{number}", "channel": "store", "currency": "VND", "lines": [line]},
    } | attributes


async def post(till: httpx.AsyncClient, event: Any, **params: str) -> httpx.Response:
    headers = BATCH if isinstance(event, list) else STRUCTURED
    return await till.post("/v1/events", content=json.dumps(event), params=params, headers=headers)


async def decided(till: httpx.AsyncClient, event: dict[str, Any]) -> EventAnswer:
    """Send *event* until it is decided, as a till does that has not heard."""
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await post(till, event, **WAIT)).status_code == 202:
            pass
    assert answer.status_code == 200, answer.text
    return EventAnswer.model_validate_json(answer.content)


async def test_a_customer_becomes_gold_in_the_call_that_pays(
    worker: Worker, till: httpx.AsyncClient, unique: str
) -> None:
    lan = unique[-20:]
    first = await decided(till, buys(lan, 4_000_000))
    second = await decided(till, buys(lan, 8_000_000))

    assert first.decision is not None
    assert (first.decision.tier_before, first.decision.tier_after) == ("member", "silver")
    assert second.decision is not None
    assert (second.decision.outcome, second.decision.tier_before, second.decision.tier_after) == (
        "applied",
        "silver",
        "gold",
    )
    assert "tier.upgraded" in {told.type for told in second.decision.outputs}
    assert second.customer is not None
    assert (second.customer.tier, second.customer.known) == ("gold", True)
    assert second.customer.benefits
    read = (await till.get(f"/v1/customers/{lan}")).json()
    assert (read["tier"], read["degraded"]) == ("gold", False)


async def test_an_event_sent_again_is_answered_as_the_first_time_and_another_content_is_refused(
    worker: Worker, till: httpx.AsyncClient, unique: str
) -> None:
    event = buys(unique[-20:], 1_000)
    first = await decided(till, event)
    again = await decided(till, event)
    other = buys(unique[-20:], 2_000, id=event["id"])

    assert again.decision == first.decision
    assert problem(await post(till, other, **WAIT)) == (409, "conflicting-id")
    assert problem(await post(till, other)) == (409, "conflicting-id")
    assert problem(await post(till, [buys(unique[-20:], 1), other], **WAIT)) == (409, "conflicting-id")
    measures = (await till.get(f"/v1/customers/{unique[-20:]}")).json()["measures"]
    assert (measures["spend"], measures["orders"]) == (1_000, 1)


async def test_of_two_contents_at_the_same_time_one_is_told_that_the_other_was_first(
    worker: Worker, till: httpx.AsyncClient, unique: str
) -> None:
    event = buys(unique[-20:], 1_000)
    other = buys(unique[-20:], 2_000, id=event["id"])
    answers = await asyncio.gather(*(post(till, one, **WAIT) for one in (event, other)))

    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_calls_for_one_customer_side_by_side_are_all_taken(
    worker: Worker, till: httpx.AsyncClient, unique: str
) -> None:
    answers = await asyncio.gather(*(decided(till, buys(unique[-20:], 1_000)) for _ in range(20)))

    assert {answer.decision and answer.decision.outcome for answer in answers} == {"applied"}
    assert (await till.get(f"/v1/customers/{unique[-20:]}")).json()["measures"]["spend"] == 20_000


async def test_what_is_refused_is_told_with_its_reason_and_may_be_put_right(
    worker: Worker, till: httpx.AsyncClient, unique: str
) -> None:
    event = buys(unique[-20:], 1_000, time=(datetime.now(UTC) + timedelta(days=1)).isoformat())
    refused = await decided(till, event)
    mended = await decided(till, event | {"time": datetime.now(UTC).isoformat()})

    assert refused.decision is not None
    assert (refused.decision.outcome, refused.decision.reason, refused.decision.loc) == ("refused", "future", "time")
    assert mended.decision is not None
    assert mended.decision.outcome == "applied"


async def test_a_batch_is_answered_event_by_event(worker: Worker, till: httpx.AsyncClient, unique: str) -> None:
    batch = [buys(f"{unique[-20:]}-{number}", 1_000) for number in range(3)]
    answer = await post(till, batch, **WAIT)

    assert [one["id"] for one in answer.json()["events"]] == [one["id"] for one in batch]
    assert {one["decision"]["outcome"] for one in answer.json()["events"]} == {"applied"}


async def test_who_does_not_wait_is_told_that_it_is_durable(
    worker: Worker, till: httpx.AsyncClient, unique: str
) -> None:
    event = buys(unique[-20:], 1_000)
    answer = await post(till, event)

    assert answer.status_code == 202
    assert answer.json() == {"source": event["source"], "id": event["id"]}
    async with asyncio.timeout(PATIENCE_S):
        while not (await till.get(f"/v1/customers/{unique[-20:]}")).json()["known"]:
            continue


async def test_events_come_in_binary_mode_too(worker: Worker, till: httpx.AsyncClient, unique: str) -> None:
    event = buys(unique[-20:], 1_000)
    attributes = {f"ce-{name}": value for name, value in event.items() if name != "data"}
    headers = attributes | {"content-type": "application/json"}
    answer = await till.post("/v1/events", content=json.dumps(event["data"]), params=WAIT, headers=headers)

    assert answer.json()["decision"]["outcome"] == "applied"
    assert (await decided(till, event)).decision == EventAnswer.model_validate_json(answer.content).decision


async def test_without_redis_events_are_taken_all_the_same_and_decided(
    worker: Worker, settings: Settings, served: Service, till: httpx.AsyncClient, unique: str
) -> None:
    event = buys(unique[-20:], 1_000)
    async with calling(service(AWAY, settings.kafka.bootstrap, served.rules)) as blind:
        answers = [await post(blind, event, **WAIT) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert (await decided(till, event)).decision is not None
    measures = (await till.get(f"/v1/customers/{unique[-20:]}")).json()["measures"]
    assert (measures["spend"], measures["orders"]) == (1_000, 1)


async def test_without_a_worker_the_call_says_where_to_ask_and_the_answer_is_there_later(
    environment: dict[str, str], till: httpx.AsyncClient, worker: Worker, tmp_path: Path, unique: str
) -> None:
    """The last but for the chaos, since it ends the worker of the module."""
    assert worker.stop() == 0
    answer = await post(till, buys(unique[-20:], 1_000), wait="decision", timeout_ms="50")
    poll = answer.headers["location"]

    assert (answer.status_code, answer.json()["poll"]) == (202, poll)
    assert problem(await till.get(poll)) == (404, "no-decision")
    with Worker(tmp_path / "worker.log", **environment) as another:
        another.until_ready()
        async with asyncio.timeout(PATIENCE_S):
            while (found := await till.get(poll)).status_code == 404:
                continue
        assert found.json()["decision"]["outcome"] == "applied"
        assert another.stop() == 0


async def test_a_worker_killed_while_tills_wait_leaves_no_wrong_answer_and_no_hang(
    environment: dict[str, str], till: httpx.AsyncClient, tmp_path: Path, unique: str
) -> None:
    events = [buys(f"{unique[-20:]}-{number % 20}", 1_000_000) for number in range(200)]
    answers: list[httpx.Response] = []

    async def pay(event: dict[str, Any]) -> None:
        answers.append(await post(till, event, wait="decision", timeout_ms="1000"))

    with Worker(tmp_path / "worker.log", **environment) as running:
        running.until_ready()
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as calls:
            for number, event in enumerate(events):
                calls.create_task(pay(event))
                if number == len(events) // 2:
                    await asyncio.sleep(0.05)
                    await asyncio.to_thread(running.kill)
        assert {answer.status_code for answer in answers} <= {200, 202}
        told = {one["id"]: one["decision"] for a in answers if "decision" in (one := a.json())}
        with Worker(tmp_path / "next.log", **environment) as following:
            following.until_ready()
            after = await asyncio.gather(*(decided(till, event) for event in events))
            assert following.stop() == 0
    assert len(told) < len(events)
    for event, answer in zip(events, after, strict=True):
        assert answer.decision is not None
        assert answer.decision.outcome in {"applied", "duplicate"}
        if event["id"] in told:
            assert answer.decision.model_dump(mode="json", exclude_defaults=True) == told[event["id"]]
    for number in range(20):
        found = (await till.get(f"/v1/customers/{unique[-20:]}-{number}")).json()
        assert (found["measures"]["spend"], found["tier"]) == (10_000_000, "gold")
