"""Events for the gift desk: which types each of its topics carries, and the one way in for a Kafka record."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from schemas import inputs
from schemas.clock import ClockEvent
from schemas.envelope import FoundHeader
from schemas.gift_codes import CodeEvent
from schemas.gift_requests import RequestEvent
from schemas.gifts import CatalogueEvent
from schemas.reader import Reader
from schemas.vendors import VendorAnswer

DeskEvent = RequestEvent | CatalogueEvent | CodeEvent | VendorAnswer

READERS: Final[Mapping[str, Reader[Any]]] = MappingProxyType(
    {
        "cx.gift-requests": Reader[RequestEvent](RequestEvent),
        "cx.gifts": Reader[CatalogueEvent](CatalogueEvent),
        "cx.gift-codes": Reader[CodeEvent](CodeEvent),
        "cx.vendor-answers": Reader[VendorAnswer](VendorAnswer),
        inputs.GIFT_CLOCK: Reader[ClockEvent](ClockEvent),
    }
)
TOPIC_OF: Final[Mapping[str, str]] = MappingProxyType(
    {name: topic for topic, reader in READERS.items() for name in reader.types}
)


def parse(topic: str, key: bytes | None, value: bytes | None, headers: Sequence[FoundHeader] = ()) -> Any:  # noqa: ANN401  # a `DeskEvent`, or a tick
    """Turn one Kafka record into the event it carries, as `schemas.inputs.parse` does; the key is the programme.

    Raises:
        Unreadable: The record breaks the contract.
        UnknownTopicError: *topic* is not an input of the gift desk.
    """
    return inputs.parse(topic, key, value, headers, READERS)
