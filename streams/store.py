"""The local store of one partition: what is committed, on disk (RocksDB), so that memory does not grow with customers.

Nothing is written before its transaction has been committed, and values, the index of deadlines and the mark that
says how far the changelog is covered go in together. The write-ahead log is off: after a crash the store is as it was
at some earlier commit, of the last half an hour, and the changelog has the rest.
"""

from __future__ import annotations

import fcntl
import logging
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
    WriteOptions,
)

from schemas.errors import CxError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

log = logging.getLogger(__name__)

FORMAT: Final = 1
BLOCK_CACHE_BYTES: Final = 64 << 20  # of a process
BUFFER_BYTES: Final = 96 << 20  # of a process, shared by its partitions
BUFFER_MIN_BYTES: Final = 2 << 20
BUFFERS: Final = 3  # of a partition: one is filled while others are written out
BLOOM_BITS: Final = 10
BLOB_MIN_BYTES: Final = 512  # larger values lie beside the tree, which is then so small that ordering it is cheap
LIFE_S: Final = 12 * 3600  # half of what a tombstone lives in the changelog: an older store may have missed one
WRITTEN_OUT_S: Final = 900.0  # a mark on disk gets no older where there are commits, however little they fill a buffer
SLOTS: Final = 1_000
PORTION: Final = 200  # keys that are read from disk at once
_MARK: Final = b"\x00mark"
_VALUE: Final = b"\x01"
_DUE: Final = b"\x02"
_AFTER_DUE: Final = b"\x03"


class StoreError(CxError):
    """A local store cannot be read or written; it may be thrown away, the changelog has everything.

    Attributes:
        store: Which one, where it is open.
    """

    def __init__(self, message: str = "", store: Store | None = None) -> None:
        """Say *message* of *store*."""
        super().__init__(message)
        self.store = store


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """How far a store covers the changelog.

    Attributes:
        format: Of the store.
        offset: Of the partition's own record that was applied last; all before it is applied.
        own: That record's value, to know the changelog again by.
        at: When this was written, in seconds since 1970: a store that was left for too long is not trusted.
    """

    format: int
    offset: int
    own: bytes
    at: float


