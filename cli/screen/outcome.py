"""The outcome of a demo: figures and verdict, for a person and as the one line of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from rich.text import Text

from cli.screen.demo import said
from cli.screen.parts import milliseconds

if TYPE_CHECKING:
    from ops.audit.verdict import Verdict


def as_json(verdict: Verdict, p50_ms: float | None, p99_ms: float | None, per_second: float) -> str:
    """Return the outcome as one JSON object in one line."""
    figures: dict[str, Any] = {
        "events_in": verdict.events_in,
        "decided": verdict.decided,
        "duplicates": verdict.duplicates,
        "dead_letters": verdict.dead_letters,
        "tier_changes": verdict.tier_changes,
        "level_changes": verdict.level_changes,
        "rewards_issued": verdict.rewards_issued,
        "gifts_used": verdict.gifts.used,
        "gifts_refused": verdict.gifts.refused,
        "gifts_waiting": verdict.gifts.waiting,
        "lag": verdict.lag,
        "p50_ms": p50_ms,
        "p99_ms": p99_ms,
        "events_per_second": round(per_second, 1),
        "ok": verdict.ok,
    }
    return orjson.dumps(figures).decode()


def as_text(verdict: Verdict, p50_ms: float | None, p99_ms: float | None, per_second: float) -> Text:
    """Return the outcome as some lines for a person."""
    lag = "unknown" if verdict.lag is None else f"{verdict.lag:,}"
    told = ("every one accounted for", "bold bright_green") if verdict.ok else ("NOT all is well", "bold bright_red")
    lines = Text.assemble(
        (f"{verdict.events_in:,} events, {per_second:,.0f} a second: ", "bold"),
        told,
        f"\n  decided {verdict.decided:,}, duplicates {verdict.duplicates:,}, dead letters {verdict.dead_letters:,}",
        f"\n  tier changes {verdict.tier_changes:,}, CX level changes {verdict.level_changes:,},"
        f" rewards issued {verdict.rewards_issued:,}",
        f"\n  event to outcome p50 {milliseconds(p50_ms)}, p99 {milliseconds(p99_ms)}; lag {lag}",
    )
    if verdict.gifts.asked:
        lines.append(f"\n  gifts asked for {verdict.gifts.asked:,}: {said(verdict.gifts)}")
    for fault in verdict.faults:
        lines.append(f"\n  ✕ {fault}", "bright_red")
    return lines
