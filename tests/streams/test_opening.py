"""Partitions taken over, and what becomes of that where a local store, or the group, will not have it so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from streams import opening as module
from streams.effects import NEVER
from streams.meter import SILENT, Phase, Silent
from streams.opening import Opening
from streams.partition import Partition
from streams.readmodel import NoReadModel
from streams.recovery import BrokenOffError, Recovered
from streams.settings import Settings
from streams.store import StoreError
from streams.transactions import RefusedError

PATIENCE_S = 10.0
VALUE = NEVER.to_bytes(8) + b"state"


class Transactions:
    """A Kafka in which nothing is open, and nothing read; its answer about offsets may never come."""

    def __init__(self) -> None:
        self.answers, self.asked = asyncio.Event(), asyncio.Event()
        self.answers.set()
        self.given_up = False

    async def fence(self, numbers: Collection[int]) -> None:
        """Have nothing to end."""

    async def committed(self, tps: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, str]]:
        self.asked.set()
        try:
            await self.answers.wait()
        except asyncio.CancelledError:
            self.given_up = True
            raise
        return dict.fromkeys(tps, (-1, ""))

    async def ends(self, _: str, numbers: Collection[int]) -> dict[int, int]:
        return dict.fromkeys(numbers, 9)

    async def stop(self) -> None:
        """Have nothing to close."""


class Told(Silent):
    """A meter that remembers what was done."""

    def __init__(self) -> None:
        self.phases: list[Phase | None] = []

    def opening(self, phase: Phase | None) -> None:
        self.phases.append(phase)


@pytest.fixture
def kafka() -> Transactions:
    return Transactions()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def opening(tmp_path: Path, kafka: Any, told: Told) -> AsyncIterator[Opening]:
    made = Opening("lane", ["in"], "changelog", Settings(data=tmp_path), told)
    made._transactions = kafka  # noqa: SLF001  # where a real one would connect
    yield made
    await made.stop()


def failing(times: int) -> Callable[..., Any]:
    """Return a recovery that finds out, so many times, that what a store is given cannot be written."""
    left = [times]

    async def recover(*asked: Any, **_: Any) -> dict[int, Recovered]:
        partitions: Mapping[int, Partition] = asked[2]
        for partition in partitions.values():
            assert list(partition.keys()) == [], "a store that failed is still there"
            partition.recover([(0, b"lan", VALUE)])
        if left[0]:
            left[0] -= 1
            message = "cannot be written"
            raise StoreError(message)
        return {number: Recovered(0, set()) for number in partitions}

    return recover


async def test_what_is_done_while_partitions_are_opened_is_told(
    opening: Opening, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "recover", failing(0))
    slots, _ = await opening.open([0], NoReadModel())
    assert told.phases == [Phase.FENCING, Phase.OFFSETS, Phase.ENDS, Phase.STATE, None]
    module.close(slot.partition for slot in slots.values())


async def test_partitions_that_are_taken_away_while_kafka_makes_us_wait_are_not_waited_for(
    opening: Opening, kafka: Transactions, told: Told
) -> None:
    kafka.answers.clear()
    wanted = [True]
    opened = asyncio.create_task(opening.open([0], NoReadModel(), lambda: wanted[0]))
    await asyncio.wait_for(kafka.asked.wait(), PATIENCE_S)
    wanted[0] = False
    with pytest.raises(BrokenOffError):
        await asyncio.wait_for(opened, PATIENCE_S)
    assert kafka.given_up
    assert told.phases == [Phase.FENCING, Phase.OFFSETS, None]


async def test_partitions_that_were_taken_away_during_recovery_are_closed_again(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "recover", failing(0))
    monkeypatch.setattr(module, "close", lambda partitions: closed.extend(one.number for one in partitions))
    closed: list[int] = []
    with pytest.raises(BrokenOffError):
        await opening.open([0, 1], NoReadModel(), lambda: False)
    assert closed == [0, 1]


async def test_partitions_share_what_a_worker_remembers_of_deadlines(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "recover", failing(0))
    monkeypatch.setattr(module, "INDEXED_MAX", 6)
    slots, _ = await opening.open([0, 1], NoReadModel())
    for slot in slots.values():
        for key in (b"mai", b"an", b"ha", b"vy", b"my"):
            slot.partition.committed({key: VALUE}, None, 1)
    assert [len(slot.partition._indexed) for slot in slots.values()] == [3, 3]  # noqa: SLF001
    module.close(slot.partition for slot in slots.values())


async def test_a_store_that_fails_while_it_is_opened_is_made_again_at_once(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "recover", failing(1))
    slots, _ = await opening.open([0, 1], NoReadModel())
    assert [slot.partition.encoded(b"lan") for slot in slots.values()] == [VALUE, VALUE]
    module.close(slot.partition for slot in slots.values())


async def test_stores_that_fail_one_after_another_are_made_again_and_those_that_are_whole_are_kept(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[list[bytes]] = []

    async def recover(*asked: Any, **_: Any) -> dict[int, Recovered]:
        partitions: Mapping[int, Partition] = asked[2]
        held.append([key for partition in partitions.values() for key in sorted(partition.keys())])
        damaged = len(held)
        if damaged == 1:
            for number, partition in partitions.items():
                partition.recover([(0, b"of-%d" % number, VALUE)])
        if damaged < len(partitions):
            store: Any = partitions[damaged]._store  # noqa: SLF001
            store._db = SimpleNamespace(flush=store._db.flush, close=store._db.close)  # noqa: SLF001  # cannot be read
            partitions[damaged].stored(b"key")
        return {number: Recovered(0, set()) for number in partitions}

    monkeypatch.setattr(module, "recover", recover)
    slots, _ = await opening.open([0, 1, 2], NoReadModel())
    assert held == [[], [b"of-0", b"of-2"], [b"of-0"]]
    module.close(slot.partition for slot in slots.values())


async def test_a_disk_that_takes_no_store_at_all_is_not_tried_for_ever(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "recover", failing(2))
    with pytest.raises(StoreError):
        await opening.open([0, 1], NoReadModel())


async def test_a_connection_that_is_not_made_is_closed_and_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refused(Transactions):
        def __init__(self, *_: object) -> None:
            calls.append("made")

        async def start(self, _: Collection[str]) -> None:
            raise RefusedError

        async def stop(self) -> None:
            calls.append("closed")

    calls: list[str] = []
    monkeypatch.setattr(module, "Transactions", Refused)
    made = Opening("lane", ["in"], "changelog", Settings(data=tmp_path), SILENT)
    for _ in range(2):
        with pytest.raises(RefusedError):
            await made.transactions()
    assert calls == ["made", "closed"] * 2
