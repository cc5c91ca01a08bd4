"""Reading the topics about gifts up to their ends, committed records only, from where the file left off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from ops.gifts.facts import TOPICS, fact_of

if TYPE_CHECKING:
    from ops.gifts.facts import Facts
    from streams.settings import KafkaSettings

_WAIT_MS: Final = 200
_RECORDS_MAX: Final = 2_000


async def read_on(kafka: KafkaSettings, facts: Facts) -> int:
    """Add to *facts* what the topics have that was committed before this began; return how many records there were."""
    consumer = AIOKafkaConsumer(
        *TOPICS,  # without a group: all of their partitions
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **kafka.client_options(),
    )
    await consumer.start()
    try:
        return await _read(consumer, facts)
    finally:
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, facts: Facts) -> int:
    tps = sorted(consumer.assignment())
    ends = await consumer.end_offsets(tps)
    known = facts.positions()
    if any(offset > ends.get(TopicPartition(*place), 0) for place, offset in known.items()):
        facts.empty()  # a topic was made anew, and so the rest may be as well
        known = {}
    for tp in tps:
        consumer.seek(tp, known.get((tp.topic, tp.partition), 0))
    count = 0
    # Behind the last record of a transaction stands its end: so what was reached is asked, not seen.
    while behind := [tp for tp in tps if await consumer.position(tp) < ends[tp]]:
        batches = await consumer.getmany(*behind, timeout_ms=_WAIT_MS, max_records=_RECORDS_MAX)
        records = [record for batch in batches.values() for record in batch]
        count += len(records)
        positions = {(tp.topic, tp.partition): await consumer.position(tp) for tp in tps}
        facts.add(filter(None, map(fact_of, records)), positions)
    return count
