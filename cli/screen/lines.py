"""One line an output: for a person, or as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson

from cli.screen.money import in_english
from cli.screen.parts import local, plain
from cx.words import sentence
from schemas import dead_letters, outputs
from schemas.envelope import is_binary, structured
from schemas.errors import CxError
from schemas.topics import DEAD_LETTERS

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

Tell = Callable[["ConsumerRecord[bytes, bytes]"], str]

_TIME = "%Y-%m-%d %H:%M:%S"


def as_text(record: ConsumerRecord[bytes, bytes], currency: str = "VND") -> str:
    """Return time, customer and sentence of an output, or time, reason, field and position of a dead letter.

    *currency* is the programme's: not every output names it.
    """
    if record.topic == DEAD_LETTERS:
        try:
            letter = _letter(record)
        except (KeyError, ValueError):
            return _unreadable(record)
        field = f" at {letter['loc']}" if letter["loc"] else ""
        said = f"refused: {letter['reason']}{field}, {letter['topic']}[{letter['partition']}]@{letter['offset']}"
        return plain(f"{local(letter['time'], _TIME)}  {'-':<12}  {said}")
    try:
        event = _event(record)
    except CxError:
        return _unreadable(record)
    return plain(f"{local(event['time'], _TIME)}  {event['subject']:<12}  {sentence(event, currency, in_english)}")


def as_json(record: ConsumerRecord[bytes, bytes]) -> str:
    """Return where an output stands and the event itself, or of a dead letter all but key and value."""
    place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    try:
        found = {"refused": _letter(record)} if record.topic == DEAD_LETTERS else {"event": _raw(record)}
    except (CxError, KeyError, ValueError) as error:
        found = {"unreadable": {"error": type(error).__name__}}
    return orjson.dumps(place | found).decode()


def _event(record: ConsumerRecord[bytes, bytes]) -> dict[str, Any]:
    event = outputs.read(record.topic, record.value, record.headers)
    return event.model_dump(mode="json", by_alias=True)


def _raw(record: ConsumerRecord[bytes, bytes]) -> Any:  # noqa: ANN401  # JSON as it is on the wire
    _event(record)  # what breaks the contract is not shown as an event
    binary = is_binary(record.headers)
    return orjson.loads(structured(record.value, record.headers) if binary else record.value)


def _letter(record: ConsumerRecord[bytes, bytes]) -> dict[str, Any]:
    letter = dead_letters.read(record.key, record.value, record.headers)
    return {
        "time": letter.at.isoformat(),
        "reason": letter.reason.value,
        "loc": letter.loc,
        "error_type": letter.error_type,
        "size": letter.size,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
    }


def _unreadable(record: ConsumerRecord[bytes, bytes]) -> str:
    return f"{'-':<19}  {'-':<12}  unreadable: {record.topic}[{record.partition}]@{record.offset}"
