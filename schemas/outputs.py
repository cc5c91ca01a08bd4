"""Events out: which types each output topic carries, and how a subscriber in Python reads them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from schemas.care import CareEvent
from schemas.envelope import FoundHeader, is_binary, structured
from schemas.errors import Reason, UnknownTopicError, Unreadable
from schemas.level_changes import LevelChangeEvent
from schemas.points import PointsEvent
from schemas.reader import Reader
from schemas.rewards import RewardTold
from schemas.tier_changes import TierChangeEvent

OutputEvent = TierChangeEvent | LevelChangeEvent | RewardTold | PointsEvent | CareEvent

READERS: Final[Mapping[str, Reader[Any]]] = MappingProxyType(
    {
        "cx.tier-changes": Reader[TierChangeEvent](TierChangeEvent),
        "cx.level-changes": Reader[LevelChangeEvent](LevelChangeEvent),
        "cx.rewards": Reader[RewardTold](RewardTold),
        "cx.points": Reader[PointsEvent](PointsEvent),
        "cx.care": Reader[CareEvent](CareEvent),
    }
)
TOPIC_OF: Final[Mapping[str, str]] = MappingProxyType(
    {name: topic for topic, reader in READERS.items() for name in reader.types}
)


def read(topic: str, value: bytes | None, headers: Sequence[FoundHeader] = ()) -> OutputEvent:
    """Read one record of an output topic, in structured or binary mode.

    Raises:
        Unreadable: The record breaks the contract.
        UnknownTopicError: *topic* does not carry events out; dead letters have a reader of their own.
    """
    reader = READERS.get(topic)
    if reader is None:
        raise UnknownTopicError(topic)
    if value is None:
        raise Unreadable(Reason.NULL_VALUE, "", "null")
    event: OutputEvent = reader.read(structured(value, headers) if headers and is_binary(headers) else value)
    return event
