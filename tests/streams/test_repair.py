"""Mending the read model: what it lacks is pushed again, and what gets lost meanwhile is not forgotten."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from streams import repair as module
from streams.effects import NEVER, View
from streams.partition import Partition
from streams.readmodel import NoReadModel
from streams.repair import Repair
from streams.showing import Showing
from streams.slot import Slot
from streams.store import Stores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

KEYS = [f"{number}".encode() for number in range(7)]
SIZE = View("", 1, NEVER.to_bytes(8) + KEYS[0], 0).bytes


class Shown(NoReadModel):
    """A read model that writes at once, into lists."""

    def __init__(self) -> None:
        self.portions: list[list[str]] = []
        self.forgotten: list[str] = []
        self.mends: list[tuple[int, int, int]] = []
        self.losses = 0

    def push(self, partition: int, offset: int, views: Iterable[View], *, whole: bool = True) -> int:
        assert (partition, offset, whole) == (0, 41, False)
        self.portions.append([view.key for view in views if view.state])
        self.forgotten += [view.key for view in views if not view.state]
        return len(self.portions)

    def keys(self) -> list[str]:
        return sorted(key for portion in self.portions for key in portion)

    async def written(self, ticket: int) -> None:
        assert ticket == len(self.portions)
        await asyncio.sleep(0)

    def soiled(self, partition: int) -> int:
        del partition
        return self.losses

    async def mending(self, partition: int) -> bool:
        return partition == 0

    def mended(self, partition: int, offset: int, soiled: int) -> None:
        self.mends.append((partition, offset, soiled))


class Fold:
    def view(self, value: bytes, tick: int) -> View:
        assert tick == 0
        return View(value[8:].decode(), 1, value, tick)


@pytest.fixture
def partition(tmp_path: Path) -> Iterator[Partition]:
    stores = Stores(tmp_path)
    made = Partition(0, 1, stores.open(0, 1))
    made.committed({key: NEVER.to_bytes(8) + key for key in KEYS}, made.own_record("hash", 1), 5)
    yield made
    made.close()
    stores.close()


def repair(model: Showing) -> Repair:
    fold: Any = Fold()
    return Repair(model, fold)


async def test_keys_that_are_unseen_are_pushed_and_those_that_are_forgotten_as_such(partition: Partition) -> None:
    model = Shown()
    await repair(model).mend(Slot(partition, 41, {KEYS[2], KEYS[4], b"forgotten"}), lambda _: True)
    assert (model.keys(), model.forgotten) == (["2", "4"], ["forgotten"])
    assert model.mends == [(0, 41, 0)]


async def test_what_is_lost_after_the_partition_was_opened_may_be_any_key(partition: Partition) -> None:
    for unseen, losses in ((set[bytes](), 1), ({KEYS[2]}, 2)):
        model = Shown()
        model.losses = losses  # of them one at the opening, where something was unseen
        await repair(model).mend(Slot(partition, 41, unseen), lambda _: True)
        assert model.keys() == [key.decode() for key in KEYS]


async def test_nothing_is_shown_that_is_not_committed(partition: Partition) -> None:
    partition.put(KEYS[0], NEVER.to_bytes(8) + b"folded, and perhaps never written")
    partition.put(b"new", NEVER.to_bytes(8) + b"folded, and perhaps never written")
    model = Shown()
    await repair(model).mend(Slot(partition, 41, None), lambda _: True)
    assert model.keys() == [key.decode() for key in KEYS]


async def test_nothing_is_mended_before_a_loss_from_then_on_would_show(partition: Partition) -> None:
    class Away(Shown):
        async def mending(self, partition: int) -> bool:
            del partition
            return False

    model, slot = Away(), Slot(partition, 41, {KEYS[2]})
    await repair(model).mend(slot, lambda _: True)
    assert (model.portions, model.mends, slot.unseen) == ([], [], {KEYS[2]})


@pytest.mark.parametrize(("bound", "most"), [("PORTION", 3), ("PORTION_BYTES", 3 * SIZE)])
async def test_where_nobody_knows_what_is_unseen_all_keys_are_pushed_in_portions(
    partition: Partition, bound: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, bound, most)
    model = Shown()
    await repair(model).mend(Slot(partition, 41, None), lambda _: True)
    assert [len(portion) for portion in model.portions] == [3, 3, 1]
    assert model.keys() == [key.decode() for key in KEYS]


async def test_what_is_lost_the_next_time_may_be_any_key(partition: Partition) -> None:
    model, slot = Shown(), Slot(partition, 41, {KEYS[2]})
    await repair(model).mend(slot, lambda _: True)
    await repair(model).mend(slot, lambda _: True)
    assert sorted(model.portions[1]) == [key.decode() for key in KEYS]


async def test_a_partition_that_is_taken_from_us_is_left_alone_and_its_store_can_be_opened_again(
    partition: Partition, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "PORTION", 3)
    model, is_ours = Shown(), True

    def is_live(_: Slot) -> bool:
        return is_ours

    mending = asyncio.create_task(repair(model).mend(Slot(partition, 41, None), is_live))
    await asyncio.sleep(0)
    is_ours = False
    partition.close()
    stores = Stores(tmp_path)
    stores.folder = tmp_path / "0"  # as the same worker has it
    again = stores.open(0, 1)
    assert again.get(KEYS[0]) is not None
    again.close()
    stores.close()
    await mending
    assert (len(model.portions), model.mends) == (1, [])


async def test_a_partition_that_is_taken_while_redis_is_asked_is_not_read_any_more(partition: Partition) -> None:
    class Slow(Shown):
        async def mending(self, partition_: int) -> bool:
            partition.close()
            return await super().mending(partition_)

    model = Slow()
    await repair(model).mend(Slot(partition, 41, None), lambda _: False)
    assert (model.portions, model.mends) == ([], [])


async def test_the_read_model_is_told_what_was_known_to_be_lost_when_mending_began(partition: Partition) -> None:
    model = Shown()
    model.losses = 3

    def is_live(_: Slot) -> bool:
        model.losses += 1  # something is lost meanwhile
        return True

    await repair(model).mend(Slot(partition, 41, None), is_live)
    assert model.mends == [(0, 41, 3)]
