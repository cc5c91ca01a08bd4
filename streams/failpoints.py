"""Named places where a fault test lets the worker die; in production `reach` does nothing."""

from __future__ import annotations

import os
import signal
from typing import Final

AFTER_FOLD: Final = "after-fold"
IN_TRANSACTION: Final = "in-transaction"
OFFSETS_SENT: Final = "offsets-sent"
COMMITTED: Final = "committed"
BEFORE_REDIS: Final = "before-redis"
VENDOR_ASKED: Final = "vendor-asked"
VENDOR_ANSWERED: Final = "vendor-answered"
VENDOR_TOLD: Final = "vendor-told"
VENDOR_COMMITTED: Final = "vendor-committed"
VENDOR_POINTS: Final = (VENDOR_ASKED, VENDOR_ANSWERED, VENDOR_TOLD, VENDOR_COMMITTED)
POINTS: Final = (AFTER_FOLD, IN_TRANSACTION, OFFSETS_SENT, COMMITTED, BEFORE_REDIS)

_armed: dict[str, int] = {}


def arm(point: str, passes: int) -> None:
    """Die at *point* when it has been reached *passes* times; only a test's own start of a worker calls this."""
    _armed[point] = passes


def reach(point: str) -> None:
    """Die here by SIGKILL if a test asked for it: nothing is flushed, closed or said."""
    if not _armed or point not in _armed:
        return
    _armed[point] -= 1
    if _armed[point] <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
