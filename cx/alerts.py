"""Alerts: why somebody should look after a customer; each is put once, and forgotten after 90 days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cx.calendar import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cx.rules import Rules
    from cx.state import Alert, Head, Told

FIRST_RESPONSE: Final = "first-response"
REOPENED: Final = "case-reopened"
FALLS: Final = "dimension-falls"
SILENT: Final = "silent"
EXPIRING: Final = "points-expiring"
AT_RISK: Final = "tier-at-risk"
SEAM: Final = "seam"
UNAVAILABLE: Final = "gift-unavailable"
KEPT: Final = 90 * DAY
_OF_A_DAY: Final = frozenset({FALLS, SILENT, EXPIRING, AT_RISK})


def put(head: Head, key: str, alert: Alert, rules: Rules) -> None:
    """Put an alert under its *key*, reason/what it is about, where the policy wants it and it is not there yet."""
    if not is_asked_for(key, rules) or key in head.alerts:
        return
    edge = head.reached - KEPT
    head.alerts = {old: other for old, other in head.alerts.items() if other.at >= edge} | {key: alert}


def reason_of(key: str) -> str:
    """Return why: the first part of an alert's key."""
    return key.partition("/")[0]


def is_asked_for(key: str, rules: Rules) -> bool:
    """Tell whether the policy, of today for a state of yesterday, wants alerts of this kind."""
    return reason_of(key) in rules.care.alerts


def severity(key: str, alert: Alert, rules: Rules) -> str:
    """Return how grave an alert is: `info`, `warning` or `urgent`."""
    found = rules.care.alerts[reason_of(key)].severity
    return found if isinstance(found, str) else str(getattr(found, str(alert.facts["priority"])))


def are_told(head: Head, told: Told) -> bool:
    """Tell whether every alert was told."""
    return head.alerts.keys() <= told.alerts.keys()


def untold(head: Head, told: Told, *, late: bool) -> dict[str, Alert]:
    """Return the alerts that are to be told, and note them as told.

    An alert is told once. Where a *late* event moved what it is about, such as the day of the last order, the one that
    was told before stands for it; what is over for 90 days is no news.
    """
    edge = head.reached - KEPT
    fresh = {key: alert for key, alert in head.alerts.items() if key not in told.alerts and alert.at >= edge}
    known = {key: at for key, at in told.alerts.items() if at >= edge or key in head.alerts}
    if late and fresh:
        for gone in [key for key in known if key not in head.alerts and not _is_moved(key, known, head)]:
            moved = next((key for key in fresh if _alike(key, gone)), None)
            if moved is not None:
                del fresh[moved]
                known[moved] = known[gone]  # which stays: under its own name it must not be told again
    told.alerts = known | {key: alert.at for key, alert in fresh.items()}
    return fresh


def _is_moved(key: str, known: Mapping[str, int], head: Head) -> bool:
    """Tell whether an alert that was told stands for another already, which has its instant then."""
    return any(known.get(other) == known[key] and _alike(other, key) for other in head.alerts)


def _alike(key: str, other: str) -> bool:
    """Tell whether two alerts differ in nothing but the day that ends their keys, which a late event may move."""
    return reason_of(key) in _OF_A_DAY and key.rpartition("/")[0] == other.rpartition("/")[0]
