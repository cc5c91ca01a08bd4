"""The client: what it repeats, what it gives up, and how it says no; the API behind it is tested elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import orjson
import pytest

from schemas.answers import EventAnswer
from schemas.base import Record
from schemas.purchases import PurchaseCompleted
from serving import client as clients
from serving.client import Client, RefusedError, UnreachableError
from tests.schemas.samples import least

BOUGHT = PurchaseCompleted.model_validate_json(orjson.dumps(least("purchase.completed")))
ANSWER = EventAnswer(source=BOUGHT.source, id=BOUGHT.id)
Reply = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "PAUSE_S", 0.0)
    monkeypatch.setattr(clients, "POLL_S", 0.0)


class Api:
    """Answers calls one after the other, and keeps them."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers, self.calls = list(answers), list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self) -> Client:
        return Client("http://api", "cx_a_b", transport=httpx.MockTransport(self))


def told(model: Record, status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=model.model_dump_json(exclude_none=True))


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    body = {"type": f"urn:cxstream:problem:{code}", "title": "x", "status": status, "detail": "why", "errors": []}
    return httpx.Response(status, json=body | {"errors": [{"loc": "body.id", "type": "missing"}]}, headers=headers)


async def test_what_may_pass_is_tried_again_with_the_same_content() -> None:
    lost = httpx.ReadError("gone")
    api = Api(lost, problem(503, "kafka-away"), problem(429, "too-many-requests"), told(ANSWER, 202))
    async with api.client() as client:
        assert await client.send(BOUGHT, wait_ms=7) == ANSWER

    assert len({request.content for request in api.calls}) == 1
    assert {str(request.url) for request in api.calls} == {"http://api/v1/events?wait=decision&timeout_ms=7"}
    assert {request.headers["authorization"] for request in api.calls} == {"Bearer cx_a_b"}
    assert {request.headers["content-type"] for request in api.calls} == {"application/cloudevents+json"}


async def test_what_is_refused_is_not_tried_again() -> None:
    api = Api(problem(409, "conflicting-id"))
    async with api.client() as client:
        with pytest.raises(RefusedError) as refused:
            await client.send(BOUGHT)

    assert (refused.value.status, refused.value.code) == (409, "conflicting-id")
    assert refused.value.errors == (("body.id", "missing"),)


@pytest.mark.parametrize(
    ("answer", "error"),
    [(httpx.ConnectError("secret"), UnreachableError), (problem(503, "redis-away"), RefusedError)],
)
async def test_trying_has_an_end(answer: httpx.Response | Exception, error: type[Exception]) -> None:
    api = Api(*[answer] * clients.TRIES)
    async with api.client() as client:
        with pytest.raises(error) as gave_up:
            await client.customer("lan")

    assert "secret" not in str(gave_up.value)
    assert api.answers == []


async def test_a_decision_is_asked_for_where_the_answer_said_until_it_is_there() -> None:
    poll = "/v1/decisions?source=%2Ftills%2F7&id=a&content=0"
    waiting = ANSWER.model_copy(update={"poll": poll})
    api = Api(problem(404, "no-decision"), told(ANSWER))
    async with api.client() as client:
        assert await client.settle(waiting, 60.0) == ANSWER
        assert await client.settle(waiting, 0.0) is waiting

    assert [str(request.url) for request in api.calls] == [f"http://api{poll}"] * 2


async def test_a_customers_id_is_one_segment() -> None:
    api = Api(problem(422, "invalid"))
    async with api.client() as client:
        with pytest.raises(RefusedError):
            await client.points("a/b?c é")

    assert api.calls[0].url.raw_path == b"/v1/customers/a%2Fb%3Fc%20%C3%A9/points"


@pytest.mark.parametrize("answer", [httpx.Response(200, text="<html>"), httpx.Response(502, text="Bad gateway")])
async def test_what_is_no_answer_of_the_api_is_said_to_be_none(answer: httpx.Response) -> None:
    async with Api(answer).client() as client:
        with pytest.raises(RefusedError, match="none of this API's"):
            await client.customer("lan")


@pytest.mark.parametrize(("text", "seconds"), [("2", 2.0), ("5", 5.0), ("6", 5.0), ("", 0.0), ("-1", 0.0), ("x", 0.0)])
def test_who_says_when_to_come_again_is_heard_within_bounds(text: str, seconds: float) -> None:
    assert clients._seconds(text) == seconds  # noqa: SLF001  # waiting for it would take as long
