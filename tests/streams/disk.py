"""What a local store has on disk, as a process that is killed leaves it."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Final

from streams.store import Store, Stores

if TYPE_CHECKING:
    from pathlib import Path

DEADLINE_S: Final = 60.0
UNDER_WAY: Final = ("num-immutable-mem-table", "mem-table-flush-pending", "num-running-flushes")
PAUSE_S: Final = 0.01


def folder(stores: Stores) -> Path:
    """Return where partition 0 of *stores* lies."""
    return stores.folder / "partition-0"


def left_behind(stores: Stores, store: Store, root: Path) -> Stores:
    """Return stores below *root* with what a process that is killed now would leave of *store*, partition 0."""
    deadline = time.monotonic() + DEADLINE_S
    while any(store._db.property_int_value(f"rocksdb.{name}") for name in UNDER_WAY):  # noqa: SLF001
        assert time.monotonic() < deadline
        time.sleep(PAUSE_S)
    left = Stores(root)
    while True:
        try:
            shutil.copytree(folder(stores), folder(left))
        except shutil.Error:  # a compaction took a file away meanwhile
            assert time.monotonic() < deadline
            shutil.rmtree(folder(left))
            time.sleep(PAUSE_S)
        else:
            return left
