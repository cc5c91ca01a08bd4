"""The state of one partition number: encoded values, the hot ones decoded, and which key is due next."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import msgspec

from cx.state import NEVER, deadline_of
from schemas.errors import CxError

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

OWN_KEY = b"\x00partition"
FORMAT = 1
CACHE_MAX = 4_000


class PartitionFormatError(CxError):
    """A partition's own record that this version does not read."""


class PartitionRecord(msgspec.Struct, frozen=True, array_like=True):
    """What a partition remembers of itself, in its changelog under `OWN_KEY`."""

    format: int
    tick: int
    policy: str


class HotCache(OrderedDict[bytes, Any]):
    """Decoded states, the least lately used going first once there are *maximum*."""

    def __init__(self, maximum: int = CACHE_MAX) -> None:
        """Hold at most *maximum* states."""
        super().__init__()
        self.maximum = maximum

    def __setitem__(self, key: bytes, value: object) -> None:
        """Put *key* in as the newest."""
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self.maximum:
            self.popitem(last=False)


class Partition:
    """State of one partition number of a lane; values come and go by `put`, so that the index of deadlines is right.

    Every encoded value begins with its next deadline in 8 bytes, which is all that this module knows of it.
    """

    def __init__(self, number: int, partitions: int, values: MutableMapping[bytes, bytes]) -> None:
        """Take over *values*, empty or recovered, of partition *number* of *partitions*."""
        self.number = number
        self.partitions = partitions
        self.tick = 0
        self.policy = ""
        self.cache: MutableMapping[bytes, Any] = HotCache()
        self._values = values
        self._deadlines: dict[bytes, int] = {}
        self._heap: list[tuple[int, bytes]] = []

    def encoded(self, key: bytes) -> bytes | None:
        """Return the encoded state of *key*, or None."""
        return self._values.get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set or, with None, forget the state of *key*, and note its deadline."""
        if value is None:
            self._values.pop(key, None)
            self._deadlines.pop(key, None)
            return
        self._values[key] = value
        deadline = deadline_of(value)
        if deadline == NEVER:
            self._deadlines.pop(key, None)
        elif self._deadlines.get(key) != deadline:
            self._deadlines[key] = deadline
            heapq.heappush(self._heap, (deadline, key))
            if len(self._heap) > 2 * len(self._deadlines) + 1_000:
                self._heap = [(due, name) for name, due in self._deadlines.items()]
                heapq.heapify(self._heap)

    def recover(self, key: bytes, value: bytes | None) -> None:
        """Take a record of the changelog, the partition's own among them.

        Raises:
            PartitionFormatError: the partition's own record is of another format.
        """
        if key == OWN_KEY:
            if value is not None:
                record = read_own(value)
                self.tick, self.policy = record.tick, record.policy
        else:
            self.put(key, value)

    def own_record(self, policy: str) -> bytes:
        """Return the partition's own record as it is now."""
        return msgspec.msgpack.encode(PartitionRecord(FORMAT, self.tick, policy))

    def due(self, until: int, limit: int) -> list[bytes]:
        """Return up to *limit* keys due until *until*, earliest first; they stay due until they are put again."""
        found: list[tuple[int, bytes]] = []
        while self._heap and self._heap[0][0] <= until and len(found) < limit:
            deadline, key = heapq.heappop(self._heap)
            if self._deadlines.get(key) == deadline:
                found.append((deadline, key))
                del self._deadlines[key]  # a second entry of the same key and time must not be found again
        for deadline, key in found:
            self._deadlines[key] = deadline
        for entry in found:
            heapq.heappush(self._heap, entry)
        return [key for _, key in found]

    def keys(self) -> Iterator[bytes]:
        """Return the keys held."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return the number of keys held."""
        return len(self._values)


def read_own(value: bytes) -> PartitionRecord:
    """Read a partition's own record.

    Raises:
        PartitionFormatError: it is of another format, or damaged.
    """
    try:
        record = msgspec.msgpack.decode(value, type=PartitionRecord)
    except msgspec.DecodeError:
        message = "a partition's own record is damaged"
        raise PartitionFormatError(message) from None
    if record.format != FORMAT:
        message = f"a partition's own record has format {record.format}, this version reads {FORMAT}"
        raise PartitionFormatError(message)
    return record
