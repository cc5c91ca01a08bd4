"""Requests: what the gift desk is asked for and told of a customer's rewards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cx.calendar import rfc3339
from cx.ids import id_of
from cx.lives import request_id, reward_id
from schemas.desk import TOPIC_OF

if TYPE_CHECKING:
    from cx.lives import Turn
    from cx.rules import Rules


def is_for_desk(turn: Turn) -> bool:
    """Tell whether the desk is told of *turn*, and nobody else."""
    return turn.kind in TOPIC_OF


def request_of(customer: str, turn: Turn, cause: str, rules: Rules) -> tuple[str, dict[str, Any]]:
    """Return topic and CloudEvent of what the desk is told, under an id that a replay repeats."""
    request = request_id(customer, turn.key, turn.life.times)
    event = {
        "specversion": "1.0",
        "id": id_of(f"{request}\n{turn.kind}"),
        "source": "cxstream",
        "type": turn.kind,
        "time": rfc3339(turn.at),
        "subject": rules.policy.programme,
        "data": {"request_id": request, **_data(customer, turn, rules)},
    }
    if cause:
        event["causationid"] = cause
    return TOPIC_OF[turn.kind], event


def _data(customer: str, turn: Turn, rules: Rules) -> dict[str, Any]:
    name, life = turn.key.partition("/")[0], turn.life
    if turn.kind == "claim.withdrawn":
        return {"reason": turn.reason}
    if turn.kind != "gift.requested":
        return {}
    rule = rules.rewards[name]
    return {
        "reward_id": reward_id(customer, turn.key),
        "customer_id": customer,
        "gifts": [life.gift, *(gift for gift in rule.fallbacks if gift != life.gift)],
        "tier": life.tier or None,
        "campaign": name,
        "wait_days": rule.wait_days,
    }
