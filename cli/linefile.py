"""A file that we write line by line, or standard output, or nothing where nobody wants it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from cli.screen.parts import plain
from schemas.errors import CxError

if TYPE_CHECKING:
    from types import TracebackType

STDOUT: Final = "-"


class NotWrittenError(CxError):
    """A file that cannot be written; the text is one line for a person."""

    exit_code = 2


class LineFile:
    """Lines on their way into the file *name*; as a context manager, which begins it anew."""

    def __init__(self, name: str | None) -> None:
        """Take the name of the file, `-` for standard output, None for nowhere."""
        self._name: Final = name
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        """Open it.

        Raises:
            NotWrittenError: it cannot be written.
        """
        if self._name is None:
            return self
        try:
            self._file = sys.stdout.buffer if self._name == STDOUT else Path(self._name).open("wb")
        except OSError as error:
            raise self._failed(error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is still held, and close it.

        Raises:
            NotWrittenError: it cannot be written.
        """
        if self._file is None:
            return
        try:
            if self._name == STDOUT:
                self._file.flush()
            else:
                self._file.close()
        except BrokenPipeError:
            raise
        except OSError as full:
            if error is None:  # else what went wrong before is what is told
                raise self._failed(full) from None

    def write(self, line: bytes) -> None:
        """Write one line.

        Raises:
            NotWrittenError: it cannot be written.
        """
        if self._file is None:
            return
        try:
            self._file.write(line + b"\n")
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> NotWrittenError:
        told = "standard output" if self._name == STDOUT else plain(self._name or "")
        return NotWrittenError(f"{told}: cannot be written ({error.strerror or type(error).__name__})")
