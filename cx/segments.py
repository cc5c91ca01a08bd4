"""Segments: what kind of customer one is by recency, frequency and money, over the window of the tiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cx.rules import Rules
    from cx.state import Head
    from schemas.policy import SegmentPolicy


def of(head: Head, day: int, rules: Rules) -> str | None:
    """Return the first segment that fits on the local *day*, at which the window ends; None where none does."""
    return next((one.id for one in rules.triggers.segments if _fits(head, one, day)), None)


def _fits(head: Head, segment: SegmentPolicy, day: int) -> bool:
    if segment.orders is not None and head.counted.orders < segment.orders:
        return False
    if segment.spend is not None and head.counted.spend < segment.spend:
        return False
    if segment.recency_days is None:
        return True
    last = next((bought for bought, bucket in reversed(head.days.items()) if bucket.orders > 0), None)
    return last is not None and day - last <= segment.recency_days
