"""Poison: records that a worker must refuse, each with the reason that it must give."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import orjson

from ops.traffic.instants import DAY, written
from ops.traffic.options import Options
from ops.traffic.personas import Customer
from ops.traffic.records import Arrival, Kind
from ops.traffic.world import Draw
from schemas.errors import Reason

TOO_LARGE_BYTES: Final = 2 * 1024 * 1024
_TOO_OLD: Final = 40 * DAY
_TOO_EARLY: Final = 2 * DAY
_TOPIC: Final = "cx.purchases"

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Poison:
    """One way to be wrong.

    Attributes:
        reason: Why a worker must refuse it.
        spoil: Turns a good purchase into a bad value; the instant is its arrival.
        topic: Where it is sent.
        key: What becomes of the key, given the subject and another customer's id.
        line: Whether it can stand in a file, which has neither keys nor null values.
        weight: How often it is drawn.
    """

    name: str
    reason: Reason
    spoil: Callable[[Event, int], bytes | None] = lambda event, _: orjson.dumps(event)
    topic: str = _TOPIC
    key: Callable[[bytes, bytes], bytes | None] = lambda own, _: own
    line: bool = True
    dated: bool = True
    weight: float = 1.0


class Poisons:
    """Makes poison, of all kinds that the medium can carry."""

    def __init__(self, options: Options, rng: Random) -> None:
        """Draw from *rng*."""
        fitting = [kind for kind in KINDS if kind.line or options.medium == "kafka"]
        self._kinds: Final = Draw([(kind, kind.weight) for kind in fitting])
        self._rng: Final = rng
        self._run: Final = options.run
        self._count = 0

    def one(self, at: int, customer: Customer, other: Customer) -> Arrival:
        """Return a bad record about *customer* that arrives at *at*; *other* lends a wrong key."""
        self._count += 1
        kind: Poison = self._kinds.one(self._rng)
        event = _purchase(f"{self._run}-p{self._count:x}", at, customer.id)
        other_key = other.key if other is not customer else b"nobody"
        return Arrival(
            topic=kind.topic,
            key=kind.key(customer.key, other_key),
            value=kind.spoil(event, at),
            at=at,
            kind=Kind.POISON,
            type=kind.name,
            customer="",
            time=at,
            reason=kind.reason,
            dated=kind.dated,
        )


def _purchase(name: str, at: int, subject: str) -> Event:
    return {
        "specversion": "1.0",
        "id": name,
        "source": "/shops/broken",
        "type": "purchase.completed",
        "time": written(at),
        "subject": subject,
        "data": {
            "order_id": f"DH{name}",
            "channel": "web",
            "currency": "VND",
            "lines": [{"line_id": "1", "sku": "x-1", "category": "sach", "quantity": 1, "amount": 90_000}],
        },
    }


def _with(**changed: Any) -> Callable[[Event, int], bytes]:  # noqa: ANN401  # any attribute of an event
    return lambda event, _: orjson.dumps(event | changed)


def _with_data(**changed: Any) -> Callable[[Event, int], bytes]:  # noqa: ANN401  # any field of a purchase
    return lambda event, _: orjson.dumps(event | {"data": event["data"] | changed})


def _with_line(**changed: Any) -> Callable[[Event, int], bytes]:  # noqa: ANN401  # any field of a line
    return lambda event, at: _with_data(lines=[event["data"]["lines"][0] | changed])(event, at)


def _timed(shift: int) -> Callable[[Event, int], bytes]:
    return lambda event, at: orjson.dumps(event | {"time": written(at + shift)})


def _surrogate(event: Event, _: int) -> bytes:
    return orjson.dumps(event | {"id": "?"}).replace(b'"?"', b'"\\ud800"')


def _long_subject(event: Event, _: int) -> bytes:
    return orjson.dumps(event | {"subject": "k" * 65})


KINDS: Final = (
    Poison("not-json", Reason.NOT_JSON, lambda event, _: orjson.dumps(event)[:-9], dated=False),
    Poison("not-an-object", Reason.INVALID, lambda *_: b"[1,2,3]", dated=False),
    Poison("lone-surrogate", Reason.NOT_JSON, _surrogate),
    Poison("unknown-type", Reason.UNKNOWN_TYPE, _with(type="purchase.dreamed")),
    Poison("missing-key", Reason.MISSING_KEY, key=lambda *_: None, line=False),
    Poison("key-mismatch", Reason.KEY_MISMATCH, key=lambda _, other: other, line=False),
    Poison("key-too-long", Reason.KEY_TOO_LONG, _long_subject, key=lambda *_: b"k" * 65, line=False),
    Poison("null-value", Reason.NULL_VALUE, lambda *_: None, line=False, dated=False),
    Poison("naive-time", Reason.NAIVE_TIME, lambda event, at: orjson.dumps(event | {"time": written(at)[:-6]})),
    Poison("far-future", Reason.FUTURE, _timed(_TOO_EARLY)),
    Poison("too-late", Reason.TOO_LATE, _timed(-_TOO_OLD)),
    Poison("negative-quantity", Reason.INVALID, _with_line(quantity=-1)),
    Poison("number-as-string", Reason.INVALID, _with_line(amount="90000")),
    Poison("wrong-type", Reason.INVALID, _with_data(lines="none")),
    Poison("other-currency", Reason.CURRENCY, _with_data(currency="XTS")),
    Poison("merge", Reason.NOT_YET_SUPPORTED, _with(type="customer.merged", data={"into": "nobody"}), "cx.touchpoints"),
    Poison("two-megabytes", Reason.TOO_LARGE, _with(note="x" * TOO_LARGE_BYTES), weight=0.1),
)
