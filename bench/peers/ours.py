"""Ours: the batch lane inside Faust, exactly once, with the simple fold where a worker has the loyalty policy.

Settings: those of a worker (`streams/app.py`), state in RocksDB with its changelog. No ticks and no read model in
Redis, because this job has neither.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from mode.loop import use

use("uvloop")  # before anything makes an event loop

import orjson
from faust import Worker

from bench.harness.fold import State, answer, update
from bench.harness.job import Job
from ops.metrics import PrometheusMeter, process_registry
from streams.app import lane_app
from streams.effects import NO_DEADLINE, Effects, Fold, Outgoing
from streams.meter import SILENT
from streams.readmodel import NoReadModel
from streams.settings import KafkaSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import ConsumerRecord
    from faust.types import StreamT

    from streams.effects import PartitionState
    from streams.hooks import LaneApp

LANE = "simple"
METERED = "BENCH_METERED"  # set: with all the figures that a worker tells Prometheus


class SimpleFold(Fold):
    """The simple fold as an agent of the lane."""

    policy = "simple"

    def __init__(self, job: Job) -> None:
        """Fold what *job* names."""
        self.topics = (job.source,)
        self._output, self._every = job.output, job.every

    def fold(self, state: PartitionState, records: Sequence[ConsumerRecord[bytes, bytes]]) -> Effects:
        """Fold a batch; each changed customer is encoded once."""
        effects = Effects()
        changed: dict[bytes, State] = {}
        for record in records:
            key = record.key
            event: dict[str, Any] = orjson.loads(record.value)
            after = update(changed.get(key) or _load(state, key), event)
            changed[key] = after
            if event["serial"] % self._every == 0:
                effects.outputs.append(Outgoing(self._output, key, orjson.dumps(answer(after, event))))
        for key, after in changed.items():
            value = NO_DEADLINE + orjson.dumps(after)
            state.cache.put(key, after, len(value))
            effects.changed[key] = value
        effects.folded = len(records)
        return effects


def _load(state: PartitionState, key: bytes) -> State | None:
    found: State | None = state.cache.get(key)
    if found is None and (value := state.encoded(key)) is not None:
        found = orjson.loads(value[len(NO_DEADLINE) :])
    return found


def build(job: Job) -> LaneApp:
    """Return the app."""
    settings = Settings(
        app=job.app,
        data=job.folder,
        clock="external",
        partitions=job.partitions,
        kafka=KafkaSettings(bootstrap=job.bootstrap),
    )
    meter = PrometheusMeter(LANE, process_registry()) if os.environ.get(METERED) else SILENT
    app = lane_app(settings, LANE, SimpleFold(job), NoReadModel(), meter=meter)

    @app.agent(app.input(job.source))
    async def purchases(stream: StreamT[Any]) -> None:
        await app.lane.drive(stream)

    return app


def main() -> None:
    """Run until SIGTERM."""
    app = build(Job.from_environment())
    Worker(app, loglevel="WARN", quiet=True, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
