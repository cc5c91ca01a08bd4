"""The decision: what a customer becomes when events arrive or time passes, and what the outside is told of it."""

from __future__ import annotations

import copy
from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from cx import holds, lives, orders, timeline
from cx.moments import REFERRING, AnyMoment, Cancelled, Imported, Key, Purchased, Refunded, Requested, name_of
from cx.outputs import Output, tell, tell_points
from cx.state import KEPT_BYTES_MAX, KEPT_ONE_BYTES_MAX, NEVER, Customer, Kept, Mark, base_of, head_of
from schemas.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cx.rules import Rules
    from cx.state import Head

# Moments go to the base in groups: decoding and encoding it for each would cost more than keeping them.
SETTLE_MIN = 8
SETTLE_SHARE = 4
_REFERRING = frozenset(REFERRING)
_NAMED = (Purchased, Imported)  # what may happen once only
MARK_SHARE = 8  # twice that of a group: so one begins or ends not far from a mark


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A moment as it came, with the record's timestamp in microseconds and the record itself."""

    moment: AnyMoment
    recorded: int
    record: Kept = Kept()


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """A record for the dead letters."""

    record: Kept
    reason: Reason
    loc: str


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What becomes of a customer; `changed` is False when nothing has to be written."""

    customer: Customer
    changed: bool
    outputs: tuple[Output, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    applied: int = 0
    duplicates: int = 0
    repeated: tuple[Kept, ...] = ()  # the records of those


def decide(customer: Customer, arrivals: Sequence[Arrival], tick: int, rules: Rules) -> Decision:
    """Say what *arrivals*, in the order in which they came, and the clock make of *customer*; change nothing.

    Args:
        customer: As it is; `Customer(id)` for one never seen.
        arrivals: Events of this customer only.
        tick: The partition's last applied tick, in microseconds; 0 before the first.
        rules: The policy in force.

    Returns:
        The new customer, outputs under ids that a replay repeats, and what goes to dead letters.

    Source: docs/sources.md#time-and-identity.
    """
    verdict = _judge(customer, arrivals, tick, rules)
    taken = [arrival.moment for arrival in verdict.taken]
    if not taken and customer.next_deadline(rules.lateness) > tick:
        return Decision(
            customer,
            changed=False,
            refusals=tuple(verdict.refusals),
            duplicates=verdict.duplicates,
            repeated=tuple(verdict.repeated),
        )
    moments = sorted(taken, key=_order) if len(taken) > 1 else taken
    late = bool(verdict.dropped) or not _continues(customer, moments)
    twin = _folded(customer, verdict, moments, rules, late=late)
    now = max(tick, customer.head.reached, twin.head.reached)
    timeline.meet_deadlines(twin.head, now, rules)
    folded = twin.head
    held: Sequence[holds.Turn] = ()
    turns: Sequence[lives.Turn] = ()
    before = customer.head
    if (
        twin.told.due <= now
        or _differ(folded.entitlements, before.entitlements)
        or _differ(folded.said, before.said)
        or _differ(folded.holds, before.holds)
    ):
        held, turns = lives.settle(twin, now, rules)
    refusals = (*verdict.refusals, *_give_up(twin, tick, now, rules))
    cause = taken[-1].id if taken else ""
    # Movements of points are those of this fold: all since the base, where it began there.
    moved = tell_points(twin, cause, anew=late or twin.head is not folded)
    # While all that has just happened is still told apart, so that a record can say what was looked at then.
    outputs = (*tell(twin, twin.told, cause, rules, held=held, turns=turns, late=late), *moved)
    _settle(twin, _ripe(twin, tick - rules.lateness, rules), rules)
    return Decision(
        twin,
        changed=True,
        outputs=outputs,
        refusals=refusals,
        applied=len(taken),
        duplicates=verdict.duplicates,
        repeated=tuple(verdict.repeated),
    )


def advance(customer: Customer, tick: int, rules: Rules) -> Decision:
    """Say what the clock alone makes of *customer* at *tick*, in microseconds."""
    return decide(customer, (), tick, rules)


def shrink(customer: Customer, rules: Rules) -> Customer:
    """Return *customer* with the older half of its recent moments in the base, for one that has grown too large.

    What is older than these is `too-late` for this customer from now on.
    """
    twin = copy.copy(customer)
    twin.kept, twin.told = customer.kept.copy(), customer.told.copy()
    _settle(twin, (len(twin.recent) + 1) // 2, rules)
    return twin


def _differ(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether two differ; what no event touched is one and the same, and so it is with most events."""
    return one is not other and one != other


class _Verdict(msgspec.Struct, gc=False):
    """What the arrivals are, before anything is folded."""

    taken: list[Arrival] = []
    named: dict[str, list[Purchased | Imported]] = {}  # what may happen once only: by the order, or the name of a row
    dropped: set[tuple[str, str]] = set()  # moments that an earlier twin replaces
    refusals: list[Refusal] = []
    duplicates: int = 0
    repeated: list[Kept] = []


