"""Kafka's messages in which it says what we may do; aiokafka has older ones, or reads them wrongly.

Field order and types are those of Kafka's message definitions `MetadataRequest.json` and `DescribeGroupsRequest.json`;
brokers understand both versions from 2.3 on.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from aiokafka.protocol.admin import DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

if TYPE_CHECKING:
    from collections.abc import Sequence

_TEXT = String("utf-8")


class Operation(IntEnum):
    """Kafka's codes for what one may do; in an answer each is a bit."""

    READ = 3
    WRITE = 4
    DESCRIBE = 8

    def is_in(self, bits: int) -> bool:
        """Whether *bits* allow it."""
        return bool(bits >> self & 1)


class MetadataResponse_v8(Response):  # noqa: N801  # as aiokafka names them
    """Brokers, and of each topic its partitions and what we may do."""

    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT))),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", _TEXT),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("authorized_operations", Int32),
    )


class MetadataRequest_v8(RequestStruct):  # noqa: N801
    """Topics by name; none is made by asking."""

    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = MetadataResponse_v8
    SCHEMA = Schema(
        ("topics", Array(_TEXT)),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class TopicsRequest(Request[MetadataRequest_v8]):
    """Ask for topics, and what we may do with them."""

    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        """Take their names."""
        self._topics = list(topics)

    def build(self, request_struct_class: type[MetadataRequest_v8]) -> MetadataRequest_v8:
        """Return the message to send."""
        return request_struct_class(self._topics, False, False, True)  # noqa: FBT003  # fields of the message


class DescribeGroupsRequest_v3(RequestStruct):  # noqa: N801
    """Groups by name, with what we may do."""

    API_KEY = 15
    API_VERSION = 3
    RESPONSE_TYPE = DescribeGroupsResponse_v3
    SCHEMA = Schema(("groups", Array(_TEXT)), ("include_authorized_operations", Boolean))


class GroupRequest(Request[DescribeGroupsRequest_v3]):
    """Ask for one group, and what we may do with it."""

    API_KEY = 15

    def __init__(self, group: str) -> None:
        """Take its name."""
        self._group = group

    def build(self, request_struct_class: type[DescribeGroupsRequest_v3]) -> DescribeGroupsRequest_v3:
        """Return the message to send."""
        return request_struct_class([self._group], True)  # noqa: FBT003  # a field of the message
