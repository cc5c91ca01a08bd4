"""The clock: ticks by which time passes where no event comes; topic `cx.clock`."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Offset, Record
from schemas.envelope import Envelope

TopicName = Annotated[str, Field(min_length=1, max_length=249, pattern="^[A-Za-z0-9._-]+$")]

EndOffsets = Annotated[dict[TopicName, Offset], Field(max_length=64, json_schema_extra={"additionalProperties": False})]


class ClockData(Record):
    """How far a partition must have folded before the tick counts.

    Attributes:
        upto: End offset by topic, of this tick's partition, when the tick was written. None, as in files: the tick
            counts where it stands.
    """

    upto: EndOffsets | None = None


class ClockTicked(Envelope):
    """It is `time`; about no customer, so the subject may be absent and the Kafka key is not looked at."""

    type: Literal["clock.ticked"]
    subject: Annotated[str, Field(max_length=256)] | None = None
    data: ClockData = ClockData()


ClockEvent = ClockTicked
