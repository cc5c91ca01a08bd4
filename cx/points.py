"""The points ledger: what orders earn, when it can be spent, what runs out, and what is taken back again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cx.amounts import EXTRAS, qualifying
from cx.calendar import iso_day, month_end
from cx.moments import name_of, parted
from cx.state import LOOK_AGAIN, NEVER, Earning, Lot, Move, Order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cx.moments import Adjusted, Cancelled, Imported, Refunded, Requested
    from cx.rules import Rate, Rules
    from cx.state import Head

_FAR = 1 << 62  # as a last day: after all others


# Orders


def lot_of(order: Order, channel: str, tier: str, rules: Rules) -> Lot | None:
    """Return the lot of an order that was just folded, pending; None where no rate fits it.

    *tier* is the one held just before the order.
    """
    if not rules.earns:
        return None
    by = tuple(_earnings(order, channel, tier, rules))
    return Lot(_worth(order, by, rules), by) if by else None


def _earnings(order: Order, channel: str, tier: str, rules: Rules) -> Iterator[Earning]:
    places = [(place, line[1]) for place, line in enumerate(order.lines)]
    places.append((EXTRAS, ""))
    for rate in rules.rates:
        if not places:
            break
        if _fits(rate, channel, tier, order.day):
            fitting = tuple(place for place, category in places if rate.takes(category))
            if len(fitting) == len(order.lines) + 1:
                yield Earning(rate.points, rate.per, None)
                break
            if fitting:
                yield Earning(rate.points, rate.per, fitting)
            places = [one for one in places if one[0] not in fitting]
    for rate in rules.campaigns:
        if _fits(rate, channel, tier, order.day):
            if rate.categories is None:
                yield Earning(rate.points, rate.per, None)
            elif fitting := tuple(place for place, line in enumerate(order.lines) if rate.takes(line[1])):
                yield Earning(rate.points, rate.per, fitting)


def _fits(rate: Rate, channel: str, tier: str, day: int) -> bool:
    return (
        rate.first <= day <= rate.last
        and (rate.tiers is None or tier in rate.tiers)
        and (rate.channels is None or channel in rate.channels)
    )


def _worth(order: Order, by: tuple[Earning, ...], rules: Rules) -> int:
    return sum(rate.points * qualifying(order, rules, rate.places) // rate.per for rate in by)


def bought(head: Head, key: str, at: int, rules: Rules) -> None:
    """After an order was folded, with all that had waited to undo it: give its points, or note when they come."""
    order = head.open_orders[key]
    _look_again(head, rules)
    if order.lot is None:
        return
    if not rules.pending_days:
        order = _activate(head, key, order, at, rules)
        if rules.inactive_days:
            head.points_due = min(head.points_due, rules.calendar.start(order.day + rules.inactive_days + 1))
    head.points_due = min(head.points_due, _due_of(order, rules))
    if rules.care.expiring_days and rules.after_months:
        last = _last_day(order.day, rules)
        head.care_due = min(head.care_due, rules.calendar.start(last - rules.care.expiring_days))


def undo(head: Head, key: str, moment: Refunded | Cancelled, rules: Rules) -> int:
    """Take back what an order, of which less is left now, earns no more; return how many points less it earns.

    What of its lot has run out is set off first: that the customer has lost already. The rest is taken from what is
    left of the lot, and then, where it has been spent, from other lots; or it becomes a debt.
    """
    order = head.open_orders[key]
    lot = order.lot
    if lot is None:
        return 0
    points = _worth(order, lot.by, rules)
    less = lot.points - points
    if not less:
        return 0
    if lot.pending:
        _put(head, key, order, msgspec.structs.replace(lot, points=points))
        return less
    set_off = min(lot.gone, less)
    charged = less - set_off
    own = min(lot.left, charged)
    _put(head, key, order, msgspec.structs.replace(lot, points=points, left=lot.left - own, gone=lot.gone - set_off))
    if charged:
        head.ledger.reversed += charged
        _take(head, charged - own, rules)
        _note(
            head, f"r\n{name_of(moment)}", Move(moment.at, "reversed", charged, 0, parted(key)[0], "refund", moment.id)
        )
    return less


def close(head: Head, order: Order, rules: Rules) -> None:
    """Keep what is left of the lot of an order that nothing can undo any more, and forget the order."""
    ledger = head.ledger
    if not order.undone:
        ledger.active = max(ledger.active, order.day)
    if order.lot is not None and order.lot.left:
        last = _last_day(order.day, rules)
        ledger.closed[last] = ledger.closed.get(last, 0) + order.lot.left


def pending(head: Head) -> int:
    """Return the points that cannot be spent yet."""
    return sum(order.lot.points for _, order in _pending(head) if order.lot)


# What people ask for and decide


def request(head: Head, moment: Requested, answers: dict[str, int], rules: Rules, against: str = "") -> bool:
    """Spend points or refuse to, as was answered before; where it was not, decide now and note it in *answers*.

    *against* is what stands against it beside the points themselves; returns whether they were granted.
    """
    name = name_of(moment)
    reason = against or refusal(head, moment, rules)
    granted = answers.get(name)
    if granted is None:
        granted = answers[name] = 0 if reason else moment.points
    ledger = head.ledger
    if granted:
        ledger.spent += granted
        ledger.active = max(ledger.active, rules.calendar.day(moment.at))
        _look_again(head, rules)
        _take(head, granted, rules)
        kind, points, reason = "spent", granted, ""
    else:
        kind, points, reason = "refused", moment.points, reason or "not-enough"
    move = Move(moment.at, kind, points, 0, moment.reward, reason, moment.id, moment.identity)
    _note(head, f"s\n{name}", move)
    return granted > 0


def refusal(head: Head, moment: Requested, rules: Rules) -> str:
    """Return why a request cannot be granted as things stand; empty where it can."""
    if moment.reward not in rules.triggers.prices:  # what has a price costs just that
        if moment.points < rules.redeem_min:
            return "below-minimum"
        if moment.points % rules.redeem_step:
            return "not-a-step"
    return "" if moment.points <= head.ledger.balance else "not-enough"


def adjust(head: Head, moment: Adjusted, rules: Rules) -> None:
    """Give or take points by a person's word."""
    day = rules.calendar.day(moment.at)
    ledger, name = head.ledger, name_of(moment)
    ledger.active = max(ledger.active, day)
    _look_again(head, rules)
    if moment.points > 0:
        _give(head, moment.points, _last_day(day, rules), rules)
        _note(head, f"e\n{name}", Move(moment.at, "earned", moment.points, 0, "", "adjustment", moment.id))
    else:
        ledger.reversed -= moment.points
        _take(head, -moment.points, rules)
        _note(head, f"r\n{name}", Move(moment.at, "reversed", -moment.points, 0, "", "adjustment", moment.id))


