"""How far a group has come, by the offsets that it has committed: told alike by all who read Kafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from bench.harness.machine import cpu_s
from bench.harness.observer import Pace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ops.embedded.process import Child

LOOK_S = 0.05
STEPS_MIN = 4  # commits seen: a transaction may hold many thousand events; fewer commits tell its size, not the pace

Places = Mapping[TopicPartition, int]


class Standing(NamedTuple):
    """What was committed at an instant.

    Attributes:
        at: In monotonic seconds.
        done: Records, those of the clock not counted.
        cpu_s: Processor time that the process had used by then; None where the system does not tell.
    """

    at: float
    done: int
    cpu_s: float | None = None


def done_of(committed: Places, ends: Places, clock: str) -> tuple[int, bool]:
    """Return how many records before *ends* are committed, ticks not counted, and whether all are, ticks too."""
    places = {tp: min(committed.get(tp, 0), end) for tp, end in ends.items()}
    return sum(place for tp, place in places.items() if tp.topic != clock), places == dict(ends)


def pace(standings: Sequence[Standing]) -> Pace | None:
    """Return how fast records were done, from the first commit that was seen to the last that brought one.

    What that first commit held was done before the clock began. None where all came in fewer than `STEPS_MIN`.
    """
    if len({one.done for one in standings if one.done}) < STEPS_MIN:
        return None
    begun = next(one for one in standings if one.done)
    ended = next(one for one in standings if one.done == standings[-1].done)
    events = ended.done - begun.done
    cpu_us = None if begun.cpu_s is None or ended.cpu_s is None else (ended.cpu_s - begun.cpu_s) * 1e6 / events
    return Pace(events / (ended.at - begun.at), cpu_us)


async def _committed(admin: AIOKafkaAdminClient, group: str) -> Places:
    try:
        found = await admin.list_consumer_group_offsets(group)
    except GroupCoordinatorNotAvailableError:  # the first group of a Kafka, which makes the topic of offsets for it
        return {}
    return {tp: place.offset for tp, place in found.items()}


async def watch(
    bootstrap: str, group: str, ends: Places, clock: str, *, within_s: float, child: Child
) -> list[Standing]:
    """Look at what *group* has committed until all is, *within_s* are over, or *child* has died."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    standings: list[Standing] = []
    try:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and not child.died:
            done, whole = done_of(await _committed(admin, group), ends, clock)
            standings.append(Standing(time.monotonic(), done, cpu_s(child.pid)))
            if whole:
                break
            await asyncio.sleep(LOOK_S)
    finally:
        await admin.close()
    return standings
