"""Rows of a spreadsheet of customers who move in: each becomes an event, or complaints that name the field alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cli.sheet import BadRowError, Sheet, event_of, fault_in_words, number
from cx.intake import NotTakenError, moment_of
from schemas.errors import Unreadable
from schemas.inputs import parse_line

if TYPE_CHECKING:
    from typing import TextIO

    from cx.rules import Rules

SOURCE: Final = "/cx/import"
TYPE: Final = "customer.imported"
COLUMNS: Final = ("customer_id", "joined", "tier", "tier_since", "tier_until", "currency", "lots", "days")
LOT: Final = ("points", "earned", "expires")
DAY: Final = ("day", "spend", "orders", "visits")
_PART, _FIELD = ";", ":"


class Rows(Sheet):
    """The customers of one spreadsheet."""

    def __init__(self, file: TextIO, at: int, rules: Rules) -> None:
        """Read the names of the columns from *file*; what moves in does so at the instant *at*, in microseconds.

        Raises:
            NotASheetError: there are none, unknown ones, or no `customer_id`.
        """
        super().__init__(file, {"customer_id": COLUMNS})
        self._at, self._rules = at, rules
        self._seen: set[str] = set()

    def event(self, line: int, row: dict[str, str]) -> tuple[str, bytes]:
        """Return the customer's id, and the event of moving in."""
        customer = row.pop("customer_id", "")
        data: dict[str, Any] = {"currency": self._rules.policy.currency, **row}
        for name, fields in (("lots", LOT), ("days", DAY)):
            if name in data:
                data[name] = _parts(line, name, data[name], fields)
        own = f"import/{self._rules.policy.programme}/{customer}"
        value = event_of(own, source=SOURCE, kind=TYPE, at=self._at, subject=customer, data=data)
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
        raise BadRowError(line, field, fault_in_words(fault))


def _parts(line: int, name: str, cell: str, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    """Take a cell apart: things set apart by `;`, their fields by `:`; what is left out at the end is not there."""
    found = []
    for place, part in enumerate(cell.strip(_PART).split(_PART), 1):
        values = [value.strip() for value in part.split(_FIELD)]
        if len(values) > len(fields):
            raise BadRowError(line, f"{name}.{place}", f"has more than {_FIELD.join(fields)}")
        found.append({field: number(value) for field, value in zip(fields, values, strict=False) if value})
    return found
