"""The clockwork: a tick tells what its partition had acknowledged, and waits for what it must tell."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import orjson
import pytest

from ops.traffic import records
from ops.traffic.clockwork import Acknowledged, Clockwork, Hold, at_once

ENDS = [{"cx.purchases": 5, "cx.support": 0, "cx.policies": 2}, {"cx.purchases": 0, "cx.support": 7, "cx.policies": 2}]


@dataclass
class Receipt:
    offset: int


class Wire:
    """What the clockwork sent: (partition, instant, upto)."""

    def __init__(self) -> None:
        self.ticks: list[tuple[int, int, dict[str, int]]] = []
        self.values: list[dict[str, object]] = []

    async def send(self, partition: int, value: bytes, at: int) -> None:
        event = orjson.loads(value)
        self.values.append(event)
        self.ticks.append((partition, at, event["data"]["upto"]))


@asynccontextmanager
async def running(wire: Wire, hold: Hold = at_once) -> AsyncIterator[Clockwork]:
    clockwork = Clockwork(ENDS, wire.send, hold)
    task = asyncio.create_task(clockwork.run())
    yield clockwork
    task.cancel()
    with suppress(asyncio.CancelledError, OSError):
        await task


def receipt(offset: int | None = None) -> asyncio.Future[Acknowledged]:
    future: asyncio.Future[Acknowledged] = asyncio.get_running_loop().create_future()
    if offset is not None:
        future.set_result(Receipt(offset))
    return future


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_tick_is_sent_once_time_may_have_come_so_far() -> None:
    asked, may = [], asyncio.Event()

    async def hold(at: int) -> None:
        asked.append(at)
        await may.wait()

    async with running(wire := Wire(), hold) as clockwork:
        clockwork.tick(records.tick("run", 1_000))
        await settled()
        assert (asked, wire.ticks) == ([1_000], [])
        may.set()
        await clockwork.all_sent()
    assert [at for _, at, _ in wire.ticks] == [1_000, 1_000]


async def test_a_tick_without_events_tells_the_ends_at_the_start_to_each_partition() -> None:
    async with running(wire := Wire()) as clockwork:
        assert clockwork.tick(records.tick("run", 1_000)) == 2
        await clockwork.all_sent()
    assert wire.ticks == [(0, 1_000, ENDS[0]), (1, 1_000, ENDS[1])]
    assert [value["id"] for value in wire.values] == ["run-t1000-0", "run-t1000-1"]
    assert {value["type"] for value in wire.values} == {"clock.ticked"}


async def test_a_tick_tells_the_offset_after_the_newest_acknowledged_record_of_its_partition() -> None:
    async with running(wire := Wire()) as clockwork:
        clockwork.sent("cx.purchases", 0, receipt(5))
        clockwork.sent("cx.purchases", 0, receipt(6))
        clockwork.sent("cx.support", 1, receipt(7))
        clockwork.tick(records.tick("run", 1_000))
        clockwork.sent("cx.support", 0, receipt(0))
        clockwork.tick(records.tick("run", 2_000))
        await clockwork.all_sent()
    first, second = ENDS[0] | {"cx.purchases": 7}, ENDS[1] | {"cx.support": 8}
    assert wire.ticks == [
        (0, 1_000, first),
        (1, 1_000, second),
        (0, 2_000, first | {"cx.support": 1}),
        (1, 2_000, second),
    ]


async def test_a_tick_waits_for_what_was_sent_before_it_but_not_for_what_came_after() -> None:
    async with running(wire := Wire()) as clockwork:
        before, after = receipt(), receipt()
        clockwork.sent("cx.purchases", 1, before)
        clockwork.tick(records.tick("run", 1_000))
        clockwork.sent("cx.purchases", 1, after)
        clockwork.tick(records.tick("run", 2_000))
        await settled()
        assert wire.ticks == []
        before.set_result(Receipt(0))
        await settled()
        assert [(partition, at) for partition, at, _ in wire.ticks] == [(0, 1_000), (1, 1_000)]
        assert wire.ticks[1][2]["cx.purchases"] == 1
        after.set_result(Receipt(1))
        await clockwork.all_sent()
        assert wire.ticks[3][2]["cx.purchases"] == 2


async def test_no_tick_follows_a_record_that_was_refused() -> None:
    wire = Wire()
    clockwork = Clockwork(ENDS, wire.send)
    refused = receipt()
    refused.set_exception(OSError())
    clockwork.sent("cx.purchases", 0, refused)
    clockwork.tick(records.tick("run", 1_000))
    with pytest.raises(OSError):  # noqa: PT011  # it has no text
        await clockwork.run()
    assert wire.ticks == []
