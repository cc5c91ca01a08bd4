"""Fills a changelog as a lane's writer does: in transactions, each with the own record of every partition in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import Producer

from bench.harness.changelog import OWN, states
from streams.partition import OWN_KEY

if TYPE_CHECKING:
    from bench.harness.cluster import Cluster

TRANSACTION = 5_000
WITHIN_S = 60.0


def fill(cluster: Cluster, topic: str, customers: int, value_bytes: int) -> int:
    """Write the states of *customers* to *topic*; return the bytes of their keys and values.

    Raises:
        KafkaException: Kafka refused.
    """
    producer = Producer(
        {
            "bootstrap.servers": cluster.bootstrap,
            "transactional.id": f"fill-{topic}",
            "compression.type": "lz4",
            "linger.ms": 20,
            "queue.buffering.max.kbytes": 1 << 18,
            "partitioner": "murmur2_random",
        }
    )
    producer.init_transactions(WITHIN_S)
    size = 0
    producer.begin_transaction()
    for number, (key, value) in enumerate(states(customers, value_bytes), start=1):
        producer.produce(topic, value, key=key)
        producer.poll(0)
        size += len(key) + len(value)
        if number % TRANSACTION == 0 or number == customers:
            for partition in range(cluster.partitions):
                producer.produce(topic, OWN, key=OWN_KEY, partition=partition)
            producer.commit_transaction(WITHIN_S)
            if number < customers:
                producer.begin_transaction()
    return size
