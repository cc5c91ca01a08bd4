"""The profile: what everybody outside sees of a customer, as of an instant."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from cx import care, cases, journey, levels, lives, points, rewards, scores, segments, tiers
from cx.calendar import iso_day, rfc3339
from cx.lives import reward_id
from cx.progress import keeping, lost_at, twin
from cx.state import NEVER, Standing

if TYPE_CHECKING:
    from cx.moments import Card
    from cx.rules import Rules
    from cx.state import Customer, Entitlement, Head, Life


def profile_of(customer: Customer, at: int, rules: Rules) -> dict[str, Any]:
    """Return the profile as of the instant *at*; amounts in minor units of the programme's currency."""
    head = as_of(customer.head, at, rules)
    derived = _derived(customer.id, head, at, rules)
    derived["waiting"] += len(lives.unclaimed(customer.head, customer))
    return {
        **derived,
        "benefits": rules.rungs[rules.rung_of(head.tier)].benefits,
        **told_of(customer, rules),
        "events_held": customer.events_held,
    }


def told_of(customer: Customer, rules: Rules) -> dict[str, Any]:
    """Return what became of the rewards, and the holds that stand: what a profile has of what was told."""
    return {
        "rewards": _rewards(customer, rules),
        "holds": [
            {"hold_id": name, "since": rfc3339(hold.placed[0])}
            for name, hold in sorted(customer.told.holds.items())
            if not hold.ended
        ],
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
    head = twin(head)
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
        "segment": segments.of(head, rules.calendar.day(at), rules),
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


def _rewards(customer: Customer, rules: Rules) -> list[dict[str, Any]]:
    head, told = customer.head, customer.told
    standing = rewards.standing(head, told, rules)
    shown = []
    for key, owed in sorted(head.entitlements.items()):
        stands = standing.get(key, key)
        life = told.rewards.get(stands)
        if life is None and owed.lost:
            continue  # lost before anyone was told: there never was one
        status = life.status if life else "held" if lives.is_held(owed, told) else "owed"
        shown.append(
            {
                "reward_id": reward_id(customer.id, stands),
                "rule": owed.rule,
                "occasion": owed.occasion,
                "tier": owed.tier or None,
                "since": rfc3339(life.owed if life else owed.at),  # what was given once may stand for a later ground
                "status": status,
                **(_life(life) if life else {}),
            }
        )
    return shown


def _life(life: Life) -> dict[str, Any]:
    """Return what a customer may choose from and until when, or what they have and until when it can be used."""
    if life.status == "offered":
        return {"choices": life.choices, "choose_until": rfc3339(life.until)}
    if life.status == "waiting":
        return {"gift": life.gift, "wait_until": rfc3339(life.until)}
    if life.card is not None:
        return {"gift": life.gift, "valid_until": rfc3339(life.valid), **_card(life, life.card)}
    return {"gift": life.gift, "valid_until": rfc3339(life.valid)} if life.valid else {}


def _card(life: Life, card: Card) -> dict[str, Any]:
    """Return what the gift desk gave; the sealed code for as long as whoever has the key may show it."""
    shown: dict[str, Any] = {
        "brand": card.brand,
        "card_kind": card.card_kind,
        "face_value": card.face_value,
        "claim_id": card.claim,
        "masked": card.masked,
        "unsealed": rfc3339(life.unsealed) if life.unsealed else None,
    }
    if life.status in {"issued", "delivered", "redeemed"}:
        shown |= {"key_id": card.key_id, "ciphertext": b64encode(card.sealed).decode()}
    return shown


def _owed(owed: Entitlement) -> dict[str, Any]:
    return {
        "rule": owed.rule,
        "occasion": owed.occasion,
        "item": owed.item,
        "tier": owed.tier or None,
        "since": rfc3339(owed.at),
        "status": "lost" if owed.lost else "owed",
    }


def _waiting(head: Head) -> int:
    return sum(map(len, head.waiting.values())) + len(head.refused)
