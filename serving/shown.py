"""What of a profile goes out over HTTP: staff's alerts and holds stay inside, and so do sealed codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from serving.profiles import Known, Profiles

OPEN: Final = frozenset({"owed", "held", "offered", "requested", "waiting", "issued", "delivered"})
_FIELDS: Final = (
    "customer_id",
    "as_of",
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
_SEALED: Final = ("key_id", "ciphertext")


def profile(known: Known, profiles: Profiles) -> dict[str, Any]:
    """Return what is told of a customer, with the rewards that are still open."""
    found = profiles.profile(known)
    shown = {name: found[name] for name in _FIELDS}
    shown["rewards"] = [reward(one) for one in found["rewards"] if one["status"] in OPEN]
    return shown | {"known": known.is_known, "degraded": known.is_degraded}


def reward(found: dict[str, Any]) -> dict[str, Any]:
    """Return a reward without its sealed code, which only a reveal opens."""
    return {name: value for name, value in found.items() if name not in _SEALED}
