"""What the folds of the contract's lanes share at their edges: ticks in and out, and dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import orjson

from cx.calendar import instant, micros, rfc3339
from schemas.dead_letters import dead_letter
from schemas.errors import Reason, Unreadable
from schemas.topics import DEAD_LETTERS
from streams.effects import Outgoing

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

    from schemas.dead_letters import Refused

MILLI = 1_000


def tick_of(event: Any, record: ConsumerRecord[bytes, bytes], future: int) -> tuple[int, dict[str, int]]:  # noqa: ANN401  # a tick, as its topic's reader gives it
    """Return instant and end offsets of a tick; *future* says how far it may be ahead of its record.

    Raises:
        Unreadable: it is further ahead. Time cannot be taken back: every event after it would be too late.
    """
    at = micros(event.time)
    if at > record.timestamp * MILLI + future:
        raise Unreadable(Reason.FUTURE, "time", "future")
    return at, dict(event.data.upto or {})


def make_tick(topic: str, name: str, at: int, upto: dict[str, int], partition: int) -> Outgoing:
    """Return a tick of *topic* as a CloudEvent; the clock's *name*, partition and instant identify it."""
    event = {
        "specversion": "1.0",
        "id": str(uuid5(NAMESPACE_URL, f"cxstream/{name}/{partition}/{at}")),
        "source": "cxstream",
        "type": "clock.ticked",
        "time": rfc3339(at),
        "data": {"upto": upto},
    }
    return Outgoing(topic, None, orjson.dumps(event), (), partition)


def rejected(record: ConsumerRecord[bytes, bytes], reason: Reason, loc: str, error_type: str) -> Outgoing:
    """Make a dead letter of a record as it came, at the time at which it came."""
    return letter_of(record, reason, max(record.timestamp, 0) * MILLI, loc, error_type)


def letter_of(record: Refused, reason: Reason, at: int, loc: str, error_type: str) -> Outgoing:
    """Make a dead letter of a record that is refused at the instant *at*."""
    letter = dead_letter(record, reason, instant(at), loc, error_type)
    return Outgoing(DEAD_LETTERS, letter.key, letter.value, letter.headers)
