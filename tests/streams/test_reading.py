"""The lane's consumer: what makes reading fail, and what it tells the lane of where it stands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import TopicAuthorizationFailedError
from faust.types import TP

from streams.hooks import LaneConsumer

SUPPORT = TP("support", 0)
GENERATION = 7


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


@pytest.mark.parametrize(("stopping", "told"), [(False, 1), (True, 0)])
async def test_what_makes_reading_fail_is_told_to_the_lane_which_ends_the_worker(*, stopping: bool, told: int) -> None:
    error = TopicAuthorizationFailedError()
    reading, fetcher = Reading(error, stopping=stopping), SimpleNamespace(should_stop=False)
    await reading._drain_messages(fetcher)  # type: ignore[arg-type]  # noqa: SLF001
    assert reading.failures == [error] * told


@pytest.mark.parametrize(("rebalances", "noted"), [(False, [{SUPPORT: 5}]), (True, [])])
async def test_a_position_of_before_a_rebalance_is_not_noted(*, rebalances: bool, noted: list[dict[TP, int]]) -> None:
    reading = Reading(rebalances=rebalances)
    assert await reading.read() == []
    assert reading.noted == noted
