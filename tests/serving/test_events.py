"""Events by HTTP while Kafka or Redis is away: what is not known is said so, and nothing is made up."""

import pytest

from serving import producer
from tests.schemas.samples import least, written
from tests.serving.api import calling, problem, service

ONE = {"content-type": "application/cloudevents+json"}
EVENT = written(least("purchase.completed"))


async def test_without_kafka_nobody_is_told_that_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producer, "SEND_S", 0.5)
    async with calling(service()) as client:
        answer = await client.post("/v1/events", content=EVENT, headers=ONE)

    assert problem(answer) == (503, "kafka-away")
    assert answer.headers["retry-after"] == "1"


async def test_without_redis_no_decision_is_known() -> None:
    async with calling(service()) as client:
        answer = await client.get("/v1/decisions", params={"source": "s", "id": "i"})

    assert problem(answer) == (503, "redis-away")


@pytest.mark.parametrize(
    "params", [{"wait": "for ever"}, {"timeout_ms": "0"}, {"timeout_ms": "10001"}, {"timeout_ms": "soon"}]
)
async def test_how_long_to_wait_has_bounds(params: dict[str, str]) -> None:
    async with calling(service()) as client:
        assert problem(await client.post("/v1/events", content=EVENT, headers=ONE, params=params)) == (422, "invalid")
