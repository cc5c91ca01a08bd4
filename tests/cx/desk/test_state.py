"""Entries as they are written down: read back, of a known format, and with their next deadline in front."""

from __future__ import annotations

from collections import Counter as Count
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cx.desk.state import FORMAT, Account, Claim, Code, Gift, Line, decode, encode
from cx.state import NEVER, StateFormatError, deadline_of
from tests.cx.desk.counter import DAY, PROGRAMME, START, Counter, uuid

FIXTURES = Path(__file__).parents[2] / "fixtures"
FIXTURE = FIXTURES / "desk-format-1.bin"


def full_story() -> Counter:
    """Return a desk that has something of everything."""
    desk = Counter()
    desk.lists("coffee", cost=90, remind_days=7, card_kind="voucher")
    desk.lists("cake", returns=False, listed=False)
    desk.budget(day=500, total=10_000)
    desk.budget("tier", "gold", month=1_000)
    desk.adds("coffee", "c1", "c2", valid_until=(START + 60 * DAY).isoformat())
    desk.adds("coffee", "c3", "c4", "c5")
    desk.adds("tea", "t1")
    for request in ("used", "seen", "back", "had"):
        desk.asks(request, "coffee", tier="gold", campaign="welcome")
    desk.says("claim.redeemed", "used")
    desk.says("reveal.requested", "seen")
    desk.withdraws("back")
    desk.lists("book")
    for request in ("waits", "waits-too"):
        desk.asks(request, "book", "cake", wait_days=90)
    desk.asks("not", "cake")
    desk.behind = True
    desk.asks("later", "coffee")
    return desk


def test_what_is_written_down_is_read_back() -> None:
    desk = full_story()

    for value in desk.entries.values():
        assert encode(decode(value)) == value
    kinds: tuple[type[Any], ...] = (Gift, Line, Code, Claim, Account)
    assert [len(desk.of(kind)) for kind in kinds] == [4, 1, 6, 8, 4]


def test_entries_of_format_1_are_written_and_read_as_they_were() -> None:
    """To renew it after a change of format, write `msgspec.msgpack.encode(full_story().entries)` beside it."""
    entries = msgspec.msgpack.decode(FIXTURE.read_bytes(), type=dict[bytes, bytes])
    desk = Counter()
    desk.entries = entries

    assert full_story().entries == entries
    assert desk.asks("next", "coffee") == ""
    assert desk.passes(timedelta(seconds=1)) == ["gift.allocated coffee"] * 2
    statuses = Count(claim.status for claim in desk.of(Claim))
    assert statuses == {"allocated": 3, "redeemed": 1, "refused": 1, "unsealed": 1, "waiting": 2, "withdrawn": 1}


def test_entries_of_before_there_were_vendors_are_read_as_the_same() -> None:
    old, new = (
        msgspec.msgpack.decode((FIXTURES / name).read_bytes(), type=dict[bytes, bytes])
        for name in ("desk-format-1-without-vendors.bin", "desk-format-1.bin")
    )

    assert old != new
    assert {key: decode(value) for key, value in old.items()} == {
        key: msgspec.structs.replace(entry, tried=()) if isinstance(entry, Claim) else entry
        for key, entry in ((key, decode(value)) for key, value in new.items())
    }, "claims that waited had no reasons with them"


def test_a_claim_that_waited_before_reasons_were_kept_is_refused_for_each_of_its_gifts() -> None:
    desk = Counter()
    desk.entries = msgspec.msgpack.decode(
        (FIXTURES / "desk-format-1-without-vendors.bin").read_bytes(), type=dict[bytes, bytes]
    )
    desk.passes(90 * DAY)
    (waited,) = (one for one in desk.told if one["data"]["request_id"] == uuid("waits") and "tried" in one["data"])

    assert [one["gift_id"] for one in waited["data"]["tried"]] == ["book", "cake"]


def test_a_deadline_is_read_without_decoding() -> None:
    desk = full_story()
    waits = desk.entries[f"{PROGRAMME}\0gbook".encode()]
    assert deadline_of(waits) == NEVER
    desk.adds("book", "b1")

    assert deadline_of(desk.entries[f"{PROGRAMME}\0gbook".encode()]) == 0
    for value in desk.entries.values():
        assert deadline_of(value) == decode(value).deadline


@pytest.mark.parametrize(
    "damage",
    [
        lambda value: value[:8] + (FORMAT + 1).to_bytes(2) + value[10:],
        lambda value: value[:-1],
        lambda value: value[:10] + b"\x91\xa1z",
    ],
)
def test_another_format_and_damage_are_told(damage: Any) -> None:
    with pytest.raises(StateFormatError):
        decode(damage(encode(Gift())))