def bring(head: Head, moment: Imported, rules: Rules) -> None:
    """Take over the lots that a customer brings along; what has run out before is left behind."""
    today = rules.calendar.day(moment.at)
    head.ledger.active = max(head.ledger.active, today)
    total = 0
    for points, earned, given in moment.lots:
        last = given or _last_day(earned, rules)
        if last == 0 or last >= today:
            _give(head, points, last, rules)
            total += points
    if total:
        _note(head, f"e\n{name_of(moment)}", Move(moment.at, "earned", total, 0, "", "import", moment.id))


# What time brings


def settle(head: Head, at: int, rules: Rules) -> None:
    """Bring the lots up to the instant *at*: let the pending be spent, and what has had its time run out."""
    today = rules.calendar.day(at)
    for key, order in _pending(head)[::-1]:
        if order.day + rules.pending_days <= today:
            _activate(head, key, order, at, rules)
    gone: dict[int, int] = {}
    silent = rules.inactive_days > 0 and _active_day(head) + rules.inactive_days < today
    for key, order in head.open_orders.items():
        last = _last_day(order.day, rules)
        if not silent and not 0 < last < today:
            break  # later orders run out later
        lot = order.lot
        if lot is not None and lot.left:
            gone[last] = gone.get(last, 0) + lot.left
            _put(head, key, order, msgspec.structs.replace(lot, left=0, gone=lot.gone + lot.left))
    for last, left in list(head.ledger.closed.items()):
        if silent or 0 < last < today:
            gone[last] = gone.get(last, 0) + left
            del head.ledger.closed[last]
    for last, left in sorted(gone.items()):
        head.ledger.expired += left
        if 0 < last < today:
            _note(head, f"x\n{last}", Move(at, "expired", left, 0, iso_day(last), "date"))
        else:
            _note(head, f"x\n{today}\ninactive", Move(at, "expired", left, 0, "", "inactivity"))
    head.points_due = due_at(head, rules)


def due_at(head: Head, rules: Rules) -> int:
    """Return the instant at which time alone moves points next, or `NEVER`."""
    due = NEVER
    for _, order in _pending(head):
        if order.lot is not None and order.lot.points:
            due = rules.calendar.start(order.day + rules.pending_days)
    if rules.after_months:
        for order in head.open_orders.values():
            if order.lot is not None and order.lot.left:
                due = min(due, rules.calendar.start(month_end(order.day, rules.after_months) + 1))
                break  # later orders run out later
    if lasts := [last for last in head.ledger.closed if last]:
        due = min(due, rules.calendar.start(min(lasts) + 1))
    if rules.inactive_days and head.ledger.balance > 0:
        due = min(due, rules.calendar.start(_active_day(head) + rules.inactive_days + 1))
    return due


