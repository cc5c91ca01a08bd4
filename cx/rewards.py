"""Entitlements: which rewards the rules owe a customer, and which lost their ground."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cx import tiers
from cx.state import RANK_MAX, Entitlement

if TYPE_CHECKING:
    from cx.moments import Key
    from cx.orders import Undone
    from cx.rules import Rules
    from cx.state import Change, Head, Told
    from schemas.policy import RewardPolicy


BEFORE_ALL: Key = (0, -1, "", "")  # the place of a deadline: before the events of its instant


def reached(head: Head, change: Change, key: Key, rules: Rules) -> None:
    """Owe what reaching a tier entitles to, the tiers passed on the way included.

    *key* is the place in the total order of the event that did it.
    """
    ground = tiers.measures(head, change.at, rules)
    for rung in rules.rungs[rules.rung_of(change.before) + 1 : rules.rung_of(change.after) + 1]:
        for rule in rules.rewards_by_tier.get(rung.name, ()):
            occasion = _occasion(rule, change.at, rules)
            for item in range(1, rule.quantity + 1):
                name = f"{rule.id}/{occasion}/{item}"
                owed = head.entitlements.get(name)
                if owed is None or owed.lost:
                    head.entitlements[name] = Entitlement(
                        rule.id, occasion, item, rung.name, change.at, change.cause, ground, "", key[1], key[2]
                    )


def undone(head: Head, undone: Undone, at: int, rules: Rules) -> None:
    """Look again at what rests on an order of which something was undone at the instant *at*.

    A tier that would have been reached all the same keeps its rewards, though it was lost by time since. One that
    would not, but is held now, was reached in between: its rewards rest from here on on what the window holds now.
    """
    rung = rules.rung_of(head.tier)
    for key, owed in head.entitlements.items():
        if owed.lost or owed.key < undone.key or undone.day < tiers.window_of(head, owed.at, rules):
            continue
        place = rules.rung_of(owed.tier)
        # A rung that was only passed rests on what reached a higher one.
        if tiers.qualified_rung(owed.ground, rules) < place:
            continue  # it never rested on what was bought: a person gave the tier
        ground = tiers.less(owed.ground, undone.less, rules)
        if tiers.qualified_rung(ground, rules) >= place:
            now = msgspec.structs.replace(owed, ground=ground)
        elif place <= rung:
            now = msgspec.structs.replace(owed, at=at, ground=tiers.measures(head, at, rules), rank=RANK_MAX)
        else:
            now = msgspec.structs.replace(owed, lost="refund")
        head.entitlements[key] = now


def are_told(head: Head, told: Told) -> bool:
    """Tell whether each reward that is owed was told as issued, and no other."""
    for key, owed in head.entitlements.items():
        status, _ = told.rewards.get(key, ("", 0))
        if (status == "issued") == bool(owed.lost):
            return False
    return all(key in head.entitlements for key, (status, _) in told.rewards.items() if status == "issued")


def standing(head: Head, told: Told) -> dict[str, str]:
    """Return, by entitlement, the issued reward that stands for it where a correction moved its occasion.

    A late event may move the year in which a tier was reached; what was issued for the one year is the gift of the
    other, and nobody gets a second one.
    """
    issued: dict[tuple[str, int], list[str]] = {}
    for key, (status, _) in told.rewards.items():
        if status == "issued" and key not in head.entitlements:
            rule, _, item = key.split("/")
            issued.setdefault((rule, int(item)), []).append(key)
    if not issued:
        return {}
    found = {}
    for key, owed in sorted(head.entitlements.items(), key=lambda entry: (bool(entry[1].lost), entry[0])):
        free = issued.get((owed.rule, owed.item))
        if free and told.rewards.get(key, ("", 0))[0] != "issued":
            found[key] = free.pop()
    return found


def _occasion(rule: RewardPolicy, at: int, rules: Rules) -> str:
    # A year, not the day: a late event may move the day, and must not make a second reward of the first.
    return str(rules.calendar.year(at)) if rule.every == "year" else "ever"
