"""Reward events: what became of rewards and gifts, from the app, our API and gift vendors; topic `cx.reward-events`."""

from typing import Literal

from schemas.base import Record, Short, Uuid
from schemas.envelope import CustomerEnvelope


class ChoiceData(Record):
    """Which gift of the choice set the customer took."""

    reward_id: Uuid
    gift_id: Short


class GiftData(Record):
    """Which reward a gift belongs to; the gift may be left out, since a reward has one."""

    reward_id: Uuid
    gift_id: Short | None = None


class RedeemedData(GiftData):
    """Where the gift was used, if the vendor says so."""

    store: Short | None = None


class RewardChosen(CustomerEnvelope):
    """The customer chose a gift."""

    type: Literal["reward.chosen"]
    data: ChoiceData


class GiftDelivered(CustomerEnvelope):
    """The gift reached the customer."""

    type: Literal["gift.delivered"]
    data: GiftData


class GiftRedeemed(CustomerEnvelope):
    """The gift was used."""

    type: Literal["gift.redeemed"]
    data: RedeemedData


class GiftExpired(CustomerEnvelope):
    """The gift was not used in time."""

    type: Literal["gift.expired"]
    data: GiftData


class GiftCancelled(CustomerEnvelope):
    """The vendor called the gift off."""

    type: Literal["gift.cancelled"]
    data: GiftData


RewardEvent = RewardChosen | GiftDelivered | GiftRedeemed | GiftExpired | GiftCancelled
