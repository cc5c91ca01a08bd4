"""What of a profile goes out over HTTP: staff's alerts and holds stay inside, and so do sealed codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cx.calendar import iso_day
from cx.points import expiries
from cx.view import profile_of
from cx.why import grounds

if TYPE_CHECKING:
    from cx.rules import Rules
    from serving.profiles import Known

OPEN: Final = frozenset({"owed", "held", "offered", "requested", "waiting", "issued", "delivered"})
_PROFILE: Final = (
    "policy",
    "currency",
    "tier",
    "tier_since",
    "tier_until",
    "benefits",
    "measures",
    "progress",
    "points",
    "cx_level",
    "cx_level_since",
    "cx_level_missing",
    "dimensions",
    "enrolled",
    "first_seen",
    "locale",
    "notify",
)
_DECISIONS: Final = (
    "policy",
    "currency",
    "tier",
    "tier_since",
    "tier_until",
    "measures",
    "progress",
    "window",
    "orders",
    "rest",
    "failing_since",
    "change",
    "history",
    "cx_level",
    "cx_level_since",
    "cx_level_missing",
)
_JOURNEY: Final = ("journey", "dimensions", "criteria")
_SEALED: Final = ("key_id", "ciphertext")


def profile(known: Known, rules: Rules) -> dict[str, Any]:
    """Return what is told of a customer, with the rewards that are still open."""
    found = profile_of(known.customer, known.as_of, rules)
    opened = [reward(one) for one in found["rewards"] if one["status"] in OPEN]
    return _about(known, found) | {name: found[name] for name in _PROFILE} | {"rewards": opened}


def decisions(known: Known, rules: Rules) -> dict[str, Any]:
    """Return what tier and level rest on; of a word that was given, not whose it was."""
    found = grounds(known.customer, known.as_of, rules)
    given = found["given"] and {name: part for name, part in found["given"].items() if name != "person"}
    return _about(known, found) | {name: found[name] for name in _DECISIONS} | {"given": given}


def journey(known: Known, rules: Rules) -> dict[str, Any]:
    """Return where a customer met the brand."""
    found = profile_of(known.customer, known.as_of, rules)
    return _about(known, found) | {name: found[name] for name in _JOURNEY}


def points(known: Known, rules: Rules) -> dict[str, Any]:
    """Return the points, and what runs out when."""
    found = profile_of(known.customer, known.as_of, rules)
    due = sorted(expiries(known.customer.head, rules).items())
    lots = [{"last_day": iso_day(day), "points": count} for day, count in due if count]
    return _about(known, found) | {"points": found["points"], "expiries": lots}


def rewards(known: Known, rules: Rules) -> dict[str, Any]:
    """Return all rewards that are still known."""
    found = profile_of(known.customer, known.as_of, rules)
    return _about(known, found) | {"rewards": [reward(one) for one in found["rewards"]]}


def _about(known: Known, found: dict[str, Any]) -> dict[str, Any]:
    told = {"customer_id": found["customer_id"], "as_of": found["as_of"]}
    return told | {"known": known.is_known, "degraded": known.is_degraded}


def reward(found: dict[str, Any]) -> dict[str, Any]:
    """Return a reward without its sealed code, which only a reveal opens."""
    return {name: value for name, value in found.items() if name not in _SEALED}
