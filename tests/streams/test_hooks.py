"""The contract with Faust and aiokafka: the private names that the lane leans on are there, and mean what they did."""

from __future__ import annotations

import inspect
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from faust.app import App
from faust.assignor.partition_assignor import PartitionAssignor
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams import hooks
from streams.hooks import LaneAssignor, LaneConsumer, LaneRecovery, LaneTable, LaneTables, LaneTransport

PINNED = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0", "mode-streaming": "0.7.1"}


@pytest.mark.parametrize(("package", "pinned"), PINNED.items())
def test_the_versions_are_those_that_were_read(package: str, pinned: str) -> None:
    assert version(package) == pinned, "read streams/hooks.py against the new version before changing this"


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (driver.AIOKafkaConsumerThread, "_create_worker_consumer", ["self", "transport"]),
        (driver.AIOKafkaConsumerThread, "_ensure_consumer", ["self"]),
        (driver.Consumer, "_new_consumer_thread", ["self"]),
        (Consumer, "getmany", ["self", "timeout"]),
        (Consumer, "_wait_next_records", ["self", "timeout"]),
        (Consumer, "perform_seek", ["self"]),
        (Consumer, "_drain_messages", ["self", "fetcher"]),
        (Consumer, "on_partitions_revoked", ["self", "revoked"]),
        (Consumer, "commit", ["self", "topics", "start_new_transaction"]),
        (PartitionAssignor, "_group_co_subscribed", ["topics", "subscriptions"]),
        (Recovery, "on_rebalance", ["self", "assigned", "revoked", "newly_assigned", "generation_id"]),
        (Recovery, "_resume_streams", ["self", "generation_id"]),
        (TableManager, "on_start", ["self"]),
        (TableManager, "_update_channels", ["self"]),
        (App, "_new_transport", ["self"]),
    ],
)
def test_what_is_overridden_or_called_has_the_shape_that_was_read(
    owner: type, name: str, parameters: list[str]
) -> None:
    assert list(inspect.signature(getattr(owner, name)).parameters) == parameters


def test_the_overrides_are_in_place() -> None:
    assert LaneTransport.Consumer is LaneConsumer
    assert LaneConsumer.commit is not Consumer.commit
    assert LaneTables._update_channels is not TableManager._update_channels  # noqa: SLF001
    assert "_restart_recovery" in vars(LaneRecovery)
    assert "_restart_recovery" in vars(Recovery)


def test_the_consumer_takes_isolation_and_wait_from_the_attributes_that_are_set() -> None:
    source = inspect.getsource(AIOKafkaConsumer.start)
    assert "isolation_level=self._isolation_level" in source
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in source


def test_a_consumer_knows_by_what_name_and_generation_it_is_in_the_group() -> None:
    assert "self._coordinator = GroupCoordinator(" in inspect.getsource(AIOKafkaConsumer.start)
    source = inspect.getsource(GroupCoordinator.__init__)
    assert "self.member_id =" in source
    assert "self.generation =" in source


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (Consumer, ["_buffered_partitions", "flow_active"]),
        (TableManager, ["_tables_finalized", "_tables_registered", "_recovery"]),
    ],
)
def test_the_attributes_that_are_read_or_set_are_there(owner: type, names: list[str]) -> None:
    source = inspect.getsource(owner)
    assert [name for name in names if f"self.{name}" not in source] == []


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("send", ["self", "node_id", "request", "group"]),
        ("coordinator_lookup", ["self", "coordinator_type", "coordinator_key"]),
        ("force_metadata_update", ["self"]),
        ("set_topics", ["self", "topics"]),
        ("add_topic", ["self", "topic"]),
    ],
)
def test_the_client_under_the_transactions_has_the_shape_that_was_read(name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(AIOKafkaClient, name)).parameters) == parameters


def test_a_batch_can_be_made_part_of_a_transaction() -> None:
    builder = DefaultRecordBatchBuilder(2, 0, 1, 5, 3, 7, 1_000)
    assert builder.append(0, 1, b"key", b"value", []) is not None
    assert builder.append(1, 1, b"key", bytes(1_000), []) is None, "it is full"
    batch = bytes(builder.build())
    assert (batch[16], batch[22] & 0x10) == (2, 0x10), "magic, and the bit for a transaction"
    assert batch[43:57] == (5).to_bytes(8) + (3).to_bytes(2) + (7).to_bytes(4), "producer, epoch, first sequence"


def test_a_table_is_read_from_its_lane_and_changed_by_nobody() -> None:
    class Lane:
        encoded = {b"lan": b"state"}.get

    class Seen(LaneTable):
        def __init__(self) -> None:
            self.app: Any = SimpleNamespace(lane=Lane())

    table = Seen()
    assert table[b"lan"] == b"state"
    with pytest.raises(KeyError):
        table[b"mai"]
    with pytest.raises(TypeError):
        table[b"lan"] = b"other"
    with pytest.raises(TypeError):
        del table[b"lan"]


def test_topics_of_a_lane_stay_together_whoever_subscribes_to_them() -> None:
    subscriptions = {"old": ["a", "b"], "new": ["a", "b", "c"]}
    groups = list(LaneAssignor._group_co_subscribed({"a", "b", "c"}, subscriptions))  # noqa: SLF001
    assert groups == [{"a", "b", "c"}]
    # Faust's own would split them, and give one number to two workers.
    assert len(list(PartitionAssignor._group_co_subscribed({"a", "b", "c"}, subscriptions))) == 2  # noqa: SLF001


def test_a_batch_is_one_message_with_the_first_offset() -> None:
    class Record:
        offset, timestamp, timestamp_type = 41, 1_500, 0

    message = hooks._message(TP("a", 3), [Record(), Record()], generation=7)  # noqa: SLF001
    assert (message.offset, message.timestamp, message.generation_id, message.partition) == (41, 1.5, 7, 3)
    assert message.value is not None
    assert len(message.value) == 2
