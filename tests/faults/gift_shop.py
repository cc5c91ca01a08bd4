"""A stack with gift desks on it: codes by `cx gifts import`, requests, answers, and the verdict on them."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections import Counter, defaultdict
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.request import urlopen
from uuid import NAMESPACE_OID, uuid5

import redis
from aiokafka import AIOKafkaProducer

from cx.calendar import micros, rfc3339
from cx.desk.book import parts_of
from cx.desk.state import Account, Gift, decode
from ops.embedded.brokers import Extras
from ops.embedded.ports import HOST, choose
from ops.embedded.stack import Stack
from schemas.desk import TOPIC_OF
from schemas.topics import GIFTS_CHANGELOG, TOPICS, Lane
from streams import admin
from streams.partition import OWN_KEY
from streams.settings import KafkaSettings, RedisSettings, Settings
from tests.faults.logs import UNCOMMITTED, read_topics
from tests.faults.subject import ROOT, Subject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

ANSWERS: Final = "cx.gift-answers"
REWARDS: Final = "cx.rewards"
PARTITIONS: Final = 4
DESK: Final = ("-m", "cli", "desk")
WORKER: Final = ("-m", "cli", "worker")
VENDOR: Final = ("-m", "cli", "vendor")
ARMED_VENDOR: Final = ("-m", "tests.faults.armed_vendor")
ARMED: Final = ("-m", "tests.faults.armed_desk")
ARMED_WORKER: Final = ("-m", "tests.faults.armed")
KEYS: Final = {
    "CX_CODES__KEYS": f"2026:{b64encode(bytes(range(32))).decode()}",
    "CX_CODES__IDENTITY": b64encode(bytes(range(1, 33))).decode(),
}
PATIENCE_S: Final = 90.0
CHUNK: Final = 50
COFFEE, CAKE = 1_000, 500  # what they cost
FINAL: Final = {"gift.allocated", "gift.refused"}


def uuid(name: str) -> str:
    return str(uuid5(NAMESPACE_OID, name))


def plain(programme: str, gift: str, number: int) -> str:
    """Return a code as it must be found nowhere."""
    return f"PLAIN-{programme}-{gift}-{number:06}-END"


class Shop:
    """One stack, its desks, and a producer."""

    def __init__(self, settings: Settings, folder: Path, producer: AIOKafkaProducer) -> None:
        self.settings, self.folder, self.producer = settings, folder, producer
        self.desks: list[Subject] = []
        self.sent: dict[str, str] = {}  # request -> programme
        self.metrics: list[str] = []  # where they are served
        self._ports: set[int] = set()

    # Desks

    def desk(self, *command: str) -> Subject:
        return self._begin(*(command or DESK))

    def worker(self, policy: Path, *command: str) -> Subject:
        """Start a worker of the customers' lane, whose gifts come from the desk as *policy* says."""
        return self._begin(*(command or WORKER), POLICY=str(policy))

    def vendor(self, url: str, *command: str, **more: str) -> Subject:
        """Start the agent of the vendor that is asked at *url*; one that has little patience."""
        patience = {"TIMEOUT_S": "1", "TRIES": "3", "PAUSE_S": "0.05", "PAUSE_MAX_S": "0.2"}
        settings = {"NAME": "studio", "URL": url, **patience}
        keys = {name.removeprefix("CX_"): key for name, key in KEYS.items()}
        named = {f"VENDOR__{name}": value for name, value in settings.items()}
        return self._begin(*(command or VENDOR), **keys, **named, **more)

    def _begin(self, *command: str, **more: str) -> Subject:
        metrics = f"{HOST}:{choose(None, self._ports)}"
        self.metrics.append(metrics)
        settings = {
            "KAFKA__BOOTSTRAP": self.settings.kafka.bootstrap,
            "KAFKA__SESSION_TIMEOUT_S": "2",
            "KAFKA__HEARTBEAT_S": "0.5",
            "REDIS__URL": self.settings.redis.url,
            "PARTITIONS": str(PARTITIONS),
            "DATA": str(self.settings.data),
            "LOG_LEVEL": "debug",
            "METRICS": metrics,
            **more,
        }
        made = Subject(self.folder / f"desk-{len(self.desks)}.log", command, **settings).start()
        self.desks.append(made)
        return made

    async def ready(self, desk: Subject, times: int = 1) -> Subject:
        await asyncio.to_thread(desk.until_ready, times)
        return desk

    async def kill(self, desk: Subject) -> None:
        await asyncio.to_thread(desk.kill)

    # What comes in

    def imports(self, programme: str, rows: Iterable[tuple[str, ...]]) -> str:
        """Let `cx gifts import` read *rows*, the first with the columns; return what it said."""
        policy = self.folder / f"{programme}.yaml"
        text = (ROOT / "policies" / "minimal.yaml").read_text("utf-8")
        lines = [f"programme: {programme}" if line.startswith("programme:") else line for line in text.splitlines()]
        policy.write_text("\n".join(lines), encoding="utf-8")
        sheet = self.folder / "sheet.csv"
        with sheet.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
        command = [sys.executable, "-m", "cli", "gifts", "import", str(sheet), "--policy", str(policy)]
        environment = {**os.environ, **KEYS, "CX_KAFKA__BOOTSTRAP": self.settings.kafka.bootstrap}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        sheet.unlink()
        return done.stderr

    def codes(self, programme: str, gift: str, count: int, first: int = 0) -> str:
        rows = [(gift, plain(programme, gift, number)) for number in range(first, first + count)]
        return self.imports(programme, [("gift_id", "code"), *rows])

    async def send(self, kind: str, data: dict[str, Any], programme: str = "shop") -> None:
        event = {
            "specversion": "1.0",
            "id": uuid(f"{kind} {json.dumps(data, sort_keys=True)}"),
            "source": "test",
            "type": kind,
            "time": rfc3339(micros(datetime.now(UTC))),
            "subject": programme,
            "data": data,
        }
        await self.producer.send(TOPIC_OF[kind], json.dumps(event).encode(), programme.encode())

    async def asks(self, request: str, *gifts: str, programme: str = "shop", **more: Any) -> None:
        names = {"request_id": uuid(request), "reward_id": uuid(f"reward {request}"), "customer_id": f"kh-{request}"}
        self.sent[uuid(request)] = programme
        await self.send("gift.requested", names | {"gifts": gifts} | more, programme)

    # What comes out

    async def answers(self) -> list[dict[str, Any]]:
        """Return all answers that are committed, by partition and in order."""
        return await self._events(ANSWERS)

    async def _events(self, topic: str) -> list[dict[str, Any]]:
        found = await read_topics(self.settings, [topic])
        return [json.loads(record.value) for records in found.values() for record in records]

    async def until_answered(
        self, count: int, kinds: set[str] | frozenset[str] = frozenset(FINAL)
    ) -> list[dict[str, Any]]:
        """Return the answers once there are *count* of these *kinds*."""
        return await self._until(ANSWERS, count, kinds)

    async def until_told(self, count: int) -> list[dict[str, Any]]:
        """Return what was told of rewards once there is so much."""
        return await self._until(REWARDS, count)

    async def _until(
        self, topic: str, count: int, kinds: set[str] | frozenset[str] = frozenset()
    ) -> list[dict[str, Any]]:
        """Return the events of *topic* once there are *count*, of these *kinds* or of any, while more still come."""
        deadline, before = time.monotonic() + PATIENCE_S, 0
        while True:
            told = await self._events(topic)
            if sum(not kinds or one["type"] in kinds for one in told) >= count:
                return told
            if len(told) > before:  # a patience for each bit of progress: how fast it goes is no matter here
                deadline, before = time.monotonic() + PATIENCE_S, len(told)
            assert time.monotonic() < deadline, Counter(one["type"] for one in told)
            assert any(desk.alive for desk in self.desks), self.desks[-1].text()[-3000:]
            await asyncio.sleep(0.5)

    async def entries(self) -> dict[bytes, bytes]:
        """Return the entries as the changelog has them."""
        found = await read_topics(self.settings, [GIFTS_CHANGELOG])
        values = {record.key: record.value for records in found.values() for record in records}
        return {key: value for key, value in values.items() if value is not None and key != OWN_KEY}

    async def dead_letters(self) -> list[Any]:
        found = await read_topics(self.settings, ["cx.dead-letters"])
        return [record for records in found.values() for record in records]

    async def leaks(self) -> list[str]:
        """Return where a plain code stands: in any record of any topic, aborted ones too, a log, Redis or a metric."""
        topics = [name for name, topic in TOPICS.items() if topic.lane in {Lane.CUSTOMERS, Lane.GIFTS}]
        found = await read_topics(self.settings, topics, UNCOMMITTED)
        places = [
            place[0]
            for place, records in found.items()
            if any(b"PLAIN-" in (record.key or b"") + (record.value or b"") for record in records)
        ]
        places += [desk.log.name for desk in self.desks if "PLAIN-" in desk.text()]
        shown = await asyncio.to_thread(_everything_in, self.settings.redis.url)
        told = [await asyncio.to_thread(_served_at, at) for at in self.metrics]
        assert any(told), "at least one that is alive serves its metrics"
        return places + ["Redis"] * ("PLAIN-" in shown) + ["metrics"] * any("PLAIN-" in text for text in told)


