"""Gifts that a vendor makes: orders, topic `cx.vendor-requests`, and what comes of them, `cx.vendor-answers`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from schemas.base import Currency, Moment, PositiveAmount, Record, Short, Uuid
from schemas.envelope import ProgrammeEnvelope
from schemas.gift_codes import Ciphertext
from schemas.reader import Reader


class OrderedData(Record):
    """Which gift of which request."""

    request_id: Uuid
    gift_id: Short


class OrderData(OrderedData):
    """What to make, in minor units of `currency`, and for which reward."""

    vendor: Short
    reward_id: Uuid
    face_value: PositiveAmount
    currency: Currency


class FulfilmentData(OrderedData):
    """The gift's code, as that of `code.added`: what may be shown, and what the key `key_id` encrypted."""

    code_id: Uuid
    masked: Short
    ciphertext: Ciphertext
    key_id: Short
    valid_until: Moment | None = None


class FailureData(OrderedData):
    """Why there is none: the vendor said no, or could not be brought to say anything."""

    reason: Literal["vendor-refused", "vendor-failed"]


class VendorRequested(ProgrammeEnvelope):
    """A gift is ordered and paid for; the event's `id` is the key by which the vendor knows the order again."""

    type: Literal["vendor.requested"]
    data: OrderData


class VendorFulfilled(ProgrammeEnvelope):
    """The vendor has made the gift."""

    type: Literal["vendor.fulfilled"]
    data: FulfilmentData


class VendorFailed(ProgrammeEnvelope):
    """The vendor will not make it."""

    type: Literal["vendor.failed"]
    data: FailureData


VendorAnswer = VendorFulfilled | VendorFailed

ORDERS: Final = "cx.vendor-requests"
READERS: Final[Mapping[str, Reader[Any]]] = MappingProxyType({ORDERS: Reader[VendorRequested](VendorRequested)})
