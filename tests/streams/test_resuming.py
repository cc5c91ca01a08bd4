"""Partitions that were opened are read on from their committed offsets, also where a seek to these does not go well."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaConnectionError,
    RequestTimedOutError,
)
from faust.tables.recovery import RebalanceAgain, ServiceStopped
from faust.types import TP

from streams import hooks
from streams.app import REQUEST_TIMEOUT_S
from streams.hooks import LaneConsumerThread, LaneRecovery
from streams.transactions import Member

GENERATION = 7


class Resuming(LaneRecovery):
    """A recovery that was just told of an assignment, without an app: resuming fails as *failures* say, one by one."""

    def __init__(self, *failures: Exception, revoked: bool = False, stopping: bool = False) -> None:
        self.failures, self.tries = list(failures), 0
        self.told: list[BaseException] = []
        self._generation_id, self._epoch, self._assigned = GENERATION, 3, set()
        self.app: Any = SimpleNamespace(lane=self, consumer=self)
        self.epoch, self._revoked, self._stopping = 3, revoked, stopping
        self._signal_recovery_start: Any = asyncio.Event()

    def member(self) -> Member:
        return Member("m1", GENERATION)

    async def assign(self, *_: object) -> bool:
        return True

    def failed(self, error: BaseException) -> None:
        self.told.append(error)

    async def sleep(self, n: object) -> None:
        del n
        self.epoch += self._revoked

    @property
    def should_stop(self) -> bool:
        return self._stopping and self.tries > 0

    async def wait_for_stopped(self, *_: object, **__: object) -> bool:
        return self.tries > 0

    async def _resume_streams(self, generation_id: int = 0) -> None:
        assert generation_id == GENERATION
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)

    async def run(self) -> tuple[int, list[BaseException]]:
        """Return how often it was tried, and what the lane was told to end for."""
        await vars(LaneRecovery)["_restart_recovery"].fun(self)
        return self.tries, self.told


@pytest.mark.parametrize("error", [KafkaConnectionError(), RequestTimedOutError(), TimeoutError()])
async def test_while_kafka_is_away_the_committed_offsets_are_asked_for_again(error: Exception) -> None:
    assert await Resuming(error, error).run() == (3, [])
    assert await Resuming(error, error, revoked=True).run() == (1, []), "they are somebody else's"


@pytest.mark.parametrize("error", [GroupAuthorizationFailedError(), ServiceStopped(), ZeroDivisionError()])
async def test_what_keeps_partitions_from_being_read_ends_the_worker_by_the_lane(error: Exception) -> None:
    assert await Resuming(error).run() == (1, [error])
    assert await Resuming(error, stopping=True).run() == (1, []), "a client that is gone by then is no fault"


@pytest.mark.parametrize("error", [RebalanceAgain(), IllegalStateError()])
async def test_partitions_that_are_taken_away_while_they_are_resumed_are_no_fault(error: Exception) -> None:
    assert await Resuming(error).run() == (1, [])


@pytest.mark.parametrize(("revoked", "flows"), [(False, True), (True, False)])
async def test_what_is_taken_away_during_the_seek_is_not_read_although_faust_resumes(
    *, revoked: bool, flows: bool
) -> None:
    class Seeking(Resuming):
        """Its consumer seeks, during which the group may take everything away; then Faust resumes the flow."""

        flows = False

        async def _resume_streams(self, generation_id: int = 0) -> None:
            await super()._resume_streams(generation_id)
            self.epoch += revoked
            self.flows = True

        def stop_flow(self) -> None:
            self.flows = False

    seeking = Seeking()
    assert await seeking.run() == (1, [])
    assert seeking.flows is flows


async def test_a_seek_without_partitions_is_told_as_one_of_another_assignment() -> None:
    thread: Any = SimpleNamespace(_ensure_consumer=lambda: SimpleNamespace(assignment=set))
    with pytest.raises(IllegalStateError):
        await LaneConsumerThread._seek_to_committed(thread)  # noqa: SLF001


async def test_a_seek_is_given_up_where_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def assignment(self) -> set[TP]:
            return {TP("a", 0)}

        async def seek_to_committed(self) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(True)

    ended: list[bool] = []
    monkeypatch.setattr(hooks, "SEEK_S", 0.01)
    thread: Any = SimpleNamespace(_ensure_consumer=Away)
    with pytest.raises(TimeoutError):
        await LaneConsumerThread._seek_to_committed(thread)  # noqa: SLF001
    assert ended == [True]


def test_a_seek_is_given_up_before_faust_gives_it_up() -> None:
    assert hooks.SEEK_S < REQUEST_TIMEOUT_S
