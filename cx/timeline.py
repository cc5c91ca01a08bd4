"""The fold: moments and deadlines of one customer, applied in their total order to a head that we own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cx import (
    care,
    cases,
    contacts,
    holds,
    journey,
    levels,
    lives,
    orders,
    points,
    progress,
    rewards,
    rhythm,
    scores,
    tiers,
)
from cx.moments import (
    Adjusted,
    AnyMoment,
    Cancelled,
    CaseEscalated,
    CaseOpened,
    CaseReopened,
    CaseResolved,
    CaseResponded,
    Chosen,
    Enrolled,
    FeedbackGiven,
    GiftAnswered,
    GiftTold,
    HoldDecided,
    Imported,
    Overridden,
    ProfileUpdated,
    Purchased,
    Referred,
    Refunded,
    Requested,
    Touched,
    name_of,
)
from cx.rewards import BEFORE_ALL
from cx.state import LOOK_AGAIN
from schemas.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cx.orders import Undone
    from cx.rules import Rules
    from cx.state import Head

_BESIDE_LEVELS = frozenset({ProfileUpdated, Chosen, GiftTold, HoldDecided})  # no measure of a level reads them
PRAISE_MIN = 4  # a review of so many stars speaks for the brand


def fold(head: Head, moments: Iterable[AnyMoment], answers: dict[str, int], rules: Rules) -> None:
    """Apply *moments*, which are in total order and none before `head.reached`, each after the deadlines up to it.

    *answers* holds what was answered to requests, and takes the answers to those that had none.
    """
    for moment in moments:
        meet_deadlines(head, moment.at, rules)
        _apply(head, moment, answers, rules)


def meet_deadlines(head: Head, until: int, rules: Rules) -> None:
    """Apply every deadline up to and including the instant *until*.

    At equal times points, the first answers to cases, the CX level, the tier, what calls for care, and a birthday.
    """
    while (at := head.due) <= until:
        head.reached = at
        if head.points_due == at:
            points.settle(head, at, rules)
            head.care_due = LOOK_AGAIN
        if head.sla_due == at:
            cases.overdue(head, at, rules)
        level = head.level
        change = progress.look(head, at, rules)
        if head.level > level and rules.triggers.by_level:
            rewards.level_reached(head, level, (at, *BEFORE_ALL[1:]), rules)
        if change and rules.rung_of(change.after) > rules.rung_of(change.before):
            rewards.reached(head, change, BEFORE_ALL, rules)
        care.settle(head, at, rules)
        if head.birthday_due == at:
            tiers.look_back(head, at, rules)
            tiers.move_window(head, rules.calendar.day(at), rules)
            rewards.birthday(head, at, rules)


def _apply(head: Head, moment: AnyMoment, answers: dict[str, int], rules: Rules) -> None:
    head.reached = moment.at
    bears = _bears_on_level(head, moment)
    if not head.first_seen:
        head.first_seen = head.level_since = moment.at
    day = rules.calendar.day(moment.at)
    tiers.note(head, day, rules)
    tiers.move_window(head, day, rules)
    level = head.level
    if isinstance(moment, Requested):
        _requested(head, moment, answers, rules)
    reason, undone = _effect(head, moment, rules)
    if bears:
        levels.settle(head, moment.at, rules)
    change = None
    if isinstance(moment, Overridden):
        change = tiers.give(head, moment, rules)
    elif isinstance(moment, Imported):
        tiers.bring(head, moment, rules)
    elif reason or not rules.counts_only or not head.tier:
        change = tiers.settle(head, moment.at, reason or "experience", moment.id, rules)
    if change and rules.rung_of(change.after) > rules.rung_of(change.before):
        rewards.reached(head, change, moment.key, rules)
    elif undone:
        rewards.undone(head, undone, moment.at, rules)
    _entitle(head, moment, level, answers, rules)
    if head.care_due <= moment.at:
        care.settle(head, moment.at, rules)


def _bears_on_level(head: Head, moment: AnyMoment) -> bool:
    """Tell whether *moment* may change a measure of the CX levels, or is the first; else the level is time's alone."""
    if not head.first_seen:
        return True
    if isinstance(moment, Touched):
        return moment.intent == "information" or bool(moment.accepted) or moment.channel not in head.channels
    return type(moment) not in _BESIDE_LEVELS


def _entitle(head: Head, moment: AnyMoment, level: int, answers: dict[str, int], rules: Rules) -> None:
    """Owe what *moment* entitles to, and a CX level above *level*, which was held before; moving in does to nothing."""
    triggers = rules.triggers
    if triggers.by_level and head.level > level and not isinstance(moment, Imported):
        rewards.level_reached(head, level, moment.key, rules)
    if type(moment) in triggers.watched:
        rewards.happened(head, moment, answers, rules)


def _requested(head: Head, moment: Requested, answers: dict[str, int], rules: Rules) -> None:
    against = rewards.refusal(head, moment, rules)
    if points.request(head, moment, answers, rules, against):
        holds.count(head, "redemptions", moment.key, rules)


def _effect(head: Head, moment: AnyMoment, rules: Rules) -> tuple[str, Undone | None]:
    """Apply what *moment* itself says.

    Returns:
        The reason for a change of tier, empty where *moment* cannot be one; and what was undone of an order.
    """
    match moment:  # the frequent ones first
        case Purchased():
            _purchased(head, moment, rules)
            return "spend", None
        case Touched():
            _touched(head, moment, rules)
        case FeedbackGiven():
            _judged(head, moment, rules)
        case CaseOpened() | CaseResponded() | CaseEscalated() | CaseResolved() | CaseReopened():
            _case(head, moment, rules)
            return "guard", None
        case Refunded() | Cancelled():
            undone = _taken_back(head, moment, rules)
            return ("refund" if undone else ""), undone
        case _:
            return _other(head, moment, rules), None
    return "", None