def _judge(customer: Customer, arrivals: Sequence[Arrival], tick: int, rules: Rules) -> _Verdict:
    verdict = _Verdict()
    named = {arrival.moment.id for arrival in arrivals}
    known: dict[str, AnyMoment] = {}
    seen = map(_id, customer.recent) if customer.seen is None else customer.seen
    if not named.isdisjoint(seen):  # which is rare, and asked of every event
        known = {moment.id: moment for moment in customer.recent if moment.id in named}
    for arrival in arrivals:
        moment, recorded = arrival.moment, arrival.recorded
        kind, edge = type(moment), max(recorded, tick) - rules.lateness
        same = known.get(moment.id)
        if same is not None and same.source != moment.source:  # two sources number alike, which is rare
            same = _found(moment.identity, customer, verdict)
        if moment.at > recorded + rules.future:
            verdict.refusals.append(_refusal(arrival, Reason.FUTURE, "time"))
        elif moment.at < edge or moment.at < customer.floor:
            verdict.refusals.append(_refusal(arrival, Reason.TOO_LATE, "time"))
        elif same is not None and same == moment:
            verdict.duplicates += 1
            verdict.repeated.append(arrival.record)
        elif same is not None and not (isinstance(moment, Imported) and isinstance(same, Imported)):
            verdict.refusals.append(_refusal(arrival, Reason.CONFLICTING_ID, "id"))
        elif kind in _REFERRING and (reason := _no_room(customer, arrival, verdict)):
            verdict.refusals.append(_refusal(arrival, reason, ""))
        elif not isinstance(moment, _NAMED) or _is_new(customer, moment, arrival, verdict, rules):
            known[moment.id] = moment
            verdict.taken.append(arrival)
    return verdict


def _found(identity: tuple[str, str], customer: Customer, verdict: _Verdict) -> AnyMoment | None:
    moments = (*customer.recent, *(arrival.moment for arrival in verdict.taken))
    return next((moment for moment in moments if moment.identity == identity), None)


def _no_room(customer: Customer, arrival: Arrival, verdict: _Verdict) -> Reason | None:
    """Return why the record of *arrival* cannot be kept until its moment has taken effect for good, if it cannot."""
    size = arrival.record.size
    if size > KEPT_ONE_BYTES_MAX:
        return Reason.TOO_LARGE
    taken = sum(other.record.size for other in verdict.taken if isinstance(other.moment, REFERRING))
    return Reason.STATE_TOO_LARGE if customer.kept_bytes + taken + size > KEPT_BYTES_MAX else None


def _is_new(
    customer: Customer, moment: Purchased | Imported, arrival: Arrival, verdict: _Verdict, rules: Rules
) -> bool:
    """Tell whether a purchase or an import is to be folded; the same again is a repeat, or a conflict if it differs.

    Of two equal ones the earlier in the total order stays, so that the order of arrival makes no difference.
    """
    name = _name(moment)
    named, known, twin = verdict.named.setdefault(name, []), _folded_twin(customer, moment, name, rules), None
    if named:
        twin = next((other for other in named if isinstance(moment, Imported) or _near(moment, other.at, rules)), None)
    if twin is not None:
        known = (twin.at, twin.id, twin.content)
    if known is None:
        named.append(moment)
        return True
    at, id_, content = known
    if content != moment.content:
        order = isinstance(moment, Purchased)
        reason, loc = (Reason.CONFLICTING_ORDER, "data.order_id") if order else (Reason.CONFLICTING_ID, "id")
        verdict.refusals.append(_refusal(arrival, reason, loc))
        return False
    verdict.duplicates += 1
    verdict.repeated.append(arrival.record)
    if (moment.at, moment.id) >= (at, id_) or at < customer.floor:
        return False
    verdict.dropped.add((moment.source, id_))
    verdict.taken = [other for other in verdict.taken if other.moment is not twin]
    named[:] = [*(other for other in named if other is not twin), moment]
    return True


def _name(moment: Purchased | Imported) -> str:
    return orders.order_key(moment.source, moment.order) if isinstance(moment, Purchased) else f"\n{name_of(moment)}"


def _folded_twin(
    customer: Customer, moment: Purchased | Imported, name: str, rules: Rules
) -> tuple[int, str, int] | None:
    """Return instant, id and checksum of what was folded under the *name* of *moment*: for ever what has moved in."""
    if isinstance(moment, Imported):
        brought = customer.head.brought.get(name_of(moment))
        return brought and (brought[0], moment.id, brought[1])
    order = customer.head.open_orders.get(name)
    if order is not None and _near(moment, order.at, rules):
        return order.at, order.id, order.content
    # The head has no order any more that a later one made too old, or took the number of.
    gone = moment.at < (customer.head.reached - rules.lateness if order is None else order.at)
    return _forgotten_twin(customer, moment, rules) if gone else None


