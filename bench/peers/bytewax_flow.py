"""Bytewax: a keyed stateful dataflow from Kafka to Kafka, at least once, recovery on.

Settings: one worker (a second one on two cores takes them from the broker), Bytewax's default epoch of 10 s between
snapshots (bytewax.io, "Recovery"), batches of the Kafka source as in its documentation's examples. Its state is kept in
memory and snapshotted into local SQLite files; there is no changelog topic, so it writes less than the others.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from bench.harness.fold import State, answer, update
from bench.harness.job import Job

BATCH = 1_000  # the connector's own default
EPOCH = timedelta(seconds=10)


def build(job: Job) -> Dataflow:
    """Return the dataflow."""
    brokers = [job.bootstrap]
    every = job.every

    def fold(state: State | None, event: dict[str, Any]) -> tuple[State, dict[str, Any] | None]:
        after = update(state, event)
        return after, answer(after, event) if event["serial"] % every == 0 else None

    def keyed(message: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401  # Bytewax is not there when types are checked
        return message.key.decode(), orjson.loads(message.value)

    def sunk(keyed_answer: tuple[str, dict[str, Any] | None]) -> list[KafkaSinkMessage]:
        key, value = keyed_answer
        return [] if value is None else [KafkaSinkMessage(key.encode(), orjson.dumps(value))]

    flow = Dataflow("simple_fold")
    messages = op.input("purchases", flow, KafkaSource(brokers, [job.source], batch_size=BATCH))
    purchases = op.map("parse", messages, keyed)
    answers = op.stateful_map("fold", purchases, fold)
    op.output("answers", op.flat_map("sunk", answers, sunk), KafkaSink(brokers, job.output))
    return flow


def main() -> None:
    """Run until SIGTERM."""
    job = Job.from_environment()
    init_db_dir(job.folder, 1)
    cli_main(build(job), epoch_interval=EPOCH, recovery_config=RecoveryConfig(str(job.folder)))


if __name__ == "__main__":
    main()
