"""A real worker on a real Kafka and Redis: what goes in, what comes out, and what a crash leaves."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from redis.asyncio import Redis

from ops.embedded import ports
from ops.embedded.stack import Stack
from schemas import dead_letters, outputs
from streams import admin
from streams.settings import KafkaSettings, RedisSettings, Settings
from tests.integration.rig import until
from tests.integration.scraped import ask
from tests.integration.shown import profile_in
from tests.integration.worker import READY, Worker

OUTPUTS = ("cx.tier-changes", "cx.level-changes", "cx.rewards", "cx.dead-letters")
PATIENCE_S = 40.0
PARTITIONS = 4
DAY = timedelta(days=1)
IDS = itertools.count()


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of this module's own, because a worker takes all customers' topics."""
    with Stack(tmp_path_factory.mktemp("worker-stack")) as running:
        yield running


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
        "CLOCK": "external",
        "DATA": str(tmp_path_factory.mktemp("data")),
    }


@pytest.fixture
def worker(environment: dict[str, str], tmp_path: Path) -> Iterator[Worker]:
    with Worker(tmp_path / "worker.log", **environment) as running:
        yield running.until_ready()
        if running.running.poll() is None:
            assert running.stop() == 0


class Client:
    """A producer of inputs and a read-committed reader of outputs, from now on."""

    def __init__(self, producer: AIOKafkaProducer, reader: AIOKafkaConsumer, redis: Redis) -> None:
        self.producer, self.reader, self.redis = producer, reader, redis
        self.seen: list[ConsumerRecord[bytes, bytes]] = []

    async def send(self, topic: str, event: dict[str, Any], **options: Any) -> None:
        await self.send_raw(topic, event["subject"].encode(), json.dumps(event).encode(), **options)

    async def send_raw(self, topic: str, key: bytes | None, value: bytes | None, **options: Any) -> None:
        await self.producer.send_and_wait(topic, value, key=key, **options)

    async def tick(self, at: datetime, *, recorded: datetime | None = None) -> None:
        event = {"specversion": "1.0", "id": f"t{at}", "source": "test", "type": "clock.ticked", "time": iso(at)}
        for partition in range(PARTITIONS):
            value = json.dumps({**event, "data": {}}).encode()
            stamp = millis(recorded or at)
            await self.producer.send_and_wait("cx.clock", value, partition=partition, timestamp_ms=stamp)

    async def tick_at(self, partition: int, at: datetime, upto: dict[str, int]) -> None:
        event = {"specversion": "1.0", "id": f"t{at}", "source": "test", "type": "clock.ticked", "time": iso(at)}
        value = json.dumps({**event, "data": {"upto": upto}}).encode()
        await self.producer.send_and_wait("cx.clock", value, partition=partition, timestamp_ms=millis(at))

    async def until(self, count: int, *topics: str, key: str | None = None) -> list[ConsumerRecord[bytes, bytes]]:
        """Read until *count* records of *topics* (of one *key*) were seen, and return them."""
        async with asyncio.timeout(PATIENCE_S):
            while len(found := self.of(*topics, key=key)) < count:
                await self.read()
        return found

    async def read(self, timeout_ms: int = 200) -> None:
        for records in (await self.reader.getmany(timeout_ms=timeout_ms)).values():
            self.seen += records

    def of(self, *topics: str, key: str | None = None) -> list[ConsumerRecord[bytes, bytes]]:
        wanted = None if key is None else key.encode()
        return [r for r in self.seen if r.topic in topics and wanted in {None, r.key}]

    async def profile(self, customer: str, **expected: Any) -> dict[str, Any]:
        """Return the profile once it shows what is *expected*."""
        profile: dict[str, Any] = {}
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not profile or any(profile[name] != value for name, value in expected.items()):
                    profile = await profile_in(self.redis, customer)
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"expected {expected}, found {profile}")
        return profile


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Client]:
    bootstrap = settings.kafka.bootstrap
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=4 << 20)
    reader = AIOKafkaConsumer(
        *OUTPUTS, bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="latest"
    )
    redis = Redis.from_url(settings.redis.url)
    await producer.start()
    await reader.start()
    await reader.seek_to_end()
    await asyncio.gather(*(reader.position(tp) for tp in reader.assignment()))
    try:
        yield Client(producer, reader, redis)
    finally:
        await producer.stop()
        await reader.stop()
        await redis.aclose()


