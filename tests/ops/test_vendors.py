"""How a vendor is asked: as often as may help, with pauses that grow, and by HTTP, whatever it answers."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from random import Random
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from pydantic import ValidationError

from examples.gift_vendor import TROUBLES, serve, trouble_of
from ops.vendors.http import HttpVendor
from ops.vendors.patience import Patience
from ops.vendors.vendor import Order, VendorBusyError, VendorRefusedError, Voucher
from streams.settings import VendorSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import ThreadingHTTPServer
    from pathlib import Path

ORDER = Order("key-1", "film", 100, "VND")


class Moody:
    """A vendor that does in turn what it is told to: raise, hang for ever, or make a voucher."""

    def __init__(self, *moods: Any) -> None:
        self.moods, self.asked = list(moods), 0

    async def fulfil(self, order: Order) -> Voucher:
        self.asked += 1
        mood = self.moods.pop(0) if self.moods else VendorBusyError()
        if isinstance(mood, Exception):
            raise mood
        if mood == "hangs":
            await asyncio.Event().wait()
        return Voucher(f"{mood} {order.id}")


def patient(vendor: Moody, **settings: Any) -> tuple[Patience, list[float]]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    return Patience(vendor, VendorSettings(**settings), Random(1), sleep), slept


async def test_a_busy_or_silent_vendor_is_asked_again_after_pauses_that_grow_and_are_uneven() -> None:
    vendor = Moody(VendorBusyError(), "hangs", VendorBusyError(), VendorBusyError(), "made")
    patience, slept = patient(vendor, timeout_s=0.01, pause_s=1, pause_max_s=4)

    assert (await patience.fulfil(ORDER)).code == "made key-1"
    assert [low / 2 <= pause <= low for pause, low in zip(slept, (1, 2, 4, 4), strict=True)] == [True] * 4
    assert len(set(slept)) == 4


async def test_it_is_given_up_after_the_last_try_and_at_once_where_it_says_no() -> None:
    patience, slept = patient(busy := Moody(), tries=3)
    with pytest.raises(VendorBusyError, match="after 3 tries"):
        await patience.fulfil(ORDER)
    assert (busy.asked, len(slept)) == (3, 2)

    patience, slept = patient(refusing := Moody(VendorRefusedError()))
    with pytest.raises(VendorRefusedError):
        await patience.fulfil(ORDER)
    assert (refusing.asked, slept) == (1, [])


def test_a_voucher_does_not_show_its_code() -> None:
    assert "SECRET" not in repr(Voucher("SECRET"))


# By HTTP


@pytest.fixture
def example(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    server = serve(0, tmp_path / "orders.sqlite", "some")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with patch("examples.gift_vendor.LATE_S", 0.5):
        yield server
    server.shutdown()
    server.server_close()


def asking(server: ThreadingHTTPServer, **more: Any) -> HttpVendor:
    return HttpVendor(VendorSettings(url=f"http://127.0.0.1:{server.server_port}", timeout_s=0.2, **more))


@pytest.mark.parametrize("trouble", sorted(set(TROUBLES)))
async def test_each_trouble_of_the_example_is_told_apart_and_the_same_key_gets_the_same_voucher(
    trouble: str, example: ThreadingHTTPServer
) -> None:
    key = next(f"key-{number}" for number in range(1_000) if trouble_of(f"key-{number}", "some") == trouble)
    order, vendor = Order(key, "film", 100, "VND"), asking(example)
    if trouble == "":
        assert await vendor.fulfil(order) == await vendor.fulfil(order)
        return
    refused = VendorRefusedError if trouble == "refuses" else VendorBusyError
    with pytest.raises(refused):
        await vendor.fulfil(order)
    if trouble in {"refuses", "never"}:
        with pytest.raises(refused):
            await vendor.fulfil(order)
    else:
        assert await vendor.fulfil(order) == await vendor.fulfil(order)


class Answer:
    """What an HTTP connection would say; it remembers what it was asked."""

    asked: Any = None

    def __init__(self, status: int, body: bytes) -> None:
        self.status, self._body = status, body

    def __call__(self, *_: Any, **__: Any) -> Answer:
        return self

    def request(self, *what: Any) -> None:
        self.asked = what

    def getresponse(self) -> Answer:
        return self

    def read(self, _: int) -> bytes:
        return self._body

    def close(self) -> None:
        pass


async def said(status: int, body: bytes, **settings: Any) -> tuple[Any, Answer]:
    answer = Answer(status, body)
    with patch.object(http.client, "HTTPSConnection", answer), patch("ops.vendors.http.HTTPSConnection", answer):
        vendor = HttpVendor(VendorSettings(url="https://vendor.example/v1/", **settings))
        try:
            return await vendor.fulfil(ORDER), answer
        except (VendorBusyError, VendorRefusedError) as error:
            return error, answer


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b'{"code": "A1", "valid_until": "2030-01-01T00:00:00Z", "more": 1}', Voucher),
        (201, b'{"code": "A1"}', Voucher),
        (200, b'{"code": ""}', VendorBusyError),
        (200, b'{"code": "SECRET", "valid_until": "tomorrow"}', VendorBusyError),
        (200, json.dumps({"code": "é" * 257}).encode(), VendorBusyError),
        (200, b'{"code": "' + b"x" * 70_000, VendorBusyError),
        (202, b"", VendorBusyError),
        (301, b"", VendorBusyError),
        (400, b"", VendorRefusedError),
        (409, b"", VendorBusyError),
        (429, b"", VendorBusyError),
        (499, b"", VendorRefusedError),
        (500, b"SECRET", VendorBusyError),
    ],
)
async def test_what_an_answer_means_and_that_no_error_repeats_it(status: int, body: bytes, kind: type) -> None:
    result, _ = await said(status, body)

    assert isinstance(result, kind)
    assert "SECRET" not in f"{result} {result!r} {getattr(result, '__context__', '')}"


async def test_an_order_has_its_key_and_the_token_in_the_headers_and_goes_to_orders() -> None:
    _, answer = await said(200, b'{"code": "A1"}', token="t0ken")
    method, path, body, headers = answer.asked

    assert (method, path) == ("POST", "/v1/orders")
    assert json.loads(body) == {"order_id": "key-1", "gift_id": "film", "face_value": 100, "currency": "VND"}
    assert headers["Idempotency-Key"] == "key-1"
    assert headers["Authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(
    "url", ["ftp://vendor.example", "vendor.example", "https://user:pass@vendor.example", "http://"]
)
def test_only_an_address_by_http_without_a_password_in_it_will_do(url: str) -> None:
    with pytest.raises(ValidationError):
        VendorSettings(url=url)
