"""Events in: which types each input topic carries, and the one way in for a Kafka record."""

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from schemas.base import CUSTOMER_ID_BYTES_MAX
from schemas.clock import ClockEvent
from schemas.envelope import FoundHeader, is_binary, structured
from schemas.errors import Reason, UnknownTopicError, Unreadable
from schemas.feedback import FeedbackEvent
from schemas.gift_answers import GiftAnswer
from schemas.purchases import PurchaseEvent
from schemas.reader import Reader
from schemas.reward_events import RewardEvent
from schemas.support import SupportEvent
from schemas.touchpoints import TouchpointEvent

VALUE_BYTES_MAX: Final = 256 * 1024
CLOCK: Final = "cx.clock"
GIFT_CLOCK: Final = "cx.gift-clock"
_CLOCKS: Final = frozenset({CLOCK, GIFT_CLOCK})

CustomerEvent = PurchaseEvent | SupportEvent | FeedbackEvent | TouchpointEvent | RewardEvent | GiftAnswer
Event = CustomerEvent | ClockEvent

READERS: Final[Mapping[str, Reader[Any]]] = MappingProxyType(
    {
        "cx.purchases": Reader[PurchaseEvent](PurchaseEvent),
        "cx.support": Reader[SupportEvent](SupportEvent),
        "cx.feedback": Reader[FeedbackEvent](FeedbackEvent),
        "cx.touchpoints": Reader[TouchpointEvent](TouchpointEvent),
        "cx.reward-events": Reader[RewardEvent](RewardEvent),
        "cx.gift-answers": Reader[GiftAnswer](GiftAnswer),
        CLOCK: Reader[ClockEvent](ClockEvent),
    }
)
TOPIC_OF: Final[Mapping[str, str]] = MappingProxyType(
    {name: topic for topic, reader in READERS.items() for name in reader.types}
)


def parse(
    topic: str,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[FoundHeader] = (),
    readers: Mapping[str, Reader[Any]] = READERS,
) -> Event:
    """Turn one Kafka record into the event it carries.

    Args:
        topic: An input topic of the customer lane.
        key: The customer's id in UTF-8; not looked at on `cx.clock`.
        value: Structured JSON, or only the event's data where *headers* hold the attributes.
        headers: Kafka headers in any order; those that are not ours are ignored.
        readers: By topic, where it is another lane's.

    Raises:
        Unreadable: The record breaks the contract. Key and size come first, then the value's first fault.
        UnknownTopicError: *topic* is not an input topic.
    """
    reader = readers.get(topic)
    if reader is None:
        raise UnknownTopicError(topic)
    if topic not in _CLOCKS:
        _check_key(key)
    if value is None:
        raise Unreadable(Reason.NULL_VALUE, "", "null")
    if len(value) > VALUE_BYTES_MAX:
        raise Unreadable(Reason.TOO_LARGE, "", "too_long")
    event: Event = reader.read(structured(value, headers) if headers and is_binary(headers) else value)
    if topic not in _CLOCKS and (event.subject or "").encode() != key:
        raise Unreadable(Reason.KEY_MISMATCH, "key", "mismatch")
    return event


def parse_line(value: bytes) -> Event:
    """Turn one line of a file into the event it carries: structured JSON, where no topic says what it may be.

    Raises:
        Unreadable: The line breaks the contract.
    """
    if len(value) > VALUE_BYTES_MAX:
        raise Unreadable(Reason.TOO_LARGE, "", "too_long")
    return _any().read(value)


@cache
def _any() -> Reader[Event]:
    return Reader[Event](Event)  # made when it is wanted, because a worker has no files


def _check_key(key: bytes | None) -> None:
    if not key:
        raise Unreadable(Reason.MISSING_KEY, "key", "missing")
    if key[0] == 0:
        raise Unreadable(Reason.FORBIDDEN_KEY, "key", "reserved")
    if len(key) > CUSTOMER_ID_BYTES_MAX:
        raise Unreadable(Reason.KEY_TOO_LONG, "key", "too_long")
