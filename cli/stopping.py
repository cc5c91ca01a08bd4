"""Ctrl-C, SIGTERM and a closed terminal: one way to end, and peace while we do."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_OTHERS = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does: raise `KeyboardInterrupt`, or cancel the task of `asyncio.run`."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_OTHERS)}
    # A shell starts what runs in the background with SIGINT ignored; we want to hear it all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in _OTHERS:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def be_deaf() -> None:
    """Ignore further signals: what stops in order now has its own deadlines, and a second Ctrl-C would only tear it."""
    for number in (signal.SIGINT, *_OTHERS):
        signal.signal(number, signal.SIG_IGN)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)
