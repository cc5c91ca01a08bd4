"""Recovery: a partition's state read back from its changelog, batched, to the last stable offset."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.partition import Partition
    from streams.settings import KafkaSettings

log = logging.getLogger(__name__)

FETCH_BYTES = 8 << 20
STUCK_AFTER_S = 30.0
PROGRESS_EVERY_S = 5.0


async def recover(
    kafka: KafkaSettings, changelog: str, partitions: Mapping[int, Partition], told: Mapping[int, int]
) -> dict[int, tuple[int, set[bytes]]]:
    """Read the changelog into *partitions*, all at once.

    Args:
        kafka: How to connect.
        changelog: Name of the changelog topic.
        partitions: Empty partitions by number; their producers are fenced already, so nothing is added meanwhile.
        told: By number, the offset up to which the read model was written, or -1.

    Returns:
        By number, the offset of the last record, or -1, and the keys that the read model may not have yet.
    """
    reader = AIOKafkaConsumer(
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=10,
        max_partition_fetch_bytes=FETCH_BYTES,
        **kafka.client_options(),
    )
    result: dict[int, tuple[int, set[bytes]]] = {number: (-1, set()) for number in partitions}
    await reader.start()
    try:
        open_tps = {TopicPartition(changelog, number) for number in partitions}
        reader.assign(sorted(open_tps))
        await reader.seek_to_beginning(*open_tps)
        ends = await reader.end_offsets(open_tps)
        progress = _Progress(sum(ends.values()))
        while open_tps:
            # By position, not by the last record seen: a control record or a compacted gap may stand at the end.
            positions = {tp: await reader.position(tp) for tp in open_tps}
            done = {tp for tp, position in positions.items() if position >= ends[tp]}
            open_tps -= done
            reader.pause(*done)
            if not open_tps:
                break
            batches = await reader.getmany(*open_tps, timeout_ms=200)
            for tp, records in batches.items():
                partition, unseen = partitions[tp.partition], result[tp.partition][1]
                for record in records:
                    partition.recover(record.key, record.value)
                    if record.offset > told.get(tp.partition, -1):
                        unseen.add(record.key)
                result[tp.partition] = (records[-1].offset, unseen)
            progress.report(sum(map(len, batches.values())), len(open_tps))
        progress.done()
    finally:
        await reader.stop()
    return result


class _Progress:
    """Says how far recovery is, and when it is stuck."""

    def __init__(self, records: int) -> None:
        self.started = self.moved = self.said = time.monotonic()
        self.records_max, self.records = records, 0

    def report(self, records: int, partitions: int) -> None:
        now = time.monotonic()
        self.records += records
        if records:
            self.moved = now
        if now - self.said < PROGRESS_EVERY_S:
            return
        self.said = now
        facts = {"records": self.records, "records_max": self.records_max, "partitions": partitions}
        if now - self.moved > STUCK_AFTER_S:
            log.error("recovery is stuck", extra=facts)
        else:
            log.info("recovering", extra=facts)

    def done(self) -> None:
        seconds = round(time.monotonic() - self.started, 3)
        log.info("recovered", extra={"records": self.records, "seconds": seconds})
