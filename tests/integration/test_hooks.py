"""What we changed of Faust's consumer, on a real Kafka."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.hooks import LaneConsumerThread

PATIENCE_S = 30.0


async def test_records_that_a_rebalance_dropped_are_read_again_where_nothing_is_committed_too(
    bootstrap: str, unique: str
) -> None:
    topic, fresh, begun = unique, TopicPartition(unique, 0), TopicPartition(unique, 1)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 2, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for tp in (fresh, fresh, fresh, begun, begun, begun):
            await producer.send_and_wait(topic, b"", partition=tp.partition)
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=unique,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        dropped: dict[TopicPartition, int] = {}
        async with asyncio.timeout(PATIENCE_S):
            while sum(dropped.values()) < 6:
                for tp, records in (await consumer.getmany(timeout_ms=100)).items():
                    dropped[tp] = dropped.get(tp, 0) + len(records)
        await consumer.commit({begun: 1})
        thread: Any = SimpleNamespace(_ensure_consumer=lambda: consumer)
        await LaneConsumerThread._seek_to_committed(thread)  # noqa: SLF001
        assert {tp: await consumer.position(tp) for tp in (fresh, begun)} == {fresh: 0, begun: 1}
    finally:
        await consumer.stop()