class Stores:
    """The folder of a worker's stores, held by one process at a time; partitions share caches and buffers."""

    def __init__(self, root: Path) -> None:
        """Take the first folder below *root* that no other process holds: two workers may share a machine."""
        self._cache = Cache(BLOCK_CACHE_BYTES)
        for number in range(SLOTS):
            folder = root / str(number)
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / "lock").open("wb")
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self._lock.close()
                continue
            self.folder = folder
            return
        message = "no folder is free for the local store"
        raise StoreError(message)

    def open(self, number: int, partitions: int) -> Store:
        """Open the store of partition *number*, one of *partitions* that this worker has; make a damaged one anew."""
        path = self.folder / f"partition-{number}"
        options = _options(self._cache, BUFFER_BYTES // BUFFERS // max(partitions, 1))
        try:
            store = Store(path, options)
        except StoreError as error:
            reason = str(error)
        else:
            if store.is_trusted():
                return store
            reason = "too old, of another format, or damaged"
            store.close()
        log.warning("local store is made again", extra={"partition": number, "reason": reason})
        shutil.rmtree(path, ignore_errors=True)
        return Store(path, options)

    def close(self) -> None:
        """Let another process have the folder."""
        self._lock.close()


class Store:
    """Committed values by key, and the keys by deadline."""

    def __init__(self, path: Path, options: Options) -> None:
        """Open or create the store at *path*.

        Raises:
            StoreError: there is something that cannot be read.
        """
        self._path, self._options = path, options
        self._quick = WriteOptions()
        self._quick.disable_wal = True  # type: ignore[method-assign, assignment]  # an attribute, whatever the stub says
        self._open()
        self._written_out_at = self.mark.at if self.mark else time.time()

    def _open(self) -> None:
        try:
            # By name: one that is there is else opened with the options it was made with, and a cache of its own.
            self._db = Rdict(str(self._path), self._options, {"default": self._options})
            try:
                found = self._db.get(_MARK)
                self.mark = None if found is None else msgspec.msgpack.decode(found, type=Mark)
            except BaseException:
                self._db.close()
                raise
        except Exception as error:
            message = f"cannot be opened: {type(error).__name__}"
            raise StoreError(message) from error

    def is_trusted(self) -> bool:
        """Whether the mark may be believed: of our format, and younger than the life of a tombstone."""
        if self.mark is not None:
            return self.mark.format == FORMAT and 0 <= time.time() - self.mark.at < LIFE_S
        try:
            return next(self._keys(b"", _AFTER_DUE), None) is None
        except StoreError:
            return False

    def get(self, key: bytes) -> bytes | None:
        """Return the committed value of *key*.

        Raises:
            StoreError: the disk gives something else than was written.
        """
        try:
            value: bytes | None = self._db.get(_VALUE + key)
        except Exception as error:
            message = f"cannot be read: {type(error).__name__}"
            raise StoreError(message, self) from error
        return value

    def write(
        self,
        values: Mapping[bytes, bytes | None],
        due: Mapping[bytes, tuple[int | None, int | None]],
        mark: tuple[int, bytes] | None,
    ) -> None:
        """Write, all or nothing, *values* (None forgets), moved deadlines by key (from, to), and how far this goes.

        What is in memory begins to be written out where the mark on disk is old: one that a killed worker leaves is to
        be trusted by the next, and the buffer of a quiet partition takes days to fill.
        """
        batch = WriteBatch(raw_mode=True)
        for key, value in values.items():
            if value is None:
                batch.delete(_VALUE + key)
            else:
                batch.put(_VALUE + key, value)
        for key, (before, after) in due.items():
            if before is not None:
                batch.delete(_due(before) + key)
            if after is not None:
                batch.put(_due(after) + key, b"")
        reached = self.mark if mark is None else Mark(FORMAT, *mark, time.time())
        if mark is not None:
            batch.put(_MARK, msgspec.msgpack.encode(reached))
        try:
            self._db.write(batch, self._quick)
            if reached is not None and reached.at - self._written_out_at > WRITTEN_OUT_S:
                self._db.flush(False)  # noqa: FBT003  # whether to wait: to begin takes 0.2 ms, the rest up to 100
                self._written_out_at = reached.at
        except Exception as error:
            message = f"cannot be written: {type(error).__name__}"
            raise StoreError(message, self) from error
        self.mark = reached

    def fill(self, *, on: bool) -> None:
        """Say that many values come of which hardly one replaces another, or that this is over.

        Meanwhile compaction leaves the oldest values where they are: otherwise it copies them each time, to be rid of
        those that were replaced. Takes some 15 ms.

        Raises:
            StoreError: the database does not take it.
        """
        try:
            self._db.set_options({"enable_blob_garbage_collection": "false" if on else "true"})
        except Exception as error:
            message = f"cannot be set: {type(error).__name__}"
            raise StoreError(message, self) from error

    def due(self, until: int) -> Iterator[tuple[int, bytes]]:
        """Yield deadline and key of what is due until *until*, earliest first; entries may be out of date."""
        for entry in self._keys(_DUE, _due(until + 1)):
            yield int.from_bytes(entry[1:9]), entry[9:]

    def __iter__(self) -> Iterator[bytes]:
        """Yield all keys that have a value."""
        for entry in self._keys(_VALUE, _DUE):
            yield entry[1:]

    def empty(self) -> None:
        """Forget everything."""
        self.close()
        shutil.rmtree(self._path, ignore_errors=True)
        self._open()
        self._written_out_at = time.time()

    def close(self) -> None:
        """Write out what is in memory, and let go of the files."""
        for step in (self._db.flush, self._db.close):
            try:
                step()
            except Exception as error:  # noqa: BLE001  # what is missing is read from the changelog
                log.warning("local store did not close", extra={"error": type(error).__name__})

    def _keys(self, start: bytes, end: bytes) -> Iterator[bytes]:
        portion = self._portion(start, end)
        while portion:
            yield from portion
            portion = self._portion(portion[-1] + b"\x00", end)

    def _portion(self, start: bytes, end: bytes) -> list[bytes]:
        """Return some of the keys from *start* to before *end*, the first ones.

        An iterator of the database that outlived this would keep the files locked after `close`: whoever goes through
        the keys may be waiting for something else meanwhile.
        """
        keys: list[bytes] = []
        try:
            entries: Any = self._db.iter()
            entries.seek(start)
            while len(keys) < PORTION and entries.valid() and (key := entries.key()) < end:
                keys.append(key)
                entries.next()
            entries.status()  # damage looks like the end
        except Exception as error:
            message = f"cannot be read: {type(error).__name__}"
            raise StoreError(message, self) from error
        return keys


def _due(deadline: int) -> bytes:
    return _DUE + deadline.to_bytes(8)


def _options(cache: Cache, buffer: int) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)  # noqa: FBT003  # its only argument
    options.set_write_buffer_size(max(buffer, BUFFER_MIN_BYTES))
    options.set_max_write_buffer_number(BUFFERS)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_enable_blob_files(True)  # its only argument
    options.set_min_blob_size(BLOB_MIN_BYTES)
    options.set_blob_compression_type(DBCompressionType.lz4())
    options.set_enable_blob_gc(True)  # its only argument
    options.set_max_open_files(256)
    options.set_keep_log_file_num(2)
    table = BlockBasedOptions()
    table.set_block_cache(cache)
    # Filters and indexes stay out of the cache: one that is larger than a share of it would be read again each time.
    table.set_bloom_filter(BLOOM_BITS, block_based=False)
    options.set_block_based_table_factory(table)
    return options
