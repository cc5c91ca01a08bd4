"""The points of one customer: lots, what was spent of them, what ran out, and what was taken back."""

from collections import Counter
from dataclasses import dataclass

from tests.reference.books import Event, Order
from tests.reference.days import NEVER, day_of, month_end, ordinal
from tests.reference.policy import Policy


@dataclass
class Lot:
    """Points until their `last` day; `gone` is what ran out and was not yet set off against a refund."""

    points: int
    last: int
    order: Order | None = None
    pending: bool = True
    left: int = 0
    gone: int = 0


class Ledger:
    """All lots, and what became of them."""

    def __init__(self, policy: Policy) -> None:
        self.policy, self.lots, self.sums, self.active = policy, list[Lot](), Counter[str](), [0]  # days of activity

    @property
    def balance(self) -> int:
        return self.sums["earned"] - self.sums["spent"] - self.sums["expired"] - self.sums["reversed"]

    def enter(self, event: Event, answers: dict[tuple[str, str], int]) -> None:
        """Enter a request, a person's word or what a customer brings along; judge a request without an answer."""
        today, points = day_of(event.at, self.policy["time_zone"]), event.data.get("points", 0)
        redeem = {"min": 1, "step": 1} | self.policy["points"]["redeem"]
        if event.kind == "points.redemption-requested":
            fits = redeem["min"] <= points <= self.balance and points % redeem["step"] == 0
            granted = answers.setdefault((event.source, event.id), points if fits else 0)
            self._take("spent", granted)
            self.active += [today] if granted else []
        elif event.kind == "points.adjusted":
            self.active.append(today)
            self._take("reversed", max(0, -points))
            self._activate(Lot(max(0, points), self._last(today)))
        elif event.kind == "customer.imported":
            self.active.append(today)
            for lot in event.data.get("lots") or ():
                last = ordinal(lot["expires"]) if lot.get("expires") else self._last(ordinal(lot["earned"]))
                self._activate(Lot(lot["points"] if last >= today else 0, last))

    def bought(self, order: Order) -> None:
        """Enter an order, less what was undone of it before it counted."""
        self.lots.append(Lot(order.points(), self._last(order.day), order))

    def undo(self, order: Order) -> None:
        """Take back what an order earns no more: what of it ran out is lost already, the rest is first its own."""
        lot = next(lot for lot in self.lots if lot.order is order)
        less, lot.points = lot.points - order.points(), order.points()
        if not lot.pending:
            set_off = min(less, lot.gone)
            own = min(less - set_off, lot.left)
            lot.gone, lot.left = lot.gone - set_off, lot.left - own
            self._take("reversed", less - set_off, paid=own)

    def settle(self, today: int) -> None:
        """Bring the lots up to a day: let the pending be spent, and what has had its time run out."""
        for lot in self.lots:
            if lot.pending and lot.order and lot.order.day + self.policy["points"]["pending_days"] <= today:
                self._activate(lot)
        for lot in self.lots:
            if self.last_of(lot) < today:
                self.sums["expired"] += lot.left
                lot.gone, lot.left = lot.gone + lot.left, 0

    def last_of(self, lot: Lot) -> int:
        """Return the last day on which points count, if nothing more happens."""
        silence: int | None = self.policy["points"]["expiry"].get("inactive_days")
        if not silence:
            return lot.last
        days = self.active + [lot.order.day for lot in self.lots if lot.order and not lot.order.undone]
        return min(lot.last, max(days) + silence)

    def _take(self, why: str, points: int, paid: int = 0) -> None:
        """Take points from the lots that run out first; what they cannot pay makes the balance negative."""
        self.sums[why], points = self.sums[why] + points, points - paid
        for lot in sorted(self.lots, key=lambda lot: (lot.last, lot.order is not None)):
            taken = min(points, lot.left)
            lot.left, points = lot.left - taken, points - taken

    def _activate(self, lot: Lot) -> None:
        """Let a lot be spent, once a debt is paid from it."""
        lot.pending, lot.left = False, max(0, lot.points - max(0, -self.balance))
        self.sums["earned"] += lot.points
        self.lots += [] if lot.order else [lot]

    def _last(self, day: int) -> int:
        months = self.policy["points"]["expiry"].get("after_months")
        return month_end(day, months) if months else NEVER
