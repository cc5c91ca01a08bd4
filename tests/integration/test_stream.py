"""Server-sent events over real HTTP and Kafka: nothing missing and nothing twice, whoever is cut off, late or slow."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

import httpx
import pytest
import uvicorn
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from fastapi import FastAPI, Request

from ops.embedded.ports import choose
from schemas.envelope import encode
from schemas.outputs import TOPIC_OF
from serving import feed as feeds
from serving import follow
from serving import stream as streaming
from serving.access import Caller
from serving.feed import Feed
from serving.problems import install
from serving.stream import Streams
from serving.tokens import made
from streams import admin
from streams.settings import KafkaSettings, RedisSettings, Settings
from tests.integration.processes import Command
from tests.integration.rig import until
from tests.schemas.test_outputs import OUTPUTS
from tests.serving.api import stored_bearer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ops.embedded.stack import Stack

PATIENCE_S = 60.0
PARTITIONS = 3
SAMPLES: dict[str, Any] = {event.type: event for event in OUTPUTS}
KINDS = ("reward.issued", "tier.upgraded", "points.earned", "care.alerted")

pytestmark = pytest.mark.timeout(180)


async def token(request: Request) -> Caller:
    """Stand for a token: the header names the customer to whom it is bound."""
    now = datetime.now(UTC)
    bound = request.headers.get("x-bound")
    return Caller(made("test", ("cx:read",), now=now, expires=now + timedelta(hours=1), customer=bound)[0])


@dataclass
class Told:
    """What a client has got."""

    id: str = ""
    is_over: bool = False
    ids: list[str] = field(default_factory=list)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def block(self, lines: list[str]) -> None:
        fields = dict(line.split(": ", 1) for line in lines if ": " in line and not line.startswith(":"))
        if "id" in fields:
            self.id = fields["id"]
            self.ids.append(self.id)
        if "data" in fields:
            self.events.append((fields["event"], json.loads(fields["data"])))

    async def until(self, count: int) -> None:
        await until(lambda: len(self.names) >= count)

    @property
    def names(self) -> list[str]:
        return [data["id"] for kind, data in self.events if kind != "gap"]


class Site:
    """A server with a feed, and who writes to its topics."""

    def __init__(self, url: str, feed: Feed, producer: AIOKafkaProducer) -> None:
        self.url, self.feed, self.producer = url, feed, producer
        self.number = 0
        self.headers: dict[str, str] = {}
        self.written: list[tuple[str, str, str]] = []  # id, type, customer

    async def write(self, count: int, *, fails: bool = False) -> list[str]:
        """Write events of all kinds about three customers in one transaction; return their ids."""
        await self.producer.begin_transaction()
        made = []
        for _ in range(count):
            self.number += 1
            kind, customer = KINDS[self.number % len(KINDS)], f"kh-{self.number % 3}"
            event = SAMPLES[kind].model_copy(
                update={"id": str(uuid5(NAMESPACE_OID, str(self.number))), "subject": customer}
            )
            await self.producer.send(TOPIC_OF[kind], encode(event), customer.encode())
            made.append((event.id, kind, customer))
        await self.producer.flush()
        await (self.producer.abort_transaction() if fails else self.producer.commit_transaction())
        if not fails:
            self.written += made
        return [name for name, _, _ in made]

    @asynccontextmanager
    async def client(
        self, query: str = "", last_id: str = "", customer: str = ""
    ) -> AsyncIterator[tuple[httpx.Response, Told]]:
        """Follow in the background; what came is in the second thing."""
        told = Told(last_id)
        headers = self.headers | ({"Last-Event-ID": last_id} if last_id else {})
        headers |= {"x-bound": customer} if customer else {}
        async with (
            httpx.AsyncClient(timeout=PATIENCE_S) as http,
            http.stream("GET", f"{self.url}/v1/stream{query}", headers=headers) as response,
        ):
            reading = asyncio.create_task(self._read(response, told))
            try:
                if response.status_code == 200:
                    await until(lambda: told.ids or reading.done())
                yield response, told
            finally:
                reading.cancel()
                with suppress(asyncio.CancelledError, httpx.HTTPError):
                    await reading

    async def _read(self, response: httpx.Response, told: Told) -> None:
        lines: list[str] = []
        async for line in response.aiter_lines():
            if line:
                lines.append(line)
            else:
                told.block(lines)
                lines = []
        told.is_over = True

    async def status(self, query: str = "", last_id: str = "", customer: str = "") -> int:
        async with self.client(query, last_id, customer) as (response, _):
            return response.status_code


def settings_of(stack: Stack) -> Settings:
    return Settings(
        partitions=PARTITIONS,
        kafka=KafkaSettings(bootstrap=stack.bootstrap),
        redis=RedisSettings(url=stack.redis_url),
    )


@asynccontextmanager
async def serving(feed: Feed) -> AsyncIterator[str]:
    app = FastAPI()
    install(app)
    app.include_router(follow.router)
    app.dependency_overrides[follow.reader] = token
    app.state.streams = Streams(feed)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
    running = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        feed.close()
        server.should_exit = True
        await running


@pytest.fixture
async def site(own_stack: Stack) -> AsyncIterator[Site]:
    await admin.create(settings_of(own_stack))
    client = {"bootstrap_servers": own_stack.bootstrap}
    feed = Feed(client, PARTITIONS)
    async with AsyncExitStack() as stack:
        producer = AIOKafkaProducer(transactional_id="outputs", **client)
        await producer.start()
        stack.push_async_callback(producer.stop)
        running = asyncio.create_task(feed.run())
        await until(lambda: feed.offsets)
        url = await stack.enter_async_context(serving(feed))
        yield Site(url, feed, producer)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_events_are_told_from_now_on_and_those_of_failed_transactions_never(site: Site) -> None:
    await site.write(10)
    before = len(site.written)
    async with site.client() as (response, told):
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        undone = await site.write(10, fails=True)
        await site.write(20)
        await until(lambda: len(told.names) >= 20)

    assert sorted(told.names) == sorted(name for name, _, _ in site.written[before:])
    assert not set(undone) & set(told.names)
    for kind, data in told.events:
        assert data["type"] == kind
    for customer in ("kh-0", "kh-1", "kh-2"):
        for kind in KINDS:
            own = [data["id"] for what, data in told.events if (what, data["subject"]) == (kind, customer)]
            assert own == [name for name, what, whose in site.written[before:] if (what, whose) == (kind, customer)]


async def test_filters_by_type_and_customer_let_nothing_else_through(site: Site) -> None:
    async with site.client("?type=reward.issued&type=tier.upgraded&customer=kh-1") as (_, told):
        await site.write(60)
        wanted = {name for name, kind, customer in site.written if kind in KINDS[:2] and customer == "kh-1"}
        await until(lambda: len(told.names) >= len(wanted))

    assert set(told.names) == wanted
    assert len(told.names) == len(wanted)


async def test_who_is_cut_off_again_and_again_goes_on_without_a_gap_and_nothing_twice(site: Site) -> None:
    async with site.client() as (_, told):
        last_id = told.id
    names = list[str]()
    for _ in range(12):
        await site.write(25)  # while nobody listens
        writing = asyncio.create_task(site.write(15))  # and while the client catches up
        async with site.client(last_id=last_id) as (_, told):
            await told.until(5)
        names += told.names
        last_id = told.id
        await writing
        await site.write(3, fails=True)
    async with site.client(last_id=last_id) as (_, told):
        await until(lambda: len(names) + len(told.names) >= len(site.written))
        await site.write(4)
        await until(lambda: len(names) + len(told.names) >= len(site.written))
    names += told.names

    assert len(names) == len(set(names)), "nothing twice"
    assert set(names) == {name for name, _, _ in site.written}, "without a gap"


async def test_a_heartbeat_moves_a_quiet_stream_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "HEARTBEAT_S", 0.1)
    async with site.client("?type=cx-level.changed") as (_, quiet), site.client() as (_, told):
        await site.write(12)
        await until(lambda: len(told.names) >= 12)
        await until(lambda: len(set(told.ids)) > 12 and told.ids[-1] == told.ids[-2])
        beats = len(quiet.ids)
        await until(lambda: len(quiet.ids) > beats + 1)
        assert quiet.events == []
        last_id = told.id
    async with site.client(last_id=last_id) as (_, after):
        await site.write(4)
        await until(lambda: len(after.names) >= 4)

    assert sorted(after.names) == sorted(name for name, _, _ in site.written[-4:])


async def test_a_slow_reader_is_sent_away_and_misses_nothing_when_it_comes_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "WAITING_MAX", 20)
    # Large enough that what a socket holds does not hide that nobody reads.
    monkeypatch.setitem(SAMPLES, "reward.issued", SAMPLES["reward.issued"].model_copy(update={"dataschema": "x" * 200}))
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http, http.stream("GET", f"{site.url}/v1/stream") as response:
        told, lines = Told(), list[str]()
        reading = response.aiter_lines()
        for _ in range(40):
            await site.write(200)
        async for line in reading:  # to the end, which comes: the server has given us up
            if line:
                lines.append(line)
            else:
                told.block(lines)
                lines = []
    assert 0 < len(told.names) < len(site.written)
    names = list(told.names)
    monkeypatch.setattr(feeds, "WAITING_MAX", 1_000)
    async with site.client(last_id=told.id) as (_, after):
        await until(lambda: len(names) + len(after.names) >= len(site.written))
    names += after.names

    assert len(names) == len(set(names))
    assert set(names) == {name for name, _, _ in site.written}


async def test_what_was_removed_meanwhile_is_told_as_a_gap(site: Site, own_stack: Stack) -> None:
    async with site.client("?type=reward.issued") as (_, told):
        last_id = told.id
    places = [TopicPartition("cx.rewards", number) for number in range(PARTITIONS)]
    begun = sum(site.feed.offsets[place] for place in places)
    await site.write(40)
    await until(lambda: sum(site.feed.offsets[place] for place in places) >= begun + 10)
    client = AIOKafkaAdminClient(bootstrap_servers=own_stack.bootstrap)
    await client.start()
    await client.delete_records({place: RecordsToDelete(before_offset=site.feed.offsets[place]) for place in places})
    await client.close()
    async with site.client("?type=reward.issued", last_id) as (_, after):
        await until(lambda: after.events)
        await site.write(8)
        await until(lambda: len(after.names) >= 2)

    assert after.events[0] == ("gap", {"topics": ["cx.rewards"]})
    assert set(after.names) == {name for name, kind, _ in site.written[-8:] if kind == "reward.issued"}
    assert len(after.names) == 2


async def test_a_customers_token_hears_that_customer_and_nothing_for_staff(site: Site) -> None:
    async with site.client(customer="kh-2") as (_, told):
        await site.write(48)
        wanted = {name for name, kind, whose in site.written if whose == "kh-2" and kind != "care.alerted"}
        await until(lambda: len(told.names) >= len(wanted))
    assert {data["subject"] for _, data in told.events} == {"kh-2"}
    assert "care.alerted" not in {kind for kind, _ in told.events}

    assert await site.status("?customer=kh-2", customer="kh-2") == 200
    assert await site.status("?customer=kh-1", customer="kh-2") == 403
    assert await site.status("?type=care.alerted", customer="kh-2") == 403
    assert await site.status("?type=care.alerted&customer=kh-2") == 200


async def test_what_nobody_can_follow_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async with site.client("?type=reward.issued") as (_, told):
        last_id = told.id
    assert await site.status("?type=reward.issued", last_id) == 200
    assert await site.status("?type=tier.upgraded", last_id) == 400, "of another stream"
    assert await site.status("", "no-id") == 400
    assert await site.status("?type=no.such-type") == 400

    monkeypatch.setattr(streaming, "OPEN_MAX", 1)
    async with site.client():
        assert await site.status() == 503
    async with asyncio.timeout(PATIENCE_S):  # the place of who has left is free before long
        while await site.status() != 200:  # noqa: ASYNC110  # the other side's place has no event here
            await asyncio.sleep(0.1)


async def test_where_kafka_is_away_there_is_no_stream() -> None:
    async with serving(Feed({"bootstrap_servers": "127.0.0.1:1"}, PARTITIONS)) as url, httpx.AsyncClient() as http:
        response = await http.get(f"{url}/v1/stream")
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert response.json()["type"] == "urn:cxstream:problem:unavailable"


async def test_cx_serve_has_the_stream_and_ends_at_once_when_asked_to(site: Site, own_stack: Stack) -> None:
    listen = f"127.0.0.1:{choose(None, set())}"
    settings = {
        "KAFKA__BOOTSTRAP": own_stack.bootstrap,
        "REDIS__URL": own_stack.redis_url,
        "PARTITIONS": str(PARTITIONS),
        "API__LISTEN": listen,
    }
    with Command("serve", **settings) as server:
        site.url = f"http://{listen}"
        site.headers = {"Authorization": f"Bearer {await stored_bearer(own_stack.redis_url, 'cx:read')}"}
        async with asyncio.timeout(PATIENCE_S):
            while not await reachable(site):  # noqa: ASYNC110  # a process of its own
                await asyncio.sleep(0.1)
        async with site.client() as (_, told):
            await site.write(8)
            await told.until(8)
            server.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(server.process.wait, PATIENCE_S) == 0
            await until(lambda: told.is_over)  # ended in order; who is cut off when time runs out sees a broken answer


async def reachable(site: Site) -> bool:
    with suppress(httpx.TransportError):
        return await site.status() == 200
    return False
