"""Recovery without Kafka: what is waited for, and what is not; tests/integration has a real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from cx.state import NEVER
from streams import changelog
from streams.partition import FORMAT, OWN_KEY, Partition, PartitionRecord
from streams.recovery import Recovered, recover
from streams.settings import KafkaSettings
from streams.store import Stores
from tests.streams.broker import Broker, batch

OWN = msgspec.msgpack.encode(PartitionRecord(FORMAT, 7, "hash", "incarnation", 1))
REPLICA_NOT_AVAILABLE, NOT_ALLOWED = 9, 29
STATE = NEVER.to_bytes(8) + b"state"


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    """A log of a state, the partition's own record and a control record."""
    made = Broker()
    made.starts[0] = 0
    made.logs[0] = [(2, batch(0, b"lan", OWN_KEY, values=[STATE, OWN])), (3, batch(2, marker=True))]
    monkeypatch.setattr(changelog, "AIOKafkaClient", lambda **_: made)
    monkeypatch.setattr(changelog, "RETRY_PAUSE_S", 0.0)
    return made


@pytest.fixture
def partition(tmp_path: Path) -> Iterator[Partition]:
    stores = Stores(tmp_path)
    made = Partition(0, 1, stores.open(0, 1))
    yield made
    made.close()
    stores.close()


async def recovered(partition: Partition) -> Recovered:
    return (await recover(KafkaSettings(), "log", {0: partition}, {}, {0: 3}))[0]


async def test_a_kafka_that_is_away_when_recovery_begins_is_waited_for(broker: Broker, partition: Partition) -> None:
    broker.connecting += [KafkaConnectionError(), KafkaConnectionError(), None, REPLICA_NOT_AVAILABLE]
    assert await recovered(partition) == Recovered(1, {b"lan"})
    assert (partition.encoded(b"lan"), broker.is_open) == (STATE, False)


async def test_what_waiting_does_not_help_is_told_at_once(broker: Broker, partition: Partition) -> None:
    broker.connecting += [None, NOT_ALLOWED]
    with pytest.raises(TopicAuthorizationFailedError):
        await recovered(partition)
    assert not broker.is_open
