"""Decisions in words: what an output says, as a sentence for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Money = Callable[[int, str], str]  # minor units and their currency

_REASONS = {
    "spend": "spent {spend} in the window from {first} to {last}",
    "refund": "after a refund, {spend} are left in the window from {first} to {last}",
    "window": "older orders left the window; {spend} are left from {first} to {last}",
    "guard": "the case that held promotion back is closed; {spend} from {first} to {last}",
    "experience": "a score, a case or the CX level changed; {spend} from {first} to {last}",
    "joining": "the day of joining turned the window; {spend} from {first} to {last}",
    "override": "a person decided so",
    "override-ended": "a person's decision ended; {spend} from {first} to {last}",
    "import": "moved in from another system; {spend} from {first} to {last}",
    "correction": "an event that came late changed what had been told; {spend} from {first} to {last}",
}
_STEPS = {
    "spend": "a purchase reached the threshold",
    "refund": "a refund took spend away",
    "window": "older orders left the window",
    "guard": "the case that held promotion back is closed",
    "experience": "a score, a case or the CX level changed",
    "joining": "the day of joining turned the window",
    "override": "a person decided so",
    "override-ended": "a person's decision ended",
    "import": "moved in from another system",
    "correction": "an event came late",
}
_POINTS = {
    "points.earned": "earned {points} points",
    "points.spent": "spent {points} points",
    "points.refused": "{points} points were asked for and refused",
    "points.expired": "{points} points ran out",
    "points.reversed": "{points} points were taken back",
}


def plainly(value: int, currency: str) -> str:
    """Return so many minor units of a currency as they are."""
    return f"{value:,} {currency}".rstrip()


def sentence(event: dict[str, Any], currency: str = "VND", money: Money = plainly) -> str:
    """Say in one English sentence what an output event tells; *event* is the CloudEvent as plain data.

    *currency* is the programme's, and *money* says how amounts are written.
    """
    data = event["data"]
    match event["type"]:
        case "tier.upgraded" | "tier.downgraded" | "tier.corrected":
            return f"{data['from']} → {data['to']}: {_why(data, currency, money)}"
        case "cx-level.changed":
            return f"CX level {data['from']} → {data['to']}: {_evidence(data)}"
        case "reward.issued":
            value = money(data["face_value"], data["currency"])
            return f"{data['brand']} {data['card_kind']} of {value} for reaching {data['tier']}"
        case "reward.revoked":
            return f"reward {data['rule']} was taken back: {data['reason']}"
    if event["type"] in _POINTS:
        reason = f" ({data['reason'].replace('-', ' ')})" if data.get("reason") else ""
        moved = _POINTS[event["type"]].format(points=f"{data['points']:,}")
        return f"{moved}{reason}; balance {data['balance']:,}"
    return str(event["type"])


def _why(data: dict[str, Any], currency: str, money: Money) -> str:
    decision = data["decision"]
    window = decision["window"] or {"first": "?", "last": "?"}
    text = _REASONS.get(data["reason"])
    why = str(data["reason"])  # one that a later version gives
    if text:
        why = text.format(spend=money(decision["measures"].get("spend", 0), currency), **window)
    if decision["next_rung"] and decision["missing"].get("spend"):
        why += f"; {money(decision['missing']['spend'], currency)} to {decision['next_rung']}"
    return why


def _evidence(data: dict[str, Any]) -> str:
    rows = [
        f"{row['measure'].replace('_', ' ')} {row['value']} (needs {row['comparison']} {row['needed']})"
        for row in data["evidence"]
        if row["value"] is not None  # what is not known yet is no reason
    ]
    return ", ".join(rows) or "the evidence of all lower levels holds"


def step(change: Mapping[str, Any]) -> str:
    """Say what a past tier change of a profile's history was: from which tier to which, and why."""
    return f"{change['from']} → {change['to']}: {_STEPS.get(change['reason'], change['reason'])}"


def amount(measure: str, value: int, currency: str, money: Money = plainly) -> str:
    """Say how much of a measure: money with its currency, anything else by its name."""
    return money(value, currency) if measure == "spend" else f"{value:,} {measure.replace('_', ' ')}"


def condition(row: Mapping[str, Any]) -> str:
    """Say what a condition of a CX level needs, and what there is."""
    need = "at most" if row["comparison"] == "<=" else "at least"
    found = "nothing known yet" if row["value"] is None else f"now {row['value']}"
    return f"{row['measure'].replace('_', ' ')} {need} {row['needed']}, {found}"
