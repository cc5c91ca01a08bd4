"""A vendor behind HTTP that does all that one may do wrong, agents and desks that die: each gift once, money exact."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import threading
import time
from base64 import b64decode
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from uuid import uuid4

import pytest

from cx.desk.book import parts_of
from cx.desk.state import Account, decode
from examples.gift_vendor import ALWAYS, TROUBLES, serve, trouble_of
from ops.codes import Locker
from schemas import dead_letters
from schemas.vendors import ORDERS
from streams.failpoints import COMMITTED, OFFSETS_SENT, VENDOR_POINTS
from streams.settings import CodeSettings
from tests.faults.gift_shop import ARMED, ARMED_VENDOR, FINAL, KEYS, PATIENCE_S, gift_shop
from tests.faults.logs import read_topics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.gift_shop import Shop
    from tests.faults.subject import Subject

SEED = "any word"
REQUESTS, CAKES = 80, 6
FILM, CAKE = 80, 50  # what they cost


@contextmanager
def example(path: Path) -> Iterator[str]:
    """Run the example's vendor, whose codes are easy to find; return where it is asked."""
    with (
        patch("examples.gift_vendor.new_code", lambda: f"PLAIN-{uuid4()}-END"),
        patch("examples.gift_vendor.LATE_S", 1.5),
    ):
        server = serve(0, path, SEED)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()


async def dies(subject: Subject) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not subject.met:
        assert time.monotonic() < deadline, subject.text()[-3000:]
        assert subject.alive or subject.met, subject.text()[-3000:]
        await asyncio.sleep(0.1)
    assert await asyncio.to_thread(subject.exit_code) == -signal.SIGKILL


async def of_topic(shop: Shop, topic: str) -> list[dict[str, Any]]:
    found = await read_topics(shop.settings, [topic])
    return [json.loads(record.value) for records in found.values() for record in records]


@pytest.mark.timeout(300)
async def test_each_gift_is_given_once_and_paid_for_exactly_whatever_a_vendor_does_and_whoever_dies(
    tmp_path: Path,
) -> None:
    made = tmp_path / "orders.sqlite"
    async with gift_shop(tmp_path) as shop:
        with example(made) as url:
            gifts = [
                ("gift_id", "brand", "face_value", "cost", "vendor"),
                ("film", "Studio", "100", str(FILM), "studio"),
                ("cake", "Paris", "60", str(CAKE), ""),
            ]
            shop.imports("shop", gifts)
            shop.imports("shop", [("scope", "name", "total"), ("programme", "", "1000000")])
            shop.codes("shop", "cake", CAKES)
            for number in range(REQUESTS):
                await shop.asks(f"r{number}", "film", "cake")
            await dies(shop.desk(*ARMED, OFFSETS_SENT, "2"))
            dying = shop.desk(*ARMED, COMMITTED, "9")
            for point in VENDOR_POINTS:
                await dies(shop.vendor(url, *ARMED_VENDOR, point, "5"))
            await dies(dying)
            shop.desk()
            for _ in range(2):
                shop.vendor(url)  # each has some of the partitions
            told = await shop.until_answered(REQUESTS)
            await judge(shop, told, made)
            assert await shop.leaks() == []


async def judge(shop: Shop, told: list[dict[str, Any]], made: Path) -> None:
    final = [one for one in told if one["type"] in FINAL]
    assert {one["data"]["request_id"] for one in final} == set(shop.sent)
    assert len(final) == REQUESTS == len({one["id"] for one in final})

    orders = {order["data"]["request_id"]: order["id"] for order in await of_topic(shop, ORDERS)}
    troubles = {request: trouble_of(key, SEED) for request, key in orders.items()}
    assert set(troubles.values()) == set(TROUBLES), "each kind of trouble is there"
    with sqlite3.connect(made) as file:
        codes = dict(file.execute("SELECT key, code FROM orders"))

    locker = Locker(CodeSettings.model_validate({"keys": KEYS["CX_CODES__KEYS"], "identity": ""}))
    given = Counter[str]()
    for one in final:
        data = one["data"]
        failed = troubles[data["request_id"]] in ALWAYS
        if data.get("gift_id") == "film":
            sealed = b64decode(data["ciphertext"])
            opened = locker.open("shop", "film", data["key_id"], sealed)
            assert opened == codes[orders[data["request_id"]]], "what the vendor has made for this order"
            given[opened] += 1
        reasons = {tried["gift_id"]: tried["reason"] for tried in data.get("tried", ())}
        assert failed == (data.get("gift_id") != "film") == ("film" in reasons)
        assert reasons.get("film") in {None, "vendor-failed", "vendor-refused"}
    assert set(given.values()) == {1}
    in_vain = [request for request, trouble in troubles.items() if trouble in ALWAYS]
    cakes = min(CAKES, len(in_vain))
    assert Counter(one["data"].get("gift_id") for one in final) == Counter(
        {"film": REQUESTS - len(in_vain), "cake": cakes, None: len(in_vain) - cakes}
    )

    entries = [decode(value) for key, value in (await shop.entries()).items() if parts_of(key)[1] == b"programme:"]
    (spent,) = (entry.spent[2] for entry in entries if isinstance(entry, Account))
    assert spent == given.total() * FILM + cakes * CAKE

    letters = [dead_letters.read(one.key, one.value, one.headers) for one in await shop.dead_letters()]
    never = {orders[request] for request, trouble in troubles.items() if trouble == "never"}
    assert {(letter.topic, letter.reason) for letter in letters} == {(ORDERS, "vendor-failed")}
    assert {json.loads(letter.value or b"")["id"] for letter in letters} == never
