"""What the gift desk is asked for and told; topic `cx.gift-requests`, keyed by programme."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.base import CustomerId, Record, Short, Uuid
from schemas.envelope import ProgrammeEnvelope

FALLBACKS_MAX = 5
WAIT_DAYS_MAX = 90


class RequestData(Record):
    """A gift for a reward.

    Attributes:
        request_id: Of this request; the same again is a repeat. A reward that is given again has another.
        reward_id: What it is for.
        customer_id: Who gets it, and the answers.
        gifts: The gift that was chosen, then what may be given instead, in this order.
        tier: Whose budget pays, if a tier's does.
        campaign: Whose budget pays, if a campaign's does, such as the reward rule.
        wait_days: How long to wait for stock; 0 for an answer at once.
    """

    request_id: Uuid
    reward_id: Uuid
    customer_id: CustomerId
    gifts: Annotated[tuple[Short, ...], Field(min_length=1, max_length=1 + FALLBACKS_MAX)]
    tier: Short | None = None
    campaign: Short | None = None
    wait_days: Annotated[int, Field(ge=0, le=WAIT_DAYS_MAX)] = 0

    @model_validator(mode="after")
    def _different(self) -> Self:
        if len(set(self.gifts)) != len(self.gifts):
            code = "gifts_repeat"
            raise PydanticCustomError(code, "no gift stands twice")
        return self


class ClaimData(Record):
    """Which request it is about."""

    request_id: Uuid


class WithdrawalData(ClaimData):
    """Why the reward is no longer given; `expired` and `cancelled` are a vendor's word, and end the code as well."""

    reason: Short


class GiftRequested(ProgrammeEnvelope):
    """A gift is wanted."""

    type: Literal["gift.requested"]
    data: RequestData


class RevealRequested(ProgrammeEnvelope):
    """The customer wants to see the code; nobody may show it before `gift.unsealed` says so."""

    type: Literal["reveal.requested"]
    data: ClaimData


class ClaimDelivered(ProgrammeEnvelope):
    """The code has reached the customer."""

    type: Literal["claim.delivered"]
    data: ClaimData


class ClaimRedeemed(ProgrammeEnvelope):
    """The code was used."""

    type: Literal["claim.redeemed"]
    data: ClaimData


class ClaimWithdrawn(ProgrammeEnvelope):
    """The reward was revoked: the gift is taken back, or not given any more."""

    type: Literal["claim.withdrawn"]
    data: WithdrawalData


RequestEvent = GiftRequested | RevealRequested | ClaimDelivered | ClaimRedeemed | ClaimWithdrawn
