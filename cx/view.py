"""The profile: what everybody outside sees of a customer, as of an instant."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from cx import care, cases, journey, levels, points, rewards, scores, tiers
from cx.calendar import iso_day, rfc3339
from cx.outputs import reward_id
from cx.progress import keeping, lost_at
from cx.state import NEVER, Standing, canonical

if TYPE_CHECKING:
    from cx.rules import Rules
    from cx.state import Customer, Entitlement, Head


def profile(customer: Customer, tick: int, rules: Rules) -> bytes:
    """Return the profile as canonical JSON, as of the later of the partition's *tick* and the newest folded event."""
    return canonical(profile_of(customer, max(tick, customer.head.reached), rules))


def profile_of(customer: Customer, at: int, rules: Rules) -> dict[str, Any]:
    """Return the profile as of the instant *at*; amounts in minor units of the programme's currency."""
    head = as_of(customer.head, at, rules)
    return {
        **_derived(customer.id, head, at, rules),
        "benefits": rules.rungs[rules.rung_of(head.tier)].benefits,
        "rewards": _rewards(customer),
        "events_held": customer.events_held,
    }


def state_of(customer: Customer, at: int, rules: Rules) -> dict[str, Any]:
    """Return the derived part of the profile: what follows from events, ticks and answers, in whatever order they came.

    Nothing is in it of what was told, so a reward is only `owed`, or `lost`.
    """
    head = as_of(customer.head, at, rules)
    state = _derived(customer.id, head, at, rules)
    state["progress"]["keep"] = keeping(head, at, rules)
    state["rewards"] = [_owed(owed) for _, owed in sorted(head.entitlements.items())]
    return state


def as_of(head: Head, at: int, rules: Rules) -> Head:
    """Return a copy of *head* whose window has moved to the day of *at*."""
    head = copy.copy(head)
    head.days, head.past = head.days.copy(), head.past.copy()  # all that moving the window changes inside
    if not head.tier:
        head.standing = Standing(rules.rungs[0].name)
    tiers.move_window(head, rules.calendar.day(at), rules)
    return head


def _derived(name: str, head: Head, at: int, rules: Rules) -> dict[str, Any]:
    until = lost_at(head, at, rules)
    missing = tiers.missing(head, at, rules)
    return {
        "customer_id": name,
        "as_of": rfc3339(at),
        "policy": rules.hash,
        "currency": rules.policy.currency,
        "tier": head.tier,
        "tier_since": rfc3339(head.tier_since) if head.tier_since else None,
        "tier_until": None if until == NEVER else rfc3339(until),
        "measures": tiers.measures(head, at, rules),
        "progress": {
            "next": missing[0] if missing else None,
            "missing": missing[1] if missing else {},
            "held_back_by": [name for name, holds in tiers.guards(head, at, rules).items() if holds],
        },
        "history": [{"at": rfc3339(c.at), "from": c.before, "to": c.after, "reason": c.reason} for c in head.history],
        "cx_level": head.level,
        "cx_level_since": rfc3339(head.level_since) if head.level_since else None,
        "cx_level_missing": levels.missing(head, at, rules),
        "criteria": levels.criteria(head, at, rules),
        "dimensions": scores.shown(head, at, rules),
        "open_cases": cases.open_count(head),
        "seams": cases.seams(head, at),
        "journey": journey.shown(head),
        "alerts": care.shown(head, at, rules),
        "points": _points(head, rules),
        "enrolled": iso_day(head.enrolled) if head.enrolled else None,
        "first_seen": rfc3339(head.first_seen) if head.first_seen else None,
        "locale": head.locale or rules.policy.locale,
        "notify": head.notify,
        "waiting": _waiting(head),
    }


def _points(head: Head, rules: Rules) -> dict[str, Any]:
    ledger = head.ledger
    expiry = points.next_expiry(head, rules)
    return {
        "balance": ledger.balance,
        "pending": points.pending(head),
        "earned": ledger.earned,
        "spent": ledger.spent,
        "expired": ledger.expired,
        "reversed": ledger.reversed,
        "next_expiry": {"last_day": iso_day(expiry[0]), "points": expiry[1]} if expiry else None,
    }


def _rewards(customer: Customer) -> list[dict[str, Any]]:
    head, told = customer.head, customer.told.rewards
    standing = rewards.standing(head, customer.told)
    return [
        {
            "reward_id": str(reward_id(customer.id, standing.get(key, key))),
            "rule": owed.rule,
            "occasion": owed.occasion,
            "tier": owed.tier,
            "since": rfc3339(owed.at),
            "status": told.get(standing.get(key, key), ("owed", 0))[0],
        }
        for key, owed in sorted(head.entitlements.items())
        if not owed.lost or standing.get(key, key) in told  # lost before anyone was told: there never was one
    ]


def _owed(owed: Entitlement) -> dict[str, Any]:
    return {
        "rule": owed.rule,
        "occasion": owed.occasion,
        "item": owed.item,
        "tier": owed.tier,
        "since": rfc3339(owed.at),
        "status": "lost" if owed.lost else "owed",
    }


def _waiting(head: Head) -> int:
    return sum(map(len, head.waiting.values())) + len(head.refused)
