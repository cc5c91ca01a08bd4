"""Rewards: what a customer is entitled to, gets and loses; topic `cx.rewards`."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Amount, Currency, Moment, Record, Short, Uuid
from schemas.output import Notice, OutputEnvelope


class Choice(Record):
    """A gift that the customer may choose; `face_value` in minor units."""

    gift_id: Short
    brand: Short
    card_kind: Short
    face_value: Amount
    currency: Currency


class Reward(Notice):
    """Which reward.

    Attributes:
        rule: The policy's reward rule.
        occasion: What it is given for, once: a period's start, a case, a request.
        tier: The tier that it belongs to, if it does.
        item: Which of the rule's quantity, from 1.
        trigger: What entitled to it, such as `birthday`; the name of the rule's trigger in the policy.
    """

    reward_id: Uuid
    rule: Short
    occasion: Annotated[str, Field(min_length=1, max_length=128)]
    tier: Short | None = None
    item: Annotated[int, Field(ge=1, le=1000)]
    trigger: Short | None = None


class RewardOfferedData(Reward):
    """The gifts that the customer may choose from, and until when."""

    choices: Annotated[tuple[Choice, ...], Field(min_length=1, max_length=100)]
    choose_until: Moment | None = None


class RewardIssuedData(Reward):
    """The gift, always one; `masked` is what may be shown of its code, which is claimed by `claim_id`."""

    gift_id: Short
    brand: Short
    card_kind: Short
    face_value: Amount
    currency: Currency
    claim_id: Short | None = None
    masked: Short | None = None
    valid_until: Moment | None = None


class RewardUnavailableData(Reward):
    """Why there is no gift: `waitlisted`, where one may come until `wait_until`; else for good what the gift desk says.

    That is `out-of-stock`, `unknown-gift`, `not-listed`, or a budget by scope and period, such as `budget-tier-month`.
    """

    reason: Short
    gift_id: Short | None = None
    wait_until: Moment | None = None


class RewardReasonData(Reward):
    """Why the reward is not or no longer given."""

    reason: Short


class RewardExpiringData(Reward):
    """Until when the gift can be used."""

    gift_id: Short | None = None
    valid_until: Moment | None = None


class RewardOffered(OutputEnvelope):
    """The customer may choose."""

    type: Literal["reward.offered"] = "reward.offered"
    data: RewardOfferedData


class RewardIssued(OutputEnvelope):
    """The customer has a gift."""

    type: Literal["reward.issued"] = "reward.issued"
    data: RewardIssuedData


class RewardUnavailable(OutputEnvelope):
    """The customer is entitled, but there is no gift, or none yet."""

    type: Literal["reward.unavailable"] = "reward.unavailable"
    data: RewardUnavailableData


class RewardExpiring(OutputEnvelope):
    """The gift can be used for some days yet."""

    type: Literal["reward.expiring"] = "reward.expiring"
    data: RewardExpiringData


class RewardExpired(OutputEnvelope):
    """The gift can no longer be used."""

    type: Literal["reward.expired"] = "reward.expired"
    data: RewardExpiringData


class RewardRevoked(OutputEnvelope):
    """An unused gift was taken back, its ground having fallen away."""

    type: Literal["reward.revoked"] = "reward.revoked"
    data: RewardReasonData


RewardTold = RewardOffered | RewardIssued | RewardUnavailable | RewardExpiring | RewardExpired | RewardRevoked
