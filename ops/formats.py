"""State of an older format on an embedded stack: noticed at a start, and made again from the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError

from cx.older import FIRST
from cx.state import FORMAT, format_of
from schemas.errors import CxError
from schemas.topics import Lane, Role, lane_topics
from streams import admin
from streams.partition import OWN_KEY
from streams.readmodel import connect

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from streams.settings import Settings

GONE_TRIES: Final = 300
GONE_PAUSE_S: Final = 0.1
FETCH_MS: Final = 200


class NewerFormatError(CxError):
    """The state was written by a newer version than this one."""


async def bring_up_to_date(settings: Settings) -> str:
    """Rebuild the state from the log if its format is older than those we read; return a line that says so, or nothing.

    Only for an embedded stack whose workers are stopped: it keeps its inputs for ever, and nobody else has read the
    outputs, which are made again too.

    Raises:
        NewerFormatError: the format is newer; nothing is changed.
    """
    found = await stored_formats(settings)
    if newer := [number for number in found if number > FORMAT]:
        message = f"the data is of format {newer[0]}, made by a newer version; this one reads {FORMAT}"
        raise NewerFormatError(message)
    if found <= {FIRST, FORMAT}:
        return ""
    await _forget(settings)
    return f"data of format {min(found)} found, this version has {FORMAT}: state and outputs are rebuilt from the log"


async def stored_formats(settings: Settings) -> set[int]:
    """Return the formats of the oldest customer in each partition of the changelog; nothing where there is none."""
    changelog = admin.changelog(settings)
    reader = AIOKafkaConsumer(
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **settings.kafka.client_options(),
    )
    found: set[int] = set()
    await reader.start()
    try:
        waiting = [TopicPartition(changelog, number) for number in range(settings.partitions)]
        reader.assign(waiting)
        ends = await reader.end_offsets(waiting)
        while waiting := [tp for tp in waiting if await reader.position(tp) < ends[tp]]:
            for tp, records in (await reader.getmany(*waiting, timeout_ms=FETCH_MS)).items():
                values = [record.value for record in records if record.key != OWN_KEY and record.value]
                if values:
                    found.add(format_of(values[0]))
                    waiting.remove(tp)
    finally:
        await reader.stop()
    return found


async def _forget(settings: Settings) -> None:
    """Remove everything that workers made, so that they begin at the first input again."""
    # The changelog goes last: as long as it is there, a start that was cut off finds the old format and begins again.
    inputs = lane_topics(Lane.CUSTOMERS, Role.INPUT)
    tps = [TopicPartition(topic.name, number) for topic in inputs for number in range(settings.partitions)]
    group = AIOKafkaConsumer(group_id=settings.app, enable_auto_commit=False, **settings.kafka.client_options())
    await group.start()
    try:
        group.assign(tps)
        await _commit(group, await group.beginning_offsets(tps))
    finally:
        await group.stop()
    redis = connect(settings.redis)
    try:
        await redis.flushdb()
    finally:
        await redis.aclose()
    await _delete_topics(settings, {topic.name for topic in lane_topics(Lane.CUSTOMERS, Role.OUTPUT)})
    await _delete_topics(settings, {admin.changelog(settings)})
    await admin.create(settings, keep_for_ever=True)


async def _commit(group: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]) -> None:
    """Set the group back; a worker that was killed just now counts as a member until its session has run out."""
    for _ in range(GONE_TRIES):
        try:
            await group.commit(offsets)
        except CommitFailedError:
            await asyncio.sleep(GONE_PAUSE_S)
        else:
            return
    message = "the group of workers has members still"
    raise admin.TopicsError(message)


async def _delete_topics(settings: Settings, names: Collection[str]) -> None:
    client = AIOKafkaAdminClient(**settings.kafka.client_options())
    await client.start()
    try:
        await client.delete_topics(list(names))
        for _ in range(GONE_TRIES):
            if not set(names) & set(await client.list_topics()):
                return
            await asyncio.sleep(GONE_PAUSE_S)
    finally:
        await client.close()
    message = "topics of an older format could not be removed"
    raise admin.TopicsError(message)