def _forgotten_twin(customer: Customer, moment: Purchased, rules: Rules) -> tuple[int, str, int] | None:
    for other in customer.recent:
        same = isinstance(other, Purchased) and other.order == moment.order and other.source == moment.source
        if same and _near(moment, other.at, rules):
            return other.at, other.id, other.content
    order = customer.base.open_orders.get(_name(moment))
    known = order is not None and _near(moment, order.at, rules)
    return (order.at, order.id, order.content) if order is not None and known else None


def _near(moment: Purchased, at: int, rules: Rules) -> bool:
    """Tell whether an order of the same number at the instant *at* is that of *moment*, and no later use of it."""
    return abs(moment.at - at) < rules.refund_horizon


def _folded(customer: Customer, verdict: _Verdict, moments: list[AnyMoment], rules: Rules, *, late: bool) -> Customer:
    """Return the customer with *moments*, sorted, folded in: at the end, or from the base where some are *late*."""
    recent, told = customer.recent, customer.told.copy()
    if verdict.dropped:
        recent = tuple(moment for moment in recent if moment.identity not in verdict.dropped)
    marks = customer.marks
    if not late:
        recent += tuple(moments)
        head = customer.head.copy()
        timeline.fold(head, moments, told.answers, rules)
        if moments:  # else time may have led the head past the last of them, where no base may be
            marks = _marked(customer, recent, head)
    else:
        # What is dropped comes after its twin: no mark that stays has seen it.
        marks = tuple(mark for mark in marks if customer.recent[mark.count - 1].key < moments[0].key)
        recent = tuple(sorted((*recent, *moments), key=_order))
        # Movements of points have to be all since the base; where none was told, there was none before a mark.
        start = marks[-1] if marks and not told.moves else Mark(0, customer.base)
        head = head_of(start.base)
        timeline.fold(head, recent[start.count :], told.answers, rules)
        head = _within_means(customer, head, recent, told.answers, rules)
    seen = customer.seen if customer.recent else set()
    if seen is not None:
        seen.update(map(_id, moments))
    kept = customer.kept.copy()
    for arrival in verdict.taken:
        if type(arrival.moment) in _REFERRING:
            kept[name_of(arrival.moment)] = arrival.record
    return Customer(
        id=customer.id,
        version=customer.version + 1,
        policy=rules.hash,
        floor=customer.floor,
        settled=customer.settled,
        base=customer.base,
        recent=recent,
        head=head,
        told=told,
        kept=kept,
        marks=marks,
        seen=seen,
    )


def _marked(customer: Customer, recent: tuple[AnyMoment, ...], head: Head) -> tuple[Mark, ...]:
    """Return the marks of *customer*, and one more where it is time, of *head*, which has just seen all of *recent*.

    Without marks every moment would be folded twice: into the head when it comes, into the base when it is settled.
    """
    marks = customer.marks
    fresh = len(recent) - (marks[-1].count if marks else 0)
    if (customer.settled + len(recent)) % SETTLE_MIN or fresh < len(recent) // MARK_SHARE:
        return marks
    return (*marks, Mark(len(recent), base_of(head), _open(head)))


def _within_means(
    customer: Customer, head: Head, recent: tuple[AnyMoment, ...], answers: dict[str, int], rules: Rules
) -> Head:
    """Return the head with late requests refused that had enough points when they were made, but leave a debt now.

    Their points were spent by requests of later instants, which have been answered already.
    """
    asked = [name for moment in recent if isinstance(moment, Requested) for name in (name_of(moment),)]
    fresh = [name for name in asked if answers[name] and name not in customer.told.answers]
    while fresh and head.ledger.debt:
        answers[fresh.pop()] = 0
        head = head_of(customer.base)
        timeline.fold(head, recent, answers, rules)
    return head


def _continues(customer: Customer, moments: list[AnyMoment]) -> bool:
    """Tell whether sorted *moments* come after all that the head has seen, deadlines included."""
    if not moments:
        return True
    first = moments[0]
    if first.at < customer.head.reached:
        return False
    return not customer.recent or customer.recent[-1].at < first.at or customer.recent[-1].key < first.key


