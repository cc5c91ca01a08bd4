"""The envelope: CloudEvents 1.0 attributes of every event, in structured JSON or in `ce_` headers."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from pydantic_core import from_json, to_json

from schemas.base import CustomerId, EventId, Moment, Programme, Record, Source
from schemas.errors import Reason, Unreadable

Header = tuple[str, bytes]
FoundHeader = tuple[str, bytes | None]  # Kafka lets a header have no value

CONTENT_TYPE: Final = "content-type"
STRUCTURED: Final = b"application/cloudevents+json"
SENT: Final = "cx-sent"  # wall time of sending in milliseconds, where the record's own timestamp tells another time
HEADERS_BYTES_MAX: Final = 64 * 1024
_STRUCTURED_PREFIX: Final = b"application/cloudevents"
_PREFIX: Final = "ce_"

_Text = Annotated[str, Field(max_length=256)]


class Envelope(Record):
    """Attributes of every event.

    `source` and `id` together identify an event: the same pair again is the same event. `time` is when it happened;
    `recordedtime`, when it was written down, stands in for the Kafka record's timestamp in files. `causationid` is the
    id of the event that led to this one. With `cxreply`, whatever it says, somebody waits for the decision on the
    event, see `schemas.decisions`.
    """

    specversion: Literal["1.0"]
    id: EventId
    source: Source
    time: Moment
    dataschema: _Text | None = None
    datacontenttype: _Text | None = None
    causationid: EventId | None = None
    recordedtime: Moment | None = None
    cxreply: _Text | None = None


class CustomerEnvelope(Envelope):
    """An event about one customer; `subject` is the customer's id and equals the Kafka key."""

    subject: CustomerId


class ProgrammeEnvelope(Envelope):
    """An event for the gift desk; `subject` is the programme and equals the Kafka key."""

    subject: Programme


ATTRIBUTES: Final = frozenset({*CustomerEnvelope.model_fields, "type"})


def is_binary(headers: Iterable[FoundHeader]) -> bool:
    """Say whether *headers* hold the attributes; a structured content type decides where both are there."""
    version_seen = False
    for name, content in headers:
        if name == CONTENT_TYPE and content is not None and content.startswith(_STRUCTURED_PREFIX):
            return False
        version_seen = version_seen or name == "ce_specversion"
    return version_seen


def structured(value: bytes, headers: Sequence[FoundHeader]) -> bytes:
    """Rewrite a binary-mode record as structured JSON, so that one parser reads both.

    The Kafka key is never taken for an absent `ce_subject`: a producer that leaves it out is told so.

    Raises:
        Unreadable: A header is not UTF-8 (`invalid`), the headers are over 64 KiB (`too-large`), or *value* is not
            JSON (`not-json`).
    """
    if sum(len(name) + len(content or b"") for name, content in headers) > HEADERS_BYTES_MAX:
        raise Unreadable(Reason.TOO_LARGE, "headers", "too_long")
    attributes: dict[str, str] = {}
    for name, content in headers:
        attribute = "datacontenttype" if name == CONTENT_TYPE else name.removeprefix(_PREFIX)
        if attribute != name and attribute in ATTRIBUTES:
            text = _text(content)
            if text is None:
                raise Unreadable(Reason.INVALID, attribute, "string_unicode")
            attributes[attribute] = text
    # Only a whole JSON document may be pasted in: anything else could close the brace and add attributes of its own.
    if not _is_json(value):
        raise Unreadable(Reason.NOT_JSON, "data", "json_invalid")
    return to_json(attributes)[:-1] + (b"," if attributes else b"") + b'"data":' + value + b"}"


def _text(content: bytes | None) -> str | None:
    try:
        return content.decode() if content is not None else None
    except UnicodeDecodeError:
        return None


def _is_json(value: bytes) -> bool:
    try:
        from_json(value)
    except ValueError:
        return False
    return True


def encode(event: Envelope) -> bytes:
    """Write *event* as structured JSON; fields that hold nothing are left out."""
    return event.__pydantic_serializer__.to_json(event, by_alias=True, exclude_none=True)


def encode_binary(event: Envelope) -> tuple[bytes, tuple[Header, ...]]:
    """Write *event* in binary mode: its data as the value, its attributes as headers."""
    fields: dict[str, Any] = event.model_dump(mode="json", by_alias=True, exclude_none=True)
    data = to_json(fields.pop("data"))
    content_type = fields.pop("datacontenttype", "application/json")
    attributes = tuple((_PREFIX + name, str(text).encode()) for name, text in fields.items())
    return data, ((CONTENT_TYPE, content_type.encode()), *attributes)
