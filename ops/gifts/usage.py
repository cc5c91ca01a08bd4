"""What became of gifts: counts, cost and liability by month, tier, gift or brand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from operator import attrgetter
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from cx.calendar import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cx.calendar import Calendar
    from ops.gifts.facts import Fact

By = Literal["month", "tier", "gift", "brand"]
COUNTED = ("offered", "chosen", "issued", "unavailable", "redeemed", "expired", "revoked")
_ENDS = {"redeemed", "expired", "revoked"}


@dataclass(slots=True)
class Usage:
    """What became of the gifts of one group; amounts in minor units of the programme's currency.

    Attributes:
        counts: How often each of `COUNTED` happened.
        face: The face value of what was issued.
        cost: What the budgets paid for it, less what came back; the face value of what is not from the gift desk.
        days: How long each redeemed gift took from issue to use.
        liability: The face value of what was issued and could still be used at the end.
        used: How many of the gifts issued here were redeemed before the end, wherever that is counted.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    face: int = 0
    cost: int = 0
    liability: int = 0
    used: int = 0
    days: list[float] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data, with the share of the gifts issued here that was used, and the median of `days`."""
        issued = self.counts["issued"]
        return {
            **self.counts,
            "face_value": self.face,
            "cost": self.cost,
            "redemption_pct": round(100 * self.used / issued, 1) if issued else None,
            "days_to_redeem": round(median(self.days), 1) if self.days else None,
            "liability": self.liability,
        }


def usage(facts: Iterable[Fact], by: By, first: int, last: int, calendar: Calendar) -> dict[str, Usage]:
    """Return, by group and in its order, what happened from the local day *first* to *last*, ordinals, both included.

    A fact belongs to the gift that was issued last before it, or else to the first that was issued for its reward.
    Liability is that of everything issued until the end, whenever that was.
    """
    begin, end = calendar.start(first), calendar.start(last + 1)
    groups: dict[str, Usage] = {}
    for _, own in groupby(facts, key=attrgetter("reward")):
        told = _told(own, end)
        tier = next((fact.tier for fact in told if fact.tier), "")
        costs = {fact.claim: fact.amount for fact in told if fact.kind == "paid"}
        is_open, gift = False, None
        for fact, gift in _with_gifts(told):
            is_open = fact.kind == "issued" or (is_open and fact.kind not in _ENDS)
            if fact.at >= begin and fact.kind != "paid":
                _add(groups.setdefault(_group(fact, gift, tier, by, calendar), Usage()), fact, gift, costs)
            if fact.kind == "redeemed" and gift is not None and gift.at >= begin:
                groups.setdefault(_group(gift, gift, tier, by, calendar), Usage()).used += 1
        if is_open and gift is not None:
            groups.setdefault(_group(gift, gift, tier, by, calendar), Usage()).liability += gift.amount
    return dict(sorted(groups.items()))


def _told(facts: Iterable[Fact], end: int) -> list[Fact]:
    """Return the facts of one reward before *end*; of its uses the first, and none of a reward that nobody was told."""
    told = [fact for fact in facts if fact.at < end]
    issued = any(fact.kind == "issued" for fact in told)
    uses = [fact for fact in told if fact.kind == "redeemed"]
    return [fact for fact in told if fact.kind != "redeemed" or (issued and fact is uses[0])]


def _with_gifts(facts: list[Fact]) -> Iterator[tuple[Fact, Fact | None]]:
    """Yield each fact with the issue of the gift that it is about, if there was one."""
    gift = next((fact for fact in facts if fact.kind == "issued"), None)
    for fact in facts:
        if fact.kind == "issued":
            gift = fact
        yield fact, gift


def _group(fact: Fact, gift: Fact | None, tier: str, by: By, calendar: Calendar) -> str:
    if by == "month":
        return f"{date.fromordinal(calendar.day(fact.at)):%Y-%m}"
    if by == "tier":
        return tier
    return str(getattr(gift or fact, by))


def _add(usage: Usage, fact: Fact, gift: Fact | None, costs: Mapping[str, int]) -> None:
    if fact.kind == "returned":
        usage.cost -= costs.get(fact.claim, 0)
        return
    usage.counts[fact.kind] += 1
    if fact.kind == "issued":
        usage.face += fact.amount
        usage.cost += costs.get(fact.claim, fact.amount)
    elif fact.kind == "redeemed" and gift is not None:
        usage.days.append(max(fact.at - gift.at, 0) / DAY)
