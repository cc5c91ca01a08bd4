"""The contract with Faust and aiokafka: the private names that the lane leans on are there, and mean what they did."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.cluster import ClusterMetadata
from aiokafka.conn import AIOKafkaConnection, collect_hosts, create_conn
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata
from aiokafka.partitioner import murmur2
from aiokafka.protocol.api import Request
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
)
from aiokafka.protocol.types import Array, Schema
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from faust.app import App
from faust.assignor.partition_assignor import PartitionAssignor
from faust.streams import Stream
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT
from mode import Service
from pydantic import SecretStr

from streams import hooks
from streams.app import lane_app
from streams.hooks import (
    BY_KEY,
    READ_ONLY,
    LaneApp,
    LaneAssignor,
    LaneConsumer,
    LaneConsumerThread,
    LaneRecovery,
    LaneTable,
    LaneTables,
    LaneTransport,
)
from streams.readmodel import NoReadModel
from streams.settings import KafkaSettings, Settings
from streams.transactions import Member as Replaced
from tests.house.tree import ROOT, files

PUBLIC = {"aiokafka", "aiokafka.admin", "aiokafka.admin.config_resource", "aiokafka.errors", "aiokafka.structs"}
PINNED = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0", "mode-streaming": "0.7.1"}


@pytest.mark.parametrize(("package", "pinned"), PINNED.items())
def test_the_versions_are_those_that_were_read(package: str, pinned: str) -> None:
    assert version(package) == pinned, "read streams/hooks.py against the new version before changing this"


def test_the_page_on_the_lane_names_the_modules_that_lean_on_what_is_not_documented() -> None:
    page = (ROOT / "docs/lane.md").read_text("utf-8")
    (told,) = re.findall(r"^- Brokers of 2\.5.*\Z", page, re.DOTALL | re.MULTILINE)
    assert set(re.findall(r"`(streams/\w+\.py)`", told)) == {f"streams/{name}.py" for name in leaning()}


def leaning() -> set[str]:
    """Return the modules of `streams` that import more of aiokafka than it documents, or use private attributes."""
    found = set()
    for path in files("streams/*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
        modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
        inner = {name for name in modules if name.startswith("aiokafka.")} - PUBLIC
        private = [node for node in nodes if isinstance(node, ast.Attribute) and _is_others(node)]
        if inner or private:
            found.add(path.stem)
    return found


def _is_others(node: ast.Attribute) -> bool:
    return re.match("_[a-z]", node.attr) is not None and ast.unparse(node.value) not in {"self", "cls", "super()", "os"}


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (driver.AIOKafkaConsumerThread, "_create_worker_consumer", ["self", "transport"]),
        (driver.AIOKafkaConsumerThread, "_ensure_consumer", ["self"]),
        (driver.AIOKafkaConsumerThread, "on_thread_stop", ["self"]),
        (driver.AIOKafkaConsumerThread, "call_thread", ["self", "fun", "args", "kwargs"]),
        (driver.AIOKafkaConsumerThread, "seek_to_committed", ["self"]),
        (driver.Consumer, "_new_consumer_thread", ["self"]),
        (Consumer, "getmany", ["self", "timeout"]),
        (Consumer, "_wait_next_records", ["self", "timeout"]),
        (Consumer, "perform_seek", ["self"]),
        (Consumer, "_drain_messages", ["self", "fetcher"]),
        (Consumer, "on_partitions_revoked", ["self", "revoked"]),
        (Consumer, "commit", ["self", "topics", "start_new_transaction"]),
        (Consumer, "on_buffer_full", ["self", "tp"]),
        (Consumer, "on_buffer_drop", ["self", "tp"]),
        (Consumer, "on_stop", ["self"]),
        (Consumer, "on_shutdown", ["self"]),
        (GroupCoordinator, "reset_generation", ["self"]),
        (Service, "wait_for_stopped", ["self", "coros", "timeout"]),
        (Stream, "noack", ["self"]),
        (Stream, "events", ["self"]),
        (PartitionAssignor, "_perform_assignment", ["self", "cluster", "member_metadata"]),
        (PartitionAssignor, "_update_member_urls", ["self", "clients_metadata"]),
        (
            PartitionAssignor,
            "_protocol_assignments",
            ["self", "assignments", "cl_distribution", "tp_distribution", "topic_groups"],
        ),
        (PartitionAssignor, "_get_external_topic_distribution", ["self", "assignments"]),
        (PartitionAssignor, "on_assignment", ["self", "assignment"]),
        (Recovery, "on_rebalance", ["self", "assigned", "revoked", "newly_assigned", "generation_id"]),
        (Recovery, "on_partitions_revoked", ["self", "revoked"]),
        (Recovery, "_resume_streams", ["self", "generation_id"]),
        (TableManager, "on_start", ["self"]),
        (TableManager, "_update_channels", ["self"]),
        (App, "on_first_start", ["self"]),
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


async def test_a_member_hears_within_half_a_second_that_the_group_is_dealt_anew() -> None:
    fold: Any = SimpleNamespace(topics=("cx.idle",), clock="")
    app = lane_app(Settings(), "idle", fold, NoReadModel())
    app.finalize()
    thread = cast("LaneConsumer", app.consumer)._thread  # noqa: SLF001
    consumer = thread._create_worker_consumer(app.transport)  # noqa: SLF001
    await consumer.stop()
    thread.thread_loop.close()
    assert consumer._heartbeat_interval_ms == 500  # noqa: SLF001


def test_a_consumer_knows_by_what_name_and_generation_it_is_in_the_group() -> None:
    assert "self._coordinator = GroupCoordinator(" in inspect.getsource(AIOKafkaConsumer.start)
    source = inspect.getsource(GroupCoordinator.__init__)
    assert "self.member_id =" in source
    assert "self.generation =" in source


@pytest.mark.parametrize(("known", "asked"), [(("m1", 7), ["anew"]), (("m1", 8), []), (("m2", 7), [])])
async def test_a_client_joins_again_where_it_is_still_who_was_replaced(
    known: tuple[str, int], asked: list[str]
) -> None:
    told: list[str] = []
    coordinator = SimpleNamespace(member_id=known[0], generation=known[1], reset_generation=lambda: told.append("anew"))
    thread: Any = SimpleNamespace(_ensure_consumer=lambda: SimpleNamespace(_coordinator=coordinator))
    await LaneConsumerThread._join_again(thread, Replaced("m1", 7))  # noqa: SLF001
    assert told == asked


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (Consumer, ["_buffered_partitions", "callback", "flow_active"]),
        (Recovery, ["_generation_id", "completed", "signal_recovery_start"]),
        (TableManager, ["_tables_finalized", "_tables_registered", "_recovery"]),
    ],
)
def test_the_attributes_that_are_read_or_set_are_there(owner: type, names: list[str]) -> None:
    source = "".join(inspect.getsource(one) for one in owner.__mro__ if one.__module__.startswith("faust."))
    assert [name for name in names if f"self.{name}" not in source] == []


def test_the_app_knows_the_generation_of_its_consumer() -> None:
    assert AppT.consumer_generation_id == 0
    assert ".app.consumer_generation_id = generation" in inspect.getsource(driver.ConsumerRebalanceListener)


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (AIOKafkaClient, "bootstrap", ["self"]),
        (AIOKafkaClient, "close", ["self"]),
        (AIOKafkaClient, "send", ["self", "node_id", "request", "group"]),
        (AIOKafkaClient, "coordinator_lookup", ["self", "coordinator_type", "coordinator_key"]),
        (AIOKafkaClient, "force_metadata_update", ["self"]),
        (AIOKafkaClient, "set_topics", ["self", "topics"]),
        (AIOKafkaClient, "add_topic", ["self", "topic"]),
        (ClusterMetadata, "partitions_for_topic", ["self", "topic"]),
        (ClusterMetadata, "leader_for_partition", ["self", "partition"]),
        (AIOKafkaConnection, "send", ["self", "request", "expect_response"]),
        (AIOKafkaConnection, "close", ["self", "reason", "exc"]),
    ],
)
def test_the_client_under_the_transactions_has_the_shape_that_was_read(
    owner: type, name: str, parameters: list[str]
) -> None:
    assert list(inspect.signature(getattr(owner, name)).parameters) == parameters


def test_the_client_knows_its_cluster_and_keeps_coordinators_apart() -> None:
    assert "self.cluster = ClusterMetadata(" in inspect.getsource(AIOKafkaClient.__init__)
    assert (CoordinationType.GROUP, CoordinationType.TRANSACTION) == (0, 1)
    assert ConnectionGroup.COORDINATION is not ConnectionGroup.DEFAULT


def test_a_bare_connection_takes_what_every_client_takes() -> None:
    assert collect_hosts("one:9092,two:9093", randomize=False) == [("one", 9092, 0), ("two", 9093, 0)]
    settings = KafkaSettings(security="SASL_PLAINTEXT", username="u", password=SecretStr("p"))
    options = {*settings.client_options(), "ssl_context", "request_timeout_ms"} - {"bootstrap_servers"}
    assert options <= set(inspect.signature(create_conn).parameters)


def test_keys_go_where_javas_default_partitioner_puts_them() -> None:
    # From Kafka's own test of its murmur2, whose int has a sign.
    assert [murmur2(key) & 0xFFFFFFFF for key in (b"21", b"foobar")] == [-973932308 + 2**32, -790332482 + 2**32]


OUT = [("out", [(1, b"batch")])]
ASKED: list[tuple[Request[Any], range, dict[str, Any]]] = [
    (
        ProduceRequest("t-0", -1, 5_000, OUT),
        range(3, 8),
        {
            "transactional_id": "t-0",
            "required_acks": -1,
            "timeout": 5_000,
            "topics": [{"topic": "out", "partitions": [{"partition": 1, "messages": b"batch"}]}],
        },
    ),
    (
        OffsetRequest(-1, 0, [("out", [(1, -1)])]),
        range(2, 4),
        {
            "replica_id": -1,
            "isolation_level": 0,
            "topics": [{"topic": "out", "partitions": [{"partition": 1, "timestamp": -1}]}],
        },
    ),
    (
        FetchRequest(20, 1, 8_000, 1, [("log", [(1, 7, 1_000)])]),
        range(11, 12),  # what every broker of 2.5 or newer is asked
        {
            "replica_id": -1,
            "max_wait_time": 20,
            "min_bytes": 1,
            "max_bytes": 8_000,
            "isolation_level": 1,
            "session_id": 0,
            "session_epoch": -1,
            "topics": [
                {
                    "topic": "log",
                    "partitions": [
                        {
                            "partition": 1,
                            "current_leader_epoch": -1,
                            "fetch_offset": 7,
                            "log_start_offset": -1,
                            "max_bytes": 1_000,
                        }
                    ],
                }
            ],
            "forgotten_topics_data": [],
            "rack_id": "",
        },
    ),
    (HeartbeatRequest("cx", 7, "m1"), range(2), {"group": "cx", "generation_id": 7, "member_id": "m1"}),
    (InitProducerIdRequest("t-0", 10_000), range(1), {"transactional_id": "t-0", "transaction_timeout_ms": 10_000}),
    (
        AddPartitionsToTxnRequest("t-0", 5, 3, [("out", [1])]),
        range(1),
        {
            "transactional_id": "t-0",
            "producer_id": 5,
            "producer_epoch": 3,
            "topics": [{"topic": "out", "partitions": [1]}],
        },
    ),
    (
        AddOffsetsToTxnRequest("t-0", 5, 3, "cx"),
        range(1),
        {"transactional_id": "t-0", "producer_id": 5, "producer_epoch": 3, "group_id": "cx"},
    ),
    (
        EndTxnRequest("t-0", 5, 3, True),  # noqa: FBT003  # a field of the message
        range(1),
        {"transactional_id": "t-0", "producer_id": 5, "producer_epoch": 3, "transaction_result": True},
    ),
]


@pytest.mark.parametrize(("request_", "versions", "fields"), ASKED)
def test_what_is_asked_of_kafka_goes_into_the_fields_that_are_meant(
    request_: Request[Any], versions: range, fields: dict[str, Any]
) -> None:
    key = request_.API_KEY
    assert versions[-1] == request_.prepare({key: (0, 99)}).API_VERSION, "answers of newer versions were not read"
    for number in versions:
        message = request_.prepare({key: (number, number)})
        message.encode()
        assert message.to_object() == fields


def test_a_listener_is_asked_for_the_metadata_of_no_topic() -> None:
    assert MetadataRequest([]).prepare({3: (1, 1)}).to_object() == {"topics": []}


@pytest.mark.parametrize(
    ("request_", "path", "names"),
    [
        (ProduceRequest, ["topics"], ["topic", "partitions"]),
        (ProduceRequest, ["topics", "partitions"], ["partition", "error_code", "offset", "*"]),
        (OffsetRequest, ["topics"], ["topic", "partitions"]),
        (OffsetRequest, ["topics", "partitions"], ["partition", "error_code", "timestamp", "offset", "*"]),
        (FetchRequest, ["topics"], ["topics", "partitions"]),  # the name is aiokafka's
        (
            FetchRequest,
            ["topics", "partitions"],
            [
                "partition",
                "error_code",
                "highwater_offset",
                "last_stable_offset",
                "log_start_offset",
                "aborted_transactions",
                "preferred_read_replica",
                "message_set",
            ],
        ),
        (FetchRequest, ["topics", "partitions", "aborted_transactions"], ["producer_id", "first_offset"]),
        (AddPartitionsToTxnRequest, ["errors"], ["topic", "partition_errors"]),
        (AddPartitionsToTxnRequest, ["errors", "partition_errors"], ["partition", "error_code"]),
    ],
)
def test_lists_in_answers_have_their_items_in_the_order_in_which_they_are_unpacked(
    request_: type[Request[Any]], path: list[str], names: list[str]
) -> None:
    for schema in answers(request_):
        found = schema
        for name in path:
            found = item_of(found, name)
        wanted = [name for name in names if name != "*"]  # the star: what comes behind is left over
        assert list(found.names if wanted == names else found.names[: len(wanted)]) == wanted


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        (HeartbeatRequest, {"error_code"}),
        (InitProducerIdRequest, {"error_code", "producer_id", "producer_epoch"}),
        (AddOffsetsToTxnRequest, {"error_code"}),
        (EndTxnRequest, {"error_code"}),
    ],
)
def test_answers_have_the_fields_that_are_read_by_name(request_: type[Request[Any]], names: set[str]) -> None:
    for schema in answers(request_):
        assert names <= set(schema.names)


def answers(request_: type[Request[Any]]) -> list[Schema]:
    """Return what is answered to each version of *request_* that may be asked."""
    request, versions = next((one, versions) for one, versions, _ in ASKED if type(one) is request_)
    key = request.API_KEY
    return [request.prepare({key: (number, number)}).RESPONSE_TYPE.SCHEMA for number in versions]


def item_of(schema: Schema, name: str) -> Schema:
    """Return what the items of the list *name* are made of."""
    field = schema.fields[schema.names.index(name)]
    assert isinstance(field, Array)
    assert isinstance(field.array_of, Schema)
    return field.array_of


def test_a_batch_can_be_made_part_of_a_transaction() -> None:
    builder = DefaultRecordBatchBuilder(2, 0, 1, 5, 3, 7, 1_000)
    assert builder.append(0, 1, b"key", b"value", []) is not None
    assert builder.append(1, 1, b"key", bytes(1_000), []) is None, "it is full"
    batch = bytes(builder.build())
    assert (batch[16], batch[22] & 0x10) == (2, 0x10), "magic, and the bit for a transaction"
    assert batch[43:57] == (5).to_bytes(8) + (3).to_bytes(2) + (7).to_bytes(4), "producer, epoch, first sequence"


def test_a_batch_tells_what_recovery_has_to_know_of_it() -> None:
    builder = DefaultRecordBatchBuilder(2, 3, 1, 5, 3, 7, 1_000)
    builder.append(0, 1, b"key", b"value", [])
    builder.append(1, 1, b"key", None, [])
    data = bytes(builder.build())
    found = MemoryRecords(data + data[:-1])
    batch: Any = found.next_batch()
    assert not found.has_next(), "one that is there in part is none"
    assert (batch.base_offset, batch.next_offset, batch.producer_id) == (0, 2, 5)
    assert (batch.is_transactional, batch.is_control_batch, batch.validate_crc()) == (True, False, True)
    assert [(one.offset, one.key, one.value) for one in batch] == [(0, b"key", b"value"), (1, b"key", None)]


@pytest.fixture
def table() -> Any:
    """A table whose lane has a state of `lan`."""

    class Lane:
        encoded = {b"lan": b"state"}.get

    class Seen(LaneTable):
        def __init__(self) -> None:
            self.app: Any = SimpleNamespace(lane=Lane())

    return Seen()


def test_a_table_tells_by_key_what_its_lane_has(table: Any) -> None:
    assert (table[b"lan"], table.get(b"lan"), b"lan" in table) == (b"state", b"state", True)
    assert (table.get(b"mai", b"none"), b"mai" in table, "lan" in table) == (b"none", False, False)
    with pytest.raises(KeyError):
        table[b"mai"]


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (list, BY_KEY),
        (len, BY_KEY),
        (bool, BY_KEY),
        (lambda table: table.keys(), BY_KEY),
        (lambda table: table.values(), BY_KEY),
        (lambda table: table.items(), BY_KEY),
        (lambda table: table.copy(), BY_KEY),
        (lambda table: table.popitem(), BY_KEY),
        (lambda table: table.__setitem__(b"lan", b"other"), READ_ONLY),
        (lambda table: table.__delitem__(b"lan"), READ_ONLY),
        (lambda table: table.pop(b"lan"), READ_ONLY),
        (lambda table: table.setdefault(b"mai", b"new"), READ_ONLY),
        (lambda table: table.update({b"lan": b"other"}), READ_ONLY),
        (lambda table: table.update(lan=b"other"), READ_ONLY),
        (lambda table: table.raw_update({b"lan": b"other"}), READ_ONLY),
        (lambda table: table.clear(), READ_ONLY),
    ],
)
def test_a_table_is_changed_by_nobody_and_never_shown_as_if_it_were_empty(
    table: Any, refused: Callable[[Any], object], reason: str
) -> None:
    with pytest.raises(TypeError, match=reason):
        refused(table)


ALL = [0, 1, 2, 3]


class Member:
    """A member of the group: an assignor of its own, in a lane that reads *topics*."""

    def __init__(self, assignor: Any, lane: str, *topics: str) -> None:
        self.topics, self.foreign = topics, set[str]()
        app = SimpleNamespace(
            tables=SimpleNamespace(changelog_topics=set(), data={}),
            conf=SimpleNamespace(canonical_url=f"http://{id(self)}"),
            lane=SimpleNamespace(
                changelog=lane, check_own=lambda foreign: self.foreign.update(foreign.intersection(topics))
            ),
        )
        self.assignor: Any = assignor(app)

    @property
    def numbers(self) -> dict[str, list[int]]:
        assignment: dict[str, list[int]] = self.assignor._assignment.actives  # noqa: SLF001
        return assignment


def rebalance(leader: Member, *others: Member, unseen: str = "") -> None:
    """Let *leader*, who does not see *unseen*, deal four partitions of each topic, by the messages of Kafka."""
    members = {str(place): member for place, member in enumerate((leader, *others))}
    asked = {
        name: ConsumerProtocolMemberMetadata.decode(member.assignor.metadata(set(member.topics)).encode())
        for name, member in members.items()
    }
    cluster = SimpleNamespace(partitions_for_topic=lambda topic: None if topic in unseen else set(ALL))
    for name, given in leader.assignor._perform_assignment(cluster, asked).items():  # noqa: SLF001
        members[name].assignor.on_assignment(ConsumerProtocolMemberAssignment.decode(given.encode()))


@pytest.mark.parametrize("topics", [("a", "b"), ("b", "c"), ("c",)])
@pytest.mark.parametrize("leads", ["old", "new"])
def test_a_version_with_other_topics_shares_the_numbers_with_workers_of_before(
    leads: str, topics: tuple[str, ...]
) -> None:
    old, new = Member(LaneAssignor, "visits", "a", "b"), Member(LaneAssignor, "visits", *topics)
    rebalance(old)
    rebalance(*((old, new) if leads == "old" else (new, old)))
    assert (old.numbers, new.numbers) == ({"a": [0, 1], "b": [0, 1]}, {topic: [2, 3] for topic in topics})
    rebalance(new)
    assert new.numbers == dict.fromkeys(topics, ALL)
    assert not old.foreign | new.foreign


def test_a_leader_of_a_version_that_knows_no_lanes_understands_ours_and_is_understood() -> None:
    leader, ours = Member(PartitionAssignor, "", "a"), Member(LaneAssignor, "visits", "a")
    rebalance(leader, ours)
    rebalance(ours, leader)
    assert sorted(leader.numbers["a"] + ours.numbers["a"]) == ALL
    assert not ours.foreign


def test_two_lanes_of_one_group_are_dealt_to_each_for_itself() -> None:
    visits, gifts = Member(LaneAssignor, "visits", "a", "b"), Member(LaneAssignor, "gifts", "c")
    rebalance(visits, gifts)
    assert (visits.numbers, gifts.numbers) == ({"a": ALL, "b": ALL}, {"c": ALL})
    assert not visits.foreign | gifts.foreign


def test_a_topic_of_two_lanes_stays_with_the_one_at_work_and_the_other_is_told() -> None:
    visits, gifts = Member(LaneAssignor, "visits", "a", "b"), Member(LaneAssignor, "gifts", "b", "c")
    rebalance(visits)
    rebalance(gifts, visits)
    assert visits.numbers == {"a": ALL, "b": ALL}
    assert gifts.numbers == {"c": ALL}
    assert (visits.foreign, gifts.foreign) == (set(), {"b"})


def test_a_topic_that_the_leader_does_not_see_for_now_is_dealt_like_the_others() -> None:
    one, two = Member(LaneAssignor, "visits", "a", "b"), Member(LaneAssignor, "visits", "a", "b")
    rebalance(one, two, unseen="b")
    assert (one.numbers, two.numbers) == ({"a": [0, 1], "b": [0, 1]}, {"a": [2, 3], "b": [2, 3]})
    rebalance(one, two, unseen="ab")
    assert (one.numbers, two.numbers) == ({"a": [], "b": []}, {"a": [], "b": []}), "it joins again once it sees one"


def test_the_log_tells_which_topic_is_not_read_for_now(caplog: pytest.LogCaptureFixture) -> None:
    rebalance(Member(LaneAssignor, "visits", "a"), Member(LaneAssignor, "visits", "a", "b"))
    told = [(vars(record)["topic"], vars(record)["partitions"]) for record in caplog.records]
    assert told == [("b", 2)]


def test_a_batch_is_one_message_with_the_first_offset() -> None:
    class Record:
        offset, timestamp, timestamp_type = 41, 1_500, 0

    message = hooks._message(TP("a", 3), [Record(), Record()], generation=7)  # noqa: SLF001
    assert (message.offset, message.timestamp, message.generation_id, message.partition) == (41, 1.5, 7, 3)
    assert message.value is not None
    assert len(message.value) == 2


async def test_a_folder_for_data_is_made_with_all_above_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def begin(_: App) -> None:
        begun.append(folder.is_dir())

    begun: list[bool] = []
    folder = tmp_path / "data" / "worker"
    monkeypatch.setattr(App, "on_first_start", begin)
    await LaneApp(f"folder-{tmp_path.name}", datadir=str(folder)).on_first_start()
    assert begun == [True]
