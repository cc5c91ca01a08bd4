"""Events as lines of a file, for tests of what reads files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cx.calendar import rfc3339
from tests.schemas.samples import LINE, least


def event(kind: str, when: int, name: str = "", *, of: str = "lan", **data: Any) -> dict[str, Any]:
    """Return an event of type *kind* at the instant *when*, in microseconds, about the customer *of*."""
    made = least(kind) | {"id": name or f"{kind}-{when}", "time": rfc3339(when), "source": "shop"}
    if kind != "clock.ticked":
        made["subject"] = of
    return made | {"data": made["data"] | data}


def buys(when: int, amount: int = 1_000, order: str = "o1", *, of: str = "lan", **data: Any) -> dict[str, Any]:
    """Return the purchase of one line."""
    lines = [LINE | {"amount": amount}]
    return event("purchase.completed", when, f"buy-{order}", of=of, order_id=order, lines=lines, **data)


def refunds(when: int, order: str = "o1", *, of: str = "lan") -> dict[str, Any]:
    """Return the refund of all that is left of an order."""
    return event("purchase.refunded", when, f"refund-{order}", of=of, order_id=order)


def redeems(when: int, points: int, name: str, *, of: str = "lan") -> dict[str, Any]:
    """Return a request to spend points."""
    return event("points.redemption-requested", when, name, of=of, points=points)


def ticks(when: int) -> dict[str, Any]:
    """Return a tick, as it stands in a file."""
    return event("clock.ticked", when)


def written(events: list[dict[str, Any]]) -> bytes:
    """Return *events* as the lines of a file."""
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in events)


def file_of(path: Path, *events: dict[str, Any]) -> str:
    """Write *events* into the file *path*, and return its name."""
    path.write_bytes(written(list(events)))
    return str(path)


def read(path: Path) -> list[dict[str, Any]]:
    """Return what is in a file of lines of JSON."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]
