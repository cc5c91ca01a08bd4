"""Partitions taken over, and what becomes of that where a local store, or the group, will not have it so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from cx.state import NEVER
from streams import opening as module
from streams.meter import SILENT
from streams.opening import Opening
from streams.partition import Partition
from streams.readmodel import NoReadModel
from streams.recovery import Recovered
from streams.settings import Settings
from streams.store import StoreError
from streams.transactions import RefusedError

VALUE = NEVER.to_bytes(8) + b"state"


class Transactions:
    """A Kafka in which nothing is open, and nothing read."""

    async def fence(self, numbers: Collection[int]) -> None:
        """Have nothing to end."""

    async def committed(self, tps: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, str]]:
        return dict.fromkeys(tps, (-1, ""))

    async def ends(self, _: str, numbers: Collection[int]) -> dict[int, int]:
        return dict.fromkeys(numbers, 9)

    async def stop(self) -> None:
        """Have nothing to close."""


@pytest.fixture
async def opening(tmp_path: Path) -> AsyncIterator[Opening]:
    made = Opening("lane", ["in"], "changelog", Settings(data=tmp_path), SILENT)
    below: Any = Transactions()
    made._transactions = below  # noqa: SLF001  # where a real one would connect
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


async def test_a_store_that_fails_while_it_is_opened_is_made_again_at_once(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "recover", failing(1))
    slots, _ = await opening.open([0, 1], NoReadModel())
    assert [slot.partition.encoded(b"lan") for slot in slots.values()] == [VALUE, VALUE]
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
            told.append("made")

        async def start(self, _: Collection[str]) -> None:
            raise RefusedError

        async def stop(self) -> None:
            told.append("closed")

    told: list[str] = []
    monkeypatch.setattr(module, "Transactions", Refused)
    made = Opening("lane", ["in"], "changelog", Settings(data=tmp_path), SILENT)
    for _ in range(2):
        with pytest.raises(RefusedError):
            await made.transactions()
    assert told == ["made", "closed"] * 2
