"""Dead letters: a record that was refused, as it came, with where it came from and why; topic `cx.dead-letters`."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from pydantic_core import from_json, to_json

from schemas.base import CUSTOMER_ID_BYTES_MAX, SHORT_LENGTH_MAX
from schemas.envelope import ATTRIBUTES, CONTENT_TYPE, HEADERS_BYTES_MAX, FoundHeader, Header, is_binary
from schemas.errors import Reason
from schemas.feedback import Feedback
from schemas.inputs import VALUE_BYTES_MAX

KEPT_BYTES: Final = 64 * 1024  # of a value that is too large to keep
FEEDBACK: Final = "cx.feedback"

HEADERS: Final = (
    *("cx-topic", "cx-partition", "cx-offset", "cx-reason", "cx-loc", "cx-error-type", "cx-size", "cx-sha256"),
    "cx-time",
)

_CE_HEADERS: Final = frozenset({CONTENT_TYPE, *(f"ce_{name}" for name in ATTRIBUTES)})
# What a refused feedback event may keep; whatever else is in it may be the customer's own words.
_FEEDBACK_FIELDS: Final = frozenset({*Feedback.model_fields, "instrument", "score"} - {"text"})
_ATTRIBUTE_LENGTH_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One refused record.

    Attributes:
        key: The Kafka key as it came, its first 64 bytes.
        value: The value as it came; None for a null value. Of one over 256 KiB the first 64 KiB, of feedback the
            parts that cannot hold a customer's words.
        topic: Where it came from, with `partition` and `offset`.
        reason: Why it was refused.
        loc: The refused field, as in `Unreadable`; empty for the whole record.
        error_type: What was wrong with it, as in `Unreadable`.
        size: Bytes of the value as it came.
        sha256: Of the value as it came, in hex; None unless `value` is cut.
        at: When it was refused.
        attributes: Headers of a binary-mode record, without which its value alone could not be read again.
    """

    key: bytes | None
    value: bytes | None
    topic: str
    partition: int
    offset: int
    reason: Reason
    loc: str
    error_type: str
    size: int
    sha256: str | None
    at: datetime
    attributes: tuple[Header, ...] = ()

    @property
    def headers(self) -> tuple[Header, ...]:
        """Kafka headers of the dead letter."""
        facts = {
            "cx-topic": self.topic,
            "cx-partition": str(self.partition),
            "cx-offset": str(self.offset),
            "cx-reason": self.reason.value,
            "cx-loc": self.loc,
            "cx-error-type": self.error_type,
            "cx-size": str(self.size),
            **({} if self.sha256 is None else {"cx-sha256": self.sha256}),
            "cx-time": self.at.isoformat(),
        }
        return (*((name, fact.encode()) for name, fact in facts.items()), *self.attributes)


class Refused(Protocol):
    """A record as a Kafka client gives it; aiokafka's fits as it is."""

    @property
    def topic(self) -> str:
        """Topic that it was read from."""

    @property
    def partition(self) -> int:
        """Partition of the topic."""

    @property
    def offset(self) -> int:
        """Offset in the partition."""

    @property
    def key(self) -> bytes | None:
        """Key as it came."""

    @property
    def value(self) -> bytes | None:
        """Value as it came."""

    @property
    def headers(self) -> Sequence[FoundHeader]:
        """Headers as they came."""


def dead_letter(record: Refused, reason: Reason, at: datetime, loc: str = "", error_type: str = "") -> DeadLetter:
    """Make the dead letter of *record*, cut where it is too large or may hold what a customer wrote.

    Args:
        record: The refused record.
        reason: Why it is refused.
        at: When it is refused, with an offset.
        loc: The field at fault, only of the contract's names.
        error_type: What is wrong with it; nothing of the record's text.
    """
    value = _kept(record)
    cut = value != record.value
    original = record.value or b""
    return DeadLetter(
        key=None if record.key is None else record.key[:CUSTOMER_ID_BYTES_MAX],
        value=value,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        reason=reason,
        loc=loc,
        error_type=error_type,
        size=len(original),
        sha256=hashlib.sha256(original).hexdigest() if cut else None,
        at=at,
        attributes=_attributes(record) if is_binary(record.headers) else (),
    )


def read(key: bytes | None, value: bytes | None, headers: Sequence[Header]) -> DeadLetter:
    """Read a record of `cx.dead-letters` back.

    Raises:
        KeyError: A header is missing, so no dead letter of ours.
        ValueError: A header does not hold what it should.
    """
    facts = {name: text.decode() for name, text in headers if name.startswith("cx-")}
    return DeadLetter(
        key=key,
        value=value,
        topic=facts["cx-topic"],
        partition=int(facts["cx-partition"]),
        offset=int(facts["cx-offset"]),
        reason=Reason(facts["cx-reason"]),
        loc=facts["cx-loc"],
        error_type=facts["cx-error-type"],
        size=int(facts["cx-size"]),
        sha256=facts.get("cx-sha256"),
        at=datetime.fromisoformat(facts["cx-time"]),
        attributes=tuple((name, text) for name, text in headers if name in _CE_HEADERS),
    )


def _kept(record: Refused) -> bytes | None:
    value = record.value
    if value is None:
        return None
    if record.topic == FEEDBACK:
        return _without_words(value, binary=is_binary(record.headers)) if len(value) <= VALUE_BYTES_MAX else b""
    return value if len(value) <= VALUE_BYTES_MAX else value[:KEPT_BYTES]


def _attributes(record: Refused) -> tuple[Header, ...]:
    found = tuple((name, text or b"") for name, text in record.headers if name in _CE_HEADERS)
    if record.topic == FEEDBACK:
        return tuple((name, text) for name, text in found if len(text) <= _ATTRIBUTE_LENGTH_MAX)
    return found if sum(len(name) + len(text) for name, text in found) <= HEADERS_BYTES_MAX else ()


def _without_words(value: bytes, *, binary: bool) -> bytes:
    """Keep of a feedback event the known fields with short values; nothing of what cannot be taken apart."""
    try:
        event = from_json(value)
    except ValueError:
        return b""
    if binary:
        return to_json(_plain(event, _FEEDBACK_FIELDS, SHORT_LENGTH_MAX))
    kept = _plain(event, ATTRIBUTES, _ATTRIBUTE_LENGTH_MAX)
    if isinstance(event, dict) and "data" in event:
        kept["data"] = _plain(event["data"], _FEEDBACK_FIELDS, SHORT_LENGTH_MAX)
    return to_json(kept)


def _plain(found: object, names: frozenset[str], longest: int) -> dict[str, Any]:
    if not isinstance(found, dict):
        return {}
    return {name: part for name, part in found.items() if name in names and _is_plain(part, longest)}


def _is_plain(part: object, longest: int) -> bool:
    return part is None or isinstance(part, int | float) or (isinstance(part, str) and len(part) <= longest)
