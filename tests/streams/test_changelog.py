"""What a fetch of a changelog is read as, and what answers of Kafka mean; test_recovery.py asks a real Kafka."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.errors import (
    CorruptRecordException,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from streams import changelog, patience
from streams.changelog import ChangelogReader, Portion
from streams.settings import KafkaSettings
from tests.streams.broker import Broker, batch

NOT_LEADER, OUT_OF_RANGE, NOT_ALLOWED = 6, 1, 29


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(changelog, "AIOKafkaClient", lambda **_: made)
    monkeypatch.setattr(changelog, "RETRY_PAUSE_S", 0.0)
    monkeypatch.setattr(patience, "RETRY_PAUSE_S", 0.0)
    return made


@pytest.fixture
async def reader(broker: Broker) -> ChangelogReader:
    made = ChangelogReader(KafkaSettings(), "log")
    await made.start()
    return made


async def read(reader: ChangelogReader, number: int = 0) -> Portion:
    """Return the next portion of *number*."""
    while True:
        for portion in await reader.read():
            if portion.number == number:
                return portion


def keys(portion: Portion) -> list[bytes]:
    return [key for _, key, _ in portion.records]


async def test_what_was_aborted_is_not_seen_whoever_wrote_in_between(broker: Broker, reader: ChangelogReader) -> None:
    broker.logs[0] = [
        (2, batch(0, b"a", b"b", producer=1)),
        (3, batch(2, b"aborted", producer=2)),
        (4, batch(3, marker=True, producer=1)),
        (5, batch(4, b"c", producer=1)),
        (6, batch(5, b"aborted", producer=2)),
        (7, batch(6, marker=True, producer=2)),
        (8, batch(7, b"d", producer=2)),
        (9, batch(8, b"aborted", producer=3)),
    ]
    broker.aborted[0] = [(3, 8), (2, 2)]
    reader.seek(0, 0)
    assert await read(reader) == Portion(
        0, [(0, b"a", b"of a"), (1, b"b", b"of b"), (4, b"c", b"of c"), (7, b"d", b"of d")], 9
    )
    await reader.stop()


async def test_of_a_batch_only_what_was_asked_for_is_seen(broker: Broker, reader: ChangelogReader) -> None:
    broker.logs[0] = [(3, batch(0, b"a", b"b", b"c")), (4, batch(3, b"d"))]
    reader.seek(0, 1)
    portion = await read(reader)
    assert (keys(portion), portion.next_offset) == ([b"b", b"c", b"d"], 4)
    await reader.stop()


async def test_a_damaged_batch_is_not_read_over(broker: Broker, reader: ChangelogReader) -> None:
    broker.logs[0] = [(1, batch(0, b"a")[:-1] + b"?")]
    reader.seek(0, 0)
    with pytest.raises(CorruptRecordException):
        await read(reader)
    await reader.stop()


async def test_more_is_fetched_while_what_has_come_is_taken(broker: Broker, reader: ChangelogReader) -> None:
    broker.logs[0] = [(2, batch(0, b"a", b"b")), (3, batch(2, b"c"))]
    reader.seek(0, 0)
    await read(reader)
    assert broker.asked == [{0: 0}, {0: 3}]
    await reader.stop()


async def test_what_is_under_way_is_dropped_when_reading_begins_elsewhere(
    broker: Broker, reader: ChangelogReader
) -> None:
    broker.logs = {0: [(1, batch(0, b"a")), (2, batch(1, b"b"))], 1: [(1, batch(0, b"z"))]}
    reader.seek(0, 1)
    reader.seek(1, 0)
    assert keys(await read(reader)) == [b"b"]
    reader.seek(0, 0)
    reader.finish(1)
    found = await read(reader)
    assert (keys(found), broker.asked[1:3]) == ([b"a", b"b"], [{0: 2, 1: 1}, {0: 0}])
    await reader.stop()


@pytest.mark.parametrize(
    "failure", [KafkaConnectionError(), {0: NOT_LEADER}, {0: -1}], ids=["away", "moved", "unknown"]
)
async def test_what_fails_for_a_passing_reason_is_asked_again(
    broker: Broker, reader: ChangelogReader, failure: Any
) -> None:
    broker.logs[0] = [(1, batch(0, b"a"))]
    broker.script += [failure, failure]
    reader.seek(0, 0)
    assert keys(await read(reader)) == [b"a"]
    assert broker.asked[:3] == [{0: 0}] * 3
    await reader.stop()


async def test_a_partition_without_a_leader_holds_no_other_up(broker: Broker, reader: ChangelogReader) -> None:
    broker.logs = {0: [(1, batch(0, b"a"))], 1: [(1, batch(0, b"b"))]}
    broker.leaders[0] = -1
    reader.seek(0, 0)
    assert await reader.read() == []
    reader.seek(1, 0)
    assert keys(await read(reader, 1)) == [b"b"]
    broker.leaders[0] = 2
    assert keys(await read(reader, 0)) == [b"a"]
    await reader.stop()


@pytest.mark.parametrize(("log", "paused"), [([(1, batch(0, b"b"))], 0), ([], None)], ids=["records", "nothing"])
async def test_a_fetch_that_fails_in_part_is_made_again_at_once_only_where_it_brought_something(
    broker: Broker,
    reader: ChangelogReader,
    monkeypatch: pytest.MonkeyPatch,
    log: list[tuple[int, bytes]],
    paused: float | None,
) -> None:
    async def pause(_: KafkaError, pause_s: float | None = None) -> None:
        pauses.append(pause_s)

    pauses: list[float | None] = []
    monkeypatch.setattr(reader.patience, "pause", pause)
    broker.logs[1] = log
    broker.script.append({0: NOT_LEADER})
    reader.seek(0, 0)
    reader.seek(1, 0)
    await reader.read()
    assert pauses == [paused]
    await reader.stop()


async def test_a_topic_that_may_not_be_read_is_not_waited_for(broker: Broker, reader: ChangelogReader) -> None:
    broker.script.append({0: NOT_ALLOWED})
    reader.seek(0, 0)
    with pytest.raises(TopicAuthorizationFailedError):
        await read(reader)
    await reader.stop()


async def test_where_the_log_begins_later_by_now_is_read_on(broker: Broker, reader: ChangelogReader) -> None:
    broker.logs[0] = [(8, batch(7, b"h"))]
    broker.starts[0] = 7
    broker.script.append({0: OUT_OF_RANGE})
    reader.seek(0, 3)
    assert await read(reader) == Portion(0, [], 7)
    assert keys(await read(reader)) == [b"h"]
    await reader.stop()
