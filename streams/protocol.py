"""The two Kafka messages that exactly once needs and aiokafka lacks (KIP-447), made of its own protocol classes.

Field order and types are those of Kafka's message definitions `TxnOffsetCommitRequest.json` and
`OffsetFetchRequest.json`; both versions are understood by brokers from 2.5 on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_TEXT = CompactString("utf-8")


class TxnOffsetCommitResponse_v3(Response):  # noqa: N801  # as aiokafka names them
    """Per partition: an error code."""

    API_KEY = 28
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("name", _TEXT),
                ("partitions", CompactArray(("partition", Int32), ("error_code", Int16), ("tags", TaggedFields))),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class TxnOffsetCommitRequest_v3(RequestStruct):  # noqa: N801
    """Offsets within a transaction, from a member of a generation: one that has been replaced is refused."""

    API_KEY = 28
    API_VERSION = 3
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = TxnOffsetCommitResponse_v3
    SCHEMA = Schema(
        ("transactional_id", _TEXT),
        ("group", _TEXT),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("generation", Int32),
        ("member", _TEXT),
        ("instance", _TEXT),
        (
            "topics",
            CompactArray(
                ("name", _TEXT),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", _TEXT),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class TxnOffsetCommitRequest(Request[TxnOffsetCommitRequest_v3]):
    """Commit offsets in a transaction, in the name of a group's member."""

    API_KEY = 28

    def __init__(
        self,
        *,
        transactional_id: str,
        producer: tuple[int, int],
        group: str,
        member: tuple[str, int],
        offsets: Sequence[tuple[str, Sequence[tuple[int, int]]]],
        metadata: str,
    ) -> None:
        """Take producer id and epoch, member id and generation, and per topic pairs of partition and offset."""
        self._head = (transactional_id, group, *producer, member[1], member[0], None)
        self._offsets, self._metadata = offsets, metadata

    def build(self, request_struct_class: type[TxnOffsetCommitRequest_v3]) -> TxnOffsetCommitRequest_v3:
        """Return the message to send."""
        topics: list[Any] = [
            (name, [(partition, offset, -1, self._metadata, {}) for partition, offset in partitions], {})
            for name, partitions in self._offsets
        ]
        return request_struct_class(*self._head, topics, {})


class OffsetFetchResponse_v7(Response):  # noqa: N801
    """Per partition: committed offset (-1 for none), its metadata, an error code."""

    API_KEY = 9
    API_VERSION = 7
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("name", _TEXT),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", _TEXT),
                        ("error_code", Int16),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("error_code", Int16),
        ("tags", TaggedFields),
    )


class OffsetFetchRequest_v7(RequestStruct):  # noqa: N801
    """Committed offsets; with *require_stable* none while a transaction on them is open."""

    API_KEY = 9
    API_VERSION = 7
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = OffsetFetchResponse_v7
    SCHEMA = Schema(
        ("group", _TEXT),
        ("topics", CompactArray(("name", _TEXT), ("partitions", CompactArray(Int32)), ("tags", TaggedFields))),
        ("require_stable", Boolean),
        ("tags", TaggedFields),
    )


class StableOffsetFetchRequest(Request[OffsetFetchRequest_v7]):
    """Ask for committed offsets that no open transaction can change any more."""

    API_KEY = 9

    def __init__(self, group: str, partitions: Sequence[tuple[str, Sequence[int]]]) -> None:
        """Take the group and, per topic, its partitions."""
        self._group, self._partitions = group, partitions

    def build(self, request_struct_class: type[OffsetFetchRequest_v7]) -> OffsetFetchRequest_v7:
        """Return the message to send."""
        topics: list[Any] = [(name, list(partitions), {}) for name, partitions in self._partitions]
        return request_struct_class(self._group, topics, True, {})  # noqa: FBT003  # a field of the message
