"""Places: how far a stream is in each partition that it reads, as one word that a client gives back to go on there."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zlib import crc32

from aiokafka import TopicPartition
from aiokafka.partitioner import murmur2

from schemas.base import INT64_MAX
from schemas.errors import CxError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

WORD_LENGTH_MAX: Final = 8_192  # a word travels in a header
_CHECK_BYTES: Final = 4
_SEVEN: Final = 0x7F
_MORE: Final = 0x80
_INT32_MAX: Final = 0x7FFFFFFF


class PlacesError(CxError):
    """A word names no places of this stream; the text repeats nothing of it."""


def places_of(topics: Collection[str], partitions: int, customer: str | None = None) -> tuple[TopicPartition, ...]:
    """Return the partitions of *topics*, in order; of one *customer* only that in which they are."""
    numbers = range(partitions) if customer is None else [(murmur2(customer.encode()) & _INT32_MAX) % partitions]
    return tuple(TopicPartition(topic, number) for topic in sorted(topics) for number in numbers)


def word_of(offsets: Mapping[TopicPartition, int]) -> str:
    """Return the word for the next *offsets* in some places, whose order counts."""
    body = b"".join(map(_written, offsets.values()))
    return urlsafe_b64encode(_check(tuple(offsets)) + body).decode().rstrip("=")


def read_word(places: tuple[TopicPartition, ...], word: str) -> dict[TopicPartition, int]:
    """Return the next offset in each of *places*.

    Raises:
        PlacesError: *word* is none, or one of other places.
    """
    try:
        found = urlsafe_b64decode(word[:WORD_LENGTH_MAX].encode("ascii") + b"=" * (-len(word) % 4))
    except ValueError:  # what is not ASCII, too
        found = b""
    offsets = _numbers(found[_CHECK_BYTES:]) if found[:_CHECK_BYTES] == _check(places) else []
    if len(offsets) != len(places) or max(offsets) > INT64_MAX:
        message = "the last event's id is not one of this stream"
        raise PlacesError(message)
    return dict(zip(places, offsets, strict=True))


@lru_cache(1_000)
def _check(places: tuple[TopicPartition, ...]) -> bytes:
    """Return what tells these places from others, so that the offset of one is never taken for another's."""
    return crc32(repr([tuple(place) for place in places]).encode()).to_bytes(_CHECK_BYTES)


def _written(number: int) -> bytes:
    """Return *number* in groups of seven bits, the lowest first."""
    told = bytearray()
    while number > _SEVEN:
        told.append(number & _SEVEN | _MORE)
        number >>= 7
    told.append(number)
    return bytes(told)


def _numbers(told: bytes) -> list[int]:
    """Return the numbers in *told*, none at all where the last one is cut off."""
    numbers, number, shift = list[int](), 0, 0
    for byte in told:
        number |= (byte & _SEVEN) << shift
        shift += 7
        if not byte & _MORE:
            numbers.append(number)
            number = shift = 0
    return [] if shift else numbers
