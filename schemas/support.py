"""Support: the life of a case, from the help desk; topic `cx.support`."""

from typing import Literal

from schemas.base import Record, Short
from schemas.envelope import CustomerEnvelope

SupportChannel = Literal["phone", "chat", "email", "store", "web", "app", "social"]
Priority = Literal["low", "normal", "high", "urgent"]


class CaseOpenedData(Record):
    """What the customer came with; `topic` is a word of the help desk's list, never the customer's text."""

    case_id: Short
    channel: SupportChannel
    topic: Short
    priority: Priority = "normal"
    order_id: Short | None = None


class CaseRespondedData(Record):
    """An answer to the customer; the first one stops the clock of the first response."""

    case_id: Short
    channel: SupportChannel | None = None
    agent: Short | None = None


class CaseResolvedData(Record):
    """The help desk holds the case for solved."""

    case_id: Short
    agent: Short | None = None


class CaseReopenedData(Record):
    """The customer does not."""

    case_id: Short
    reason: Short | None = None


class CaseEscalatedData(Record):
    """The case went up; without a priority it keeps the one it had."""

    case_id: Short
    priority: Priority | None = None
    agent: Short | None = None


class CaseOpened(CustomerEnvelope):
    """A case was opened."""

    type: Literal["case.opened"]
    data: CaseOpenedData


class CaseResponded(CustomerEnvelope):
    """A case was answered."""

    type: Literal["case.responded"]
    data: CaseRespondedData


class CaseResolved(CustomerEnvelope):
    """A case was resolved."""

    type: Literal["case.resolved"]
    data: CaseResolvedData


class CaseReopened(CustomerEnvelope):
    """A resolved case was opened again."""

    type: Literal["case.reopened"]
    data: CaseReopenedData


class CaseEscalated(CustomerEnvelope):
    """A case was escalated."""

    type: Literal["case.escalated"]
    data: CaseEscalatedData


SupportEvent = CaseOpened | CaseResponded | CaseResolved | CaseReopened | CaseEscalated
