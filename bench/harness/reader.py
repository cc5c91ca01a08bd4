"""A process that reads answers, committed ones only, and notes when each of them came."""

from __future__ import annotations

import argparse
import gc
import time
from pathlib import Path

import orjson
from confluent_kafka import Consumer, TopicPartition

from bench.harness.observer import serial_of


def read(
    bootstrap: str, topic: str, *, partitions: int, count: int, within_s: float, ready: Path
) -> list[tuple[bytes, int]]:
    """Return *count* answers from now on, each with the instant of its arrival; *ready* is made when 'now' begins."""
    # librdkafka, because reading must not take the processor from those who are measured.
    settings = {"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False}
    reader = Consumer({**settings, "isolation.level": "read_committed"})
    ends = [
        TopicPartition(topic, number, reader.get_watermark_offsets(TopicPartition(topic, number))[1])
        for number in range(partitions)
    ]
    reader.assign(ends)
    ready.touch()
    arrived: list[tuple[bytes, int]] = []
    deadline = time.monotonic() + within_s
    while len(arrived) < count and time.monotonic() < deadline:
        message = reader.poll(0.2)
        now = time.monotonic_ns()
        if message is not None and message.error() is None:
            arrived.append((message.value(), now))
    reader.close()
    return arrived


def main() -> None:
    """Read what the command line says, and leave serials and nanoseconds of the monotonic clock as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--within", type=float, required=True, help="seconds")
    parser.add_argument("--ready", type=Path, required=True, help="made when reading begins")
    parser.add_argument("--to", type=Path, required=True)
    told = parser.parse_args()
    gc.disable()  # a pause for garbage would be the reader's latency
    arrived = read(
        told.bootstrap,
        told.topic,
        partitions=told.partitions,
        count=told.count,
        within_s=told.within,
        ready=told.ready,
    )
    told.to.write_bytes(orjson.dumps([[serial_of(value), at] for value, at in arrived]))


if __name__ == "__main__":
    main()
