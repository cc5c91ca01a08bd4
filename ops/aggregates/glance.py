"""A glance at an encoded customer: what counting needs of it, and nothing else decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zlib import crc32

import msgspec

from cx.state import FORMAT, Customer, Head, StateFormatError, decode, encode, format_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cx.rules import Rules

_HEADER: Final = 10  # bytes before the MessagePack
_FIX, _FIX_MAX = 0x90, 0x9F  # arrays of up to 15 say so in one byte, longer ones in 3 or 5
_LONG: Final = {0xDC: 2, 0xDD: 4}


def _seen(kind: type[msgspec.Struct], wanted: Mapping[str, Any]) -> Any:  # noqa: ANN401  # a class made here
    """Return a class of the first fields of *kind*: those *wanted* by name, the others undecoded."""
    fields: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(kind):
        found = wanted.get(field.name, msgspec.Raw)
        given = field.default
        if not field.required and (found is msgspec.Raw or given is msgspec.NODEFAULT):
            given = msgspec.field(default_factory=found)
        fields.append((field.name, found, given))
    last = max(place for place, (name, *_) in enumerate(fields) if name in wanted)
    return msgspec.defstruct(f"_{kind.__name__}", fields[: last + 1], array_like=True, gc=False)


class _Moment(msgspec.Struct, array_like=True, gc=False):
    """A moment's first fields."""

    kind: msgspec.Raw
    at: int


# A state of a version that knew less ends earlier: then defaults stand in, as they do in the classes themselves.
_HEAD: Final = _seen(
    Head, {"reached": int, "scores": tuple[tuple[int, int, int], ...], "level": int, "place": tuple[str, str]}
)
_STATE: Final = _seen(Customer, {"version": int, "floor": int, "settled": int, "recent": msgspec.Raw, "head": _HEAD})
_states: Final = msgspec.msgpack.Decoder(_STATE)
_moments: Final = msgspec.msgpack.Decoder(list[_Moment])


class Glance(NamedTuple):
    """What is seen of a state.

    Attributes:
        floor: See `cx.state.Customer`, likewise `version` and `settled`.
        moments: How many recent moments it has.
        recent: These as they are written down, one behind the other.
        head: Has no more than `reached`, `scores`, `level` and `place`.
    """

    version: int
    floor: int
    settled: int
    moments: int
    recent: bytes
    head: Head

    def instants_after(self, seen: int, size: int) -> list[int]:
        """Return the instants of the recent moments behind the first *seen*, which take *size* bytes."""
        fresh = self.moments - seen
        header = bytes([_FIX | fresh]) if fresh <= _FIX_MAX - _FIX else b"\xdd" + fresh.to_bytes(4)
        return [moment.at for moment in _moments.decode(header + self.recent[size:])]

    def begins_with(self, size: int, checksum: int) -> bool:
        """Tell whether the first *size* bytes of the recent moments are those of an earlier state."""
        return len(self.recent) >= size and crc32(self.recent[:size]) == checksum

    @property
    def checksum(self) -> int:
        """Of the recent moments."""
        return crc32(self.recent)


def glance(value: bytes, rules: Rules) -> Glance:
    """Look at an encoded customer.

    Raises:
        StateFormatError: it is of a format that is not known here, or damaged.
    """
    if format_of(value) != FORMAT:
        value = encode(decode(value), rules.lateness)
    try:
        state = _states.decode(memoryview(value)[_HEADER:])
    except msgspec.DecodeError:
        message = "state is damaged"
        raise StateFormatError(message) from None
    count, recent = _split(bytes(state.recent))
    return Glance(state.version, state.floor, state.settled, count, recent, state.head)


def _split(array: bytes) -> tuple[int, bytes]:
    """Return the length of an array of MessagePack, and its items as they are written."""
    kind = array[0]
    if kind <= _FIX_MAX:
        return kind - _FIX, array[1:]
    size = 1 + _LONG[kind]
    return int.from_bytes(array[1:size]), array[size:]
