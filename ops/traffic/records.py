"""Records: one arrival at a topic, before any Kafka client has seen it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec
import orjson

from ops.traffic.instants import written
from schemas.errors import Reason
from schemas.inputs import CLOCK

TICK: Final = "clock.ticked"
TICK_SOURCE: Final = "/generator"


class Kind(StrEnum):
    """What a record is to the manifest."""

    EVENT = "event"
    DUPLICATE = "duplicate"
    POISON = "poison"
    TICK = "tick"


class Arrival(msgspec.Struct, frozen=True, order=False):
    """One record on its way to a topic.

    Attributes:
        topic: Where it goes.
        key: The customer's id; None for ticks and where the missing key is what is wrong.
        value: Structured CloudEvent, or what a careless producer made of it.
        at: Simulated arrival in epoch milliseconds, which the Kafka record's timestamp says.
        kind: What it is.
        type: The event's type; for poison the name of what is wrong.
        customer: Whom it counts for; empty for ticks and poison.
        time: When it happened, in epoch milliseconds; of no account for poison.
        reason: Expected reason of the dead letter, for poison only.
        dated: Whether `recordedtime` can be added to the value: it is one JSON object.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    at: int
    kind: Kind
    type: str
    customer: str
    time: int
    reason: Reason | None = None
    dated: bool = True


def tick(run: str, at: int) -> Arrival:
    """Make the tick of an instant as it stands in a file: for all partitions, applied at its place."""
    value = {
        "specversion": "1.0",
        "id": f"{run}-t{at}",
        "source": TICK_SOURCE,
        "type": TICK,
        "time": written(at),
        "data": {},
    }
    return Arrival(CLOCK, None, orjson.dumps(value), at, Kind.TICK, TICK, "", at)


def tick_of(partition: int, ticked: Arrival, upto: Mapping[str, int]) -> bytes:
    """Write a tick for one partition, which has come to the end offsets *upto*, by topic."""
    event = orjson.loads(ticked.value or b"{}")
    return orjson.dumps(event | {"id": f"{event['id']}-{partition}", "data": {"upto": dict(upto)}})