def _everything_in(url: str) -> str:
    """Return all that Redis holds, as text."""
    with redis.Redis.from_url(url) as client:
        hashes = [(key, client.hgetall(key)) for key in client.scan_iter(_type="hash")]
        return repr((hashes, [(key, client.get(key)) for key in client.scan_iter(_type="string")]))


def _served_at(address: str) -> str:
    """Return what is served for Prometheus; nothing where whoever did has died."""
    try:
        with urlopen(f"http://{address}/metrics", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


@asynccontextmanager
async def gift_shop(folder: Path) -> AsyncIterator[Shop]:
    """Start a stack below *folder* with the topics of the contract."""
    stack = Stack(folder / "stack", extras=Extras(properties={"group.min.session.timeout.ms": "500"}))
    await asyncio.to_thread(stack.start)
    try:
        settings = Settings(
            partitions=PARTITIONS,
            data=folder / "data",
            kafka=KafkaSettings(bootstrap=stack.bootstrap),
            redis=RedisSettings(url=stack.redis_url),
        )
        await admin.create(settings, keep_for_ever=True)
        producer = AIOKafkaProducer(enable_idempotence=True, **settings.kafka.client_options())
        await producer.start()
        shop = Shop(settings, folder, producer)
        try:
            yield shop
        finally:
            await producer.stop()
            for desk in shop.desks:
                if desk.alive:
                    desk.kill()
    finally:
        await asyncio.to_thread(stack.stop)


class Run(Protocol):
    """A run on gifts."""

    async def goes_on(self) -> None:
        """Let some more requests come."""


class Sale:
    """A run on gifts: of each programme some coffees, cakes to fall back on, and a budget that ends amid the cakes."""

    def __init__(self, shop: Shop, programmes: tuple[str, ...], coffees: int, cakes: int, requests: int) -> None:
        self.shop, self.programmes = shop, programmes
        self.coffees, self.cakes, self.requests = coffees, cakes, requests
        self.paid_cakes = cakes * 3 // 5
        self.budget = coffees * COFFEE + self.paid_cakes * CAKE + CAKE - 1
        self._order = [(programme, number) for number in range(requests) for programme in programmes]
        self._sent = 0

    async def open(self) -> None:
        gifts = [("gift_id", "brand", "face_value"), ("coffee", "Highlands", str(COFFEE)), ("cake", "Paris", str(CAKE))]
        budgets = [("scope", "name", "total"), ("programme", "", str(self.budget))]
        for programme in self.programmes:
            self.shop.imports(programme, gifts)
            self.shop.imports(programme, budgets)
            self.shop.codes(programme, "coffee", self.coffees)
            said = self.shop.codes(programme, "cake", self.cakes)
            assert f"{self.cakes} codes, 0 bad rows" in said

    async def goes_on(self, count: int = CHUNK) -> None:
        """Let *count* more requests come, some of them twice; once all have come, the first ones again."""
        for programme, number in self._order[self._sent : self._sent + count] or self._order[:count]:
            for _ in range(1 + (number % 20 == 0)):
                await self.shop.asks(f"{programme} {number}", "coffee", "cake", programme=programme, tier="gold")
        self._sent = min(self._sent + count, len(self._order))
        await self.shop.producer.flush()

    async def judge(self) -> tuple[int, int, int]:
        """Find out whether exactly what should have been given was given; return requests, gifts and refusals."""
        told = await self.shop.until_answered(len(self._order))
        assert Counter(one["type"] for one in told if one["type"] in FINAL).total() == len(told) == len(self._order)
        assert {one["data"]["request_id"] for one in told} == set(self.shop.sent), "each request is answered once"
        assert len({one["id"] for one in told}) == len(told)
        given: defaultdict[str, Counter[str]] = defaultdict(Counter)
        sealed = Counter[str]()
        for one in told:
            if one["type"] == "gift.allocated":
                given[self.shop.sent[one["data"]["request_id"]]][one["data"]["gift_id"]] += 1
                sealed[one["data"]["ciphertext"]] += 1
            else:
                reasons = {tried["gift_id"]: tried["reason"] for tried in one["data"]["tried"]}
                assert reasons.keys() == {"coffee", "cake"}, "each refusal is explained"
                assert set(reasons.values()) <= {"out-of-stock", "budget-programme-total"}
        assert dict(given) == {name: {"coffee": self.coffees, "cake": self.paid_cakes} for name in self.programmes}
        assert set(sealed.values()) == {1}, "a code was given twice"
        await self._judge_state()
        assert await self.shop.dead_letters() == []
        assert await self.shop.leaks() == []
        return len(told), sealed.total(), len(told) - sealed.total()

    async def _judge_state(self) -> None:
        spent = self.coffees * COFFEE + self.paid_cakes * CAKE
        for key, value in (await self.shop.entries()).items():
            entry = decode(value)
            if isinstance(entry, Account) and parts_of(key)[1] in {b"programme:", b"tier:gold"}:
                assert entry.spent[2] == spent
            if isinstance(entry, Gift):
                left = 0 if parts_of(key)[1] == b"coffee" else self.cakes - self.paid_cakes
                assert (entry.stock.count, entry.waiting.count) == (left, 0)


async def dies(sale: Run, desk: Subject, seconds: float = PATIENCE_S) -> None:
    """Let requests come until *desk* has killed itself."""
    deadline = time.monotonic() + seconds
    while not desk.met:
        assert desk.alive or desk.met, desk.text()[-3000:]
        assert time.monotonic() < deadline, desk.text()[-3000:]
        if desk.opened:
            await sale.goes_on()
        await asyncio.sleep(0.1)
    assert await asyncio.to_thread(desk.exit_code) == -signal.SIGKILL


def passes(rng: random.Random) -> str:
    return str(rng.randint(2, 8))
