"""The lane's consumer: what makes reading fail, what it tells the lane of where it stands, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.errors import ConsumerStoppedError, TopicAuthorizationFailedError
from faust.types import TP

from streams import hooks
from streams.app import lane_app
from streams.hooks import LaneConsumer
from streams.readmodel import NoReadModel
from streams.settings import Settings

SUPPORT = TP("support", 0)
GENERATION = 7
PATIENCE_S, SOON_S = 10.0, 0.05


class Closing:
    """A lane with nothing in flight, and the app that it is in."""

    def __init__(self) -> None:
        self.lane, self.crashed = self, False
        self.conf = SimpleNamespace(stream_wait_empty=False)
        self.left = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Nothing is in flight."""

    def leave(self, *, crashed: bool) -> None:
        assert not crashed
        self._loop.call_soon_threadsafe(self.left.set)


class Reading(LaneConsumer):
    """A consumer without Kafka: what it fetches is nothing, or *error*; asking for a position may cost it its group."""

    def __init__(self, error: Exception | None = None, *, stopping: bool = False, rebalances: bool = False) -> None:
        self.failures: list[Exception] = []
        self.noted: list[dict[TP, int]] = []
        self.error, self.rebalances = error, rebalances
        self.app: Any = SimpleNamespace(lane=self, should_stop=stopping, consumer_generation_id=GENERATION)
        self._thread: Any = self
        self.flow_active, self._buffered_partitions = True, set()

    @property
    def should_stop(self) -> bool:
        return False

    # The lane

    async def ready(self) -> bool:
        return True

    def wanted_positions(self) -> set[TP]:
        return {SUPPORT}

    def note_positions(self, positions: dict[TP, int]) -> None:
        self.noted.append(positions)

    def failed(self, error: Exception) -> None:
        self.failures.append(error)

    # The client

    async def _wait_next_records(self, timeout: float) -> tuple[dict[TP, Any], set[TP] | None]:  # noqa: ASYNC109
        del timeout
        if self.error is not None:
            raise self.error
        return {}, None

    async def positions(self, tps: set[TP]) -> dict[TP, int]:
        self.app.consumer_generation_id += self.rebalances
        return dict.fromkeys(tps, 5)

    async def read(self) -> list[Any]:
        found: AsyncIterator[Any] = self.getmany(1.0)
        return [one async for one in found]


@pytest.mark.parametrize("error", [TopicAuthorizationFailedError(), AttributeError(), ConsumerStoppedError()])
@pytest.mark.parametrize(("stopping", "told"), [(False, 1), (True, 0)])
async def test_what_makes_reading_fail_is_told_to_the_lane_which_ends_the_worker(
    error: Exception, *, stopping: bool, told: int
) -> None:
    reading, fetcher = Reading(error, stopping=stopping), SimpleNamespace(should_stop=False)
    await reading._drain_messages(fetcher)  # type: ignore[arg-type]  # noqa: SLF001
    assert reading.failures == [error] * told


@pytest.mark.parametrize("had", [set[TP](), {SUPPORT}])
async def test_nothing_is_read_between_two_assignments_whatever_a_worker_had(
    had: set[TP], monkeypatch: pytest.MonkeyPatch
) -> None:
    fold: Any = SimpleNamespace(topics=(SUPPORT.topic,), clock="")
    app = lane_app(Settings(), "idle", fold, NoReadModel())
    app.finalize()
    consumer = cast("LaneConsumer", app.consumer)
    consumer._thread.thread_loop.close()  # noqa: SLF001
    monkeypatch.setattr(consumer._thread, "assignment", lambda: had)  # noqa: SLF001
    consumer.resume_flow()
    await consumer.on_partitions_revoked(had)
    assert not consumer.flow_active


@pytest.mark.parametrize(("rebalances", "noted"), [(False, [{SUPPORT: 5}]), (True, [])])
async def test_a_position_of_before_a_rebalance_is_not_noted(*, rebalances: bool, noted: list[dict[TP, int]]) -> None:
    reading = Reading(rebalances=rebalances)
    assert await reading.read() == []
    assert reading.noted == noted


async def stopping(monkeypatch: pytest.MonkeyPatch) -> tuple[Reading, Closing]:
    """Return a consumer that has finished its work and is about to leave the group, and its lane."""
    monkeypatch.setattr(hooks, "LEAVE_S", SOON_S)
    reading, lane, transport = Reading(), Closing(), SimpleNamespace(_topic_waiters={})
    reading.app, reading.transport = cast("Any", lane), cast("Any", transport)
    await reading.on_stop()
    return reading, lane


async def test_a_group_that_does_not_let_us_go_is_left_without_a_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    _, lane = await stopping(monkeypatch)
    await asyncio.wait_for(lane.left.wait(), PATIENCE_S)


async def test_whoever_has_left_the_group_in_time_ends_in_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, lane = await stopping(monkeypatch)
    await reading.on_shutdown()
    await asyncio.sleep(2 * SOON_S)
    assert not lane.left.is_set()
