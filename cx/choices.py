"""Choice sets: which gifts of a rule a customer may choose, and in which order they are put to them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cx import segments
from cx.triggers import gift_of

if TYPE_CHECKING:
    from cx.rules import Rules
    from cx.state import Entitlement, Head, Told
    from schemas.policy import GiftPolicy, RewardPolicy


def fitting(head: Head, rule: RewardPolicy, at: int, rules: Rules) -> tuple[tuple[str, ...], int] | None:
    """Return the gifts to choose from at the instant *at*, preferred ones first, and how many of them are preferred.

    Nothing is to choose where the rule has one gift: no id then; and None where no choice fits the customer.
    """
    if rule.gift is not None:
        return (), 0
    segment = segments.of(head, rules.calendar.day(at), rules) if any(one.segments for one in rule.choices) else None
    fits = [
        one
        for one in rule.choices
        if (not one.tiers or head.tier in one.tiers) and (not one.segments or segment in one.segments)
    ]
    if not fits:
        return None
    likes = {preference.casefold() for preference in head.preferences}
    liked = [one.id for one in fits if _is_liked(one, likes)]
    return (*liked, *[one.id for one in fits if one.id not in liked]), len(liked)


def whole(rule: RewardPolicy) -> tuple[tuple[str, ...], int]:
    """Return all gifts of the *rule* to choose from, none of them preferred."""
    return tuple(one.id for one in rule.choices), 0


def order(owed: Entitlement, rule: RewardPolicy, told: Told, rules: Rules) -> tuple[str, ...]:
    """Return the gifts of *owed* as they are put to the customer: preferred first, then by brands used before.

    One alone is not put to them but given: the only one that fits, or that they prefer.
    """
    if owed.liked == 1 or len(owed.choices) < 2:  # noqa: PLR2004  # one is no choice
        return owed.choices[:1] or (rule.gifts[0].id,)
    used = _brands_used(owed.at, told, rules)
    place = {gift: number for number, gift in enumerate(owed.choices)}
    return tuple(
        sorted(
            owed.choices, key=lambda gift: (place[gift] >= owed.liked, -used[gift_of(rule, gift).brand], place[gift])
        )
    )


def _is_liked(gift: GiftPolicy, likes: set[str]) -> bool:
    return not likes.isdisjoint({gift.id.casefold(), gift.brand.casefold(), gift.card_kind.casefold()})


def _brands_used(at: int, told: Told, rules: Rules) -> Counter[str]:
    """Count, by brand, the gifts that were redeemed by the instant *at*."""
    used: Counter[str] = Counter()
    for key, life in told.rewards.items():
        rule = rules.rewards.get(key.partition("/")[0])
        if rule is not None and 0 < life.used <= at:
            used[life.card.brand if life.card else gift_of(rule, life.gift).brand] += 1
    return used
