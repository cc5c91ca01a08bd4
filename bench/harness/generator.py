"""A process that sends events by a schedule and never waits for an answer (open loop).

Latency counts from the instant an event was due, not from when it was sent: a generator that falls behind, or a Kafka
that holds it up, must not make the measurement look better (coordinated omission).
"""

from __future__ import annotations

import argparse
import gc
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from confluent_kafka import Producer

from bench.harness.figures import percentile
from bench.harness.schedule import due_ns
from bench.harness.workload import records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.harness.workload import Record

LEAD_NS = 200_000_000
FLUSH_S = 30.0
# librdkafka's own default, and part of every latency. With 0 each event is a request of its own, and at 5,000 a second
# the broker is busy with nothing else: the median was ten times as long.
LINGER_MS = 5


def send_all(bootstrap: str, topic: str, batch: Sequence[Record], rate: int) -> dict[str, float]:
    """Send *batch* at *rate* events a second.

    Returns:
        `start_ns`, when the first was due by the system's monotonic clock, and by how much sending was late.
    """
    # librdkafka, because the load must not take the processor from those who are measured. Its own default would put
    # customers into other partitions than Java's and aiokafka's producers do.
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": LINGER_MS, "partitioner": "murmur2_random"})
    producer.list_topics(topic)  # connects: the first event is not to wait for that
    start_ns = time.monotonic_ns() + LEAD_NS
    late_ns: list[int] = []
    for number, record in enumerate(batch):
        due = due_ns(start_ns, number, rate)
        while (wait_ns := due - time.monotonic_ns()) > 0:
            time.sleep(wait_ns / 1e9)
        producer.produce(topic, record.value, key=record.key)
        producer.poll(0)
        late_ns.append(time.monotonic_ns() - due)
    producer.flush(FLUSH_S)
    late_ns.sort()
    return {
        "start_ns": start_ns,
        "late_p99_ms": percentile(late_ns, 0.99) / 1e6,
        "late_max_ms": late_ns[-1] / 1e6,
    }


def main() -> None:
    """Send what the command line says, and leave what there is to know of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("--first", type=int, required=True, help="serial of the first event")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--rate", type=int, required=True)
    parser.add_argument("--to", type=Path, required=True)
    told = parser.parse_args()
    batch = list(islice(records(told.first + told.count), told.first, None))
    # A pause for garbage would be the generator's latency, not the contestant's.
    gc.freeze()
    gc.disable()
    known = send_all(told.bootstrap, told.topic, batch, told.rate)
    told.to.write_bytes(orjson.dumps(known))


if __name__ == "__main__":
    main()
