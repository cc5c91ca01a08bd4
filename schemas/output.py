"""The base of events out, and what those share that lead to a message to the customer."""

from typing import Literal

from pydantic import ConfigDict

from schemas.base import Locale, Record
from schemas.decision import Decision
from schemas.envelope import CustomerEnvelope


class OutputEnvelope(CustomerEnvelope):
    """An event that this project says; its `id` is the same again after a replay or a rebuild."""

    specversion: Literal["1.0"] = "1.0"
    source: Literal["cxstream"] = "cxstream"


class OutputData(Record):
    """Fields may be named in Python or as in JSON, where the name is a keyword of Python."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)


class Addressed(OutputData):
    """What whoever speaks to the customer needs: their language, None if unknown, and consent, both as of then."""

    locale: Locale | None = None
    notify: bool


class Notice(Addressed):
    """What a notifier needs, with the decision that is told of."""

    decision: Decision
