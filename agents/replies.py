"""Replies: what is said to whoever waits for the decision on an event, once it is committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.decisions import KEPT_S, OUTPUTS_MAX, Outcome, Told, decision_key, fingerprint, write
from schemas.topics import TOPICS
from streams.effects import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cx.decide import Arrival, Decision
    from cx.outputs import Output
    from schemas.errors import Reason


class Question(NamedTuple):
    """Where somebody looks for an answer: the key of a Redis hash, and the field in it; and whom it is about."""

    key: str
    field: str
    customer: str


Asked = dict[int, Question]  # of one batch of one topic, by the offset of the record


def asked_by(event: Any) -> Question:  # noqa: ANN401  # any of the input models, but for a tick
    """Return where the sender of *event*, one about a customer, looks for the decision on it."""
    return Question(decision_key(event.source, event.id), fingerprint(event), event.subject)


def of_refusal(question: Question | None, reason: Reason, loc: str = "") -> list[Receipt]:
    """Return what is said of a record that is refused before anybody has looked at its customer; none if none waits."""
    if question is None:
        return []
    return [_receipt(question, Outcome(outcome="refused", customer=question.customer, reason=reason, loc=loc))]


def of_decision(
    asked: Asked, arrivals: Sequence[Arrival], decision: Decision, tiers: tuple[str, str]
) -> Iterator[Receipt]:
    """Return what is said of those *arrivals* that somebody waits for; *tiers* are before and after the decision."""
    waiting = [(asked[at], arrival) for arrival in arrivals if (at := arrival.record.offset) in asked]
    if not waiting:
        return
    # What has waited in vain until now is refused as well, and came from any topic.
    refused = {(one.record.topic, one.record.offset): one for one in decision.refusals}
    repeated = {record.offset for record in decision.repeated}
    published = [output for output in decision.outputs if TOPICS[output.topic].is_output]
    outputs = tuple(map(_told, published[:OUTPUTS_MAX]))
    before, after = tiers
    for question, arrival in waiting:
        found = refused.get((arrival.record.topic, arrival.record.offset))
        if found is not None:
            outcome = Outcome(outcome="refused", customer=question.customer, reason=found.reason, loc=found.loc)
        elif arrival.record.offset in repeated:
            outcome = Outcome(outcome="duplicate", customer=question.customer)
        else:
            outcome = Outcome(outcome="applied", customer=question.customer, outputs=outputs)
        yield _receipt(question, outcome.model_copy(update={"tier_before": before, "tier_after": after}))


def _told(output: Output) -> Told:
    event = output.event
    data = event["data"]
    return Told(
        type=event["type"],
        id=event["id"],
        points=data.get("points"),
        reason=data.get("reason"),
        request_id=data.get("request_id"),
        reward_id=data.get("reward_id"),
    )


def _receipt(question: Question, outcome: Outcome) -> Receipt:
    return Receipt(question.key, question.field, write(outcome), KEPT_S)
