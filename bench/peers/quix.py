"""Quix Streams: a stateful `apply` over a stream of dicts, RocksDB state, changelog topic.

Settings: all of Quix's defaults (a checkpoint writes each changed key once), but for
- `processing_guarantee` (quix.io, "Configuration > processing_guarantee"), at least once or exactly once;
- exactly once commits every 100 ms, as Kafka Streams does, instead of every 5 s: nothing is to be seen before the
  commit, and transactions are then of the size that others have. What ten times larger ones give is measured beside;
- logs at WARNING.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from quixstreams import Application, State

from bench.harness.fold import answer, update
from bench.harness.job import Job

COMMIT_S = 5.0  # Quix's default
COMMIT_EXACTLY_ONCE_S = 0.1


def main() -> None:
    """Run until SIGTERM."""
    job = Job.from_environment()
    commit_s = COMMIT_EXACTLY_ONCE_S if job.exactly_once else COMMIT_S
    app = Application(
        broker_address=job.bootstrap,
        consumer_group=job.app,
        auto_offset_reset="earliest",
        commit_interval=float(os.environ.get("BENCH_COMMIT_S", commit_s)),
        processing_guarantee=job.guarantee,
        state_dir=job.folder,
        loglevel=logging.WARNING,
    )
    every = job.every

    def fold(event: dict[str, Any], state: State) -> dict[str, Any] | None:
        after = update(state.get("state"), event)
        state.set("state", after)
        return answer(after, event) if event["serial"] % every == 0 else None

    purchases = app.dataframe(app.topic(job.source, value_deserializer="json"))
    answers = purchases.apply(fold, stateful=True)
    answers = answers.filter(lambda value: value is not None)
    answers.to_topic(app.topic(job.output, value_serializer="json"))
    app.run()


if __name__ == "__main__":
    main()
