"""A process that reads a changelog to its end: as a worker does that takes partitions over, or with aiokafka alone."""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.meter import SILENT
from streams.opening import Opening, close
from streams.readmodel import NoReadModel
from streams.settings import KafkaSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

KIBI = 1_024
FETCH_BYTES, FETCH_WAIT_MS, POLL_MS = 4 << 20, 10, 200  # of aiokafka's consumer


async def ours(told: argparse.Namespace) -> None:
    """Fence, recover into a local store and open: all that an assignment does before the first event is folded."""
    kafka = KafkaSettings(bootstrap=told.bootstrap)
    settings = Settings(app="recovering", data=told.folder, partitions=told.partitions, kafka=kafka)
    opening = Opening("simple", [told.source], told.topic, settings, SILENT)
    slots, _ = await opening.open(range(told.partitions), NoReadModel())
    close(slot.partition for slot in slots.values())
    await opening.stop()


async def bare(told: argparse.Namespace) -> None:
    """Read all records and keep the last of each key, in memory."""
    reader = AIOKafkaConsumer(
        bootstrap_servers=told.bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    await reader.start()
    tps = [TopicPartition(told.topic, number) for number in range(told.partitions)]
    reader.assign(tps)
    ends = await reader.end_offsets(tps)
    found: dict[bytes, bytes] = {}
    while any([await reader.position(tp) < ends[tp] for tp in tps]):
        for records in (await reader.getmany(timeout_ms=POLL_MS)).values():
            found |= {record.key: record.value for record in records}
    await reader.stop()


HOW: dict[str, Callable[[argparse.Namespace], Awaitable[None]]] = {"ours": ours, "bare": bare}


def main() -> None:
    """Do it, and leave the seconds that it took and the memory that it needed as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("how", choices=list(HOW))
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("--source", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    told = parser.parse_args()

    async def timed() -> float:
        started = time.monotonic()
        await HOW[told.how](told)
        return time.monotonic() - started

    seconds = uvloop.run(timed())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBI
    told.to.write_bytes(orjson.dumps({"seconds": seconds, "peak_bytes": peak}))


if __name__ == "__main__":
    main()
