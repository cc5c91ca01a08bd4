"""Rows of a spreadsheet of customers who move in: each becomes an event, or complaints that name the field alone."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, uuid5

import orjson

from cli.screen.parts import counted
from cx.calendar import rfc3339
from cx.intake import NotTakenError, moment_of
from schemas.errors import CxError, Unreadable
from schemas.inputs import parse_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from cx.rules import Rules

SOURCE: Final = "/cx/import"
TYPE: Final = "customer.imported"
COLUMNS: Final = ("customer_id", "joined", "tier", "tier_since", "tier_until", "currency", "lots", "days")
LOT: Final = ("points", "earned", "expires")
DAY: Final = ("day", "spend", "orders", "visits")
_DELIMITERS: Final = (",", ";", "\t")
_PART, _FIELD = ";", ":"
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
    "greater_than_equal": "is too small",
    "less_than_equal": "is too large",
    "too_long": "are too many",
    "unknown-tier": "is no tier of the programme",
    "currency": "is not in the programme's table",
    "too-large": "are too large in the programme's currency",
    "invalid": "lie in the future",  # the only thing about days that no schema can say
}


class NotCustomersError(CxError):
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


class Rows:
    """The rows of one spreadsheet; its first line names the columns."""

    def __init__(self, file: TextIO, at: int, rules: Rules) -> None:
        """Read the names of the columns from *file*; what moves in does so at the instant *at*, in microseconds.

        Raises:
            NotCustomersError: there are none, unknown ones, or no `customer_id`.
        """
        self._at, self._rules = at, rules
        head, *self._lines = file.readlines() or [""]
        self._delimiter = next((one for one in _DELIMITERS if one in head), ",")
        self._columns = [name.strip() for name in next(csv.reader([head], delimiter=self._delimiter), [])]
        if wrong := self._wrong():
            message = f"{wrong}; columns are {', '.join(COLUMNS)}"
            raise NotCustomersError(message)
        self._seen: set[str] = set()

    def __iter__(self) -> Iterator[tuple[str, bytes] | BadRowError]:
        """Yield of each row the customer's id and the event, in structured JSON, or what is wrong with it.

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
                    yield self._event(line, cells)
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

    def _wrong(self) -> str:
        """Return what is wrong with the names of the columns, empty where nothing is."""
        if "customer_id" not in self._columns:  # somebody's data, where the names were left out: it is not repeated
            return "the first line names no customer_id"
        if len(set(self._columns)) < len(self._columns):
            return "no column stands twice"
        unknown = next((name for name in self._columns if name not in COLUMNS), None)
        return "" if unknown is None else f"column {unknown!r} is not known"

    def _event(self, line: int, cells: list[str]) -> tuple[str, bytes]:
        if len(cells) != len(self._columns):
            raise BadRowError(line, "", f"{counted(len(cells), 'cell')} under {counted(len(self._columns), 'column')}")
        row = {name: cell.strip() for name, cell in zip(self._columns, cells, strict=True) if cell.strip()}
        customer = row.pop("customer_id", "")
        data: dict[str, Any] = {"currency": self._rules.policy.currency, **row}
        for name, fields in (("lots", LOT), ("days", DAY)):
            if name in data:
                data[name] = _parts(line, name, data[name], fields)
        value = orjson.dumps(
            {
                "specversion": "1.0",
                "id": str(uuid5(NAMESPACE_URL, f"cxstream/import/{self._rules.policy.programme}/{customer}")),
                "source": SOURCE,
                "type": TYPE,
                "time": rfc3339(self._at),
                "subject": customer,
                "data": data,
            }
        )
        self._check(line, customer, value)
        return customer, value

    def _check(self, line: int, customer: str, value: bytes) -> None:
        try:
            moment_of(parse_line(value), self._rules)
        except Unreadable as refusal:
            loc, fault = refusal.loc, refusal.error_type
        except NotTakenError as refusal:
            loc, fault = refusal.loc, refusal.reason.value
        else:
            if customer not in self._seen:
                self._seen.add(customer)
                return
            loc, fault = "subject", "stands twice"
        path = "customer_id" if loc == "subject" else loc.removeprefix("data.")
        field = ".".join(str(int(part) + 1) if part.isdigit() else part for part in path.split("."))
        raise BadRowError(line, field, _FAULTS.get(fault, fault.replace("_", " ")))


def _parts(line: int, name: str, cell: str, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    """Take a cell apart: things set apart by `;`, their fields by `:`; what is left out at the end is not there."""
    found = []
    for place, part in enumerate(cell.strip(_PART).split(_PART), 1):
        values = [value.strip() for value in part.split(_FIELD)]
        if len(values) > len(fields):
            raise BadRowError(line, f"{name}.{place}", f"has more than {_FIELD.join(fields)}")
        found.append({field: _number(value) for field, value in zip(fields, values, strict=False) if value})
    return found


def _number(text: str) -> int | str:
    """Return the whole number that *text* says; anything else stays text, and the contract says what it should be."""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX else text