def iso(at: datetime) -> str:
    return at.isoformat()


def millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def now() -> datetime:
    return datetime.now(UTC)


def event(customer: str, kind: str, data: dict[str, Any], at: datetime | None = None, **more: Any) -> dict[str, Any]:
    moment = at or now()
    return {
        "specversion": "1.0",
        "id": f"{customer}-{next(IDS)}",
        "source": "test",
        "type": kind,
        "time": iso(moment),
        "subject": customer,
        "data": data,
        **more,
    }


def purchase(customer: str, amount: int, order: str = "o1", **more: Any) -> dict[str, Any]:
    line = {"line_id": "1", "sku": "s", "category": "shoes", "quantity": 1, "amount": amount}
    data = {"order_id": order, "channel": "store", "currency": "VND", "lines": [line]}
    return event(customer, "purchase.completed", data, **more)


async def test_a_purchase_becomes_a_tier_change_a_reward_and_a_profile(
    worker: Worker, settings: Settings, unique: str
) -> None:
    async with connected(settings) as client:
        bought = purchase(unique[-20:], 12_000_000)
        await client.send("cx.purchases", bought)
        told = await client.until(3, "cx.tier-changes", "cx.rewards", key=unique[-20:])
        events = [outputs.read(record.topic, record.value, record.headers) for record in told]
        assert sorted(told_.type for told_ in events) == ["reward.issued", "reward.issued", "tier.upgraded"]
        assert {told_.causationid for told_ in events} == {bought["id"]}
        profile = await client.profile(unique[-20:], tier="gold")
        assert profile["progress"] == {"held_back_by": [], "missing": {"spend": 18_000_000}, "next": "diamond"}
        assert profile["events_held"] == 1
        assert worker.running.poll() is None


async def test_every_kind_of_bad_record_is_a_dead_letter_and_disturbs_nothing_else(
    worker: Worker, settings: Settings, unique: str
) -> None:
    lan = unique[-20:]
    good = purchase(lan, 1_000)
    long_ago = now() - 40 * DAY
    numbers = itertools.count()

    def bent(**changes: Any) -> bytes:
        return json.dumps({**good, "id": f"bent-{next(numbers)}", **changes}).encode()

    def line(**changes: Any) -> bytes:
        data = json.loads(json.dumps(good["data"]))
        data["lines"][0] |= changes
        return bent(data=data)

    key = lan.encode()
    stranger = b"w" + key
    elsewhere = (partition_of(stranger) + 1) % PARTITIONS
    bad: list[tuple[str, str, bytes | None, bytes | None, dict[str, Any]]] = [
        ("not-json", "", key, b"{not json", {}),
        ("not-json", "", key, json.dumps({**good, "id": "\ud800"}).encode(), {}),
        ("invalid", "data.order_id", key, bent(data={**good["data"], "order_id": 7}), {}),
        ("invalid", "data.lines.0.quantity", key, line(quantity=-1), {}),
        ("invalid", "data.lines.0.amount", key, line(amount="1000"), {}),
        ("unknown-type", "type", key, bent(type="purchase.imagined"), {}),
        ("missing-key", "key", None, bent(), {}),
        ("key-too-long", "key", b"k" * 65, bent(subject="k" * 65), {}),
        ("key-mismatch", "key", b"mai", bent(), {}),
        ("forbidden-key", "key", b"\x00partition", bent(), {}),
        ("wrong-partition", "key", stranger, bent(subject=stranger.decode()), {"partition": elsewhere}),
        ("null-value", "", key, None, {}),
        ("naive-time", "time", key, bent(time="2026-01-01T00:00:00"), {}),
        ("future", "time", key, bent(time=iso(now() + DAY)), {}),
        ("too-late", "time", key, bent(time=iso(long_ago)), {}),
        ("currency", "data.currency", key, bent(data={**good["data"], "currency": "USD", "order_id": "usd"}), {}),
        ("conflicting-order", "data.order_id", key, line(amount=2_000), {}),
        ("conflicting-id", "id", key, json.dumps(purchase(lan, 5, order="o5") | {"id": good["id"]}).encode(), {}),
        ("too-large", "", key, b'"' + b"x" * 2_000_000 + b'"', {}),
    ]
    later = json.dumps(event(lan, "customer.merged", {"into": "somebody"})).encode()
    async with connected(settings) as client:
        await client.send("cx.purchases", good)
        for _, _, bad_key, value, options in bad:
            await client.send_raw("cx.purchases", bad_key, value, **options)
        await client.send_raw("cx.touchpoints", key, later)
        await client.send("cx.purchases", purchase(lan, 4_000_000, order="o2"))

        letters = [
            dead_letters.read(record.key, record.value, record.headers)
            for record in await client.until(len(bad) + 1, "cx.dead-letters")
        ]
        expected = sorted([(reason, loc) for reason, loc, *_ in bad] + [("not-yet-supported", "type")])
        assert sorted((letter.reason.value, letter.loc) for letter in letters) == expected
        originals = {value for *_, value, _ in bad if value is not None and len(value) < 100_000} | {later}
        assert originals == {letter.value for letter in letters if letter.value and letter.sha256 is None}
        [cut] = [letter for letter in letters if letter.sha256]
        assert (cut.size, len(cut.value or b"")) == (2_000_002, 64 * 1024)
        profile = await client.profile(lan, tier="silver")
        assert (profile["measures"], profile["events_held"]) == ({"spend": 4_001_000, "orders": 2}, 2)


