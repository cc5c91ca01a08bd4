"""An independent reader of what contestants publish: read-committed, from outside, with the time of each sight."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.harness.machine import cpu_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.harness.cluster import Cluster
    from ops.embedded.process import Child

LOOK_S = 0.02  # between two looks: half a percent of the shortest run, and next to no work for Kafka
QUIET_S = 1.0  # without anything new after the last expected output: time for those too many to show themselves


class Sight(NamedTuple):
    """What became visible between two looks.

    Attributes:
        at: Instant in monotonic seconds.
        cpu_s: Processor time that the contestant had used by then; None where the system does not tell.
    """

    at: float
    values: Sequence[bytes]
    cpu_s: float | None = None


@dataclass(slots=True)
class Observation:
    """All that was seen of an output topic, in order."""

    sights: list[Sight] = field(default_factory=list)
    count: int = 0

    def add(self, sight: Sight) -> None:
        """Note *sight*; an empty one is none."""
        if sight.values:
            self.sights.append(sight)
            self.count += len(sight.values)

    @property
    def last_at(self) -> float:
        """When something was seen last; 0 before."""
        return self.sights[-1].at if self.sights else 0.0

    def values(self) -> list[bytes]:
        """Return every value seen, repeated ones too."""
        return [value for sight in self.sights for value in sight.values]


class Pace(NamedTuple):
    """How fast events were done, and what processor time each took the contestant (not Kafka), in microseconds."""

    per_second: float
    cpu_us: float | None


def serial_of(value: bytes) -> int:
    """Return the serial of the event that an output answers."""
    return int(orjson.loads(value)["serial"])


def pace(observation: Observation, every: int) -> Pace | None:
    """Return how fast events were done, from the first sight of an effect to that of the last new one.

    Each output stands for *every* events. Those of the first sight were done before the clock began and do not count;
    an output seen again neither counts nor moves the end. None when all came in one sight: no time to divide by.
    """
    if not observation.sights:
        return None
    begun = ended = observation.sights[0]
    seen: set[int] = {serial_of(value) for value in begun.values}
    first = len(seen)
    for sight in observation.sights[1:]:
        before = len(seen)
        seen.update(map(serial_of, sight.values))
        if len(seen) > before:
            ended = sight
    events = (len(seen) - first) * every
    if ended.at <= begun.at:
        return None
    cpu_us = None if begun.cpu_s is None or ended.cpu_s is None else (ended.cpu_s - begun.cpu_s) * 1e6 / events
    return Pace(events / (ended.at - begun.at), cpu_us)


async def observe(cluster: Cluster, topic: str, *, wanted: int, within_s: float, child: Child) -> Observation:
    """Watch *topic* until *wanted* outputs are there and no more come, *within_s* are over, or *child* has died."""
    reader = AIOKafkaConsumer(
        bootstrap_servers=cluster.bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 << 20,
    )
    observation = Observation()
    await reader.start()
    try:
        reader.assign([TopicPartition(topic, number) for number in range(cluster.partitions)])
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            found = await reader.getmany(timeout_ms=0)
            now = time.monotonic()
            values = [record.value for records in found.values() for record in records]
            observation.add(Sight(now, values, cpu_s(child.pid) if values else None))
            quiet = now - observation.last_at > QUIET_S
            if quiet and (observation.count >= wanted or child.died):
                break
            await asyncio.sleep(LOOK_S)
    finally:
        await reader.stop()
    return observation
