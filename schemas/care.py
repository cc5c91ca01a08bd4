"""Care: whom somebody should look after, and what is held back until then; topic `cx.care`."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Measure, Moment, Short
from schemas.output import Addressed, OutputData, OutputEnvelope

Severity = Literal["info", "warning", "urgent"]
# Words of our lists and counts; never a customer's text.
Facts = dict[Short, Measure | Annotated[str, Field(max_length=256)]]


class Alert(Addressed):
    """What is wrong, how soon it should be put right, and what may help.

    Attributes:
        alert: Which alert, such as `first-response`, `silent`, `seam`.
        deadline: Until when something can be done; None if there is no such moment.
        help: What may help, in the order to try.
        facts: What the alert rests on.
    """

    alert: Short
    severity: Severity
    deadline: Moment | None = None
    help: tuple[Short, ...] = ()
    facts: Facts = Field(default_factory=dict)


class Hold(OutputData):
    """What is held back, and on what it rests."""

    hold_id: Short
    kind: Short
    facts: Facts = Field(default_factory=dict)


class HoldEnd(OutputData):
    """Why a hold ended."""

    hold_id: Short
    reason: Short


class CareAlerted(OutputEnvelope):
    """Somebody should look after the customer."""

    type: Literal["care.alerted"] = "care.alerted"
    data: Alert


class HoldPlaced(OutputEnvelope):
    """Rewards are held back until a person decides."""

    type: Literal["hold.placed"] = "hold.placed"
    data: Hold


class HoldLifted(OutputEnvelope):
    """The hold ended; `hold.released` as told to others, while `cx.touchpoints` carries a person's decision."""

    type: Literal["hold.released"] = "hold.released"
    data: HoldEnd


CareEvent = CareAlerted | HoldPlaced | HoldLifted
