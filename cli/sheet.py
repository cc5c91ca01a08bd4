"""Spreadsheets that people bring: columns told apart by their names, rows one by one, complaints that quote nothing."""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, uuid5

import click
import orjson

from cli.events import STDIN, NoEventsError, called
from cli.screen.parts import counted
from cx.calendar import rfc3339
from schemas.errors import CxError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TextIO

_DELIMITERS: Final = (",", ";", "\t")
_QUOTE: Final = '"'
_DIGITS_MAX: Final = 18
_FAULTS: Final = {  # what pydantic calls them
    "missing": "is missing",
    "string_too_short": "is missing",
    "string_too_long": "is too long",
    "customer_id_too_long": "is too long",
    "customer_id_reserved": "begins with a zero byte",
    "string_pattern_mismatch": "is not written as it should be",
    "date_from_datetime_parsing": "is no day",
    "date_parsing": "is no day",
    "int_type": "is no whole number",
    "bool_type": "is neither yes nor no",
    "literal_error": "is not one of those that there are",
    "budget_name": "has no name where one is needed, or one for the programme",
    "greater_than_equal": "is too small",
    "less_than_equal": "is too large",
    "too_long": "are too many",
    "unknown-tier": "is no tier of the programme",
    "currency": "is not in the programme's table",
    "too-large": "are too large in the programme's currency",
    "invalid": "lie in the future",  # the only thing about days that no schema can say
}


def event_of(name: str, *, source: str, kind: str, at: int, subject: str, data: Mapping[str, Any]) -> bytes:
    """Write the CloudEvent that a row becomes, as of the instant *at*; the same *name* is the same id again."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": str(uuid5(NAMESPACE_URL, f"cxstream/{name}")),
            "source": source,
            "type": kind,
            "time": rfc3339(at),
            "subject": subject,
            "data": data,
        }
    )


class NotASheetError(CxError):
    """A file that is no such spreadsheet; the text is one line for a person."""

    exit_code = 2


class BadRowError(CxError):
    """A row that cannot be taken. Nothing of what stands in it is told, for it is somebody's data.

    Attributes:
        line: On which the row begins, counted from 1.
        field: The column, with the place in it, counted from 1, where it holds several things.
        fault: What is wrong with it, in a word.
    """

    def __init__(self, line: int, field: str, fault: str) -> None:
        """Name the place and the *fault*."""
        super().__init__(f"line {line}: {field} {fault}" if field else f"line {line}: {fault}")
        self.line, self.field, self.fault = line, field, fault


class Sheet(ABC):
    """The rows of one spreadsheet; its first line names the columns.

    Attributes:
        kind: Of which kind it is: the column that only this kind has.
    """

    def __init__(self, file: TextIO, kinds: Mapping[str, tuple[str, ...]]) -> None:
        """Read the names of the columns from *file*; *kinds* holds, by the column that each needs, what it may have.

        Raises:
            NotASheetError: there are none, unknown ones, or none that tells the kind.
        """
        head, *self._lines = file.readlines() or [""]
        self._delimiter = next((one for one in _DELIMITERS if one in head), ",")
        self._columns = [name.strip() for name in next(csv.reader([head], delimiter=self._delimiter), [])]
        self.kind = next((kind for kind in kinds if kind in self._columns), "")
        if wrong := self._wrong(kinds):
            known = "; or ".join(", ".join(columns) for kind, columns in kinds.items() if self.kind in {kind, ""})
            message = f"{wrong}; columns are {known}"
            raise NotASheetError(message)

    def __len__(self) -> int:
        """Return how many lines follow the first."""
        return len(self._lines)

    def __iter__(self) -> Iterator[tuple[str, bytes] | BadRowError]:
        """Yield of each row the Kafka key and the event, in structured JSON, or what is wrong with it.

        After quotes that do not match the next line is taken for a row: one that stays open would take all the rest.
        """
        begin = torn = 0  # places among the lines after the head; those before *torn* were between such quotes
        while begin < len(self._lines):
            cells, end = self._row(begin)
            line = begin + 2
            if cells is None or (begin < torn and any(_QUOTE in cell for cell in cells)):
                yield BadRowError(line, "", "is no CSV; do its quotes match")
                begin, torn = begin + 1, max(torn, end)
                continue
            if any(cell.strip() for cell in cells):
                try:
                    yield self.event(line, self._named(line, cells))
                except BadRowError as error:
                    more = f"; the row ends on line {end + 1}" if end > begin + 1 else ""
                    yield BadRowError(line, error.field, f"{error.fault}{more}")
            begin = end

    def _row(self, begin: int) -> tuple[list[str] | None, int]:
        """Return the cells of the row that begins at a place, None where it is none, and the place of the next."""
        lines = (self._lines[place] for place in range(begin, len(self._lines)))
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        try:
            cells = next(reader, [])
        except csv.Error:
            return None, begin + reader.line_num
        end = begin + reader.line_num
        return (None if len(cells) != len(self._columns) and end > begin + 1 else cells), end

    @abstractmethod
    def event(self, line: int, row: dict[str, str]) -> tuple[str, bytes]:
        """Return Kafka key and event of a *row*, its cells by column; those that hold nothing are left out.

        Raises:
            BadRowError: it cannot be taken.
        """

    def _named(self, line: int, cells: list[str]) -> dict[str, str]:
        if len(cells) != len(self._columns):
            raise BadRowError(line, "", f"{counted(len(cells), 'cell')} under {counted(len(self._columns), 'column')}")
        return {name: cell.strip() for name, cell in zip(self._columns, cells, strict=True) if cell.strip()}

    def _wrong(self, kinds: Mapping[str, tuple[str, ...]]) -> str:
        """Return what is wrong with the names of the columns, empty where nothing is."""
        if not self.kind:  # somebody's data, where the names were left out: it is not repeated
            return f"the first line names no {' and no '.join(kinds)}"
        if len(set(self._columns)) < len(self._columns):
            return "no column stands twice"
        unknown = next((name for name in self._columns if name not in kinds[self.kind]), None)
        return "" if unknown is None else f"column {unknown!r} is not known"


def fault_in_words(fault: str) -> str:
    """Say what is wrong with a field, from what pydantic or a reason code calls it."""
    return _FAULTS.get(fault, fault.replace("_", " "))


def number(text: str) -> int | str:
    """Return the whole number that *text* says; anything else stays text, and the contract says what it should be."""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX else text


class Tally:
    """The good rows, counted; of the bad ones what is wrong is told as they come."""

    def __init__(self, rows: Sheet) -> None:
        self._rows = rows
        self.good = self.bad = 0

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        for row in self._rows:
            if isinstance(row, BadRowError):
                self.bad += 1
                click.echo(str(row), err=True)
            else:
                self.good += 1
                yield row


def text_of(name: str) -> io.StringIO:
    """Return what stands in a file, `-` being standard input.

    Raises:
        NoEventsError: it cannot be read.
    """
    try:
        raw = click.get_binary_stream("stdin").read() if name == STDIN else Path(name).read_bytes()
        return io.StringIO(raw.decode("utf-8-sig"), newline="")  # spreadsheets put a mark before UTF-8
    except OSError as error:
        message = f"{called(name)}: cannot be read ({error.strerror or type(error).__name__})"
        raise NoEventsError(message) from None
    except UnicodeDecodeError:
        message = f"{called(name)}: cannot be read (it is not UTF-8)"
        raise NoEventsError(message) from None
