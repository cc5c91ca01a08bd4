"""Outcomes worked out anew from decision records alone, as anyone outside could do it."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def tier_of(record: dict[str, Any]) -> str:
    """Return the tier that a record leads to, by nothing but what it holds."""
    ladder, standing = record["ladder"], record["standing"]
    names = [str(rung["name"]) for rung in ladder]
    given, before = standing["given"], names.index(record["before"])
    if given and given["way"] in ("set", "exact"):
        return str(given["tier"])
    least = names.index(given["tier"]) if given else 0
    reached = max(place for place, rung in enumerate(ladder) if _met(record, rung, "enter"))
    if reached > before and not any(record["guards"].values()):
        assert standing["terms"] == "enter"
        return names[max(reached, least)]
    at, until = (datetime.fromisoformat(standing[name] or standing["at"]) for name in ("at", "held_until"))
    if before <= least or standing["mode"] == "none" or at < until:
        return names[max(before, least)]
    assert standing["terms"] == "keep"
    kept = [place for place, rung in enumerate(ladder[: before + 1]) if _met(record, rung, "keep")]
    if standing["mode"] == "one-step":
        return names[max(least, min(before, max(before - 1, *kept)))]
    return names[max(least, *kept)]


def level_of(record: dict[str, Any]) -> str:
    """Return the CX level that a record's measures and ladder lead to."""
    level, before = 1, int(record["before"])
    for rung in record["ladder"]:
        name = "keep" if max(int(rung["name"]), 2) <= before else "enter"
        if not _met(record, rung, name):
            break
        level = int(rung["name"])
    return str(level)


def _met(record: dict[str, Any], rung: dict[str, Any], name: str) -> bool:
    return any(
        all(_holds(record, rung, measure, needed) for measure, needed in bounds.items()) for bounds in rung[name]
    )


def _holds(record: dict[str, Any], rung: dict[str, Any], measure: str, needed: int) -> bool:
    value = record["measures"].get(measure)
    if value is None:
        return False
    return bool(value <= needed if measure in rung["at_most"] else value >= needed)