def _give_up(customer: Customer, tick: int, now: int, rules: Rules) -> list[Refusal]:
    """Take out the moments that have waited in vain until *tick*, and return them as refusals.

    Only the clock says so: a newer event may have come before what they wait for. The rest is folded again up to *now*,
    as if they had never been there: whether a late event folds it again must make no difference.
    """
    edge = tick - rules.lateness
    head = customer.head
    if not head.waiting and not head.refused and customer.told.unclaimed == NEVER:
        return []
    hopeless: dict[str, Reason] = {name_of(m): reason for reason, m in _waiting(head) if m.at <= edge}
    hopeless |= {one.name: one.reason for one in lives.unclaimed(head, customer) if one.at <= edge}
    hopeless |= {name: reason for name, (at, reason) in head.refused.items() if at <= edge}
    if not hopeless:
        return []
    recent = tuple(moment for moment in customer.recent if name_of(moment) not in hopeless)
    base = head_of(customer.base)
    in_base = len(hopeless) - (len(customer.recent) - len(recent))
    if in_base:  # only for a customer with too many recent moments; nothing else settles before it is given up
        _strike(base, hopeless)
        customer.base = base_of(base)
        customer.settled -= in_base
    customer.recent, customer.head, customer.marks = recent, base, ()
    timeline.fold(base, recent, customer.told.answers, rules)
    timeline.meet_deadlines(base, now, rules)
    customer.told.unclaimed = lives.unclaimed_since(customer)
    refusals = [Refusal(customer.kept.pop(name), reason, _LOCS[reason]) for name, reason in hopeless.items()]
    return [*refusals, *_give_up(customer, tick, now, rules)]  # what said the same was nothing beside them


_LOCS = {
    Reason.UNKNOWN_ORDER: "data.order_id",
    Reason.UNKNOWN_CASE: "data.case_id",
    Reason.REFUND_TOO_LARGE: "data",
    Reason.UNKNOWN_REWARD: "data.reward_id",
    Reason.UNKNOWN_HOLD: "data.hold_id",
}


def _waiting(head: Head) -> list[tuple[Reason, AnyMoment]]:
    return [
        (Reason.UNKNOWN_ORDER if isinstance(moment, Refunded | Cancelled) else Reason.UNKNOWN_CASE, moment)
        for moments in head.waiting.values()
        for moment in moments
    ]


def _open(head: Head) -> frozenset[str]:
    return frozenset({*(name_of(moment) for _, moment in _waiting(head)), *head.refused})


def _strike(head: Head, names: Collection[str]) -> None:
    for what, moments in list(head.waiting.items()):
        left = tuple(moment for moment in moments if name_of(moment) not in names)
        if left:
            head.waiting[what] = left
        else:
            del head.waiting[what]
    for name in names:
        head.refused.pop(name, None)
    lives.strike(head, names)


def _ripe(customer: Customer, horizon: int, rules: Rules) -> int:
    """Return how many of the oldest recent moments should go to the base now."""
    recent = customer.recent
    excess = len(recent) - rules.recent_max
    if excess > 0:
        return excess + rules.recent_max // 10  # some more, so that not every event pays for a move
    group = max(SETTLE_MIN, len(recent) // SETTLE_SHARE)
    if len(recent) < group or recent[group - 1].at >= horizon:
        return 0
    count = bisect_left(recent, horizon, key=_at)
    return count - (customer.settled + count) % SETTLE_MIN  # to where a mark may be


def _settle(customer: Customer, count: int, rules: Rules) -> None:
    """Fold the oldest *count* recent moments into the base, and those of the same instant as the last of them."""
    if count == 0:
        return
    count = bisect_right(customer.recent, customer.recent[count - 1].at, key=_at)
    moved, customer.recent = customer.recent[:count], customer.recent[count:]
    done = next((mark for mark in reversed(customer.marks) if mark.count <= count), Mark(0, customer.base))
    later = (mark for mark in customer.marks if mark.count > count)
    customer.marks = tuple(msgspec.structs.replace(mark, count=mark.count - count) for mark in later)
    customer.base, told, without_effect = done.base, customer.told, done.open
    if done.count < count:
        base = head_of(done.base)
        timeline.fold(base, moved[done.count :], told.answers, rules)
        customer.base, without_effect = base_of(base), _open(base)
    customer.seen = set(map(_id, customer.recent))
    customer.settled += count
    customer.floor = max(customer.floor, moved[-1].at + 1)
    if told.answers:
        for moment in moved:
            told.answers.pop(name_of(moment), None)
    told.moves = {name: move for name, move in told.moves.items() if move.at >= customer.floor}
    holds.forget(told, customer.floor)
    if customer.kept:
        needed = {*without_effect, *_open(customer.head), *map(name_of, customer.recent)}
        if customer.head.said or customer.head.holds:  # which is rare, and a base is dear
            for head in (head_of(customer.base), customer.head):
                needed |= {one.name for one in lives.unclaimed(head, customer)}
        customer.kept = {name: kept for name, kept in customer.kept.items() if name in needed}


def _refusal(arrival: Arrival, reason: Reason, loc: str) -> Refusal:
    return Refusal(arrival.record, reason, loc)


def _order(moment: AnyMoment) -> Key:
    return moment.key


def _at(moment: AnyMoment) -> int:
    return moment.at


_id = attrgetter("id")
