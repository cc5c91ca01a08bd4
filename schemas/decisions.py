"""Decisions: what became of one event whose sender waits to hear it; kept in Redis for a day."""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal
from urllib.parse import quote

from pydantic import Field

from schemas.base import CustomerId, EventId, Points, Record, Short, Uuid
from schemas.envelope import CustomerEnvelope
from schemas.errors import Reason

KEPT_S: Final = 86_400
OUTPUTS_MAX: Final = 100  # told of one decision; an import or a late event may bring more
_PREFIX: Final = "cx:decision:"


class Told(Record):
    """An event that the decision published: its type and id, and what a till shows of it.

    Attributes:
        points: How many points moved, or were asked for.
        reason: Why, where the type alone does not say it.
        request_id: The event id of the redemption that it answers.
        reward_id: The reward that it is about.
    """

    type: Short
    id: EventId
    points: Points | None = None
    reason: Short | None = None
    request_id: EventId | None = None
    reward_id: Uuid | None = None


class Outcome(Record):
    """What became of an event.

    Events of one customer that a worker reads together are decided together, so tiers and outputs are of them all.

    Attributes:
        outcome: `applied`; `duplicate`, for what was known already; `refused`, for what is in the dead letters.
        customer: Whom it is about.
        reason: Why it was refused, and `loc` where the fault is.
        tier_before: The customer's tier before the decision; None where none was made.
        tier_after: The tier after it.
        outputs: What was published, at most 100.
    """

    outcome: Literal["applied", "duplicate", "refused"]
    customer: CustomerId
    reason: Reason | None = None
    loc: Annotated[str, Field(max_length=256)] = ""
    tier_before: Short | None = None
    tier_after: Short | None = None
    outputs: Annotated[tuple[Told, ...], Field(max_length=OUTPUTS_MAX)] = ()


def decision_key(source: str, event_id: str) -> str:
    """Return the Redis key of what became of an event: a hash of outcomes as JSON, by the fingerprint of the content.

    No two pairs share a key: a colon inside source or id is written as `%3A`.
    """
    return f"{_PREFIX}{quote(source, safe='/')}:{quote(event_id, safe='/')}"


def fingerprint(event: CustomerEnvelope) -> str:
    """Return 128 bits, in hex, over what an *event* says, the same on every machine.

    What a retry may change makes no difference, see `schemas.checksum`; type, customer and instant do.
    """
    data = event.data  # type: ignore[attr-defined]  # every event has some, each a model of its own
    written: bytes = data.__pydantic_serializer__.to_json(data, exclude_defaults=True)
    kind: str = event.type  # type: ignore[attr-defined]
    head = f"{kind}\n{event.subject}\n{event.time.timestamp():.6f}\n".encode()
    return hashlib.sha256(head + written).hexdigest()[:32]


def write(outcome: Outcome) -> bytes:
    """Write an outcome as JSON, without what is not there."""
    return outcome.__pydantic_serializer__.to_json(outcome, exclude_defaults=True)


def read(value: bytes) -> Outcome:
    """Read an outcome that a worker has written, of this version or another.

    Raises:
        ValueError: it is none.
    """
    return Outcome.model_validate_json(value)
