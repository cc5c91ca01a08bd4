"""A vendor that is asked by HTTP: one POST an order, with the order's id as `Idempotency-Key`."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field, ValidationError

from ops.codes import CODE_BYTES_MAX
from ops.vendors.vendor import VendorBusyError, VendorRefusedError, Voucher
from schemas.base import Moment, Record

if TYPE_CHECKING:
    from ops.vendors.vendor import Order
    from streams.settings import VendorSettings

BODY_BYTES_MAX: Final = 64 * 1024
_MADE: Final = (200, 201)
_BUSY: Final = frozenset({202, 408, 409, 425, 429})  # not ready, or being worked on: ask again under the same key
_REFUSED: Final = range(400, 500)


class _Made(Record):
    """What a vendor answers."""

    code: Annotated[str, Field(min_length=1, max_length=CODE_BYTES_MAX)]
    valid_until: Moment | None = None


class HttpVendor:
    """Asks one address, from threads of its own: the standard library's client blocks."""

    def __init__(self, settings: VendorSettings) -> None:
        """Ask at the address in *settings*, with its token where there is one."""
        parts = urlsplit(settings.url)
        self._secure, self._place = parts.scheme == "https", parts.netloc
        self._path = (parts.path.rstrip("/") + "/orders") + (f"?{parts.query}" if parts.query else "")
        self._timeout_s, self._token = settings.timeout_s, settings.token
        self._threads = ThreadPoolExecutor(settings.at_once, thread_name_prefix="vendor")

    async def fulfil(self, order: Order) -> Voucher:
        """Return the voucher of *order*, as `ops.vendors.vendor.Vendor` says."""
        status, body = await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, order)
        if status in _MADE:
            return _voucher(body)
        if status in _REFUSED and status not in _BUSY:
            message = f"the vendor said no: {status}"
            raise VendorRefusedError(message)
        message = f"the vendor answered {status}"
        raise VendorBusyError(message)

    def _ask(self, order: Order) -> tuple[int, bytes]:
        """Send *order* and return status and body; redirects are not followed, since an order would lose its key."""
        wanted = {
            "order_id": order.id,
            "gift_id": order.gift,
            "face_value": order.face_value,
            "currency": order.currency,
        }
        headers = {"Content-Type": "application/json", "Idempotency-Key": order.id}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        kind = HTTPSConnection if self._secure else HTTPConnection
        connection = kind(self._place, timeout=self._timeout_s)
        try:
            connection.request("POST", self._path, json.dumps(wanted), headers)
            answer = connection.getresponse()
            return answer.status, answer.read(BODY_BYTES_MAX + 1)
        except (OSError, HTTPException) as error:
            message = f"the vendor does not answer: {type(error).__name__}"
            raise VendorBusyError(message) from None
        finally:
            connection.close()


def _voucher(body: bytes) -> Voucher:
    try:
        made = _Made.model_validate_json(body if len(body) <= BODY_BYTES_MAX else b"")
    except ValidationError:  # whose text quotes what may be a code
        made = None
    if made is None or len(made.code.encode()) > CODE_BYTES_MAX:
        message = "the vendor's answer cannot be read"
        raise VendorBusyError(message)
    return Voucher(made.code, made.valid_until)
