"""Ticks that a worker writes: one a partition at a time, whatever becomes of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from streams.effects import Outgoing
from streams.ticks import Ticks


class Fold:
    topics = ("in", "clock")
    clock = "clock"

    def make_tick(self, at: int, upto: dict[str, int], partition: int) -> Outgoing:
        del at, upto
        return Outgoing("clock", None, b"tick", (), partition)


class Host:
    """A lane whose writer takes everything and writes nothing."""

    def __init__(self) -> None:
        self.waiting: list[int] = []

    def is_live(self, slot: Any) -> bool:
        return bool(slot.number < 9)

    def put(self, slot: Any, folded: Any) -> None:
        assert len(folded.effects.outputs) == 1
        self.waiting.append(slot.number)


class Opening:
    async def ends(self, topics: Any, numbers: Any) -> dict[str, dict[int, int]]:
        return {topic: dict.fromkeys(numbers, 5) for topic in topics}


async def test_where_nothing_is_written_no_second_tick_waits() -> None:
    host: Any = Host()
    fold: Any = Fold()
    opening: Any = Opening()
    ticks = Ticks(host, fold, opening)
    slots: list[Any] = [SimpleNamespace(number=number, ticked=False) for number in (0, 1, 9)]
    for _ in range(3):
        await ticks.write(slots)
    assert host.waiting == [0, 1], "9 is not ours any more"

    slots[1].ticked = False  # written
    await ticks.write(slots)
    assert host.waiting == [0, 1, 1]
