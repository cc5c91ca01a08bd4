"""The past of a stack: ticks that it has seen, before which no simulated event may begin."""

from datetime import UTC, datetime
from typing import Any, Final

from aiokafka import TopicPartition

from ops.traffic.errors import LaterTicksError
from ops.traffic.instants import from_ms
from ops.traffic.kafka import Client, partition_counts, reader_of
from ops.traffic.options import Options
from schemas.errors import Unreadable
from schemas.inputs import CLOCK, parse

_BACK: Final = 64  # records at a partition's end: every other one may be a transaction's marker


async def latest_tick(client: Client, topic: str = CLOCK) -> datetime | None:
    """Return the latest instant that *topic* was ticked with; None without ticks, or without the topic.

    Raises:
        SinkError: Kafka does not answer.
    """
    places = [TopicPartition(topic, place) for place in range((await partition_counts(client)).get(topic, 0))]
    if not places:
        return None
    async with reader_of(client, places) as consumer:
        first, last = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, max(first[place], last[place] - _BACK))
        found: list[datetime] = []
        while any([await consumer.position(place) < last[place] for place in places]):
            batches: dict[Any, list[Any]] = await consumer.getmany(timeout_ms=200)
            found += [time for batch in batches.values() for record in batch if (time := _ticked(record.value))]
        return max(found, default=None)


async def refuse_later_ticks(client: Client, options: Options) -> None:
    """Do nothing for a run without a span, nor on a stack whose ticks all lie before it.

    Raises:
        LaterTicksError: The run's events would be older than ticks that the stack has applied.
        SinkError: Kafka does not answer.
    """
    if options.span is None:
        return
    latest = await latest_tick(client)
    first = from_ms(options.start_ms)
    if latest is not None and latest > first:
        message = (
            f"the stack has ticks up to {latest:%Y-%m-%d %H:%M} UTC, later than the span's first instant"
            f" {first:%Y-%m-%d %H:%M}: take an empty stack or leave out --span"
        )
        raise LaterTicksError(message)


def _ticked(value: bytes | None) -> datetime | None:
    try:
        return parse(CLOCK, None, value).time.astimezone(UTC)
    except Unreadable:
        return None
