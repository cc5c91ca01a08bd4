"""Tier changes: one event per real change of a customer's tier; topic `cx.tier-changes`."""

from typing import Literal

from pydantic import Field

from schemas.base import Moment, Short
from schemas.output import Notice, OutputData, OutputEnvelope


class Override(OutputData):
    """The word of a person that set the tier: why, and until when; None for good."""

    reason: Short
    until: Moment | None = None


class TierChange(Notice):
    """From which tier to which.

    Attributes:
        from_tier: Tier until now; `from` in JSON.
        to_tier: Tier from now on; `to` in JSON.
        since: From when it counts; before the event's `time` where a late event changed what had been.
        reason: What brought it about: `spend`, `refund`, `window`, `guard`, `experience` (a score or the CX level),
            `joining`, `override`, `override-ended`, `import`, `correction`; more may come.
        override: Where a person's word did it.
    """

    from_tier: Short = Field(validation_alias="from", serialization_alias="from")
    to_tier: Short = Field(validation_alias="to", serialization_alias="to")
    since: Moment
    reason: Short
    override: Override | None = None


class TierUpgraded(OutputEnvelope):
    """The customer rose."""

    type: Literal["tier.upgraded"] = "tier.upgraded"
    data: TierChange


class TierDowngraded(OutputEnvelope):
    """The customer fell."""

    type: Literal["tier.downgraded"] = "tier.downgraded"
    data: TierChange


class TierCorrected(OutputEnvelope):
    """What was told before is wrong in the light of a late event."""

    type: Literal["tier.corrected"] = "tier.corrected"
    data: TierChange


TierChangeEvent = TierUpgraded | TierDowngraded | TierCorrected
