"""Outputs: the difference between what follows from the moments and what the outside was told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from cx import levels, record
from cx.calendar import DAY, rfc3339
from schemas.outputs import TOPIC_OF

if TYPE_CHECKING:
    from cx.rules import Rules
    from cx.state import Customer, Told

_NAMESPACE = uuid5(NAMESPACE_URL, "cxstream")


class Output(msgspec.Struct, frozen=True):
    """An event to publish: its topic, and the CloudEvent as plain data."""

    topic: str
    event: dict[str, Any]


def reward_id(customer: str, key: str) -> UUID:
    """Return the id of the reward of *customer* under *key*, rule/occasion/item: the same in every rebuild."""
    return uuid5(_NAMESPACE, f"reward\n{customer}\n{key}")


def tell(customer: Customer, told: Told, cause: str, rules: Rules, *, late: bool = False) -> list[Output]:
    """Return what must be told now, and note it in *told*, which the caller owns.

    *cause* is the id of the event that brought us here, or empty when time did. A *late* one triggers whatever it
    changes, although in the order of time another event may have tipped the scales.
    """
    head = customer.head
    if not head.tier:
        return []
    outputs = [*_tier(customer, told, cause, rules, late=late), *_level(customer, told, cause, rules)]
    return outputs + _rewards(customer, told, cause, rules, late=late)


def _tier(customer: Customer, told: Told, cause: str, rules: Rules, *, late: bool) -> list[Output]:
    head = customer.head
    before, since = told.tier or rules.rungs[0].name, told.tier_since
    told.tier, told.tier_since = head.tier, head.tier_since if head.history else 0
    if head.tier == before:
        return []
    known = not since or any(c.at == since and c.after == before for c in head.history)
    told.revision += 1
    rises = rules.rung_of(head.tier) > rules.rung_of(before)
    # Of several changes in one batch, the last that went the way of their sum says why.
    last = next(
        (c for c in reversed(head.history) if rises == (rules.rung_of(c.after) > rules.rung_of(c.before))), None
    )
    if not known or last is None:
        kind, reason = "tier.corrected", "correction"
    else:
        kind, reason = ("tier.upgraded" if rises else "tier.downgraded"), last.reason
        cause = cause if late else last.cause or cause
    data = {
        "from": before,
        "to": head.tier,
        "since": rfc3339(head.tier_since),
        "reason": reason,
        "locale": head.locale or rules.policy.locale,
        "notify": head.notify,
        "decision": record.of_tier(customer, head, before, rules),
    }
    about = f"{head.tier}\n{head.tier_since}\n{told.revision}"
    return [_event(customer, kind, about, at=head.tier_since, cause=cause, data=data)]


def _level(customer: Customer, told: Told, cause: str, rules: Rules) -> list[Output]:
    head = customer.head
    before = told.level
    if head.level == before:
        return []
    told.level = head.level
    told.revision += 1
    start = levels.came_from(head, before, rules)
    # What carried the customer up, or the lowest level that could not be kept.
    shown = range(before + 1, head.level + 1) if head.level > before else [head.level + 1]
    data = {
        "from": before,
        "to": head.level,
        "since": rfc3339(head.level_since),
        "evidence": [row for level in shown for row in levels.evidence(head, level, start, head.reached, rules)],
        "locale": head.locale or rules.policy.locale,
        "notify": head.notify,
        "decision": record.of_level(head, before, rules),
    }
    about = f"{head.level}\n{head.level_since}\n{told.revision}"
    return [_event(customer, "cx-level.changed", about, at=head.level_since, cause=cause, data=data)]


def _rewards(customer: Customer, told: Told, cause: str, rules: Rules, *, late: bool) -> list[Output]:
    head = customer.head
    outputs = []
    for key, owed in head.entitlements.items():
        status, times = told.rewards.get(key, ("", 0))
        if not owed.lost and status != "issued" and owed.rule in rules.rewards:
            told.rewards[key] = ("issued", times + 1)
            outputs.append(_issued(customer, key, cause if late else owed.cause, times + 1, rules))
        elif owed.lost and status == "issued":
            told.rewards[key] = ("revoked", times)
            outputs.append(_revoked(customer, key, owed.lost, cause, rules))
    for key, (status, times) in list(told.rewards.items()):
        if status == "issued" and key not in head.entitlements:
            told.rewards[key] = ("revoked", times)
            outputs.append(_revoked(customer, key, "correction", cause, rules))
    return outputs


def _issued(customer: Customer, key: str, cause: str, times: int, rules: Rules) -> Output:
    owed = customer.head.entitlements[key]
    gift = rules.rewards[owed.rule].gift
    data = {
        **_reward(customer, key, rules),
        "tier": owed.tier,
        "gift_id": gift.id,
        "brand": gift.brand,
        "card_kind": gift.card_kind,
        "face_value": gift.face_value,
        "currency": rules.policy.currency,
        "valid_until": rfc3339(owed.at + gift.valid_days * DAY),
    }
    return _event(customer, "reward.issued", f"{key}\n{times}", at=owed.at, cause=cause, data=data)


def _revoked(customer: Customer, key: str, reason: str, cause: str, rules: Rules) -> Output:
    times = customer.told.rewards.get(key, ("", 0))[1]
    data = {**_reward(customer, key, rules), "reason": reason}
    return _event(customer, "reward.revoked", f"{key}\n{times}", at=customer.head.reached, cause=cause, data=data)


def _reward(customer: Customer, key: str, rules: Rules) -> dict[str, Any]:
    rule, occasion, item = key.split("/")
    head = customer.head
    decision = record.of_tier(customer, head, head.history[-1].before if head.history else head.tier, rules)
    return {
        "reward_id": str(reward_id(customer.id, key)),
        "rule": rule,
        "occasion": occasion,
        "item": int(item),
        "locale": head.locale or rules.policy.locale,
        "notify": head.notify,
        "decision": {**decision, "rule": f"reward:{rule}"},
    }


def _event(customer: Customer, kind: str, about: str, *, at: int, cause: str, data: dict[str, Any]) -> Output:
    event = {
        "specversion": "1.0",
        "id": str(uuid5(_NAMESPACE, f"{customer.id}\n{kind}\n{about}")),
        "source": "cxstream",
        "type": kind,
        "time": rfc3339(at),
        "subject": customer.id,
        "data": data,
    }
    if cause:
        event["causationid"] = cause
    return Output(TOPIC_OF[kind], event)