def partition_of(key: bytes) -> int:
    """Where Java's default partitioner puts a key, worked out by aiokafka's own."""
    return int(DefaultPartitioner()(key, list(range(PARTITIONS)), list(range(PARTITIONS))))


def customer_of(unique: str, *, partition: int) -> str:
    """A customer of *partition*: a test that moves time needs a clock that no other test has moved."""
    names = (f"{unique[-16:]}-{number}" for number in itertools.count())
    return next(name for name in names if partition_of(name.encode()) == partition)


async def test_a_tick_waits_until_everything_written_before_it_is_folded(
    worker: Worker, settings: Settings, unique: str
) -> None:
    lan = customer_of(unique, partition=0)
    bought_at = now() - 380 * DAY
    after_window = bought_at + 366 * DAY
    helpdesk = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap, transactional_id=lan)
    await helpdesk.start()
    async with connected(settings) as client:
        await client.send("cx.purchases", purchase(lan, 4_000_000, at=bought_at), timestamp_ms=millis(bought_at))
        await client.until(1, "cx.tier-changes", key=lan)
        opened = event(lan, "case.opened", {"case_id": "k", "channel": "chat", "topic": "t"}, bought_at)
        async with helpdesk.transaction():
            written = await helpdesk.send_and_wait(
                "cx.support", json.dumps(opened).encode(), key=lan.encode(), timestamp_ms=millis(bought_at)
            )
            await client.tick_at(0, after_window, {"cx.support": written.offset + 1})
            second = purchase(lan, 1, order="o2", at=bought_at)
            await client.send("cx.purchases", second, timestamp_ms=millis(bought_at))
            await client.profile(lan, events_held=2)
            for _ in range(5):
                await client.read()
            assert len(client.of("cx.tier-changes", key=lan)) == 1  # a day late would have cost the tier already
        down = (await client.until(2, "cx.tier-changes", key=lan))[1]
        assert outputs.read(down.topic, down.value, down.headers).type == "tier.downgraded"
        assert (await client.profile(lan, tier="member"))["events_held"] == 3
    await helpdesk.stop()


