"""Records by hand for tests of the audit: a small world in which all is accounted for, until a test breaks it."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from aiokafka import ConsumerRecord

from cx.state import Customer, Head, Standing, encode
from ops.audit.ledger import Ledger
from ops.traffic.manifest import Manifest
from schemas.dead_letters import dead_letter
from schemas.errors import Reason

NOW = datetime(2025, 3, 1, tzinfo=UTC)
DAY_US = 86_400_000_000
DECISION = {"policy": "0" * 64, "rule": "tier:gold", "measures": {"spend": 5}, "before": "silver", "after": "gold"}

_offsets = count()


def record(
    topic: str, key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes], ...] = (), partition: int = 0
) -> ConsumerRecord[bytes, bytes]:
    """Return a record at a position of its own."""
    size = len(value or b"")
    return ConsumerRecord(topic, partition, next(_offsets), 0, 0, key, value, None, len(key or b""), size, headers)


def event(name: str, customer: str = "lan", sent_ms: int | None = None) -> ConsumerRecord[bytes, bytes]:
    """Return an input event; its id is *name*."""
    value = json.dumps({"specversion": "1.0", "source": "/till", "id": name, "subject": customer}).encode()
    headers = (("cx-sent", str(sent_ms).encode()),) if sent_ms is not None else ()
    return record("cx.purchases", customer.encode(), value, headers)


def refused(wrong: ConsumerRecord[bytes, bytes], reason: Reason = Reason.INVALID) -> ConsumerRecord[bytes, bytes]:
    """Return the dead letter of a record."""
    letter = dead_letter(wrong, reason, NOW)
    return record("cx.dead-letters", letter.key, letter.value, letter.headers)


def state(customer: str, events: int, tier: str = "member", partition: int = 0) -> ConsumerRecord[bytes, bytes]:
    """Return a changelog record of a customer who holds so many events."""
    value = encode(Customer(customer, settled=events, head=Head(standing=Standing(tier))), 30 * DAY_US)
    return record("cx-customers-changelog", customer.encode(), value, partition=partition)


def output(about: str, cause: str = "", customer: str = "lan") -> ConsumerRecord[bytes, bytes]:
    """Return a tier change; the same *about* gives the same id."""
    change = {"from": "silver", "to": "gold", "since": NOW.isoformat(), "reason": "spend", "notify": True}
    found: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(uuid5(NAMESPACE_URL, about)),
        "source": "cxstream",
        "type": "tier.upgraded",
        "time": NOW.isoformat(),
        "subject": customer,
        "data": change | {"decision": DECISION},
    }
    if cause:
        found["causationid"] = cause
    return record("cx.tier-changes", customer.encode(), json.dumps(found).encode())


def asked(request: str, *gifts: str) -> ConsumerRecord[bytes, bytes]:
    """Return a request to the gift desk."""
    value = {"type": "gift.requested", "subject": "shop", "data": {"request_id": request, "gifts": gifts}}
    return record("cx.gift-requests", b"shop", json.dumps(value).encode())


def answered(kind: str, request: str, customer: str = "lan", **data: str) -> ConsumerRecord[bytes, bytes]:
    """Return what the gift desk says to a request."""
    attributes = {"specversion": "1.0", "source": "cxstream", "id": f"{kind} {request}", "subject": customer}
    value = attributes | {"type": kind, "data": {"request_id": request} | data}
    return record("cx.gift-answers", customer.encode(), json.dumps(value).encode())


def produced(**customers: int) -> Manifest:
    """Return the manifest of a run with so many good events by customer, one duplicate and one invalid record."""
    events = sum(customers.values())
    return Manifest(
        run="r",
        options={},
        records=events + 2,
        events={"purchase.completed": events},
        customers=Counter(customers),
        duplicates=1,
        poison={"invalid": 1},
        late=0,
        ticks=0,
        tick_records=0,
        first_event=None,
        last_event=None,
        first_tick=None,
        last_tick=None,
    )


class World:
    """What `produced(lan=2, mai=1)` leaves in the topics when all goes well; a test changes a part before `read`."""

    def __init__(self) -> None:
        poison = event("p")
        self.inputs = [event("a"), event("b"), event("c", "mai"), event("a"), poison]
        self.letters = [refused(poison)]
        self.states = [state("lan", 1), state("mai", 1), state("lan", 2)]
        self.outputs = [output("gold of lan", "b"), output("gold of mai", "c", "mai")]
        self.desk: list[ConsumerRecord[bytes, bytes]] = []  # requests to it, and its answers

    def read(self) -> Ledger:
        """Return a ledger that has read everything."""
        ledger = Ledger()
        for found in self.inputs:
            ledger.input(found)
        for found in self.desk:
            (ledger.input if found.topic == "cx.gift-answers" else ledger.gifts.take)(found)
        for found in self.letters:
            ledger.dead_letter(found)
        for found in self.states:
            ledger.changelog(found)
        for found in self.outputs:
            ledger.output(found, seen=0)
        return ledger
