"""The purchases that contestants fold, always the same ones, and what must come out, computed beside the fold."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CUSTOMERS = 20_000
# Zipf's law with a shift: a few buy often, nobody makes up a percent of all; 400,000 events reach about 19,500
# customers, and 3,000 events in a row some 2,200.
EXPONENT, SHIFT = 1.5, 660
SEEN_MAX = 32
CHUNK = 1_000
CHANNELS = ("store", "web", "app", "partner")


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the source topic."""

    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Expected:
    """What is right after all events.

    Attributes:
        answers: By serial, every output that has to be there.
        states: By customer id, the last state.
    """

    answers: dict[int, dict[str, Any]]
    states: dict[str, dict[str, Any]]


def customer(rank: int) -> str:
    """Return the id of the customer of a rank from 0, the best one first."""
    return f"c-{rank:06d}"


def events(count: int, seed: int = 7) -> Iterator[dict[str, Any]]:
    """Yield *count* purchases in the order of their serials; one seed gives the same ones, and a longer run goes on."""
    chance = random.Random(seed)
    cumulative = list(accumulate((rank + 1 + SHIFT) ** -EXPONENT for rank in range(CUSTOMERS)))
    ranks: list[int] = []
    for serial in range(count):
        if not serial % CHUNK:  # to choose one at a time takes several times as long
            ranks = chance.choices(range(CUSTOMERS), cum_weights=cumulative, k=CHUNK)
        bits = f"{chance.getrandbits(128):032x}"
        second, milli = divmod(serial % 60_000, 1_000)
        hour, minute = divmod(serial // 60_000 % 1_440, 60)
        yield {
            "event_id": bits[:16],  # 32 of them make a state of some 600 bytes
            "type": "purchase.completed",
            "occurred_at": f"2026-01-01T{hour:02d}:{minute:02d}:{second:02d}.{milli:03d}Z",
            "customer_id": customer(ranks[serial % CHUNK]),
            "order_id": f"order-{serial:010d}",
            "amount": 10_000 + chance.getrandbits(20),
            "currency": "VND",
            "channel": CHANNELS[chance.getrandbits(2)],
            "store": f"store-{chance.getrandbits(8):03d}",
            "basket": bits[16:26],
            "serial": serial,
        }


def records(count: int, seed: int = 7) -> Iterator[Record]:
    """Yield the same purchases as records: about 262 bytes of JSON, keyed by customer."""
    for event in events(count, seed):
        yield Record(event["customer_id"].encode(), orjson.dumps(event))


def expect(purchases: Iterable[dict[str, Any]], every: int) -> Expected:
    """Compute what must come out of *purchases* when each serial divisible by *every* is answered.

    Written apart from `harness.fold`, and on purpose in another way: a mistake there must not agree with one here.
    """
    ids: dict[str, list[str]] = {}
    spent: dict[str, int] = {}
    answers: dict[int, dict[str, Any]] = {}
    for event in purchases:
        who, serial = event["customer_id"], event["serial"]
        ids.setdefault(who, []).append(event["event_id"])
        spent[who] = spent.get(who, 0) + event["amount"]
        if serial % every == 0:
            answers[serial] = {
                "customer_id": who,
                "event_id": event["event_id"],
                "serial": serial,
                "spend": spent[who],
                "n": len(ids[who]),
            }
    states = {who: {"spend": spent[who], "n": len(own), "seen": own[-SEEN_MAX:]} for who, own in ids.items()}
    return Expected(answers, states)