async def test_a_tick_that_names_an_offset_beyond_the_end_is_a_dead_letter_and_the_clock_goes_on(
    worker: Worker, settings: Settings, unique: str
) -> None:
    lan = customer_of(unique, partition=1)
    bought_at = now() - 380 * DAY
    async with connected(settings) as client:
        await client.send("cx.purchases", purchase(lan, 4_000_000, at=bought_at), timestamp_ms=millis(bought_at))
        await client.until(1, "cx.tier-changes", key=lan)
        await client.tick_at(1, bought_at + 1 * DAY, {"cx.support": 1_000_000})
        await client.tick_at(1, bought_at + 366 * DAY, {})
        [letter] = await client.until(1, "cx.dead-letters")
        refused = dict(letter.headers)
        assert (refused["cx-topic"], refused["cx-loc"]) == (b"cx.clock", b"data.upto")
        down = (await client.until(2, "cx.tier-changes", key=lan))[1]
        assert outputs.read(down.topic, down.value, down.headers).type == "tier.downgraded"


async def test_a_refund_waits_for_its_order_and_goes_to_dead_letters_when_that_never_comes(
    worker: Worker, settings: Settings, unique: str
) -> None:
    lan = customer_of(unique, partition=2)
    refunded_at = now() - 40 * DAY
    options = {"timestamp_ms": millis(refunded_at)}
    async with connected(settings) as client:
        await client.send("cx.purchases", event(lan, "purchase.refunded", {"order_id": "o1"}, refunded_at), **options)
        await client.send("cx.purchases", event(lan, "purchase.refunded", {"order_id": "no"}, refunded_at), **options)
        await client.send("cx.purchases", purchase(lan, 5_000_000, at=refunded_at - DAY), **options)
        await client.send("cx.purchases", purchase(lan, 100, order="o2", at=refunded_at), **options)
        too_much = {"order_id": "o2", "lines": [{"line_id": "1", "amount": 101}]}
        refunded = event(lan, "purchase.refunded", too_much, refunded_at + DAY)
        await client.send("cx.purchases", refunded, timestamp_ms=millis(refunded_at + DAY))
        waiting = await client.profile(lan, events_held=5)
        assert (waiting["tier"], waiting["measures"]["spend"], waiting["waiting"]) == ("member", 100, 2)

        await client.tick(refunded_at + 30 * DAY - timedelta(seconds=1))
        await client.tick(refunded_at + 30 * DAY)
        [letter] = await client.until(1, "cx.dead-letters", key=lan)
        first = dead_letters.read(letter.key, letter.value, letter.headers)
        assert (first.reason.value, first.loc, json.loads(first.value or b"")["data"]["order_id"]) == (
            "unknown-order",
            "data.order_id",
            "no",
        )
        await client.tick(refunded_at + 31 * DAY)
        letters = await client.until(2, "cx.dead-letters", key=lan)
        second = dead_letters.read(letters[1].key, letters[1].value, letters[1].headers)
        assert second.reason.value == "refund-too-large"
        assert (await client.profile(lan, events_held=3))["waiting"] == 0


async def test_a_worker_killed_at_any_time_neither_loses_nor_repeats(
    environment: dict[str, str], settings: Settings, tmp_path: Path, unique: str
) -> None:
    customers = [f"{unique[-12:]}-{number}" for number in range(40)]
    log = tmp_path / "worker.log"
    async with connected(settings) as client:
        async with asyncio.TaskGroup() as sending:
            sending.create_task(_shop(client, customers))
            for delay_s in (0.4, 0.9):
                worker = Worker(log, **environment).start()
                await asyncio.to_thread(worker.until_ready, log.read_text().count("partitions opened") + 1)
                await asyncio.sleep(delay_s)
                worker.kill()
        with Worker(log, **environment) as worker:
            await asyncio.to_thread(worker.until_ready, log.read_text().count("partitions opened") + 1)
            for customer in customers:
                profile = await client.profile(customer, events_held=10)
                assert profile["measures"] == {"spend": 10 * 400_000, "orders": 10}
            told = await client.until(len(customers), "cx.tier-changes")
            for _ in range(5):
                await client.read()
            mine = [r for r in client.of("cx.tier-changes") if r.key is not None and r.key.decode() in customers]
            assert len(told) >= len(customers)
            assert sorted(r.key.decode() for r in mine if r.key) == sorted(customers)
            assert worker.stop() == 0


