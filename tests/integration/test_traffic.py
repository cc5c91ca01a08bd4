"""Made-up traffic on a real Kafka: what lies in the topics is what the manifest says, and ticks tell the truth."""

import asyncio
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.partitioner import DefaultPartitioner
from click.testing import CliRunner

from cli.generate import command
from ops.embedded.stack import Stack
from ops.traffic.errors import LaterTicksError, SinkError
from ops.traffic.generator import generate
from ops.traffic.instants import from_ms
from ops.traffic.kafka import KafkaSink
from ops.traffic.manifest import Manifest
from ops.traffic.options import Options
from ops.traffic.past import latest_tick, refuse_later_ticks
from schemas.errors import Unreadable
from schemas.inputs import CLOCK, READERS, parse
from streams import admin
from streams.settings import KafkaSettings, Settings

PARTITIONS = 3
RULES = ("future", "too-late", "currency", "not-yet-supported")  # refused only after parsing
NOW = datetime(2026, 3, 31, 17, 0, tzinfo=UTC)
OPTIONS = Options(
    now=NOW, rate=0.0, events=6_000, customers=400, span=timedelta(days=400), poison_share=0.1, seed=4, late_share=0.05
)

Records = dict[TopicPartition, list[Any]]


@pytest.fixture(scope="module")
def filled(own_stack: Stack) -> tuple[str, Manifest, Records]:
    """Bootstrap servers, the manifest of a run, and all that lies in the topics afterwards."""
    with pytest.raises(SinkError, match="must exist with equal partition counts"):
        asyncio.run(_filled(own_stack.bootstrap))
    settings = Settings(partitions=PARTITIONS, kafka=KafkaSettings(bootstrap=own_stack.bootstrap))
    asyncio.run(admin.create(settings, keep_for_ever=True))
    return own_stack.bootstrap, *asyncio.run(_filled(own_stack.bootstrap))


async def _filled(bootstrap: str) -> tuple[Manifest, Records]:
    assert await latest_tick(bootstrap, CLOCK) is None
    await refuse_later_ticks(bootstrap, OPTIONS)
    async with KafkaSink(bootstrap) as sink:
        manifest = await generate(OPTIONS, sink)
    return manifest, await read_all(bootstrap, *READERS)


