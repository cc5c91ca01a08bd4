"""What brokers say of the partitions that they lead, and what is made of one that says nothing, or says it late."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, NotLeaderForPartitionError
from aiokafka.structs import TopicPartition

from streams import ends as module
from streams.ends import Ends
from streams.leaders import LATEST, Leaders

MOVED = 6
SOON_S = 0.01
PARTS = [TopicPartition("in", number) for number in range(4)]


class Brokers:
    """Two brokers, of which 0 leads the even partitions; stands where aiokafka's client does.

    Attributes:
        codes: What the leader of a partition answers in place of its end, 100 and its number.
        silent: Brokers that do not answer before `spoken`.
        lost: Brokers whose connection is lost then.
        asked: Brokers, as they were asked.
        leaderless: Partitions that nobody leads.
        looks: How often it was asked where everything is.
    """

    def __init__(self) -> None:
        self.codes: dict[int, int] = {}
        self.silent: set[int] = set()
        self.lost: set[int] = set()
        self.spoken = asyncio.Event()
        self.asked: list[int] = []
        self.leaderless: set[int] = set()
        self.looks = 0
        self.cluster = self

    def leader_for_partition(self, tp: TopicPartition) -> int:
        return -1 if tp.partition in self.leaderless else tp.partition % 2

    def force_metadata_update(self) -> None:
        self.looks += 1

    async def send(self, node: int, request: Any, *, group: int) -> Any:
        del group
        self.asked.append(node)
        if node in self.silent:
            await self.spoken.wait()
        if node in self.lost:
            raise KafkaConnectionError
        (topic,) = request.prepare({request.API_KEY: (3, 3)}).to_object()["topics"]
        numbers = [partition["partition"] for partition in topic["partitions"]]
        told = [(number, self.codes.get(number, 0), -1, 100 + number) for number in numbers]
        return SimpleNamespace(topics=[(topic["topic"], told)])


@pytest.fixture
def brokers() -> Any:
    return Brokers()


@pytest.fixture
def leaders(brokers: Any) -> Leaders:
    return Leaders(brokers)


@pytest.fixture
def ends(leaders: Leaders, monkeypatch: pytest.MonkeyPatch) -> Ends:
    monkeypatch.setattr(module, "ANSWER_S", SOON_S)
    return Ends(lambda: leaders)


async def now(ends: Ends) -> set[int]:
    """Return the partitions whose ends are known."""
    found = await ends.now(PARTS)
    assert all(end.offset == 100 + tp.partition for tp, end in found.items())
    return {tp.partition for tp in found}


async def test_all_leaders_are_asked(leaders: Leaders, ends: Ends) -> None:
    assert await now(ends) == {0, 1, 2, 3}
    assert await leaders.offsets(PARTS, LATEST) == {tp: 100 + tp.partition for tp in PARTS}
    assert await Ends(lambda: None).now(PARTS) == {}, "there is no connection yet"


async def test_what_has_no_leader_or_another_one_by_now_is_left_out_and_looked_for(
    leaders: Leaders, brokers: Brokers
) -> None:
    brokers.leaderless = {0}
    assert (await now(Ends(lambda: leaders)), brokers.looks) == ({1, 2, 3}, 1)
    brokers.leaderless, brokers.codes = set(), {3: MOVED}
    assert (await now(Ends(lambda: leaders)), brokers.looks) == ({0, 1, 2}, 2)
    with pytest.raises(NotLeaderForPartitionError):
        await leaders.offsets(PARTS, LATEST)
    assert brokers.looks == 3


async def test_a_broker_that_is_silent_holds_no_other_up_and_is_not_asked_again_meanwhile(
    ends: Ends, brokers: Brokers
) -> None:
    brokers.silent = brokers.lost = {0}
    assert [await now(ends), await now(ends)] == [{1, 3}, {1, 3}]
    assert brokers.asked == [0, 1, 1]
    brokers.spoken.set()
    await asyncio.sleep(SOON_S)
    brokers.lost = set()
    assert await now(ends) == {0, 1, 2, 3}


async def test_an_answer_that_comes_late_tells_what_there_was_when_it_was_asked_for(
    ends: Ends, brokers: Brokers
) -> None:
    brokers.silent = {0}
    before, at = time.monotonic(), time.time_ns() // 1_000
    assert await now(ends) == {1, 3}
    asked, asked_at = time.monotonic(), time.time_ns() // 1_000
    brokers.spoken.set()
    await asyncio.sleep(SOON_S)
    brokers.spoken.clear()
    found = await ends.now(PARTS)
    late, fresh = found[PARTS[0]], found[PARTS[1]]
    assert (late.offset, before <= late.asked <= asked <= fresh.asked) == (100, True)
    assert at <= late.at <= asked_at <= fresh.at
    assert brokers.asked == [0, 1, 0, 1]


async def test_whoever_stops_waits_for_no_answer(ends: Ends, brokers: Brokers) -> None:
    brokers.silent = {0, 1}
    assert await now(ends) == set()
    await ends.stop()
    assert len(asyncio.all_tasks()) == 1
