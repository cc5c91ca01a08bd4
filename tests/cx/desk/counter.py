"""A gift desk over a dictionary of encoded entries, with time and events that read like what happens."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

from cx.calendar import Calendar, micros, rfc3339
from cx.desk.book import Book
from cx.desk.desk import Desk
from cx.desk.state import Claim, Code, Gift, decode, encode
from schemas.desk import TOPIC_OF, parse
from schemas.inputs import TOPIC_OF as ANSWER_TOPICS
from schemas.inputs import parse as read_answer
from schemas.vendors import ORDERS
from schemas.vendors import READERS as ORDER_READERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cx.desk.state import Entry

PROGRAMME = "shop"
START = datetime(2026, 3, 10, 3, tzinfo=UTC)  # 10 o'clock in Ho Chi Minh City
DAY = timedelta(days=1)


def uuid(name: str) -> str:
    return str(uuid5(NAMESPACE_OID, name))


class Counter:
    """What comes in, what is told, and what is remembered."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}
        self.now = START
        self.told: list[dict[str, Any]] = []
        self.orders: list[dict[str, Any]] = []  # for vendors
        self.calendar = Calendar("Asia/Ho_Chi_Minh")
        self.behind = False
        self._events = 0

    # What comes

    def take(self, kind: str, data: dict[str, Any], at: datetime | None = None) -> None:
        self._events += 1
        self.hears(
            {
                "specversion": "1.0",
                "id": f"e{self._events}",
                "source": "test",
                "type": kind,
                "time": rfc3339(micros(at or self.now)),
                "subject": PROGRAMME,
                "data": data,
            }
        )

    def hears(self, event: dict[str, Any]) -> None:
        parsed = parse(TOPIC_OF[event["type"]], PROGRAMME.encode(), json.dumps(event).encode())
        desk, book = self._desk()
        desk.take(parsed, behind=self.behind)
        self._keep(desk, book)

    def lists(self, gift: str, at: datetime | None = None, **more: Any) -> None:
        terms = {"gift_id": gift, "brand": gift.title(), "face_value": 100, "currency": "VND", "remind_days": 0}
        self.take("gift.listed", terms | more, at)

    def adds(self, gift: str, *codes: str, **more: Any) -> None:
        for code in codes:
            sealed = b64encode(code.encode()).decode()
            data = {"code_id": uuid(code), "gift_id": gift, "masked": f"*{code}", "ciphertext": sealed, "key_id": "k1"}
            self.take("code.added", data | more)

    def budget(
        self, scope: str = "programme", name: str | None = None, *, at: datetime | None = None, **limits: int
    ) -> None:
        self.take("budget.set", {"scope": scope, "name": name, "currency": "VND"} | limits, at)

    def asks(self, request: str, *gifts: str, customer: str = "lan", at: datetime | None = None, **more: Any) -> str:
        """Ask for a gift, and return what was said to it: what was given, or why not."""
        before = len(self.told)
        names = {"request_id": uuid(request), "reward_id": uuid(f"reward of {request}"), "customer_id": customer}
        self.take("gift.requested", names | {"gifts": gifts} | more, at)
        return " ".join(map(told, self.told[before:]))

    def says(self, kind: str, request: str, **data: Any) -> str:
        """Say something about a request, and return what is said to it."""
        before = len(self.told)
        self.take(kind, {"request_id": uuid(request)} | data)
        return " ".join(map(told, self.told[before:]))

    def makes(self, request: str, gift: str, code: str, **more: Any) -> str:
        """Let the vendor make a gift, and return what is said to it."""
        sealed = b64encode(code.encode()).decode()
        data = {"code_id": uuid(code), "gift_id": gift, "masked": f"*{code}", "ciphertext": sealed, "key_id": "k1"}
        return self.says("vendor.fulfilled", request, **data | more)

    def fails(self, request: str, gift: str, reason: str = "vendor-failed") -> str:
        """Let the vendor make none, and return what is said to it."""
        return self.says("vendor.failed", request, gift_id=gift, reason=reason)

    def withdraws(self, request: str) -> str:
        return self.says("claim.withdrawn", request, reason="refund")

    def passes(self, time: timedelta) -> list[str]:
        """Let *time* pass until a tick, and return what the desk said with it."""
        self.now += time
        before, until = len(self.told), micros(self.now)
        while due := sorted((value[:8], key) for key, value in self.entries.items() if value[:8] <= until.to_bytes(8)):
            desk, book = self._desk()
            for _, key in due:
                desk.pass_time(key)
            self._keep(desk, book)
        return [f"{event['type']} {_about(event['data'])}" for event in self.told[before:]]

    # What there is

    def of(self, kind: type[Entry]) -> list[Any]:
        return [entry for entry in map(decode, self.entries.values()) if isinstance(entry, kind)]

    def claim(self, request: str) -> Claim | None:
        found = self.entry(Claim, "r", uuid(request))
        assert found is None or isinstance(found, Claim)
        return found

    def stock(self, gift: str) -> int:
        value = self.entries.get(f"{PROGRAMME}\0g{gift}".encode())
        found = decode(value) if value else Gift()
        assert isinstance(found, Gift)
        in_stock = sum(code.gift == gift and not code.spent and not code.holder for code in self.of(Code))
        assert found.stock.count == in_stock, "the stock is counted wrongly"
        return found.stock.count

    def entry(self, kind: type[Entry], letter: str, number: str) -> Entry | None:
        key = f"{PROGRAMME}\0{letter}".encode() + bytes.fromhex(number.replace("-", ""))
        value = self.entries.get(key)
        found = None if value is None else decode(value)
        assert found is None or isinstance(found, kind)
        return found

    def book(self) -> Book:
        """Return the entries as the desk sees them."""
        return Book(PROGRAMME, lambda key: decode(self.entries[key]) if key in self.entries else None)

    def _desk(self) -> tuple[Desk, Book]:
        book = self.book()
        return Desk(book, micros(self.now), self.calendar, "VND"), book

    def _keep(self, desk: Desk, book: Book) -> None:
        for key, entry in book.changed.items():
            if entry is None:
                self.entries.pop(key, None)
            else:
                self.entries[key] = encode(entry)
        for answer in desk.told:
            value = json.dumps(answer.event).encode()
            if answer.topic == ORDERS:
                ORDER_READERS[ORDERS].read(value)
                self.orders.append(answer.event)
                continue
            assert answer.topic == ANSWER_TOPICS[answer.event["type"]]
            read_answer(answer.topic, answer.key.encode(), value)  # keeps the contract
            self.told.append(answer.event)


def told(event: dict[str, Any]) -> str:
    """Return an answer in words: what was given, or the state and its reason."""
    data = event["data"]
    match event["type"]:
        case "gift.allocated":
            return f"{data['gift_id']} {data['masked']}"
        case "gift.refused" | "reveal.refused":
            return f"refused {data['reason']}"
        case "gift.withdrawn" | "gift.lapsed":
            return f"{event['type'].removeprefix('gift.')}{' and returned' if data['returned'] else ''}"
        case kind:
            return str(kind.removeprefix("gift."))


def _about(data: dict[str, Any]) -> str:
    return str(data.get("gift_id", data.get("reason", "")))


def answers(counter: Counter, request: str) -> Iterable[str]:
    return [event["type"] for event in counter.told if event["data"]["request_id"] == uuid(request)]
