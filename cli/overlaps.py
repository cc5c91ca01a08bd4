"""Names that stand for the same file: what is read is not written as well, nor any file twice, for either loses it."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.screen.parts import plain
from schemas.errors import CxError

if TYPE_CHECKING:
    from collections.abc import Iterable

STANDARD: Final = "-"

_Identity = tuple[int, int] | Path | str


class OverlapError(CxError):
    """A file that is to be used for two things; the text is one line for a person."""

    exit_code = 2


def check_files(reads: Iterable[str | None], writes: Iterable[str | None]) -> None:
    """Refuse names, None being no file, of which two cannot be used together; links are followed.

    Of files on a disk those that are read may be read more than once. What is no such file, as `/dev/null`, may be used
    for anything.

    Raises:
        OverlapError: standard input is read twice, a file is read and written, or written twice.
    """
    names = [name for name in reads if name is not None]
    if names.count(STANDARD) > 1:
        message = "standard input: can be read only once"
        raise OverlapError(message)
    read = {_identity(name, writing=False) for name in names}
    written: set[_Identity | None] = set()
    for name in writes:
        known = None if name is None else _identity(name, writing=True)
        if name is None or known is None:
            continue
        told = "standard output" if name == STANDARD else plain(name)
        if known in read:
            message = f"{told}: is read, and cannot be written at the same time"
            raise OverlapError(message)
        if known in written:
            message = f"{told}: cannot be written for two things at the same time"
            raise OverlapError(message)
        written.add(known)


def _identity(name: str, *, writing: bool) -> _Identity | None:
    """Return what a file has whatever it is called; None where it is no file on a disk."""
    try:
        found = Path(name).stat() if name != STANDARD else os.fstat((sys.stdout if writing else sys.stdin).fileno())
    except OSError:  # it is not there yet, or nobody can look at it
        return name if name == STANDARD else Path(name).resolve()
    if stat.S_ISREG(found.st_mode):
        return found.st_dev, found.st_ino
    return name if name == STANDARD and writing else None
