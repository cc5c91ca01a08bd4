"""What the doctor makes of what servers tell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ops.doctor import kafka, machine, redis
from ops.doctor.finding import Finding, Grade
from ops.doctor.messages import Operation
from schemas.topics import TOPICS, Lane
from streams.settings import KafkaSettings

ALL = 0xFFF
NEW = {28: (0, 5), 9: (1, 9), 3: (0, 13), 22: (0, 5)}


def told(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(one.grade.value, one.text) for one in findings]


def texts(findings: list[Finding]) -> str:
    return "\n".join(f"{one.grade}: {one.text}" for one in findings)


def topic(name: str, *, bits: int = ALL, leader: int = 1, replicas: int = 3, isr: int = 3) -> tuple[Any, ...]:
    part: tuple[Any, ...] = (0, 7, leader, 0, list(range(replicas)), list(range(isr)), [])
    return (0, name, False, [part], bits)


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ({}, []),
        ({28: (0, 3)}, []),
        ({28: (0, 2)}, ["it lacks offsets of a transaction in the name of a member (message 28, version 3)"]),
        ({3: (9, 13)}, ["it lacks what we may do with topics (message 3, version 8)"]),
    ],
)
def test_a_broker_has_to_understand_what_we_send(change: dict[int, tuple[int, int]], lacks: list[str]) -> None:
    assert kafka.too_old({**NEW, **change}) == lacks


def test_a_broker_that_does_not_know_a_message_lacks_it() -> None:
    without = {key: value for key, value in NEW.items() if key != 22}

    assert kafka.too_old(without) == ["it lacks transactions (message 22, version 0)"]


def test_three_copies_in_sync_are_nothing_to_tell() -> None:
    assert kafka.health([topic("a"), topic("b")], 3, KafkaSettings(replication=3)) == []


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (topic("a", leader=-1), "warning: without a leader, 1 of them: a[7]"),
        (topic("a", isr=2), "warning: 1 of 1 partitions have fewer copies in sync than they should"),
    ],
)
def test_copies_that_are_missing_are_told(one: tuple[Any, ...], words: str) -> None:
    assert texts(kafka.health([one], 3, KafkaSettings(replication=3))) == words


@pytest.mark.parametrize(
    ("brokers", "replication", "words"),
    [
        (1, 1, "replication is 1: a disk that fails may lose events"),
        (2, 1, "replication is 1: a disk that fails may lose events"),
        (3, 2, "there are 3 brokers, and CX_KAFKA__REPLICATION is 2, not 3"),
    ],
)
def test_few_copies_are_told(brokers: int, replication: int, words: str) -> None:
    assert told(kafka.health([], brokers, KafkaSettings(replication=replication))) == [("warning", words)]


@pytest.mark.parametrize(
    ("name", "operation", "lanes", "needed"),
    [
        ("cx.purchases", Operation.READ, {Lane.CUSTOMERS}, True),
        ("cx.purchases", Operation.WRITE, {Lane.CUSTOMERS}, False),
        ("cx.purchases", Operation.READ, {Lane.GIFTS}, False),
        ("cx.clock", Operation.WRITE, {Lane.CUSTOMERS}, True),
        ("cx.rewards", Operation.WRITE, {Lane.CUSTOMERS}, True),
        ("cx.rewards", Operation.READ, {Lane.CUSTOMERS}, False),
        ("cx-customers-changelog", Operation.READ, {Lane.CUSTOMERS}, True),
        ("cx-customers-changelog", Operation.WRITE, {Lane.CUSTOMERS}, True),
        ("cx.gift-answers", Operation.WRITE, {Lane.GIFTS}, True),
        ("cx.gift-answers", Operation.WRITE, {Lane.CUSTOMERS}, False),
        ("cx.gift-requests", Operation.READ, {Lane.GIFTS}, True),
        ("cx.vendor-requests", Operation.WRITE, {Lane.CUSTOMERS, Lane.GIFTS}, True),
        ("cx.dead-letters", Operation.WRITE, {Lane.GIFTS}, True),
        ("cx.purchases", Operation.READ, set(), False),
    ],
)
def test_a_right_is_asked_for_where_its_lane_has_to_use_it(
    name: str, operation: Operation, lanes: set[Lane], *, needed: bool
) -> None:
    has = {name: topic(name, bits=ALL & ~(1 << operation))}
    found = kafka.lacking(has, TOPICS, lanes)

    assert told(found) == ([("fault", f"we may not {operation.name.lower()} {name}")] if needed else [])
    assert kafka.lacking({name: topic(name)}, TOPICS, lanes) == []
    assert kafka.lacking({name: topic(name, bits=-(2**31))}, TOPICS, lanes) == []  # Kafka did not say


BROKER = {
    "group.min.session.timeout.ms": "6000",
    "group.max.session.timeout.ms": "1800000",
    "transaction.max.timeout.ms": "900000",
    "offsets.retention.minutes": "10080",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
}


@pytest.mark.parametrize(
    ("change", "session_s", "words"),
    [
        ({}, 6, ""),
        ({"group.min.session.timeout.ms": "6001"}, 6, "fault: CX_KAFKA__SESSION_TIMEOUT_S is 6; Kafka takes 6001 to"),
        ({"group.max.session.timeout.ms": "30000"}, 30, ""),
        (
            {"group.max.session.timeout.ms": "29999"},
            30,
            "fault: CX_KAFKA__SESSION_TIMEOUT_S is 30; Kafka takes 6000",
        ),
        ({"transaction.max.timeout.ms": "10000"}, 6, ""),
        ({"transaction.max.timeout.ms": "9999"}, 6, "fault: transaction.max.timeout.ms is 9999, we need 10000 or more"),
        ({"offsets.retention.minutes": "10079"}, 6, "warning: offsets.retention.minutes is 10079: "),
        ({"offsets.topic.replication.factor": "1"}, 6, "warning: offsets.topic.replication.factor is 1 on 3 brokers"),
        (
            {"transaction.state.log.replication.factor": "2"},
            6,
            "warning: transaction.state.log.replication.factor is",
        ),
    ],
)
def test_a_brokers_settings_have_to_let_us_work(change: dict[str, str], session_s: float, words: str) -> None:
    found = texts(kafka.broker_settings({**BROKER, **change}, 3, KafkaSettings(session_timeout_s=session_s)))

    assert found.startswith(words)
    assert bool(found) is bool(words)


def test_one_broker_cannot_have_three_copies_and_what_is_not_told_is_not_judged() -> None:
    assert kafka.broker_settings({**BROKER, "offsets.topic.replication.factor": "1"}, 1, KafkaSettings()) == []
    assert kafka.broker_settings({}, 3, KafkaSettings()) == []


@pytest.mark.parametrize(
    ("name", "config", "replicas", "words"),
    [
        ("cx.rewards", {"min.insync.replicas": "2", "retention.ms": "-1"}, 3, ""),
        ("cx.rewards", {"min.insync.replicas": "1"}, 3, "warning: cx.rewards: min.insync.replicas is 1, should be 2"),
        ("cx.rewards", {"min.insync.replicas": "1"}, 1, ""),
        ("cx.rewards", {"unclean.leader.election.enable": "true"}, 1, "warning: cx.rewards: unclean.leader.election"),
        ("cx.rewards", {"unclean.leader.election.enable": "false"}, 1, ""),
        ("cx.rewards", {"retention.ms": "34560000000"}, 1, ""),
        (
            "cx.rewards",
            {"retention.ms": "34559999999"},
            1,
            "warning: cx.rewards: retention.ms is 34559999999",
        ),
        ("cx-customers-changelog", {"retention.ms": "1"}, 1, ""),
    ],
)
def test_a_topic_should_lose_nothing_and_keep_it_for_long_enough(
    name: str, config: Mapping[str, str], replicas: int, words: str
) -> None:
    found = texts(kafka.topic_settings(name, config, TOPICS[name], replicas))

    assert found.startswith(words)
    assert bool(found) is bool(words)


@pytest.mark.parametrize(
    ("theirs", "grade", "words"),
    [
        (100.0, Grade.OK, "our clock and that of Redis agree"),
        (98.0, Grade.OK, "our clock and that of Redis agree"),
        (103.5, Grade.OK, "our clock and that of Redis agree"),
        (97.5, Grade.WARNING, "our clock is 2.5 s ahead of that of Redis"),
        (104.0, Grade.WARNING, "our clock is 2.5 s behind that of Redis"),
    ],
)
def test_clocks_may_differ_by_two_seconds_beside_the_time_it_took_to_ask(
    theirs: float, grade: Grade, words: str
) -> None:
    found = redis.skew(theirs, before=100.0, after=101.5)

    assert found.grade is grade
    assert found.text.startswith(words)


REDIS = {
    "redis_version": "7.2.4",
    "cluster_enabled": 0,
    "role": "master",
    "maxmemory": 0,
    "maxmemory_policy": "noeviction",
    "used_memory": 900,
    "aof_enabled": 1,
    "rdb_last_bgsave_status": "ok",
    "aof_last_write_status": "ok",
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "ok: Redis 7.2.4 keeps what it has"),
        ({"redis_version": "6.2.14"}, "ok: Redis 6.2.14 keeps"),
        ({"redis_version": "6.0.16"}, "warning: Redis is 6.0.16; 6.2 and newer are tested"),
        ({"cluster_enabled": 1}, "fault: Redis runs as a cluster"),
        ({"role": "slave"}, "fault: Redis is a replica"),
        ({"maxmemory": 10_000, "maxmemory_policy": "allkeys-lru"}, "fault: maxmemory-policy is allkeys-lru"),
        ({"maxmemory": 0, "maxmemory_policy": "allkeys-lru"}, "warning: maxmemory-policy is allkeys-lru"),
        ({"maxmemory": 10_000, "maxmemory_policy": "volatile-lru"}, "ok: "),  # only what may go has a time to live
        ({"maxmemory": 1_000}, "ok: "),
        ({"maxmemory": 999}, "warning: memory of Redis is nearly full: 900 of 999 bytes"),
        ({"aof_enabled": 0}, "warning: appendonly is no"),
        ({"rdb_last_bgsave_status": "err"}, "warning: Redis could not write its snapshot"),
        ({"aof_last_write_status": "err"}, "warning: Redis could not write its append-only file"),
    ],
)
def test_redis_should_keep_what_it_has(change: dict[str, Any], words: str) -> None:
    (found,) = redis.settings_of({**REDIS, **change})

    assert texts([found]).startswith(words)


@pytest.mark.parametrize(("free", "grade"), [(1 << 30, Grade.OK), ((1 << 30) - 1, Grade.WARNING)])
def test_a_disk_should_have_room(free: int, grade: Grade) -> None:
    assert machine.room(Path("data"), free).grade is grade


def test_a_data_folder_is_made_and_one_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    (made,) = machine.examine(tmp_path / "new" / "data")
    assert made.grade in {Grade.OK, Grade.WARNING}
    assert list((tmp_path / "new" / "data").iterdir()) == []

    (tmp_path / "file").write_text("-")
    (refused,) = machine.examine(tmp_path / "file")
    assert refused.grade is Grade.FAULT
    assert refused.text == f"nothing can be kept in CX_DATA, {tmp_path / 'file'}: File exists"
