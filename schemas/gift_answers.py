"""Gift answers: what the gift desk says to a request for a gift; internal topic `cx.gift-answers`."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Amount, Currency, Moment, Record, Short, Uuid
from schemas.envelope import CustomerEnvelope

# A gift code is a bearer secret: it crosses Kafka encrypted, and `masked` is what people may see of it.
Ciphertext = Annotated[str, Field(min_length=1, max_length=2048, pattern="^[A-Za-z0-9+/]+={0,2}$")]


class AnswerData(Record):
    """Which request is answered."""

    reward_id: Uuid
    request_id: Uuid


class AllocationData(AnswerData):
    """The gift that was set aside, its code as base64 of what the key `key_id` encrypted."""

    gift_id: Short
    claim_id: Short
    masked: Short
    ciphertext: Ciphertext
    key_id: Short
    face_value: Amount
    currency: Currency
    valid_until: Moment | None = None


class RefusalData(AnswerData):
    """Why there is no gift."""

    reason: Short


class GiftAllocated(CustomerEnvelope):
    """A gift was set aside for the customer."""

    type: Literal["gift.allocated"]
    data: AllocationData


class GiftRefused(CustomerEnvelope):
    """There is no gift for this request."""

    type: Literal["gift.refused"]
    data: RefusalData


class GiftWaitlisted(CustomerEnvelope):
    """The request waits for stock or budget."""

    type: Literal["gift.waitlisted"]
    data: AnswerData


GiftAnswer = GiftAllocated | GiftRefused | GiftWaitlisted
