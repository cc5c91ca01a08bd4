"""Outcomes worked out anew from decision records alone, as anyone outside could do it."""

from __future__ import annotations

from typing import Any


def tier_of(record: dict[str, Any]) -> str:
    """Return the tier that a record's measures, ladder and guards lead to."""
    names = [rung["name"] for rung in record["ladder"]]
    place = max(place for place, rung in enumerate(record["ladder"]) if _met(record, rung, "enter"))
    if any(record["guards"].values()):
        place = min(place, names.index(record["before"]))
    return str(names[place])


def level_of(record: dict[str, Any]) -> str:
    """Return the CX level that a record's measures and ladder lead to."""
    level, before = 1, int(record["before"])
    for rung in record["ladder"]:
        name = "keep" if int(rung["name"]) <= before else "enter"
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