def next_expiry(head: Head, rules: Rules) -> tuple[int, int] | None:
    """Return the last day on which the next points count if nothing more happens, and how many they are."""
    return min(expiries(head, rules).items(), default=None)


def expiries(head: Head, rules: Rules) -> dict[int, int]:
    """Return how many points run out if nothing more happens, by the last local day on which they count."""
    silent = _active_day(head) + rules.inactive_days if rules.inactive_days else _FAR
    found: dict[int, int] = {}
    for date, _, _, _, left in _lots(head, rules):
        last = min(date, silent)
        if last < _FAR:
            found[last] = found.get(last, 0) + left
    return found


def _due_of(order: Order, rules: Rules) -> int:
    lot = order.lot
    if lot is None:
        return NEVER
    if lot.pending:
        return rules.calendar.start(order.day + rules.pending_days) if lot.points else NEVER
    if not lot.left:
        return NEVER
    last = _last_day(order.day, rules)
    return rules.calendar.start(last + 1) if last else NEVER


def _last_day(day: int, rules: Rules) -> int:
    return month_end(day, rules.after_months) if rules.after_months else 0


def _pending(head: Head) -> list[tuple[str, Order]]:
    """Return the orders whose lots cannot be spent yet, newest first: no older one waits when a newer does not."""
    found = []
    for key, order in reversed(head.open_orders.items()):
        if order.lot is not None:
            if not order.lot.pending:
                break
            found.append((key, order))
    return found


def _active_day(head: Head) -> int:
    for order in reversed(head.open_orders.values()):  # opened in the order of time
        if not order.undone:
            return max(order.day, head.ledger.active)
    return head.ledger.active


# Lots


def _look_again(head: Head, rules: Rules) -> None:
    """After what is activity, or was: where silence takes points, all of them may have another last day now."""
    if rules.inactive_days and rules.care.expiring_days:
        head.care_due = LOOK_AGAIN


def _activate(head: Head, key: str, order: Order, at: int, rules: Rules) -> Order:
    lot = order.lot
    if lot is None or not lot.pending:
        return order
    left = _earned(head, lot.points)
    order = _put(head, key, order, msgspec.structs.replace(lot, pending=False, left=left))
    if lot.points:
        use = order.at // rules.refund_horizon  # a number may be used again after that, which is another order
        _note(head, f"o\n{key}\n{use}", Move(at, "earned", lot.points, 0, parted(key)[0], "", order.id))
    return order


def _give(head: Head, points: int, last: int, rules: Rules) -> None:
    left = _earned(head, points)
    head.care_due = LOOK_AGAIN  # they may run out soon
    if left:
        head.ledger.closed[last] = head.ledger.closed.get(last, 0) + left
        if last:
            head.points_due = min(head.points_due, rules.calendar.start(last + 1))
    if rules.inactive_days:
        head.points_due = min(head.points_due, due_at(head, rules))


def _earned(head: Head, points: int) -> int:
    """Count *points* as earned, and return what is left of them when debts are paid."""
    paid = min(head.ledger.debt, points)
    head.ledger.debt -= paid
    head.ledger.earned += points
    return points - paid


def _take(head: Head, points: int, rules: Rules) -> None:
    """Take *points* from the lots that run out first; what they cannot pay becomes a debt."""
    if not points:
        return
    for _, _, _, key, left in _lots(head, rules):
        taken = min(left, points)
        points -= taken
        if isinstance(key, int):
            head.ledger.closed[key] -= taken
            if not head.ledger.closed[key]:
                del head.ledger.closed[key]
        else:
            order = head.open_orders[key]
            if order.lot is not None:
                _put(head, key, order, msgspec.structs.replace(order.lot, left=left - taken))
        if not points:
            return
    head.ledger.debt += points


def _lots(head: Head, rules: Rules) -> list[tuple[int, int, int, int | str, int]]:
    """Return the lots that have something left, in the order in which they are spent, by last day and then by age."""
    lots: list[tuple[int, int, int, int | str, int]] = [
        (last or _FAR, 0, 0, last, left) for last, left in head.ledger.closed.items()
    ]
    for place, (key, order) in enumerate(head.open_orders.items()):
        if order.lot is not None and order.lot.left:
            lots.append((_last_day(order.day, rules) or _FAR, 1, place, key, order.lot.left))
    return sorted(lots)


def _put(head: Head, key: str, order: Order, lot: Lot) -> Order:
    order = head.open_orders[key] = msgspec.structs.replace(order, lot=lot)
    return order


def _note(head: Head, name: str, move: Move) -> None:
    """Note a movement under its name; one of the same name adds to it."""
    before = head.moves.get(name)
    points = move.points + (before.points if before else 0)
    head.moves[name] = msgspec.structs.replace(move, points=points, balance=head.ledger.balance)
