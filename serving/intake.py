"""Intake: what came by HTTP becomes events of the contract, in each of the ways that CloudEvents has for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote

import orjson

from schemas.decisions import decision_key, fingerprint
from schemas.envelope import CONTENT_TYPE, CustomerEnvelope, encode, structured
from schemas.errors import Unreadable
from schemas.inputs import CLOCK, READERS, TOPIC_OF, parse_line
from serving.problems import Fault, ProblemError
from serving.producer import Letter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving.waiting import Place

BATCH_MAX: Final = 100
ONE: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
JSON: Final = "application/json"
OURS: Final = "cxstream"  # the source of what workers say
_INTERNAL: Final = frozenset({CLOCK, "cx.gift-answers"})  # what lanes say to each other is nobody else's to say
EVENTS: Final = tuple(
    model for topic, reader in READERS.items() if topic not in _INTERNAL for model in reader.types.values()
)
_FOR_STAFF: Final = frozenset(
    {
        "customer.erased",
        "customer.imported",
        "customer.merged",
        "hold.confirmed",
        "hold.released",
        "points.adjusted",
        "tier.overridden",
    }
)
_FOR_REWARDS: Final = "cx.reward-events"


class Taken(NamedTuple):
    """An event that may be written: as it is read, as it is sent, and where its outcome will be."""

    event: CustomerEnvelope
    type: str
    letter: Letter
    place: Place

    @property
    def scope(self) -> str:
        """What a caller has to be allowed to do to say this."""
        if self.type in _FOR_STAFF:
            return "cx:admin"
        spends = self.type == "points.redemption-requested" or self.letter.topic == _FOR_REWARDS
        return "cx:rewards" if spends else "cx:events"


def read_body(body: bytes, headers: Mapping[str, str], *, reply: bool) -> tuple[list[Taken], bool]:
    """Return the events of a call, and whether they came as a batch.

    Args:
        headers: By names in lower case.
        reply: Whether the worker is asked to say what becomes of them.

    Raises:
        ProblemError: 400, 415 or 422, they cannot be read.
    """
    kind = headers.get(CONTENT_TYPE, "").partition(";")[0].strip().lower()
    if kind == BATCH:
        return _batch(body, reply=reply), True
    if kind == ONE:
        return [_take(body, reply=reply)], False
    if kind == JSON and "ce-specversion" in headers:
        return [_take(_binary(body, headers), reply=reply)], False
    raise ProblemError(415, "media-type", f"an event is {ONE}, {BATCH}, or {JSON} with ce- headers")


def take(event: Any, *, reply: bool) -> Taken:  # noqa: ANN401  # any of the input models, but for a tick
    """Return *event* as it goes to Kafka: what the contract reads of it, so that no text of feedback is on its way."""
    sent = event.model_copy(update={"cxreply": "true" if reply else None})
    letter = Letter(TOPIC_OF[event.type], event.subject.encode(), encode(sent))
    return Taken(event, event.type, letter, (decision_key(event.source, event.id), fingerprint(event)))


def refused(*, loc: str, kind: str, detail: str = "the event breaks the contract, see errors") -> ProblemError:
    """Return the problem of an event that cannot be taken for what is at *loc*."""
    return ProblemError(422, "invalid-event", detail, errors=[Fault(loc=loc, type=kind)])


def _take(value: bytes, *, reply: bool, at: str = "") -> Taken:
    try:
        event = parse_line(value)
    except Unreadable as refusal:
        if refusal.reason == "not-json":
            raise ProblemError(400, "not-json", "the body is not JSON") from None
        raise refused(loc=f"{at}{refusal.loc}".rstrip("."), kind=refusal.error_type) from None
    if TOPIC_OF[event.type] in _INTERNAL:
        raise refused(loc=f"{at}type", kind="literal_error")
    if event.source == OURS:
        raise refused(loc=f"{at}source", kind="reserved")
    return take(event, reply=reply)


def _batch(body: bytes, *, reply: bool) -> list[Taken]:
    try:
        found = orjson.loads(body)
        parts = list(map(orjson.dumps, found)) if isinstance(found, list) else []
    except (ValueError, TypeError):  # the latter for what is nested deeper than any event
        raise ProblemError(400, "not-json", "the body is not JSON") from None
    if not 1 <= len(parts) <= BATCH_MAX:
        detail = f"a batch is a JSON array of 1 to {BATCH_MAX} events"
        raise refused(loc="", kind="batch", detail=detail)
    taken = [_take(part, reply=reply, at=f"{place}.") for place, part in enumerate(parts)]
    if len({one.place[0] for one in taken}) != len(taken):
        detail = "two events of the batch have the same source and id"
        raise refused(loc="id", kind="repeated", detail=detail)
    return taken


def _binary(body: bytes, headers: Mapping[str, str]) -> bytes:
    # The binding has what is not ASCII percent-encoded; what is not UTF-8 then is refused for that.
    attributes = [
        (f"ce_{name.removeprefix('ce-')}", unquote(text, errors="surrogateescape").encode(errors="surrogateescape"))
        for name, text in headers.items()
        if name.startswith("ce-")
    ]
    try:
        return structured(body, attributes)
    except Unreadable as refusal:
        if refusal.reason == "not-json":
            raise ProblemError(400, "not-json", "the body is not JSON") from None
        raise refused(loc=refusal.loc, kind=refusal.error_type) from None
