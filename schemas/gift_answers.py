"""Gift answers: what the gift desk says to a request for a gift; internal topic `cx.gift-answers`."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Amount, Currency, Moment, Record, Short, Uuid
from schemas.envelope import CustomerEnvelope
from schemas.gift_codes import Ciphertext
from schemas.gift_requests import FALLBACKS_MAX


class AnswerData(Record):
    """Which request is answered."""

    reward_id: Uuid
    request_id: Uuid


class Tried(Record):
    """A gift that was not given, and why: `out-of-stock`, `unknown-gift`, `not-listed`, or the budget that had run out.

    A budget is named by its scope and period, such as `budget-tier-month`.
    """

    gift_id: Short
    reason: Short


class AllocationData(AnswerData):
    """The gift that was set aside, its code as base64 of what the key `key_id` encrypted.

    Attributes:
        cost: What the budgets paid, in minor units of `currency`.
        tried: What else of the request was tried before it was given, and why each could not be.
    """

    gift_id: Short
    claim_id: Short
    masked: Short
    ciphertext: Ciphertext
    key_id: Short
    face_value: Amount
    currency: Currency
    valid_until: Moment | None = None
    brand: Short | None = None
    card_kind: Short | None = None
    cost: Amount | None = None
    tried: Annotated[tuple[Tried, ...], Field(max_length=FALLBACKS_MAX)] = ()


class RefusalData(AnswerData):
    """Why there is no gift: for the one that was chosen, and what was found last of each that the request names."""

    reason: Short
    tried: Annotated[tuple[Tried, ...], Field(max_length=1 + FALLBACKS_MAX)] = ()


class SealedData(AnswerData):
    """What has become of the gift, such as `withdrawn`."""

    reason: Short


class WaitingData(AnswerData):
    """Until when it waits."""

    wait_until: Moment | None = None


class LaterData(AnswerData):
    """About a gift that was allocated."""

    gift_id: Short
    valid_until: Moment | None = None


class EndedData(AnswerData):
    """What became of the code of a gift that ended unused, if one had been allocated.

    Attributes:
        returned: Whether the code is in stock again, and the budgets have their money back.
    """

    gift_id: Short | None = None
    returned: bool


class GiftAllocated(CustomerEnvelope):
    """A gift was set aside for the customer."""

    type: Literal["gift.allocated"]
    data: AllocationData


class GiftRefused(CustomerEnvelope):
    """There is no gift for this request."""

    type: Literal["gift.refused"]
    data: RefusalData


class GiftWaitlisted(CustomerEnvelope):
    """The request waits for stock."""

    type: Literal["gift.waitlisted"]
    data: WaitingData


class GiftUnsealed(CustomerEnvelope):
    """The code may be shown from now on, and is nobody else's any more."""

    type: Literal["gift.unsealed"]
    data: LaterData


class RevealRefused(CustomerEnvelope):
    """The code may not be shown."""

    type: Literal["reveal.refused"]
    data: SealedData


class GiftExpiring(CustomerEnvelope):
    """The gift can be used for some days yet."""

    type: Literal["gift.expiring"]
    data: LaterData


class GiftLapsed(CustomerEnvelope):
    """The gift was not used in time."""

    type: Literal["gift.lapsed"]
    data: EndedData


class GiftWithdrawn(CustomerEnvelope):
    """The gift was taken back, or is waited for no longer, as the desk was told."""

    type: Literal["gift.withdrawn"]
    data: EndedData


GiftAnswer = (
    GiftAllocated
    | GiftRefused
    | GiftWaitlisted
    | GiftUnsealed
    | RevealRefused
    | GiftExpiring
    | GiftLapsed
    | GiftWithdrawn
)