async def read_all(bootstrap: str, *topics: str) -> Records:
    """Return all records of *topics*, in the order of their offsets."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    places = [TopicPartition(name, place) for name in topics for place in range(PARTITIONS)]
    await consumer.start()
    try:
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        found: Records = {place: [] for place in places}
        while any([await consumer.position(place) < ends[place] for place in places]):
            for place, batch in (await consumer.getmany(timeout_ms=500)).items():
                found[place] += batch
    finally:
        await consumer.stop()
    return found


def test_every_record_of_the_manifest_lies_in_its_topic_once(filled: tuple[str, Manifest, Records]) -> None:
    _, manifest, records = filled
    events: dict[tuple[str, str], str] = {}
    counts, refused, duplicates, well_formed = Counter[str](), Counter[str](), 0, 0
    for place, found in records.items():
        for record in found if place.topic != CLOCK else ():
            try:
                event = parse(record.topic, record.key, record.value, record.headers)
            except Unreadable as error:
                refused[error.reason.value] += 1
                continue
            if event.source == "/shops/broken":
                well_formed += 1
            elif (event.source, event.id) in events:
                duplicates += 1
            else:
                events[event.source, event.id] = event.subject or ""
                counts[event.type] += 1
    assert manifest.records == 6_000 == len(events) + duplicates + refused.total() + well_formed
    assert (manifest.events, manifest.duplicates) == (counts, duplicates)
    assert manifest.customers == Counter(events.values())
    by_the_rules = Counter({reason: manifest.poison[reason] for reason in RULES})
    assert refused == Counter(manifest.poison) - by_the_rules
    assert well_formed == by_the_rules.total()
    assert {"too-large", "null-value", "missing-key"} <= set(manifest.poison)


def test_a_record_lies_where_java_would_put_its_key_under_its_simulated_arrival(
    filled: tuple[str, Manifest, Records],
) -> None:
    _, _, records = filled
    partitions, partition_of = list(range(PARTITIONS)), DefaultPartitioner()
    late = 0
    for place, found in records.items():
        stamps = [record.timestamp for record in found]
        assert stamps == sorted(stamps)
        for record in found if place.topic != CLOCK else ():
            assert record.key is None or partition_of(record.key, partitions, partitions) == place.partition
            assert OPTIONS.start_ms <= record.timestamp <= OPTIONS.end_ms
            ((name, sent),) = record.headers
            assert name == "cx-sent"
            assert from_ms(int(sent)) > NOW - timedelta(days=400)
            if record.value and record.value.startswith(b"{") and b'"/shops/broken"' not in record.value:
                time = datetime.fromisoformat(orjson.loads(record.value)["time"])
                late += from_ms(record.timestamp) - time >= timedelta(hours=1)
    assert late >= 250


def test_a_tick_tells_exactly_what_arrived_before_it_on_its_partition(filled: tuple[str, Manifest, Records]) -> None:
    _, manifest, records = filled
    arrived: dict[int, dict[str, list[int]]] = defaultdict(dict)
    for place, found in records.items():
        arrived[place.partition][place.topic] = [record.timestamp for record in found]
    ticks = 0
    for partition in range(PARTITIONS):
        ticked = [record.timestamp for record in records[TopicPartition(CLOCK, partition)]]
        assert ticked == sorted(set(ticked))
        for record in records[TopicPartition(CLOCK, partition)]:
            ticks += 1
            tick: Any = parse(CLOCK, record.key, record.value, record.headers)
            assert tick.time == from_ms(record.timestamp)
            upto = dict(tick.data.upto)
            assert upto.pop("cx.policies") == 0
            assert upto == {
                topic: sum(stamp <= record.timestamp for stamp in stamps)
                for topic, stamps in arrived[partition].items()
                if topic != CLOCK
            }
    assert ticks == manifest.tick_records == manifest.ticks * PARTITIONS > 10 * PARTITIONS
    assert (manifest.last_tick, records[TopicPartition(CLOCK, 0)][-1].timestamp) == (NOW, OPTIONS.end_ms)


async def test_a_second_span_on_the_same_stack_is_refused_in_one_line(filled: tuple[str, Manifest, Records]) -> None:
    bootstrap, _, _ = filled
    assert await latest_tick(bootstrap, CLOCK) == NOW
    with pytest.raises(LaterTicksError, match="ticks up to 2026-03-31 17:00 UTC") as refused:
        await refuse_later_ticks(bootstrap, OPTIONS)
    assert "\n" not in str(refused.value)
    later = NOW + timedelta(days=1)
    await refuse_later_ticks(bootstrap, Options(now=later, span=timedelta(days=1)))
    await refuse_later_ticks(bootstrap, Options(now=NOW - timedelta(days=1)))
    with pytest.raises(LaterTicksError):
        await refuse_later_ticks(bootstrap, Options(now=later, span=timedelta(days=1, minutes=1)))


async def test_the_latest_tick_is_found_behind_a_transactions_marker(own_stack: Stack, unique: str) -> None:
    bootstrap = own_stack.bootstrap
    admin_client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin_client.start()
    await admin_client.create_topics([NewTopic(unique, 1, 1)])
    await admin_client.close()
    tick = {"specversion": "1.0", "id": "t", "source": "test", "type": "clock.ticked", "time": NOW.isoformat()}
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=unique)
    async with producer, producer.transaction():
        await producer.send_and_wait(unique, orjson.dumps(tick | {"data": {}}), partition=0)
    assert await latest_tick(bootstrap, unique) == NOW


async def test_kafka_that_does_not_answer_is_one_line(unused_tcp_port: int) -> None:
    with pytest.raises(SinkError, match="Kafka does not answer: KafkaConnectionError"):
        async with KafkaSink(f"127.0.0.1:{unused_tcp_port}"):
            pass


def test_the_command_produces_and_tells_what(filled: tuple[str, Manifest, Records], tmp_path: Any) -> None:
    bootstrap, _, _ = filled
    file = tmp_path / "manifest.json"
    arguments = ["--rate", "500", "--seconds", "1", "--bootstrap", bootstrap, "--manifest", str(file)]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    manifest = Manifest.read(file)
    assert (result.exit_code, manifest.records, manifest.ticks) == (0, 500, 0)
    assert result.stderr.startswith("500 records in ")
    with pytest.raises(LaterTicksError):
        CliRunner().invoke(command, ["--span", "400d", "--bootstrap", bootstrap], catch_exceptions=False)


@pytest.mark.parametrize("ticks", [True, False])
async def test_a_record_that_kafka_refuses_ends_the_run_in_one_line(
    filled: tuple[str, Manifest, Records], *, ticks: bool
) -> None:
    bootstrap, _, _ = filled
    await limit_purchases(bootstrap, 100)
    try:
        with pytest.raises(SinkError, match="a record could not be delivered: MessageSizeTooLargeError"):
            async with asyncio.timeout(30), KafkaSink(bootstrap) as sink:
                await generate(Options(now=NOW, rate=0.0, events=200, ticks=ticks), sink)
    finally:
        await limit_purchases(bootstrap, 4 * 1024 * 1024)


async def limit_purchases(bootstrap: str, batch_bytes: int) -> None:
    settings = {"max.message.bytes": str(batch_bytes)}
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "cx.purchases", settings)])
    await client.close()
