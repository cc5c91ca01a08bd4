"""Errors of the API: each is a problem, and nothing of a request is repeated in it."""

import pytest
from fastapi import FastAPI

from serving.app import build
from tests.schemas.samples import UUID
from tests.serving.api import calling, problem, service


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/nothing", (404, "not-found")),
        ("GET", "/v1/customers/a/b", (404, "not-found")),
        ("GET", "/v1/customers/lan/", (404, "not-found")),
        ("DELETE", "/v1/customers/lan", (405, "method-not-allowed")),
        ("GET", "/v1/customers/" + "x" * 65, (422, "invalid")),
        ("GET", "/v1/customers/%FF", (422, "invalid")),
        ("GET", "/v1/customers/%00lan", (422, "invalid")),
    ],
)
async def test_an_error_is_a_problem(method: str, path: str, expected: tuple[int, str]) -> None:
    async with calling(service()) as client:
        assert problem(await client.request(method, path)) == expected


@pytest.mark.parametrize(
    ("path", "media"),
    [
        ("/v1/checkout/quote", "application/json"),
        ("/v1/customers/lan/points/redeem", "application/json"),
        (f"/v1/customers/lan/rewards/{UUID}/choose", "application/json"),
        ("/v1/events", "application/cloudevents+json"),
        ("/v1/events?timeout_ms=never", "text/plain"),
    ],
)
async def test_who_may_not_call_is_told_so_and_no_more(path: str, media: str) -> None:
    async with calling(service()) as client:
        headers = {"authorization": "Bearer nobody", "content-type": media}
        assert problem(await client.post(path, content=b"{", headers=headers))[0] == 401
        del client.headers["authorization"]
        assert problem(await client.post(path, content=b"{", headers={"content-type": media})) == (401, "unauthorized")


async def test_a_problem_says_where_and_what_and_repeats_nothing() -> None:
    async with calling(service()) as client:
        answer = await client.get("/v1/customers/" + "secret" * 20)

    assert answer.json()["errors"] == [{"loc": "path.customer", "type": "string_too_long"}]
    assert "secret" not in answer.text


async def test_a_fault_of_ours_says_no_more_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_name: str) -> None:
        message = "lan's secret"
        raise LookupError(message)

    served = service()
    monkeypatch.setattr(served.profiles, "know", fail)
    async with calling(served) as client:
        answer = await client.get("/v1/customers/lan")

    assert problem(answer) == (500, "internal")
    assert "lan" not in answer.text


def test_the_document_is_openapi_and_knows_our_problems_only() -> None:
    app: FastAPI = build(service())
    document = app.openapi()

    assert document["openapi"].startswith("3.1.")
    assert "Problem" in document["components"]["schemas"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
