"""Entitlements: which rewards the rules owe a customer, for which occasion, and which lost their ground."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cx import cases, choices, streaks, tiers
from cx.calendar import DAY
from cx.measures import PROMOTER_MIN
from cx.moments import (
    AnyMoment,
    CaseOpened,
    CaseResolved,
    FeedbackGiven,
    Purchased,
    Referred,
    Requested,
    joined,
    name_of,
    parted,
)
from cx.orders import order_key
from cx.periods import yearly
from cx.state import NEVER, RANK_MAX, Day, Entitlement, Life

if TYPE_CHECKING:
    from cx.moments import Key
    from cx.orders import Undone
    from cx.rules import Rules
    from cx.state import Change, Head, Told
    from schemas.policy import RewardPolicy


BEFORE_ALL: Key = (0, -1, "", "")  # the place of a deadline: before the events of its instant
REFERRAL_DAYS: Final = 90  # so long a referral waits for a promoter's word
_REFERRALS_MAX: Final = 20


# What happens


def reached(head: Head, change: Change, key: Key, rules: Rules) -> None:
    """Owe what reaching a tier entitles to, the tiers passed on the way included.

    *key* is the place in the total order of the event that did it.
    """
    ground = tiers.measures(head, change.at, rules)
    for rung in rules.rungs[rules.rung_of(change.before) + 1 : rules.rung_of(change.after) + 1]:
        for rule in rules.triggers.by_tier.get(rung.name, ()):
            _owe(head, rule, "", (change.at, key[1], key[2], change.cause), ground, rules, tier=rung.name)


def level_reached(head: Head, before: int, key: Key, rules: Rules) -> None:
    """Owe what the CX levels above *before* entitle to; *key* is the place of what brought them."""
    for level in range(before + 1, head.level + 1):
        ground = {"orders": head.counted.orders} if rules.triggers.orders_for.get(level) else {}
        for rule in rules.triggers.by_level.get(level, ()):
            _owe(head, rule, "", key, ground, rules)


def happened(head: Head, moment: AnyMoment, answers: dict[str, int], rules: Rules) -> None:
    """Owe what *moment*, of a kind that the rules watch, is an occasion for, after all else that it did."""
    if isinstance(moment, Purchased):
        order = head.open_orders[order_key(moment.source, moment.order)]
        if order.qualifying or not order.undone:  # the one is known, the other worked out
            for unit, period in streaks.bought(head, order.day, rules):
                _complete(head, unit, period, moment.key, rules)
        return
    given, occasions = _occasions(head, moment, answers, rules)
    paid = isinstance(moment, Requested)
    for occasion in occasions:
        for rule in given:
            _owe(head, rule, occasion, moment.key, {}, rules, paid=paid)


def _occasions(
    head: Head, moment: AnyMoment, answers: dict[str, int], rules: Rules
) -> tuple[tuple[RewardPolicy, ...], list[str]]:
    """Return what *moment* is an occasion for, and the occasions: each an id and the source that gave it."""
    triggers = rules.triggers
    match moment:
        case CaseOpened() | CaseResolved() if _recovered(head, moment):
            return triggers.recovery, [cases.case_key(moment.source, moment.case)]
        case Referred() | FeedbackGiven():
            return triggers.promoter, [joined(id_, source) for _, source, id_ in _referrals(head, moment)]
        case Requested() if moment.reward in triggers.prices and answers[name_of(moment)]:
            return (triggers.prices[moment.reward],), [joined(moment.id, moment.source)]
    return (), []


def _recovered(head: Head, moment: CaseOpened | CaseResolved) -> bool:
    """Tell whether *moment* solved a case of a dissatisfied customer, or one that was late or came back."""
    case = head.cases.get(cases.case_key(moment.source, moment.case))
    if case is None or case.resolved is None:
        return False
    now = case.resolved == moment.at if isinstance(moment, CaseResolved) else case.opened == moment.at
    late = case.answered is not None and case.answered > case.due
    return now and (case.detractor or late or case.reopened > 0)


def _referrals(head: Head, moment: Referred | FeedbackGiven) -> tuple[tuple[int, str, str], ...]:
    """Return the referrals that a promoter has now; one whose word is not known yet waits for it."""
    edge = moment.at - REFERRAL_DAYS * DAY
    waiting = tuple(one for one in head.referrals if one[0] > edge)
    if isinstance(moment, Referred):
        waiting = (*waiting, (moment.at, moment.source, moment.id))[-_REFERRALS_MAX:]
    elif moment.instrument != "nps":
        return ()
    last = head.feedback.get("nps", ())
    promotes = bool(last) and last[0][0] >= PROMOTER_MIN
    head.referrals = () if promotes else waiting
    return waiting if promotes else ()


def _complete(head: Head, unit: str, period: int, key: Key, rules: Rules) -> None:
    """Owe what a streak that ends with *period* entitles to."""
    for rule in rules.triggers.streaks[unit]:
        if streaks.complete(head, rule, period):
            year = str(streaks.year_of(period, unit))
            own = year if rule.every == "year" else streaks.name_of(period, unit)
            _owe(head, rule, own, key, {"period": period}, rules)


# Birthdays


def birthday_after(head: Head, at: int, rules: Rules) -> int:
    """Return the start of the first birthday after the instant *at*, or `NEVER`; 1 March for who has none that year."""
    if head.birthday is None or not rules.triggers.birthday:
        return NEVER
    month, day = map(int, head.birthday.split("-"))
    year = rules.calendar.year(at)
    starts = (rules.calendar.start(yearly(one, month, day)) for one in (year, year + 1))
    return next(start for start in starts if start > at)


def birthday(head: Head, at: int, rules: Rules) -> None:
    """Owe what the birthday that begins at the instant *at* entitles to, and look forward to the next."""
    for rule in rules.triggers.birthday:
        _owe(head, rule, "", (at, *BEFORE_ALL[1:]), {}, rules)
    head.birthday_due = birthday_after(head, at, rules)


# Owing


def refusal(head: Head, moment: Requested, rules: Rules) -> str:
    """Return why the reward that a request names cannot be given for its points; empty where it can, or names none.

    A programme without rewards for points takes the name for what it is to others.
    """
    prices = rules.triggers.prices
    if not moment.reward or not prices:
        return ""
    rule = prices.get(moment.reward)
    if rule is None or rule.when.redemption is None:
        return "unknown-reward"
    if moment.points != rule.when.redemption.points:
        return "not-the-price"
    if not allowed(head, rule, moment.at, rules):
        return "limit-reached"
    return "" if choices.fitting(head, rule, moment.at, rules) else "no-choice"


def allowed(head: Head, rule: RewardPolicy, at: int, rules: Rules) -> bool:
    """Tell whether limit and cooldown of a *rule* leave room for one more occasion at the instant *at*."""
    if rule.limit is None and not rule.cooldown_days:
        return True
    today = rules.calendar.day(at)
    days = [
        rules.calendar.day(owed.at)
        for owed in head.entitlements.values()
        if owed.rule == rule.id and owed.item == 1 and not owed.lost
    ]
    if any(today - day < rule.cooldown_days for day in days):
        return False
    limit = rule.limit
    return limit is None or sum(today - day < limit.days for day in days) < limit.times


def _owe(  # noqa: PLR0917  # an occasion, its place, and what it rests on
    head: Head,
    rule: RewardPolicy,
    own: str,
    key: Key,
    ground: dict[str, int],
    rules: Rules,
    *,
    tier: str = "",
    paid: bool = False,
) -> None:
    """Owe what *rule* gives, unless it is owed already for the occasion, or not allowed, or no choice fits.

    *own* names the occasion where each counts: for what an event brought, that of the event and its source. What is
    *paid* for was allowed and did fit when that was answered: so it does, whatever became known since.
    """
    at = key[0]
    if rule.every == "ever":
        own = "ever"
    elif rule.every == "year" and "period" not in ground:
        # A year, not the day: a late event may move the day, and must not make a second reward of the first.
        own = str(rules.calendar.year(at))
    missing = [
        item
        for item in range(1, rule.quantity + 1)
        if (owed := head.entitlements.get(f"{rule.id}/{own}/{item}")) is None or owed.lost
    ]
    if not missing or not (paid or allowed(head, rule, at, rules)):
        return
    fitting = choices.fitting(head, rule, at, rules) or (choices.whole(rule) if paid else None)
    if fitting is None:
        return
    owing = Entitlement(rule.id, parted(own)[0], 1, tier, at, key[3], ground, "", key[1], key[2], *fitting)
    head.entitlements = _without_old(head, at, rules) | {
        f"{rule.id}/{own}/{item}": msgspec.structs.replace(owing, item=item) for item in missing
    }


def _without_old(head: Head, at: int, rules: Rules) -> dict[str, Entitlement]:
    """Return the entitlements that may still make a difference at the instant *at*; those of years all do."""
    if not rules.triggers.spans:
        return head.entitlements
    return {key: owed for key, owed in head.entitlements.items() if not is_old(owed, at, rules)}


def is_old(owed: Entitlement, at: int, rules: Rules) -> bool:
    """Tell whether nothing can ask for what is owed any more at the instant *at*."""
    return owed.at + rules.triggers.spans.get(owed.rule, NEVER) <= at


# Losing the ground


def undone(head: Head, undone: Undone, at: int, rules: Rules) -> None:
    """Look again at what rests on an order of which something was undone at the instant *at*.

    A tier that would have been reached all the same keeps its rewards, though it was lost by time since. One that
    would not, but is held now, was reached in between: its rewards rest from here on on what the window holds now.
    CX levels are treated alike, as far as they rest on a number of orders.
    """
    emptied = streaks.undone(head, undone.day, rules) if undone.less.orders else []
    changed = {}
    for key, owed in head.entitlements.items():
        if owed.lost or not owed.ground:
            continue
        if "period" in owed.ground:
            now = _streak_without(owed, emptied, rules)
        else:
            now = owed if owed.key < undone.key else _without(head, owed, undone, at, rules)
        if now is None:
            changed[key] = msgspec.structs.replace(owed, lost="refund", lost_at=at)
        elif now is not owed:
            changed[key] = now
    if changed:
        head.entitlements = head.entitlements | changed
    for unit, period in emptied:
        for other in sorted(head.runs[unit]):
            if other > period:  # without the run that is broken another may be one
                _complete(head, unit, other, (at, RANK_MAX, "", ""), rules)


def _without(head: Head, owed: Entitlement, undone: Undone, at: int, rules: Rules) -> Entitlement | None:
    """Return *owed* as it stands without what was undone, or None where nothing holds it any more."""
    if undone.day < tiers.window_of(head, owed.at, rules):
        return owed
    if owed.tier:
        return _tier_without(head, owed, undone, at, rules)
    rule = rules.rewards.get(owed.rule)
    level = rule.when.level_reached if rule else None
    if level is None:
        return owed
    left = owed.ground["orders"] - undone.less.orders
    if left >= rules.triggers.orders_for.get(level, 0):
        return msgspec.structs.replace(owed, ground={"orders": left}) if undone.less.orders else owed
    if head.level >= level:
        return msgspec.structs.replace(owed, at=at, ground={"orders": head.counted.orders}, rank=RANK_MAX)
    return None


def _tier_without(head: Head, owed: Entitlement, undone: Undone, at: int, rules: Rules) -> Entitlement | None:
    place = rules.rung_of(owed.tier)
    # A rung that was only passed rests on what reached a higher one.
    if tiers.qualified_rung(owed.ground, rules) < place:
        return owed  # it never rested on what was bought: a person gave the tier
    ground = tiers.less(owed.ground, _fewer(head, owed, undone, rules), rules)
    if tiers.qualified_rung(ground, rules) >= place:
        return msgspec.structs.replace(owed, ground=ground)
    if place <= rules.rung_of(head.tier):
        return msgspec.structs.replace(owed, at=at, ground=tiers.measures(head, at, rules), rank=RANK_MAX)
    return None


def _fewer(head: Head, owed: Entitlement, undone: Undone, rules: Rules) -> Day:
    """Return what counts less for *owed*: a visit does where, of those of its day until then, not enough are left."""
    if not undone.less.visits:
        return undone.less
    visits = [
        (order.at, Purchased.RANK, parted(key)[1], order.id)
        for key, order in head.open_orders.items()
        if order.day == undone.day and order.visit and order.left
    ]
    bucket = head.days.get(undone.day) or head.past.get(undone.day) or Day()
    brought = max(bucket.visits - len(visits), 0)
    left, most = brought + sum(place < owed.key for place in visits), rules.visits_max
    gone = min(left + undone.less.visits, most) - min(left, most)
    return msgspec.structs.replace(undone.less, visits=gone)


def _streak_without(owed: Entitlement, emptied: list[tuple[str, int]], rules: Rules) -> Entitlement | None:
    rule = rules.rewards.get(owed.rule)
    streak = rule.when.streak if rule else None
    if streak is None:
        return owed
    last = owed.ground["period"]
    broken = any(unit == streak.within and last - streak.orders < one <= last for unit, one in emptied)
    return None if broken else owed


# What was told


def standing(head: Head, told: Told, rules: Rules) -> dict[str, str]:
    """Return, by entitlement, the reward that was told and stands for it where a correction moved its occasion.

    A late event may move the year in which a tier was reached; what was issued for the one year is the gift of the
    other, and nobody gets a second one.
    """
    free: dict[tuple[str, int], list[str]] = {}
    for key, life in told.rewards.items():
        if key in head.entitlements or may_be_given(life) or life.closed:
            continue
        if not outlives(key, life, head.reached, rules):
            free.setdefault(parts_of(key)[::2], []).append(key)
    if not free:
        return {}
    found = {}
    for key, owed in sorted(head.entitlements.items(), key=lambda entry: (bool(entry[1].lost), entry[0])):
        others = free.get((owed.rule, owed.item))
        if others and may_be_given(told.rewards.get(key)):
            found[key] = others.pop()
    return found


def may_be_given(life: Life | None) -> bool:
    """Tell whether a reward was never given, or was taken back and may be given again."""
    return life is None or (life.status == "revoked" and not life.final)


def outlives(key: str, life: Life, at: int, rules: Rules) -> bool:
    """Tell whether what was told under *key* is so old at the instant *at* that its entitlement may be forgotten."""
    span = rules.triggers.spans.get(parts_of(key)[0])
    return span is not None and life.owed + span - rules.lateness <= at


def parts_of(key: str) -> tuple[str, str, int]:
    """Return rule, occasion and item of a reward's key; the occasion without the source of its event."""
    rule, _, rest = key.partition("/")
    occasion, _, item = rest.rpartition("/")
    return rule, parted(occasion)[0], int(item)
