"""The interface of a vendor: an order goes in, a voucher comes out, or one of two refusals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from schemas.errors import CxError

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Order:
    """What to make, in minor units of `currency`; `id` is the idempotency key: the same again is the same order."""

    id: str
    gift: str
    face_value: int
    currency: str


@dataclass(frozen=True, slots=True)
class Voucher:
    """What was made; the code is a secret, and shows up in no text."""

    code: str = field(repr=False)
    valid_until: datetime | None = None


class VendorRefusedError(CxError):
    """The vendor will not fulfil the order, however often it is asked."""


class VendorBusyError(CxError):
    """The vendor has said nothing of use; another try may help. The text is ours, nothing of the answer is in it."""


class Vendor(Protocol):
    """Whoever makes gifts."""

    async def fulfil(self, order: Order) -> Voucher:
        """Return the voucher of *order*, each time the same for the same id.

        Raises:
            VendorRefusedError: there will be none.
            VendorBusyError: there is none yet, or nobody knows.
        """