async def _shop(client: Client, customers: list[str]) -> None:
    for number in range(10):
        for customer in customers:
            await client.send("cx.purchases", purchase(customer, 400_000, order=f"o{number}"))


async def test_a_tick_from_the_future_is_a_dead_letter_and_moves_no_clock(
    worker: Worker, settings: Settings, unique: str
) -> None:
    lan = unique[-20:]
    async with connected(settings) as client:
        await client.tick(now() + 1_500 * DAY, recorded=now())
        letters = await client.until(PARTITIONS, "cx.dead-letters")
        read = [dead_letters.read(letter.key, letter.value, letter.headers) for letter in letters]
        assert {(letter.topic, letter.reason.value, letter.loc) for letter in read} == {("cx.clock", "future", "time")}
        await client.send("cx.purchases", purchase(lan, 4_000_000))
        await client.profile(lan, tier="silver")
        assert worker.running.poll() is None


async def test_workers_that_join_and_leave_under_load_lose_and_repeat_nothing(
    environment: dict[str, str], settings: Settings, tmp_path: Path, unique: str
) -> None:
    customers = [f"{unique[-12:]}-{number}" for number in range(40)]
    async with connected(settings) as client:
        with Worker(tmp_path / "first.log", **environment) as first:
            await asyncio.to_thread(first.until_ready)
            async with asyncio.TaskGroup() as sending:
                sending.create_task(_shop(client, customers))
                for name in ("second", "third"):
                    with Worker(tmp_path / f"{name}.log", **environment) as other:
                        await asyncio.to_thread(other.until_ready)
                        await asyncio.sleep(0.5)
                        assert await asyncio.to_thread(other.stop) == 0
            for customer in customers:
                assert (await client.profile(customer, events_held=10))["measures"]["orders"] == 10
            await client.until(len(customers), "cx.tier-changes")
            for _ in range(5):
                await client.read()
            told = [r.key.decode() for r in client.of("cx.tier-changes") if r.key and r.key.decode() in customers]
            assert sorted(told) == sorted(customers)
            assert await asyncio.to_thread(first.stop) == 0


async def test_state_of_another_policy_is_not_continued(
    worker: Worker, environment: dict[str, str], settings: Settings, tmp_path: Path, unique: str
) -> None:
    async with connected(settings) as client:
        await client.send("cx.purchases", purchase(unique[-20:], 1_000))
        await client.profile(unique[-20:], events_held=1)
    assert worker.stop() == 0
    with Worker(tmp_path / "other.log", **{**environment, "POLICY": "policies/minimal.yaml"}) as other:
        assert other.exit_code() == 78
        assert "another policy" in other.text()


async def test_topics_that_differ_from_the_contract_stop_a_worker_with_78(
    environment: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    with Worker(tmp_path / "worker.log", **{**environment, "PARTITIONS": "5"}) as worker:
        assert worker.exit_code() == 78
        assert "cx.purchases: has 4 partitions, should have 5" in worker.text()


async def test_a_worker_that_is_held_up_while_it_opens_partitions_says_by_what_and_stops_when_asked(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    holder = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap, transactional_id="holder")
    await holder.start()
    await holder.begin_transaction()
    await holder.send_offsets_to_transaction({TopicPartition("cx.purchases", 2): 0}, settings.app)
    address = f"{ports.HOST}:{ports.choose(None, set())}"
    try:
        with Worker(tmp_path / "worker.log", **environment, METRICS=address) as held:
            await until(lambda: "offsets are part of an open transaction, waiting of=cx.purchases-2" in held.text())
            assert READY not in held.text()
            unready = (503, "partitions are being opened: offsets\n")
            assert await asyncio.to_thread(ask, address, "/ready") == unready
            assert await asyncio.to_thread(ask, address, "/live") == (200, "ok\n")
            assert await asyncio.to_thread(held.stop) == 0, held.text()[-3000:]
    finally:
        await holder.abort_transaction()
        await holder.stop()
