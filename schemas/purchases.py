"""Purchases: what the till, the web shop and the app say about an order; topic `cx.purchases`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from schemas.base import Amount, Currency, PositiveAmount, Record, Short
from schemas.envelope import CustomerEnvelope

SalesChannel = Literal["store", "web", "app", "partner"]
PaymentKind = Literal["money", "points", "gift-card"]


class PurchaseLine(Record):
    """One line of an order; `amount` is the line's total in minor units, without tax."""

    line_id: Short
    sku: Short
    category: Short
    quantity: Annotated[int, Field(ge=1, le=1_000_000)]
    amount: Amount


class Payment(Record):
    """One part of how the order was paid, in minor units of the order's currency."""

    kind: PaymentKind
    amount: Amount


def _line_ids_differ(lines: tuple[PurchaseLine, ...]) -> tuple[PurchaseLine, ...]:
    if len({line.line_id for line in lines}) < len(lines):
        code = "line_ids_repeat"  # a refund names a line by its id
        raise PydanticCustomError(code, "the lines of an order have different ids")
    return lines


class PurchaseData(Record):
    """An order as it was paid. Its parts need not add up: discounts and rounding are the producer's own."""

    order_id: Short
    channel: SalesChannel
    store: Short | None = None
    currency: Currency
    lines: Annotated[tuple[PurchaseLine, ...], Field(min_length=1, max_length=200), AfterValidator(_line_ids_differ)]
    shipping: Amount = 0
    tax: Amount = 0
    payments: Annotated[tuple[Payment, ...], Field(max_length=10)] = ()


class RefundLine(Record):
    """What was given back of one line, in minor units; `quantity` only where goods came back."""

    line_id: Short
    amount: PositiveAmount
    quantity: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class RefundData(Record):
    """What was given back of an order; no lines, no shipping and no tax means the whole rest of it."""

    order_id: Short
    lines: Annotated[tuple[RefundLine, ...], Field(max_length=200)] = ()
    shipping: Amount = 0
    tax: Amount = 0
    reason: Short | None = None


class CancellationData(Record):
    """An order that does not take place."""

    order_id: Short
    reason: Short | None = None


class PurchaseCompleted(CustomerEnvelope):
    """An order was paid."""

    type: Literal["purchase.completed"]
    data: PurchaseData


class PurchaseRefunded(CustomerEnvelope):
    """Money of an order was given back, in part or whole."""

    type: Literal["purchase.refunded"]
    data: RefundData


class PurchaseCancelled(CustomerEnvelope):
    """An order was called off."""

    type: Literal["purchase.cancelled"]
    data: CancellationData


PurchaseEvent = PurchaseCompleted | PurchaseRefunded | PurchaseCancelled
