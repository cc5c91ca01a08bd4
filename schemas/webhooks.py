"""Webhooks as Kafka keeps them: subscriptions on `cx.webhooks`, failed deliveries on `cx.webhook-state`; both ours."""

from typing import Annotated, Any

from pydantic import Field

from schemas.base import EventId, Moment, Record, Short, Uuid

URL_LENGTH_MAX = 1_024


class SealedSecret(Record):
    """A secret by which deliveries are signed, sealed by a key of `CX_CODES__KEYS`; None in `until` is the newest."""

    key_id: Short
    sealed: Annotated[str, Field(min_length=1, max_length=1_024)]
    until: Moment | None = None


class Subscription(Record):
    """One endpoint, and what it is told; keyed by `id`.

    Attributes:
        types: Types of outputs; all of them where it is empty.
        secrets: Newest first; deliveries are signed by each whose time has not run out.
        disabled: Why nothing is delivered any more, such as `gone`; None where it is.
    """

    id: Uuid
    url: Annotated[str, Field(min_length=1, max_length=URL_LENGTH_MAX)]
    types: tuple[Short, ...] = ()
    secrets: Annotated[tuple[SealedSecret, ...], Field(min_length=1, max_length=4)]
    created: Moment
    disabled: Short | None = None


class Retry(Record):
    """A delivery that failed so far, with the event itself; keyed by subscription and event."""

    subscription: Uuid
    event_id: EventId
    event: Any
    tries: Annotated[int, Field(ge=1)]
    due: Moment
