"""Rows of spreadsheets for the gift desk: gifts, budgets, or codes, which leave here encrypted and masked."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from cli.sheet import BadRowError, Sheet, event_of, fault_in_words, number
from cx.calendar import micros, rfc3339
from ops.codes import CODE_BYTES_MAX
from schemas.desk import TOPIC_OF, parse
from schemas.errors import Unreadable

if TYPE_CHECKING:
    from typing import TextIO

    from cx.rules import Rules
    from ops.codes import Locker

SOURCE: Final = "/cx/gifts"
KINDS: Final = {  # by the column that each needs
    "code": ("gift_id", "code", "valid_until", "give_until"),
    "scope": ("scope", "name", "currency", "day", "month", "total"),
    "brand": (
        "gift_id", "brand", "card_kind", "face_value", "currency", "cost", "valid_days", "remind_days", "returns",
        "listed", "vendor",
    ),
}  # fmt: skip
TYPES: Final = {"code": "code.added", "scope": "budget.set", "brand": "gift.listed"}
_NUMBERS: Final = frozenset({"face_value", "cost", "valid_days", "remind_days", "day", "month", "total"})
_WORDS: Final = {"yes": True, "true": True, "no": False, "false": False}


class GiftRows(Sheet):
    """One such spreadsheet; its columns say which."""

    def __init__(self, file: TextIO, at: int, rules: Rules, locker: Locker) -> None:
        """Read the names of the columns from *file*; what it says holds from the instant *at*, in microseconds.

        Raises:
            NotASheetError: they are those of none of the three.
        """
        super().__init__(file, KINDS)
        self._at, self._rules, self._locker = at, rules, locker
        self._programme: Final = rules.policy.programme
        self._seen: set[str] = set()
        tiers = {rung.name for rung in rules.policy.tiers.ladder}
        self._scopes: Final = {
            "tier": tiers,
            "campaign": set(rules.rewards),
        }  # a budget of any other would bound nothing

    @property
    def topic(self) -> str:
        """Where its events go."""
        return TOPIC_OF[TYPES[self.kind]]

    def event(self, line: int, row: dict[str, str]) -> tuple[str, bytes]:
        """Return the programme, and the event for the desk."""
        if self.kind == "code":
            column, data = "code", self._code(line, row)
            name = data["code_id"]
        else:
            column, data = self._data(line, row)
            name = ":".join([str(data.get(column, "")), *([str(data.get("name", ""))] if column == "scope" else [])])
        kind = TYPES[self.kind]
        about = name if self.kind == "code" else f"{name}/{self._at}"
        own = f"gifts/{self._programme}/{kind}/{about}"
        value = event_of(own, source=SOURCE, kind=kind, at=self._at, subject=self._programme, data=data)
        self._check(line, value)
        self._check_use(line, data)
        if name in self._seen:
            raise BadRowError(line, column, "stands twice")
        self._seen.add(name)
        return self._programme, value

    def _code(self, line: int, row: dict[str, str]) -> dict[str, Any]:
        code = row.pop("code", "")
        if not code or len(code.encode()) > CODE_BYTES_MAX:
            raise BadRowError(line, "code", "is too long" if code else "is missing")
        for column in ("valid_until", "give_until"):
            if column in row:
                row[column] = self._end_of(row[column])
        return row | self._locker.entry(self._programme, row.get("gift_id", ""), code)

    def _data(self, line: int, row: dict[str, str]) -> tuple[str, dict[str, Any]]:
        currency = self._rules.policy.currency
        if row.get("currency", currency) != currency:
            raise BadRowError(line, "currency", "is not that of the programme")
        data: dict[str, Any] = {"currency": currency}
        for column, cell in row.items():
            data[column] = number(cell) if column in _NUMBERS else cell
            if column in {"returns", "listed"}:
                data[column] = _WORDS.get(cell.lower(), cell)
        return ("scope" if self.kind == "scope" else "gift_id"), data

    def _end_of(self, cell: str) -> str:
        """Return when the local day in *cell* is over; anything else stays, and the contract says what it should be."""
        try:
            return rfc3339(self._rules.calendar.start(date.fromisoformat(cell).toordinal() + 1))
        except (ValueError, OverflowError):  # no day, or one of which calendars do not know the end
            return cell

    def _check_use(self, line: int, data: dict[str, Any]) -> None:
        """Refuse what is as the contract says, and would be of no use."""
        for column in ("valid_until", "give_until"):
            if column in data and micros(datetime.fromisoformat(data[column])) <= self._at:
                raise BadRowError(line, column, "is over already")
        known = self._scopes.get(data.get("scope", ""))
        if known is not None and data.get("name") not in known:
            raise BadRowError(
                line, "name", f"is not known to the policy; there are {', '.join(sorted(known)) or 'none'}"
            )

    def _check(self, line: int, value: bytes) -> None:
        try:
            parse(self.topic, self._programme.encode(), value)
        except Unreadable as refusal:
            column = refusal.loc.removeprefix("data.") if refusal.loc != "data" else self.kind
            raise BadRowError(line, column, fault_in_words(refusal.error_type)) from None
