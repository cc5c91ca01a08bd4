"""What became of gifts: counts, cost and liability by month, tier, gift or brand."""

from __future__ import annotations

from collections import Counter
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
_MONEY = {"paid", "returned"}  # said by the gift desk of a claim


@dataclass(slots=True)
class Usage:
    """What became of the gifts of one group; amounts in minor units of the programme's currency.

    Attributes:
        counts: How often each of `COUNTED` happened.
        face: The face value of what was issued.
        cost: What the budgets paid, less what came back, whether anybody was told of the gift or not; the face value of
            what is not from the gift desk.
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
        costs = {fact.claim: fact for fact in told if fact.kind == "paid"}
        claims = costs | {fact.claim: fact for fact in told if fact.kind == "issued"}
        is_open, gift = False, None
        for fact, gift in _with_gifts(told):
            is_open = fact.kind == "issued" or (is_open and fact.kind not in _ENDS)
            if fact.at >= begin:
                about = claims.get(fact.claim, fact) if fact.kind in _MONEY else gift
                _add(groups.setdefault(_group(fact, about, tier, by, calendar), Usage()), fact, gift, costs)
            if fact.kind == "redeemed" and gift is not None and gift.at >= begin:
                groups.setdefault(_group(gift, gift, tier, by, calendar), Usage()).used += 1
        if is_open and gift is not None:
            groups.setdefault(_group(gift, gift, tier, by, calendar), Usage()).liability += gift.amount
    return dict(sorted(groups.items()))


def _told(facts: Iterable[Fact], end: int) -> list[Fact]:
    """Return the facts of one reward before *end*, but for words that had no effect.

    Of its uses the first counts, and none of a reward that nobody was told; of choices as many as there were offers.
    """
    told = [fact for fact in facts if fact.at < end]
    kinds = Counter(fact.kind for fact in told)
    bounds = {"redeemed": min(kinds["issued"], 1), "chosen": kinds["offered"]}
    left = []
    for fact in told:
        bound = bounds.get(fact.kind, 1)
        if bound and fact.kind in bounds:
            bounds[fact.kind] = bound - 1
        if bound:
            left.append(fact)
    return left


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


def _add(usage: Usage, fact: Fact, gift: Fact | None, costs: Mapping[str, Fact]) -> None:
    paid = costs.get(fact.claim)
    if fact.kind in _MONEY:
        amount = paid.amount if paid is not None else 0
        usage.cost += amount if fact.kind == "paid" else -amount
        return
    usage.counts[fact.kind] += 1
    if fact.kind == "issued":
        usage.face += fact.amount
        usage.cost += 0 if paid is not None else fact.amount
    elif fact.kind == "redeemed" and gift is not None:
        usage.days.append(max(fact.at - gift.at, 0) / DAY)
