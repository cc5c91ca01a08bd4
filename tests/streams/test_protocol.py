"""The two messages that aiokafka lacks: byte for byte what Kafka's message definitions ask for."""

from __future__ import annotations

from io import BytesIO

import pytest
from aiokafka.errors import IncompatibleBrokerVersion

from streams.protocol import (
    OffsetFetchResponse_v7,
    StableOffsetFetchRequest,
    TxnOffsetCommitRequest,
    TxnOffsetCommitResponse_v3,
)

COMMIT = TxnOffsetCommitRequest(
    transactional_id="t-0",
    producer=(258, 3),
    group="cx",
    member=("m1", 7),
    offsets=[("in", [(1, 4_096), (2, 0)])],
    metadata="tag",
)
# Written out by hand from TxnOffsetCommitRequest.json, version 3. A compact text or list begins with its length plus
# one, 0 is null, and every structure ends in the number of its tagged fields.
COMMIT_BYTES = bytes.fromhex(
    "04 742d30"  # transactional id
    "03 6378"  # group
    "0000000000000102"  # producer id
    "0003"  # producer epoch
    "00000007"  # generation
    "03 6d31"  # member
    "00"  # group instance: none
    "02"  # topics: one
    "03 696e"  # its name
    "03"  # partitions: two
    "00000001 0000000000001000 ffffffff 04 746167 00"  # number, offset, leader epoch: none, metadata
    "00000002 0000000000000000 ffffffff 04 746167 00"
    "00"
    "00"
)
FETCH = StableOffsetFetchRequest("cx", [("in", [0, 11]), ("other", [5])])
FETCH_BYTES = bytes.fromhex(
    "03 6378"  # group
    "03"  # topics: two
    "03 696e 03 00000000 0000000b 00"
    "06 6f74686572 02 00000005 00"
    "01"  # only what is stable
    "00"
)
HEADER = bytes.fromhex("0000002a 00")  # correlation id, no tagged field


def test_offsets_in_a_transaction_name_producer_member_and_generation() -> None:
    message = COMMIT.prepare({28: (0, 5)})
    assert message.encode() == COMMIT_BYTES


def test_committed_offsets_are_asked_for_once_they_are_stable() -> None:
    message = FETCH.prepare({9: (1, 9)})
    assert message.encode() == FETCH_BYTES


@pytest.mark.parametrize(
    ("request_", "key", "version"), [(COMMIT, 28, 3), (FETCH, 9, 7)], ids=["offsets in a transaction", "offsets"]
)
def test_the_header_says_what_kind_of_message_follows(
    request_: TxnOffsetCommitRequest | StableOffsetFetchRequest, key: int, version: int
) -> None:
    header = request_.prepare({key: (0, version)}).build_request_header(42, "me")
    assert header.encode() == key.to_bytes(2) + version.to_bytes(2) + bytes.fromhex("0000002a 0002 6d65 00")


def test_answers_to_offsets_in_a_transaction_are_read() -> None:
    body = BytesIO(
        HEADER
        + bytes.fromhex(
            "00000000"  # throttle time
            "02"
            "03 696e"
            "03"
            "00000001 0000 00"
            "00000002 0016 00"
            "00"
            "00"
        )
    )
    COMMIT.prepare({28: (3, 3)}).parse_response_header(body)
    answer = TxnOffsetCommitResponse_v3.decode(body)
    assert [(name, [part[:2] for part in partitions]) for name, partitions, _ in answer.topics] == [
        ("in", [(1, 0), (2, 22)])
    ]
    assert not body.read(), "read to the end"


def test_answers_with_committed_offsets_are_read() -> None:
    body = BytesIO(
        HEADER
        + bytes.fromhex(
            "00000000"
            "02"
            "03 696e"
            "04"
            "00000000 0000000000001000 ffffffff 04 746167 0000 00"
            "00000001 ffffffffffffffff ffffffff 01 0000 00"  # nothing committed
            "00000002 ffffffffffffffff ffffffff 00 0058 00"  # a transaction on it is open; metadata: null
            "00"
            "0000"
            "00"
        )
    )
    FETCH.prepare({9: (7, 7)}).parse_response_header(body)
    answer = OffsetFetchResponse_v7.decode(body)
    ((name, partitions, _),) = answer.topics
    assert (name, [part[:5] for part in partitions]) == (
        "in",
        [(0, 4_096, -1, "tag", 0), (1, -1, -1, "", 0), (2, -1, -1, None, 88)],
    )
    assert answer.error_code == 0
    assert not body.read(), "read to the end"


@pytest.mark.parametrize(("request_", "key"), [(COMMIT, 28), (FETCH, 9)], ids=["offsets in a transaction", "offsets"])
def test_a_broker_that_is_too_old_is_sent_nothing(
    request_: TxnOffsetCommitRequest | StableOffsetFetchRequest, key: int
) -> None:
    with pytest.raises(IncompatibleBrokerVersion):
        request_.prepare({})
    with pytest.raises(NotImplementedError):
        request_.prepare({key: (0, 2)})
