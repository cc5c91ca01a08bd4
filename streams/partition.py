"""The state of one partition number: what is committed in its store, what is on its way there, the hot part decoded."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from schemas.errors import CxError
from streams.effects import DECODED_FACTOR, NEVER, deadline_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from streams.store import Store, StoreError

OWN_KEY: Final = b"\x00partition"
FORMAT: Final = 1
CACHE_BYTES: Final = 256 << 20  # of a process, shared by its partitions
WEIGHT_UNKNOWN: Final = 1_024
INDEXED_MAX: Final = 240_000  # keys of a process, shared by its partitions; some 130 bytes each


class PartitionFormatError(CxError):
    """A partition's own record that this version does not read."""


class OtherChangelogError(CxError):
    """The local store was made from another changelog than the one that is there now."""


class PartitionRecord(msgspec.Struct, frozen=True, array_like=True):
    """What a partition remembers of itself, in its changelog under `OWN_KEY`.

    Attributes:
        format: Of this record.
        tick: Last applied, in microseconds.
        policy: Hash of what the fold decides by.
        incarnation: Drawn when the changelog was empty; a store that was made from another one does not have it.
        state: Format of the values.
    """

    format: int
    tick: int
    policy: str
    incarnation: str
    state: int


class HotCache:
    """Decoded states, bounded by their estimated size in memory; the least lately put goes first."""

    def __init__(self, maximum: int = CACHE_BYTES) -> None:
        """Hold at most *maximum* bytes."""
        self._maximum = maximum
        self._total = 0
        self._entries: dict[bytes, tuple[Any, int]] = {}

    def get(self, key: bytes) -> Any | None:  # noqa: ANN401  # whatever the fold put there
        """Return the decoded state of *key*, or None."""
        entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def put(self, key: bytes, decoded: object, encoded_bytes: int = WEIGHT_UNKNOWN) -> None:
        """Keep *decoded*, whose encoded form has *encoded_bytes*."""
        before = self._entries.pop(key, None)
        weight = encoded_bytes * DECODED_FACTOR
        self._total += weight - (before[1] if before else 0)
        self._entries[key] = decoded, weight
        while self._total > self._maximum and len(self._entries) > 1:
            self._total -= self._entries.pop(next(iter(self._entries)))[1]

    def drop(self, key: bytes) -> None:
        """Forget *key*."""
        if entry := self._entries.pop(key, None):
            self._total -= entry[1]

    def __contains__(self, key: bytes) -> bool:
        """Whether *key* is held."""
        return key in self._entries

    def __len__(self) -> int:
        """Return how many states are held."""
        return len(self._entries)


