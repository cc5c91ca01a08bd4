"""What the API refuses: whoever may not, and whatever is too much; docs/security.md names these tests."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from limits import RateLimitItemPerYear
from redis.asyncio import Redis

from cli.policy import load
from cx.rules import compile_policy
from ops.embedded.stack import Stack
from schemas.decisions import decision_key
from serving import guard
from serving.intake import BATCH_MAX
from serving.limits import Limits
from serving.problems import ProblemError
from serving.service import Service
from serving.tokens import SCOPES, Scope, made, token_key
from streams import admin
from streams.settings import ApiSettings, KafkaSettings, RedisSettings, Settings
from tests.house.tree import ROOT
from tests.integration.door import Door
from tests.schemas.samples import least
from tests.serving.api import AWAY, bearer, calling, problem, service

STRUCTURED = {"content-type": "application/cloudevents+json"}
RULES = compile_policy(load("retail-vn"))
NOW = datetime.now(UTC)
PATIENCE_S = 60.0
REWARD = "3f2b8c1e-0d4a-5b6c-8e7f-1a2b3c4d5e6f"
BOUGHT = least("purchase.completed") | {"subject": "lan", "source": "/tills/7"}
CALLS: dict[tuple[str, str], Scope] = {
    ("GET", "/v1/customers/lan"): "cx:read",
    ("GET", "/v1/customers/lan/decisions"): "cx:read",
    ("GET", "/v1/customers/lan/journey"): "cx:read",
    ("GET", "/v1/customers/lan/points"): "cx:read",
    ("GET", "/v1/customers/lan/rewards"): "cx:read",
    ("GET", "/v1/stream?customer=lan"): "cx:read",
    ("POST", "/v1/checkout/quote"): "cx:read",
    ("POST", "/v1/events"): "cx:events",
    ("GET", "/v1/decisions?source=/tills/7&id=e1"): "cx:events",
    ("POST", f"/v1/customers/lan/rewards/{REWARD}/choose"): "cx:rewards",
    ("POST", f"/v1/customers/lan/rewards/{REWARD}/reveal"): "cx:rewards",
    ("POST", "/v1/customers/lan/points/redeem"): "cx:rewards",
}
BODIES: dict[str, Any] = {
    "quote": {"customer_id": "lan", "purchase": BOUGHT["data"]},
    "events": BOUGHT,
    "choose": {"id": "c1", "time": NOW.isoformat(), "gift_id": "g"},
    "redeem": {"id": "r1", "time": NOW.isoformat(), "points": 5},
}


@pytest.fixture(scope="module")
def settings(own_stack: Stack) -> Settings:
    made = Settings(
        partitions=2,
        kafka=KafkaSettings(bootstrap=own_stack.bootstrap),
        redis=RedisSettings(url=own_stack.redis_url),
    )
    asyncio.run(admin.create(made, keep_for_ever=True))
    return made


@pytest.fixture
def served(settings: Settings) -> Service:
    return service(settings.redis.url, settings.kafka.bootstrap, RULES)


@pytest.fixture
async def api(served: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(served) as client:
        yield client


def by(sent: str | None) -> dict[str, str]:
    return {"authorization": "" if sent is None else f"Bearer {sent}"}


async def call(api: httpx.AsyncClient, method: str, path: str, sent: str | None) -> httpx.Response:
    body = BODIES.get(path.rpartition("/")[2])
    kind = STRUCTURED if path == "/v1/events" else {"content-type": "application/json"}
    content = json.dumps(body) if body else None
    return await api.request(method, path, content=content, headers=kind | by(sent))


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_every_call_needs_a_token_that_is_known(api: httpx.AsyncClient, method: str, path: str) -> None:
    for sent in (None, "", "nonsense", "cx_000000000000_" + "a" * 43):
        answer = await call(api, method, path, sent)
        assert problem(answer) == (401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_every_call_needs_its_scope(served: Service, api: httpx.AsyncClient, method: str, path: str) -> None:
    # Whoever spends points or is of the staff may ask what became of it: which it was, its event says.
    may_as_well = {"cx:rewards", "cx:admin"} if "decisions?" in path else set()
    others = [scope for scope in SCOPES if scope not in {CALLS[method, path], *may_as_well}]
    answer = await call(api, method, path, await bearer(served, *others))
    assert problem(answer) == (403, "scope-missing")
    assert "insufficient_scope" in answer.headers["www-authenticate"]

    answer = await call(api, method, path, await bearer(served, CALLS[method, path]))
    assert answer.status_code not in {401, 403, 500}


async def test_every_route_that_is_described_is_among_those_that_need_a_token(api: httpx.AsyncClient) -> None:
    document = (await api.get("/openapi.json", headers=by(None))).json()
    asked = {(method.lower(), re.sub("lan|3f2b[^/]*|[?].*", "", path)) for method, path in CALLS}
    described = {(method, re.sub("{.*?}", "", path)) for path, item in document["paths"].items() for method in item}

    assert document["openapi"].startswith("3.1")
    assert described - asked == {("get", "/live"), ("get", "/ready")}
    assert asked <= described
    for path, item in document["paths"].items():
        for operation in item.values():
            assert ("security" in operation) == (path not in {"/live", "/ready"})


@pytest.mark.parametrize(("method", "path"), [one for one in CALLS if "decisions?" not in one[1]])
async def test_a_token_of_one_customer_reaches_no_other(
    served: Service, api: httpx.AsyncClient, method: str, path: str
) -> None:
    assert problem(await call(api, method, path, await bearer(served, customer="mai"))) == (403, "other-customer")
    assert (await call(api, method, path, await bearer(served, customer="lan"))).status_code != 403


async def test_a_token_of_one_customer_sees_no_decision_of_another(
    served: Service, api: httpx.AsyncClient, unique: str
) -> None:
    value = json.dumps({"customer": "lan", "outcome": "applied", "tier_before": "member", "tier_after": "member"})
    await served.profiles.redis.client.hset(decision_key("/tills/7", unique), "0" * 32, value)
    query = f"/v1/decisions?source=/tills/7&id={unique}"

    assert (await call(api, "GET", query, await bearer(served, customer="lan"))).status_code == 200
    assert problem(await call(api, "GET", query, await bearer(served, customer="mai"))) == (404, "no-decision")


async def test_a_token_of_one_source_writes_as_no_other(served: Service, api: httpx.AsyncClient) -> None:
    other, own = [await bearer(served, "cx:events", sources=(source,)) for source in ("/tills/8", "/tills/7")]
    assert problem(await call(api, "POST", "/v1/events", other)) == (403, "other-source")
    ask = "/v1/decisions?source=/tills/7&id=e1"
    assert problem(await call(api, "GET", ask, other)) == (403, "other-source")
    assert (await call(api, "POST", "/v1/events", own)).status_code == 202


@pytest.mark.parametrize("kind", ["tier.overridden", "points.adjusted", "hold.released", "customer.imported"])
async def test_the_word_of_staff_needs_more_than_the_right_to_write(
    served: Service, api: httpx.AsyncClient, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    event = json.dumps(least(kind))
    plain, staff = await bearer(served, "cx:events", "cx:rewards"), await bearer(served, "cx:admin")
    with caplog.at_level(logging.INFO, "audit"):
        refused = await api.post("/v1/events", content=event, headers=STRUCTURED | by(plain))
        assert problem(refused) == (403, "scope-missing")
        assert (await api.post("/v1/events", content=event, headers=STRUCTURED | by(staff))).status_code == 202
    told = [(one.__dict__["action"], one.__dict__["by"]) for one in caplog.records if one.name == "audit"]
    assert told == [("refused", plain.split("_")[1]), (kind, staff.split("_")[1])]


@pytest.mark.parametrize("change", [{"type": "gift.allocated"}, {"type": "clock.ticked"}, {"source": "cxstream"}])
async def test_nobody_speaks_as_one_of_our_own_processes(api: httpx.AsyncClient, change: dict[str, str]) -> None:
    answer = await api.post("/v1/events", content=json.dumps(BOUGHT | change), headers=STRUCTURED)

    assert answer.status_code == 422


async def test_a_token_ends_in_time_and_may_be_taken_back_or_turned(served: Service, api: httpx.AsyncClient) -> None:
    async def status(sent: str) -> int:
        return (await api.get("/v1/customers/lan", headers=by(sent))).status_code

    tokens, hour = served.access.tokens, timedelta(hours=1)
    assert await status(await bearer(served, expires=datetime.now(UTC) + hour)) == 200
    over = await bearer(served, expires=datetime.now(UTC) - timedelta(seconds=1))
    assert await status(over) == 401

    token, old = made("turned", ("cx:read",), now=NOW, expires=NOW + 24 * hour)
    await tokens.keep(token)
    _, new = await tokens.rotate(token.id, until=datetime.now(UTC) + hour)
    assert [await status(one) for one in (old, new)] == [200, 200]
    _, newer = await tokens.rotate(token.id, until=datetime.now(UTC) - timedelta(seconds=1))
    assert [await status(one) for one in (old, new, newer)] == [401, 401, 200]
    assert token.id in {one.id for one in await tokens.all()}
    await tokens.revoke(token.id)
    assert await status(newer) == 401
    assert token.id not in {one.id for one in await tokens.all()}


async def test_what_another_server_took_back_is_refused_soon(
    served: Service, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.tokens.REFRESH_S", 0.01)
    async with calling(served) as here, calling(service(settings.redis.url)) as there:
        headers = by(await bearer(served))
        for api in (here, there):
            assert (await api.get("/v1/customers/lan", headers=headers)).status_code == 200
        await served.access.tokens.revoke(headers["authorization"].split("_")[1])
        async with asyncio.timeout(PATIENCE_S):
            while (await there.get("/v1/customers/lan", headers=headers)).status_code != 401:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.01)


async def test_redis_has_no_secret(served: Service, api: httpx.AsyncClient) -> None:
    del api
    sent = await bearer(served)
    _, name, secret = sent.split("_", 2)
    stored = await served.profiles.redis.client.get(token_key(name))

    assert isinstance(stored, bytes)
    assert secret.encode() not in stored
    assert len(json.loads(stored)["digest"]) == 64
    assert 0 < await served.profiles.redis.client.ttl(token_key(name)) <= 3_601  # it is forgotten when it ends


async def test_who_was_known_a_moment_ago_is_let_in_without_redis(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.tokens.REFRESH_S", 0.01)
    door = Door(settings.redis.url)
    await door.unlock()
    served = service(f"redis://127.0.0.1:{door.port}/0")
    async with calling(served) as api:
        assert (await api.get("/v1/customers/lan")).json()["degraded"] is False
        stranger, _ = made("new", ("cx:read",), now=NOW, expires=NOW + timedelta(hours=1))[::-1]
        await door.shut()
        assert (await api.get("/v1/customers/lan")).json()["degraded"] is True
        answer = await api.get("/v1/customers/lan", headers=by(stranger))
        assert problem(answer) == (503, "redis-away")
        assert answer.headers["retry-after"] == "1"
        monkeypatch.setattr("serving.tokens.STALE_S", 0.0)
        assert problem(await api.get("/v1/customers/lan")) == (503, "redis-away")


@pytest.mark.parametrize("is_away", [False, True])
async def test_a_token_that_calls_too_often_is_told_to_wait_and_others_are_not(
    settings: Settings, *, is_away: bool
) -> None:
    served = service(AWAY if is_away else settings.redis.url, calls=3)
    async with calling(served) as api:
        often, other = await bearer(served), await bearer(served)
        answers = [await api.get("/v1/customers/lan", headers=by(often)) for _ in range(20)]
        refused = [answer for answer in answers if answer.status_code != 200]
        assert refused
        assert {(problem(answer), answer.headers["retry-after"]) for answer in refused} == {
            ((429, "too-many-requests"), "1")
        }
        assert (await api.get("/v1/customers/lan", headers=by(other))).status_code == 200


async def test_servers_count_together(settings: Settings, unique: str) -> None:
    breakers = [service(settings.redis.url).profiles.redis for _ in range(2)]
    one, other = (Limits(breaker, RateLimitItemPerYear(3)) for breaker in breakers)

    async def lets_pass(server: Limits) -> bool:
        try:
            await server.count(unique)
        except ProblemError:
            return False
        await server.sync()
        return True

    assert [await lets_pass(server) for server in (one, one, other, other, other, one)] == [True] * 4 + [False, True]
    assert [await lets_pass(server) for server in (one, other)] == [False, False]
    for breaker in breakers:
        await breaker.close()


@pytest.mark.parametrize(("size", "status"), [(guard.BODY_BYTES_MAX, 422), (guard.BODY_BYTES_MAX + 1, 413)])
async def test_a_body_has_a_bound(api: httpx.AsyncClient, size: int, status: int) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, size, 65_536):
            yield b" " * min(65_536, size - start)

    whole = await api.post("/v1/events", content=b" " * size, headers=STRUCTURED)
    in_parts = await api.post("/v1/events", content=parts(), headers=STRUCTURED)

    assert (problem(whole)[0], problem(in_parts)[0]) == (status, status)


async def test_a_body_that_does_not_come_is_not_waited_for(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b"["
        await asyncio.Event().wait()

    monkeypatch.setattr("serving.guard.BODY_S", 0.01)
    assert problem(await api.post("/v1/events", content=never(), headers=STRUCTURED)) == (408, "too-slow")


async def test_a_call_has_an_end(served: Service, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("serving.guard.CALL_S", 0.01)
    monkeypatch.setattr(served.profiles, "know", never)
    assert problem(await api.get("/v1/customers/lan")) == (503, "too-slow")


@pytest.mark.parametrize(("count", "status"), [(0, 422), (1, 202), (BATCH_MAX, 202), (BATCH_MAX + 1, 422)])
async def test_a_batch_has_a_bound(api: httpx.AsyncClient, count: int, status: int, unique: str) -> None:
    events = [BOUGHT | {"id": f"{unique}-{number}"} for number in range(count)]
    headers = {"content-type": "application/cloudevents-batch+json"}

    assert (await api.post("/v1/events", content=json.dumps(events), headers=headers)).status_code == status


@pytest.mark.parametrize(("timeout_ms", "status"), [(0, 422), (1, 202), (10_000, 202), (10_001, 422)])
async def test_waiting_has_a_bound(
    api: httpx.AsyncClient, timeout_ms: int, status: int, monkeypatch: pytest.MonkeyPatch, unique: str
) -> None:
    monkeypatch.setattr("serving.waiting.WAITING_MAX", 0)
    query = {"wait": "decision", "timeout_ms": str(timeout_ms)}
    content = json.dumps(BOUGHT | {"id": unique})
    answer = await api.post("/v1/events", content=content, headers=STRUCTURED, params=query)

    assert answer.status_code == status


async def test_what_is_not_there_is_a_problem_like_any_other(api: httpx.AsyncClient) -> None:
    assert problem(await api.get("/v1/nothing"))[0] == 404
    assert problem(await api.get("/v1/customers/lan/mai"))[0] == 404
    assert problem(await api.delete("/v1/customers/lan"))[0] == 405
    assert problem(await api.post("/v1/events", content=b"x", headers={"content-type": "text/plain"}))[0] == 415


async def test_a_fault_of_ours_tells_nothing_of_itself(
    served: Service, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: str) -> None:
        message = "lan@example.org"
        raise RuntimeError(message)

    monkeypatch.setattr(served.profiles, "know", fail)
    answer = await api.get("/v1/customers/lan")

    assert problem(answer) == (500, "internal")
    assert "example.org" not in answer.text
    assert {name: answer.headers[name] for name in guard.HEADERS} == guard.HEADERS


async def test_what_was_sent_is_not_repeated(api: httpx.AsyncClient) -> None:
    for content in ('{"id": "secret-7"}', json.dumps(BOUGHT | {"time": "secret-7"}), "secret-7"):
        answer = await api.post("/v1/events", content=content, headers=STRUCTURED)
        assert problem(answer)[0] in {400, 422}
        assert "secret-7" not in answer.text


@pytest.mark.parametrize(("path", "sent"), [("/v1/customers/lan", True), ("/v1/nothing", True), ("/live", False)])
async def test_every_answer_has_headers_that_keep_browsers_safe(
    api: httpx.AsyncClient, path: str, *, sent: bool
) -> None:
    answer = await api.get(path, headers={} if sent else by(None))

    assert {name: answer.headers[name] for name in guard.HEADERS} == guard.HEADERS
    assert not any(name.startswith("access-control") for name in answer.headers)


async def test_users_of_redis_need_what_the_page_says(settings: Settings) -> None:
    """In `docs/security.md`: first the rights of a server, then those of whoever makes tokens."""
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    rights = [found.split() for found in re.findall("`(~cx:[^`]+)`", page)]
    client = Redis.from_url(settings.redis.url)
    urls = []
    for name, rules in zip(("server", "operator"), rights, strict=True):
        await client.execute_command("ACL SETUSER", name, "reset", "on", ">pass", *rules)  # type: ignore[no-untyped-call]
        urls.append(settings.redis.url.replace("redis://", f"redis://{name}:pass@"))
    server, operator = (service(url, settings.kafka.bootstrap, RULES) for url in urls)
    sent = await bearer(operator)
    async with calling(server, sent) as api:
        answer = await call(api, "GET", "/v1/customers/lan", sent)
        assert (answer.status_code, answer.json()["degraded"]) == (200, False)
        assert (await call(api, "GET", "/v1/decisions?source=/tills/7&id=none", sent)).status_code == 404
        await server.access.limits.sync()
        await server.access.tokens.refresh()
        assert not server.profiles.redis.is_open
    tokens = operator.access.tokens
    name = sent.split("_")[1]
    await tokens.rotate(name, until=NOW)
    assert name in {one.id for one in await tokens.all()}
    await tokens.revoke(name)
    await operator.profiles.redis.close()
    await client.execute_command("ACL DELUSER", "server", "operator")  # type: ignore[no-untyped-call]
    await client.aclose()


@pytest.mark.parametrize("listen", ["127.0.0.1:80", "localhost:80", "[::1]:80"])
def test_on_loopback_no_tls_is_asked_for(listen: str) -> None:
    assert ApiSettings(listen=listen).port == 80


@pytest.mark.parametrize("listen", ["0.0.0.0:80", "[::]:80", "api.example.org:80", "192.0.2.1:80"])
def test_elsewhere_tls_is_asked_for_or_an_explicit_word(listen: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        ApiSettings(listen=listen)
    assert ApiSettings(listen=listen, plain=True).plain


async def test_health_needs_no_token(api: httpx.AsyncClient) -> None:
    assert (await api.get("/live", headers=by(None))).json() == {"status": "live"}
    assert (await api.get("/ready", headers=by(None))).json()["status"] == "ready"
