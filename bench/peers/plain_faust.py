"""Plain Faust: one agent, one table write an event, at least once, table in memory with its changelog.

Settings: uvloop, and a producer that batches (linger 10 ms, 256 KiB, lz4) instead of sending each record by itself,
which is Faust's default; a larger stream buffer; no web server. Faust's documentation ("Configuration Reference")
leaves all of these to the application. Its `exactly_once` is left out: it loses table updates.
"""

from __future__ import annotations

from typing import Any

from mode.loop import use

use("uvloop")  # before anything makes an event loop

import faust
from faust.types import StreamT

from bench.harness.fold import answer, update
from bench.harness.job import Job


def build(job: Job) -> faust.App:
    """Return the app."""
    app = faust.App(
        job.app,
        broker=f"kafka://{job.bootstrap}",
        store="memory://",
        datadir=str(job.folder),
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        producer_linger=0.01,
        producer_max_batch_size=1 << 18,
        producer_compression_type="lz4",
        stream_buffer_maxsize=16_384,
        table_standby_replicas=0,
        topic_disable_leader=True,
        topic_partitions=job.partitions,
        topic_replication_factor=1,
        web_enabled=False,
    )
    source = app.topic(job.source, key_type=str, value_serializer="json")
    output = app.topic(job.output, key_type=str, value_serializer="json")
    customers = app.Table("customers", key_type=str, partitions=job.partitions)

    @app.agent(source)
    async def fold(purchases: StreamT[dict[str, Any]]) -> None:
        async for key, event in purchases.items():
            state = customers.get(key)
            state = update(state, event)
            customers[key] = state
            if event["serial"] % job.every == 0:
                await output.send(key=key, value=answer(state, event))

    return app


def main() -> None:
    """Run until SIGTERM."""
    app = build(Job.from_environment())
    faust.Worker(app, loglevel="WARN", quiet=True).execute_from_commandline()


if __name__ == "__main__":
    main()