class Partition:
    """State of one partition number of a lane, as its folds see it and as its commits leave it.

    Every encoded value begins with its next deadline in 8 bytes, which is all that this module knows of it.
    """

    def __init__(
        self,
        number: int,
        partitions: int,
        store: Store,
        cache_bytes: int = CACHE_BYTES,
        indexed_max: int = INDEXED_MAX,
    ) -> None:
        """Stand on *store*, which holds partition *number* of *partitions*; the last two are its share of a process."""
        self.number = number
        self.partitions = partitions
        self.tick = 0
        self.policy = ""
        self.incarnation = ""
        self.state_format = 0
        self.cache = HotCache(cache_bytes)
        self._store = store
        self._pending: dict[bytes, bytes | None] = {}  # folded, and not yet in the store
        self._newest_own: bytes | None = None  # own record made since the last `put`
        # Under which deadline the store knows a key, as far as we remember. Where we do not, an entry stays behind
        # that is found out when its time comes.
        self._indexed: dict[bytes, int] = {}
        self._indexed_max = indexed_max
        if store.mark is not None:
            self._take_own(store.mark.own)

    # What folds see

    def encoded(self, key: bytes) -> bytes | None:
        """Return the encoded state of *key*, or None."""
        if key in self._pending:
            return self._pending[key]
        value = self._store.get(key)
        if value is not None:
            self._note(key, deadline_of(value))
        return value

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set or, with None, forget the state of *key*; the store has it once `committed` is called."""
        self._pending[key] = value
        self._newest_own = None
        if value is None:
            self.cache.drop(key)

    def due(self, until: int, limit: int) -> list[bytes]:
        """Return up to *limit* keys due until *until*, earliest first; they stay due until they are put again."""
        found: list[tuple[int, bytes]] = []
        stale: dict[bytes, tuple[int | None, int | None]] = {}
        for deadline, key in self._store.due(until):
            if len(found) == limit:
                break
            if key in self._pending:
                continue
            value = self._store.get(key)
            if value is not None and deadline_of(value) == deadline:
                found.append((deadline, key))
            else:
                stale[key] = (deadline, None)
        if stale:
            self._store.write({}, stale, None)
        found += [
            (deadline, key)
            for key, value in self._pending.items()
            if value is not None and (deadline := deadline_of(value)) <= until
        ]
        found.sort()
        return [key for _, key in found[:limit]]

    def stored(self, key: bytes) -> bytes | None:
        """Return the encoded state of *key* as it was committed last, or None."""
        return self._store.get(key)

    # What commits leave

    def committed(self, values: Mapping[bytes, bytes | None], own: bytes | None, offset: int) -> None:
        """Take into the store what a transaction has made durable, its own record at *offset* of the changelog."""
        self._keep(values, None if own is None else (offset, own))
        if own is not None and own is self._newest_own:
            self._pending.clear()
            return
        for key, value in values.items():
            # One None is like another: this one may have been put again after a value that is still on its way.
            if value is not None and self._pending.get(key) is value:
                del self._pending[key]

    def recover(self, records: Iterable[tuple[int, bytes, bytes | None]]) -> None:
        """Take records of the changelog (offset, key, value), the partition's own among them.

        Raises:
            PartitionFormatError: an own record is of another format.
            OtherChangelogError: an own record is of another incarnation than the store.
        """
        values: dict[bytes, bytes | None] = {}
        mark = None
        for offset, key, value in records:
            if key == OWN_KEY:
                if value is not None:
                    self._take_own(value)
                    mark = (offset, value)
            else:
                values[key] = value
        self._keep(values, mark)

    def fill(self, *, on: bool) -> None:
        """Say that much of the changelog is about to come, or that this is over."""
        self._store.fill(on=on)

    def reset(self) -> None:
        """Forget everything: the store turned out to belong to another changelog."""
        self._store.empty()
        self._indexed.clear()
        self.tick, self.policy, self.incarnation, self.state_format = 0, "", "", 0

    def is_hit_by(self, error: StoreError) -> bool:
        """Whether *error* is of our store, or of one that it does not name."""
        return error.store in {None, self._store}

    def known_by(self) -> str:
        """Return the incarnation of the changelog, drawn now where it is empty."""
        self.incarnation = self.incarnation or secrets.token_hex(8)
        return self.incarnation

    def own_record(self, policy: str, state_format: int) -> bytes:
        """Return the partition's own record as it is now."""
        record = PartitionRecord(FORMAT, self.tick, policy, self.known_by(), state_format)
        self._newest_own = msgspec.msgpack.encode(record)
        return self._newest_own

    @property
    def covered(self) -> tuple[int, bytes] | None:
        """Offset and value of the own record up to which the store covers the changelog, if it holds anything."""
        mark = self._store.mark
        return None if mark is None else (mark.offset, mark.own)

    def is_older_than(self, seconds: float) -> bool:
        """Whether what the store knows itself by was written more than *seconds* ago."""
        mark = self._store.mark
        return mark is not None and time.time() - mark.at > seconds

    def keys(self) -> Iterator[bytes]:
        """Yield the keys that are held when this begins; commits may go on meanwhile."""
        pending = dict(self._pending)
        for key, value in pending.items():
            if value is not None:
                yield key
        for key in self._store:
            if key not in pending:
                yield key

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _keep(self, values: Mapping[bytes, bytes | None], mark: tuple[int, bytes] | None) -> None:
        moved: dict[bytes, tuple[int | None, int | None]] = {}
        for key, value in values.items():
            before = self._indexed.get(key)
            after = NEVER if value is None else deadline_of(value)
            if before != after:
                moved[key] = (None if before == NEVER else before, None if after == NEVER else after)
                self._note(key, after)
        self._store.write(values, moved, mark)

    def _note(self, key: bytes, deadline: int) -> None:
        if len(self._indexed) >= self._indexed_max:
            self._indexed.clear()
        self._indexed[key] = deadline

    def _take_own(self, value: bytes) -> None:
        record = read_own(value)
        if self.incarnation and record.incarnation != self.incarnation:
            message = "the incarnation differs"
            raise OtherChangelogError(message)
        self.tick, self.policy = record.tick, record.policy
        self.incarnation, self.state_format = record.incarnation, record.state


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
