"""Recovery without Kafka: what is waited for, and what is not; tests/integration has a real one."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from streams import changelog, patience, recovery
from streams.effects import NEVER
from streams.meter import SILENT
from streams.partition import FORMAT, OWN_KEY, Partition, PartitionRecord
from streams.recovery import BrokenOffError, Recovered, recover
from streams.settings import KafkaSettings
from streams.store import Stores
from tests.streams.broker import Broker, batch

OWN = msgspec.msgpack.encode(PartitionRecord(FORMAT, 7, "hash", "incarnation", 1))
REPLICA_NOT_AVAILABLE, NOT_ALLOWED = 9, 29
AGES_S = 60.0
STATE = NEVER.to_bytes(8) + b"state"


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    """A log of a state, the partition's own record and a control record."""
    made = Broker()
    made.starts[0] = 0
    made.logs[0] = [(2, batch(0, b"lan", OWN_KEY, values=[STATE, OWN])), (3, batch(2, marker=True))]
    monkeypatch.setattr(changelog, "AIOKafkaClient", lambda **_: made)
    monkeypatch.setattr(patience, "RETRY_PAUSE_S", 0.0)
    return made


@pytest.fixture
def partition(tmp_path: Path) -> Iterator[Partition]:
    stores = Stores(tmp_path)
    made = Partition(0, 1, stores.open(0, 1))
    yield made
    made.close()
    stores.close()


async def recovered(
    partition: Partition, *, end: int = 3, still_wanted: Callable[[], bool] = lambda: True
) -> Recovered:
    found = await recover(KafkaSettings(), "log", {0: partition}, {}, {0: end}, still_wanted=still_wanted)
    return found[0]


def wanted(times: int) -> Callable[[], bool]:
    """Return who says so many times that a recovery is wanted."""
    answers = deque([True] * times)
    return lambda: bool(answers) and answers.popleft()


async def test_a_kafka_that_is_away_when_recovery_begins_is_waited_for(broker: Broker, partition: Partition) -> None:
    broker.connecting += [KafkaConnectionError(), KafkaConnectionError(), None, REPLICA_NOT_AVAILABLE]
    assert await recovered(partition) == Recovered(1, {b"lan"})
    assert (partition.encoded(b"lan"), broker.is_open) == (STATE, False)


async def test_what_waiting_does_not_help_is_told_at_once(broker: Broker, partition: Partition) -> None:
    broker.connecting += [None, NOT_ALLOWED]
    with pytest.raises(TopicAuthorizationFailedError):
        await recovered(partition)
    assert not broker.is_open


@pytest.mark.parametrize("hangs", [True, False])
async def test_a_recovery_that_is_not_wanted_any_more_is_broken_off_while_kafka_is_away_or_says_nothing(
    broker: Broker, partition: Partition, monkeypatch: pytest.MonkeyPatch, *, hangs: bool
) -> None:
    async def connect() -> None:
        await asyncio.sleep(AGES_S if hangs else 0)
        raise KafkaConnectionError

    monkeypatch.setattr(recovery, "LOOK_S", 0.01)
    monkeypatch.setattr(broker, "bootstrap", connect)
    with pytest.raises(BrokenOffError):
        await asyncio.wait_for(recovered(partition, still_wanted=wanted(2)), AGES_S / 2)
    assert not broker.is_open


async def test_a_recovery_that_is_not_wanted_any_more_is_broken_off_while_it_reads(
    broker: Broker, partition: Partition
) -> None:
    with pytest.raises(BrokenOffError):
        await recovered(partition, end=1_000, still_wanted=wanted(3))
    assert (partition.encoded(b"lan"), partition.covered, broker.is_open) == (STATE, (1, OWN), False)


@pytest.mark.parametrize(("many", "told"), [(3, [True, False]), (4, [])])
async def test_a_store_is_prepared_for_many_records_and_only_for_many(
    broker: Broker, partition: Partition, monkeypatch: pytest.MonkeyPatch, many: int, told: list[bool]
) -> None:
    filling: list[bool] = []
    monkeypatch.setattr(recovery, "MANY", many)
    monkeypatch.setattr(partition, "fill", lambda *, on: filling.append(on))
    await recovered(partition)
    assert (filling, broker.is_open) == (told, False)


async def test_a_store_that_is_made_again_is_prepared_anew(
    broker: Broker, partition: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    partition.committed({b"foreign": STATE}, partition.own_record("other", 1), 1)
    filling: list[bool] = []
    monkeypatch.setattr(recovery, "MANY", 3)
    monkeypatch.setattr(partition, "fill", lambda *, on: filling.append(on))
    await recovered(partition)
    assert (filling, broker.is_open) == ([True, False], False)


def test_recovery_is_stuck_where_its_position_is_and_not_where_no_record_comes(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "PROGRESS_EVERY_S", 0.0)
    monkeypatch.setattr(recovery, "STUCK_AFTER_S", 0.0)
    caplog.set_level(logging.INFO)
    progress = recovery._Progress(100, SILENT)  # noqa: SLF001
    for remaining in (90, 50, 50, 0):
        progress.report(0, remaining, 1)
    told = [(record.message, vars(record)["records"], vars(record)["records_max"]) for record in caplog.records]
    stuck = "recovery is stuck"
    assert told == [("recovering", 10, 100), ("recovering", 50, 100), (stuck, 50, 100), ("recovering", 100, 100)]
