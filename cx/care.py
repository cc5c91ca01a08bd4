"""Care: what time brings that calls for it, which alerts are still open, and what counts as their answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

import msgspec

from cx import alerts, points, progress, rhythm, tiers
from cx.calendar import iso_day, rfc3339
from cx.state import NEVER, Alert

if TYPE_CHECKING:
    from cx.rules import Rules
    from cx.state import Head


def put_off_silence(head: Head, rules: Rules) -> None:
    """After an order of somebody on whose tier silence counts: note when it will be out of their rhythm."""
    since = rhythm.silent_from(head, rules)
    head.silent_due = NEVER if since is None else rules.calendar.start(since)


def settle(head: Head, at: int, rules: Rules) -> None:
    """Put the alerts that are due at the instant *at*, and note when the next ones are."""
    looks = head.care_due <= at
    if looks or head.silent_due <= at:
        head.silent_due = _silence(head, at, rules)
    if looks:
        tiers.move_window(head, rules.calendar.day(at), rules)
        head.care_due = min(_expiry(head, at, rules), _risk(head, at, rules))


def _silence(head: Head, at: int, rules: Rules) -> int:
    """Alert about a silence that is out of the customer's rhythm; return when one will be, or `NEVER`."""
    since = rhythm.silent_from(head, rules) if head.standing.tier in rules.care.silent else None
    if since is None:
        return NEVER
    due = rules.calendar.start(since)
    if due > at:
        return due
    if at > due + alerts.KEPT:  # it was told, and that is forgotten
        return NEVER
    last = head.rhythm[-1]
    facts: dict[str, int | str] = {
        "days": rules.calendar.day(at) - last,
        "usual_days": rhythm.usual_gap(head),
        "last_order": iso_day(last),
    }
    alerts.put(head, f"{alerts.SILENT}/{iso_day(last)}", Alert(at, facts), rules)
    return NEVER


def _expiry(head: Head, at: int, rules: Rules) -> int:
    """Alert about points that run out soon; return when others will, or `NEVER`."""
    care, due = rules.care, NEVER
    if not care.expiring_days or head.ledger.balance <= 0:
        return NEVER
    for last, left in points.expiries(head, rules).items():
        begins = rules.calendar.start(last - care.expiring_days)
        if begins > at:
            due = min(due, begins)
        elif left >= care.expiring_least:
            day, gone = iso_day(last), rules.calendar.start(last + 1)
            alert = Alert(at, {"points": left, "last_day": day}, gone)
            alerts.put(head, f"{alerts.EXPIRING}/{day}", alert, rules)
    return due


def _risk(head: Head, at: int, rules: Rules) -> int:
    """Alert about a tier that time takes soon; return when to look again, or `NEVER`."""
    span = rules.care.risk_span
    first = head.tier_due if rules.counts_only else min(head.tier_due, head.level_due)
    if not span or first == NEVER:
        return NEVER
    if first - span > at:  # it is not lost before that, and to ask for when takes longer
        return first - span
    until = progress.lost_at(head, at, rules)
    if until == NEVER or until <= at:
        return NEVER
    given = [alert.at for key, alert in head.alerts.items() if alerts.reason_of(key) == alerts.AT_RISK]
    begins = max(until - span, *(before + span for before in given[-1:]), 0)
    if begins > at:
        return begins
    kept = progress.keeping(head, at, rules)
    if not _falls(kept, head, rules):
        return until
    facts: dict[str, int | str] = {"tier": head.tier, "then": kept["then"], **kept["missing"]}
    day = iso_day(rules.calendar.day(until))
    alerts.put(head, f"{alerts.AT_RISK}/{head.tier}/{day}", Alert(at, facts, until), rules)
    return at + span


def answered(head: Head, at: int, rules: Rules) -> None:
    """Take care or a suggestion that was accepted at the instant *at* as the answer to what is open."""
    for key, alert in head.alerts.items():
        if is_open(head, key, alert, at, rules):
            head.alerts = head.alerts | {key: msgspec.structs.replace(alert, answered=at)}


def is_open(head: Head, key: str, alert: Alert, at: int, rules: Rules) -> bool:
    """Tell whether an alert still calls for care at the instant *at*: not answered, and what it says still so."""
    over = alert.at < at - alerts.KEPT or (alert.deadline is not None and at >= alert.deadline)
    if over or alert.answered is not None:
        return False
    reason, _, about = key.partition("/")
    match reason:
        case alerts.FIRST_RESPONSE | alerts.REOPENED | alerts.SEAM:
            stands = _is_case_open(head, about, answered=reason != alerts.FIRST_RESPONSE)
        case alerts.FALLS:
            stands = rules.calendar.day(at) <= rules.calendar.day(alert.at) + rules.care.fall_days
        case alerts.SILENT:
            stands = iso_day(head.rhythm[-1]) == about
        case alerts.UNAVAILABLE:
            stands = True
        case alerts.EXPIRING:
            stands = any(iso_day(last) == about for last in points.expiries(head, rules))
        case _:
            stands = about.startswith(f"{head.tier}/") and _is_at_risk(head, at, rules)
    return stands


def _is_case_open(head: Head, about: str, *, answered: bool) -> bool:
    """Tell whether a case is still to be solved, or where it does not count *answered*, still to be answered."""
    case = head.cases.get(about.rpartition("/")[0])  # an alert about an earlier one of that number is over by now
    return case is not None and (case.open if answered else case.answered is None)


def _is_at_risk(head: Head, at: int, rules: Rules) -> bool:
    kept = progress.keeping(head, at, rules)
    soon = progress.lost_at(head, at, rules) <= at + rules.care.risk_span
    return soon and _falls(kept, head, rules)


def _falls(kept: dict[str, Any] | None, head: Head, rules: Rules) -> TypeGuard[dict[str, Any]]:
    """Tell whether what becomes of the tier is a lower one; where a word below what was earned ends, it rises."""
    return kept is not None and rules.rung_of(kept["then"]) < rules.rung_of(head.tier)


def shown(head: Head, at: int, rules: Rules) -> list[dict[str, Any]]:
    """Return the alerts that are open at the instant *at*, and those that were answered, oldest first."""
    return [
        {
            **told(key, alert, rules),
            "since": rfc3339(alert.at),
            "answered": rfc3339(alert.answered) if alert.answered else None,
        }
        for key, alert in head.alerts.items()
        if alerts.is_asked_for(key, rules)
        and alert.at >= at - alerts.KEPT
        and (alert.answered or is_open(head, key, alert, at, rules))
    ]


def told(key: str, alert: Alert, rules: Rules) -> dict[str, Any]:
    """Return what an alert says to others."""
    return {
        "alert": alerts.reason_of(key),
        "severity": alerts.severity(key, alert, rules),
        "deadline": rfc3339(alert.deadline) if alert.deadline is not None else None,
        "help": list(rules.care.alerts[alerts.reason_of(key)].help),
        "facts": alert.facts,
    }