def _taken_back(head: Head, moment: Refunded | Cancelled, rules: Rules) -> Undone | None:
    hold = progress.held_until(head, moment.at, rules)
    undone = _undo(head, moment, rules)
    if undone:
        tiers.undone(head, undone.day, hold)
        if rules.inactive_days:  # without this order the customer may have been silent for too long
            points.settle(head, moment.at, rules)
    return undone


def _other(head: Head, moment: AnyMoment, rules: Rules) -> str:
    """Apply what is not so frequent; return the reason for a change of tier, as `_effect` does."""
    match moment:
        case Enrolled():
            if rules.by_joining:
                tiers.enrol(head, moment, rules)
                return "joining"
            head.enrolled = moment.joined
        case Adjusted():
            points.adjust(head, moment, rules)
        case Imported():
            head.brought[name_of(moment)] = (moment.at, moment.content)
            points.bring(head, moment, rules)
            tiers.remember(head, moment, rules)
        case Referred():
            _count(head, "advocacy")
            journey.referred(head, moment)
            scores.signal(head, "referral", moment.at, rules, cause=moment.id)
        case ProfileUpdated():
            _profile(head, moment, rules)
        case Chosen() | GiftTold() | GiftAnswered():
            lives.say(head, moment, rules)
        case HoldDecided():
            holds.decided(head, moment)
    return ""


def _purchased(head: Head, moment: Purchased, rules: Rules) -> None:
    """Add the order, less what waited for it: nothing can rest yet on what was undone before it counted."""
    scores.signal(head, "repeat-purchase" if head.counted.orders else "purchase", moment.at, rules, cause=moment.id)
    key = orders.purchase(head, moment, rules)
    contacts.bought(head)
    journey.bought(head, moment)
    if "orders" in rules.triggers.velocities:
        holds.count(head, "orders", moment.key, rules)
    rhythm.bought(head, rules.calendar.day(moment.at))
    if head.standing.tier in rules.care.silent:
        care.put_off_silence(head, rules)
    head.place = (moment.store, moment.channel)
    for waiting in head.waiting.pop(f"order\n{key}", ()):
        if isinstance(waiting, Refunded | Cancelled):
            _undo(head, waiting, rules)
    points.bought(head, key, moment.at, rules)


def _undo(head: Head, moment: Refunded | Cancelled, rules: Rules) -> Undone | None:
    key = orders.order_key(moment.source, moment.order)
    if not orders.knows(head, moment, rules):
        _wait(head, "order\n" + key, moment)
        return None
    if isinstance(moment, Cancelled):
        undone = orders.cancel(head, moment, rules)
    else:
        undone = orders.refund(head, moment, rules)
        if undone is None:
            head.refused[name_of(moment)] = (moment.at, Reason.REFUND_TOO_LARGE)
    if undone:
        scores.signal(head, "refund", moment.at, rules, cause=moment.id)
        holds.count(head, "refunds", (head.reached, *moment.key[1:]), rules)
    return undone


def _case(
    head: Head, moment: CaseOpened | CaseResponded | CaseEscalated | CaseResolved | CaseReopened, rules: Rules
) -> None:
    key = cases.case_key(moment.source, moment.case)
    if isinstance(moment, CaseOpened):
        cases.opened(head, moment, rules)
        journey.opened(head, moment)
        for waiting in head.waiting.pop("case\n" + key, ()):
            if not isinstance(waiting, CaseResponded | CaseEscalated | CaseResolved | CaseReopened):
                continue
            _follow(head, waiting, rules)
    elif key in head.cases:
        _follow(head, moment, rules)
    else:
        _wait(head, "case\n" + key, moment)


def _follow(head: Head, moment: CaseResponded | CaseEscalated | CaseResolved | CaseReopened, rules: Rules) -> None:
    match moment:
        case CaseResponded():
            cases.responded(head, moment, rules)
        case CaseEscalated():
            cases.escalated(head, moment, rules)
        case CaseResolved():
            cases.resolved(head, moment, rules)
        case CaseReopened():
            cases.reopened(head, moment, rules)


def _judged(head: Head, moment: FeedbackGiven, rules: Rules) -> None:
    scores.feedback(head, moment, rules)
    cases.judged(head, moment)
    journey.judged(head, moment)
    if moment.instrument == "review" and (moment.score or 0) >= PRAISE_MIN:
        _count(head, "advocacy")


def _touched(head: Head, moment: Touched, rules: Rules) -> None:
    head.place = (moment.store, moment.channel)
    if moment.stage in ("discover", "consider"):
        head.channels[moment.channel] = moment.at
    journey.touched(head, moment)
    if moment.intent == "information":
        contacts.asked(head, moment.at)
    elif moment.intent in ("care", "suggestion") and moment.accepted:
        if cases.before_complaint(head, moment.at):
            _count(head, "care_accepted")
        scores.signal(head, "care-accepted", moment.at, rules, cause=moment.id)
        care.answered(head, moment.at, rules)


def _profile(head: Head, moment: ProfileUpdated, rules: Rules) -> None:
    if moment.birthday is not None:
        head.birthday = moment.birthday
        head.birthday_due = rewards.birthday_after(head, moment.at, rules)
    if moment.locale is not None:
        head.locale = moment.locale
    if moment.preferences is not None:
        head.preferences = moment.preferences
    if moment.notify is not None:
        head.notify = moment.notify


def _wait(head: Head, what: str, moment: AnyMoment) -> None:
    head.waiting[what] = (*head.waiting.get(what, ()), moment)


def _count(head: Head, name: str) -> None:
    head.counts[name] = head.counts.get(name, 0) + 1
