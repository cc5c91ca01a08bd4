"""A fold that notes which hard cases it meets."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

from cx.calendar import instant, micros
from tests.generated.folded import Event, Fold
from tests.generated.logs import time_of

KINDS = {
    "points.redemption-requested": "redemption",
    "points.adjusted": "adjustment",
    "customer.imported": "import",
    "tier.overridden": "override",
}
UNDOING = ("purchase.refunded", "purchase.cancelled")
HARD = {
    *KINDS.values(), "a late event changes the tier", "a late change of points after an answer", "a duplicate",
    "a refund before its purchase", "equal times", "a deadline between two events", "pending points",
    "points run out", "debt",
}  # fmt: skip


@dataclass
class Watched(Fold):
    """Notes in `met` what it sees on the way, and, by `look_back`, in the end."""

    met: set[str] = field(default_factory=set)

    def take(self, event: Event) -> None:
        """Take a record, and note what an event changes that comes late."""
        name = event.get("subject", "")
        before, told = self.customers.get(name), len(self.outputs)
        super().take(event)
        after = self.customers.get(name)
        if before is None or after is None or after is before:
            return
        late = time_of(event) < instant(before.head.reached)
        if late and before.head.tier not in ("", after.head.tier):
            self.met.add("a late event changes the tier")
        points = [output for output in self.outputs[told:] if output.topic == "cx.points"]
        if late and points and before.told.answers:
            self.met.add("a late change of points after an answer")
        if any(order.lot and order.lot.pending and order.lot.points for order in after.head.open_orders.values()):
            self.met.add("pending points")

    def look_back(self, log: list[Event]) -> set[str]:
        """Return all hard cases of a log that was taken."""
        mine = sorted((one for one in log if "subject" in one), key=lambda one: (one["subject"], time_of(one)))
        self.met |= {KINDS[one["type"]] for one in mine if one["type"] in KINDS}
        bought: dict[str, Event] = {}
        for one in mine:
            if one["type"] == "purchase.completed":
                bought.setdefault(one["data"]["order_id"], one)
        for place, one in enumerate(log):
            undoes = one["type"] in UNDOING
            purchase = bought.get(one["data"]["order_id"]) if undoes else None
            if purchase and (time_of(one) < time_of(purchase) or place < log.index(purchase)):
                self.met.add("a refund before its purchase")
        for _, group in groupby(mine, key=lambda one: (one["subject"], time_of(one))):
            ids = [(one["source"], one["id"]) for one in group]
            self.met |= {"equal times"} if len({*ids}) > 1 else set()
            self.met |= {"a duplicate"} if len({*ids}) < len(ids) else set()
        for customer in self.customers.values():
            head, newest = customer.head, max(micros(time_of(one)) for one in mine if one["subject"] == customer.id)
            by_time = any(
                change.reason in ("window", "override-ended") and change.at < newest for change in head.history
            )
            self.met |= {"a deadline between two events"} if by_time else set()
            self.met |= {"points run out"} if head.ledger.expired else set()
            self.met |= {"debt"} if head.ledger.debt else set()
        return self.met
