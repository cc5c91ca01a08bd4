"""The tier ladder: what a window of local days and the state of now hold of it, until when, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cx import cases, scores
from cx.grounds import Grounds, Witness
from cx.periods import Rolling
from cx.rules import COUNTED, DIMENSIONS, sums_of
from cx.state import LOOK_AGAIN, NEVER, Anchor, Change, Day, Given, Head, Standing, Turn

if TYPE_CHECKING:
    from cx.grounds import Terms
    from cx.moments import Enrolled, Imported, Overridden
    from cx.rules import Alternatives, Rules

HISTORY_MAX: Final = 8


def settle(head: Head, at: int, reason: str, cause: str, rules: Rules) -> Change | None:
    """Bring the tier in line with what is measured at the instant *at*: up at once, down as the policy says.

    *reason* and *cause* (the id of an event, or empty) are kept with the change, which is returned if there is one.
    """
    if rules.counts_only and reason != "refund" and _stays(head, at, rules):
        return None
    day = rules.calendar.day(at)
    standing = head.standing
    if not standing.tier:
        standing = Standing(rules.rungs[0].name, at, day)
    standing, ended = _spoken(standing, at, day, rules)
    reason = "override-ended" if ended else reason
    place = rules.rung_of(standing.tier)
    standing = _checked(head, standing, at, rules)
    move_window(head, day, rules)
    values = measures(head, at, rules)
    target = _risen(head, standing, values, rules)
    if target <= place:
        standing, target = _kept(head, standing, at, values, rules, ended=ended)
    climbed = climb_again(head, at, rules) if reason == "refund" and rules.replays and target else None
    taken = climbed is not None and target > max(rules.rung_of(climbed.tier), _floor(standing, rules))
    if climbed and taken:
        target = max(rules.rung_of(climbed.tier), _floor(standing, rules))
    change = None
    if target != place:
        change = Change(at, standing.tier, rules.rungs[target].name, reason, cause)
        head.history = (*head.history, change)[-HISTORY_MAX:]
        if isinstance(head, Witness):
            terms: Terms = "enter" if target > place else "keep"
            own = grounds(head, standing, at, change.before, rules, terms=terms, ended=ended)
            head.grounds = _climbed(climbed, at, rules) if climbed and taken else own
        standing = _moved(head, standing, change, rules)
    if climbed and climbed.tier == standing.tier:  # its periods and respites are those without the purchase as well
        same = climbed.standing
        standing = msgspec.structs.replace(standing, checked=same.checked, failing=same.failing, hold=same.hold)
    # Else more counts at most, which puts it off.
    if change or standing != head.standing or head.tier_due <= at or not rules.counts_only:
        _stand(head, standing, at, rules)
    return change


def _spoken(standing: Standing, at: int, day: int, rules: Rules) -> tuple[Standing, bool]:
    """Return the standing without a person's word that is over, and whether it held the tier until then."""
    if standing.given is None or standing.given.until > at:
        return standing, False
    if _is_held(standing, rules):
        return msgspec.structs.replace(standing, given=None, failing=0, hold=0, checked=day), True
    return msgspec.structs.replace(standing, given=None), False  # more than that was earned since, and stands


def _stays(head: Head, at: int, rules: Rules) -> bool:
    """Tell, where sums over the window are all that counts, whether the tier stays as it is, as it mostly does.

    That is where no word, period or respite has a say, no higher one is reached, and what is held is kept.
    """
    standing = head.standing
    if not standing.tier or standing.given is not None or standing.failing or rules.by_period or head.tier_due <= at:
        return False
    place, values = rules.rung_of(standing.tier), measures(head, at, rules)
    for rung in rules.rungs[place + 1 :]:
        if holds(values, rung.enter, rules):
            return False
    return not place or holds(values, rules.rungs[place].keep, rules)


def _stand(head: Head, standing: Standing, at: int, rules: Rules) -> None:
    """Take *standing*, and find out when time alone may change the tier or what calls for care on it."""
    due = head.tier_due
    if standing != head.standing:
        head.standing, due = standing, LOOK_AGAIN
    head.tier_due = due_at(head, at, rules)
    # It may be lost sooner; and on another tier other things call for care.
    if head.tier_due != due or not rules.counts_only:
        head.care_due = LOOK_AGAIN


def look_back(head: Head, at: int, rules: Rules) -> None:
    """Look whether the period that ended by *at* was enough, if one did: before the window moves on."""
    head.standing = _checked(head, head.standing, at, rules)


def _moved(head: Head, standing: Standing, change: Change, rules: Rules) -> Standing:
    """Return the standing on the tier that *change* leads to; one step down is for a whole period."""
    at, day = change.at, rules.calendar.day(change.at)
    falls = rules.rung_of(change.after) < rules.rung_of(change.before)
    hold = 0
    if falls and rules.downgrade == "one-step" and change.reason != "refund":
        hold = rules.calendar.start(rules.window.following(day, joined(head, rules), day))
    standing = Standing(change.after, at, day, 0, hold, standing.given)
    if hold and not rules.by_period:
        standing, _ = _kept(head, standing, at, measures(head, at, rules), rules, ended=False)
    return standing


def _checked(head: Head, standing: Standing, at: int, rules: Rules) -> Standing:
    """Look whether the period that ended by *at*, if one did, was enough to keep the tier."""
    ended = standing.given is not None and standing.given.until <= at and _is_held(standing, rules)
    if ended or not rules.by_period or not rules.rung_of(standing.tier):
        return standing
    ends = period_end(head, standing, rules)
    if at < ends:
        return standing
    last = rules.calendar.day(ends) - 1
    move_window(head, last, rules)
    keeps = holds(measures(head, ends, rules), rules.rungs[rules.rung_of(standing.tier)].keep, rules)
    return msgspec.structs.replace(standing, checked=last + 1, failing=0 if keeps else ends)


def _risen(head: Head, standing: Standing, values: dict[str, int], rules: Rules) -> int:
    """Return the rung that the customer has qualified for by *values*, guards and a person's word considered."""
    place = rules.rung_of(standing.tier)
    if standing.given is not None and standing.given.pinned:
        return place
    qualified = qualified_rung(values, rules)
    return place if qualified > place and held_back(head, rules) else qualified


def _kept(
    head: Head, standing: Standing, at: int, values: dict[str, int], rules: Rules, *, ended: bool
) -> tuple[Standing, int]:
    """Return the standing with its respite begun, running or over, and the rung that is held then by *values*."""
    place = rules.rung_of(standing.tier)
    floor = _floor(standing, rules)
    if place <= floor or (rules.downgrade == "none" and not ended):
        return standing, place
    if rules.by_period and not standing.failing and not ended:
        return standing, place
    values = _with_period_before(head, standing, values, rules)
    if holds(values, rules.rungs[place].keep, rules):
        return (msgspec.structs.replace(standing, failing=0) if standing.failing else standing), place
    standing = msgspec.structs.replace(standing, failing=standing.failing or at)
    if at < _respite_end(standing, rules) and not ended:
        return standing, place
    if rules.downgrade == "one-step":
        return standing, max(place - 1, floor)
    lower = (rung for rung in range(place - 1, floor, -1) if holds(values, rules.rungs[rung].keep, rules))
    return standing, next(lower, floor)


def grounds(
    head: Head, standing: Standing, at: int, before: str, rules: Rules, *, terms: Terms = "", ended: bool = False
) -> Grounds:
    """Return what leads at the instant *at* from the tier *before*: up by the *terms* to enter, down by those to keep.

    Without *terms* the tier stands, for the reason that is found. *ended* tells that a person's word has just done so.
    """
    place, values = rules.rung_of(before), measures(head, at, rules)
    first, last = head.window, rules.calendar.day(at)
    mode = "to-qualified" if ended and rules.downgrade == "none" else rules.downgrade
    denied = terms != "enter" and qualified_rung(values, rules) > place
    held_until = 0
    if terms == "keep" and not ended:
        held_until = _respite_end(standing, rules)
        if rules.by_period and not isinstance(rules.window, Rolling):
            values = _with_period_before(head, standing, values, rules)
            first = rules.window.first(standing.checked - 1, joined(head, rules))
            last = last if last in head.days else rules.calendar.day(at - 1)  # at midnight the day has only begun
    elif not terms and place > _floor(standing, rules) and mode != "none":
        if rules.by_period and not standing.failing:
            held_until = period_end(head, standing, rules)
        elif standing.failing or not holds(values, rules.rungs[place].keep, rules):
            held_until = _lasts(standing, standing.failing or at, rules)
        else:
            terms = "keep"
    return Grounds(
        at=at,
        before=before,
        first=first,
        last=last,
        values=values,
        days={day: bucket for day, bucket in sorted({**head.past, **head.days}.items()) if first <= day <= last},
        orders=head.open_orders.copy(),
        rungs=rules.rungs,
        terms=terms,
        guards={name: denied and guard(head, name) for name in sorted(rules.guards)},
        mode=mode,
        held_until=held_until,
        given=standing.given,
        way="exact" if standing.given and standing.given.pinned else "floor",
    )


def _climbed(climbed: Head, at: int, rules: Rules) -> Grounds:
    """Return the grounds of the tier that would be held without the purchase; a person's word is in them."""
    found = climbed.grounds if isinstance(climbed, Witness) else None
    if found is None:  # nothing changed on the way: by the last window that had anything in it
        found = grounds(climbed, climbed.standing, at, climbed.tier, sums_of(rules))
        ends = rules.window.following(climbed.window, joined(climbed, rules), climbed.window) - 1
        found = msgspec.structs.replace(found, last=min(found.last, ends))
    return found


def is_given(head: Head, rules: Rules) -> bool:
    """Tell whether nothing but a person's word, or the first rung, holds the tier up."""
    return _is_held(head.standing, rules)


def _is_held(standing: Standing, rules: Rules) -> bool:
    return rules.rung_of(standing.tier) <= _floor(standing, rules)


def _floor(standing: Standing, rules: Rules) -> int:
    return rules.rung_of(standing.given.tier) if standing.given else 0


def period_end(head: Head, standing: Standing, rules: Rules) -> int:
    """Return the instant at which the running period ends and is looked at."""
    day = rules.window.following(standing.checked, joined(head, rules), standing.checked)
    return rules.calendar.start(day)


def period_end_after(head: Head, at: int, rules: Rules) -> int:
    """Return the first instant after the day of *at* at which a period ends."""
    day = rules.calendar.day(at)
    return rules.calendar.start(rules.window.following(day, joined(head, rules), head.standing.checked))


def _respite_end(standing: Standing, rules: Rules) -> int:
    return _lasts(standing, standing.failing, rules)


def _lasts(standing: Standing, fails: int, rules: Rules) -> int:
    """Return until when a tier is held that is no longer kept from the instant *fails* on; days are local ones."""
    later = rules.calendar.later
    return max(later(fails, rules.grace_days), later(standing.since, rules.stay_days), standing.hold)


def respite_measures(head: Head, standing: Standing, at: int, rules: Rules) -> dict[str, int]:
    """Return what counts for keeping a tier: in a respite, the period that ended counts as well."""
    return _with_period_before(head, standing, measures(head, at, rules), rules)


def _with_period_before(head: Head, standing: Standing, values: dict[str, int], rules: Rules) -> dict[str, int]:
    if standing.failing and rules.by_period and not isinstance(rules.window, Rolling):
        values = values.copy()
        before = rules.window.first(standing.checked - 1, joined(head, rules))
        for day, bucket in head.past.items():
            if day >= before:
                _add(values, bucket, 1, rules)
    return values


def joined(head: Head, rules: Rules) -> int:
    """Return the local day from which anniversaries count: that of joining, else of the first event."""
    return head.enrolled if head.enrolled is not None else rules.calendar.day(head.first_seen)


def measures(head: Head, at: int, rules: Rules) -> dict[str, int]:
    """Return what the ladder is compared with: over the window as it stands, and as of the instant *at*."""
    counted = head.counted
    if rules.counts_only:
        return {name: getattr(counted, name) for name in rules.measured}
    day = rules.calendar.day(at)
    return {name: _measure(head, name, day, rules) for name in rules.measured}


def _measure(head: Head, name: str, day: int, rules: Rules) -> int:
    match name:
        case "spend" | "orders" | "visits" | "points":
            return int(getattr(head.counted, name))
        case "level":
            return head.level
        case "open_cases" | "open_detractor_cases":
            return cases.open_count(head, detractors=name == "open_detractor_cases")
    return scores.score(head, DIMENSIONS.index(name), day, rules)


def holds(values: dict[str, int], alternatives: Alternatives, rules: Rules) -> bool:
    """Tell whether *values* reach all bounds of one of *alternatives*; a bound belongs to the rung that names it."""
    for bounds in alternatives:
        for name, bound in bounds.items():
            value = values[name]
            if value > bound if name in rules.at_most else value < bound:
                break
        else:
            return True
    return False


def qualified_rung(values: dict[str, int], rules: Rules) -> int:
    """Return the highest rung whose terms *values* meet."""
    for index in range(len(rules.rungs) - 1, 0, -1):
        if holds(values, rules.rungs[index].enter, rules):
            return index
    return 0


def held_back(head: Head, rules: Rules) -> bool:
    """Tell whether a guard of the policy stands against any promotion now."""
    return any(guard(head, name) for name in rules.guards)


def guard(head: Head, name: str) -> bool:
    """Tell whether the guard *name* stands now."""
    return cases.open_count(head, detractors=name == "open-detractor-case") > 0


def guards(head: Head, at: int, rules: Rules) -> dict[str, bool]:
    """Return the policy's guards, and whether each of them holds back a promotion that is otherwise earned."""
    earned = qualified_rung(measures(head, at, rules), rules) > rules.rung_of(head.tier)
    return {name: earned and guard(head, name) for name in sorted(rules.guards)}


# Days


def count(head: Head, day: int, more: Day, sign: int, rules: Rules) -> None:
    """Add *more* to a local day, or with a *sign* of -1 take it away; a day that is forgotten stays so."""
    in_window = day >= head.window
    days = head.days if in_window else head.past
    before = days.get(day)
    if before is None:
        if sign < 0 or not in_window:
            return
        before = Day()
    after = Day(
        before.spend + sign * more.spend,
        before.orders + sign * more.orders,
        before.visits + sign * more.visits,
        before.points + sign * more.points,
    )
    days[day] = after
    if in_window:
        counted, most = head.counted, rules.visits_max
        head.counted = Day(
            counted.spend + sign * more.spend,
            counted.orders + sign * more.orders,
            counted.visits + min(after.visits, most) - min(before.visits, most),
            counted.points + sign * more.points,
        )


def move_window(head: Head, day: int, rules: Rules) -> None:
    """Let the window end on the local *day*; days that it no longer counts are kept only where they are needed."""
    first = rules.window.first(day, joined(head, rules)) if rules.by_joining else rules.window.first(day, 0)
    if first <= head.window:
        return
    head.window = first
    days = head.days
    while days:
        oldest = next(iter(days))  # days were added in the order of time
        if oldest >= first:
            break
        bucket = days.pop(oldest)
        head.counted = _sum(head.counted, bucket, -1, rules)
        if rules.remembers:
            head.past[oldest] = bucket
    if head.past:
        edge = min([first, *(anchor.day for anchor in head.anchors[:1])]) - rules.window.days_max
        while head.past and (oldest := next(iter(head.past))) < edge:
            del head.past[oldest]


def window_of(head: Head, at: int, rules: Rules) -> int:
    """Return the first day of the window that ends at the instant *at*."""
    return rules.window.first(rules.calendar.day(at), joined(head, rules))


def less(values: dict[str, int], bucket: Day, rules: Rules) -> dict[str, int]:
    """Return *values* without what *bucket* added to them."""
    values = values.copy()
    _add(values, bucket, -1, rules)
    return values


def turn_window(head: Head, at: int, rules: Rules) -> None:
    """Count the days anew, after another day of joining, or days brought along, have changed what the window holds."""
    every = sorted({**head.past, **head.days}.items())
    head.window, head.days, head.past, head.counted = 0, dict(every), {}, Day()
    for bucket in head.days.values():
        head.counted = _sum(head.counted, bucket, 1, rules)
    move_window(head, rules.calendar.day(at), rules)
    head.tier_due = LOOK_AGAIN


def enrol(head: Head, moment: Enrolled, rules: Rules) -> None:
    """Count years of membership from another day of joining, from this instant on."""
    before = joined(head, rules)
    if rules.replays and moment.joined != before:
        head.turned = (*head.turned, Turn(rules.calendar.day(moment.at), before, moment.joined))
    head.enrolled = moment.joined
    turn_window(head, moment.at, rules)


def _sum(total: Day, bucket: Day, sign: int, rules: Rules) -> Day:
    return Day(
        total.spend + sign * bucket.spend,
        total.orders + sign * bucket.orders,
        total.visits + sign * min(bucket.visits, rules.visits_max),
        total.points + sign * bucket.points,
    )


def _add(values: dict[str, int], bucket: Day, sign: int, rules: Rules) -> None:
    if "spend" in values:
        values["spend"] += sign * bucket.spend
    if "orders" in values:
        values["orders"] += sign * bucket.orders
    if "visits" in values:
        values["visits"] += sign * min(bucket.visits, rules.visits_max)
    if "points" in values:
        values["points"] += sign * bucket.points


# What time will bring


def due_at(head: Head, at: int, rules: Rules) -> int:
    """Return the first instant after *at* at which time alone may change the tier, or `NEVER`."""
    standing = head.standing
    due = standing.given.until if standing.given else NEVER
    place = rules.rung_of(standing.tier)
    if place > _floor(standing, rules) and rules.downgrade != "none":
        if standing.failing:
            due = min(due, _respite_end(standing, rules))
        elif rules.by_period:
            due = min(due, period_end(head, standing, rules))
        else:
            due = min(due, falls_at(head, at, rules))
    if rules.score_bounds:
        due = min(due, _crossing(head, at, rules))
    return due


def falls_at(head: Head, at: int, rules: Rules) -> int:
    """Return the instant from which days that leave the window do not keep the tier any more, or `NEVER`."""
    rung = rules.rung_of(head.tier)
    if rung == 0:
        return NEVER
    keep, values = rules.rungs[rung].keep, measures(head, at, rules)
    if not holds(values, keep, rules):
        return at
    if not isinstance(rules.window, Rolling):
        empty = values | dict.fromkeys(values.keys() & set(COUNTED), 0)
        if holds(empty, keep, rules):
            return NEVER
        day = rules.calendar.day(at)
        return rules.calendar.start(rules.window.following(day, joined(head, rules), day))
    for day, bucket in head.days.items():
        _add(values, bucket, -1, rules)
        if not holds(values, keep, rules):
            return rules.calendar.start(day + rules.window.days)
    return NEVER


def _crossing(head: Head, at: int, rules: Rules) -> int:
    """Return the first instant after *at* at which a score, fading, crosses a bound of the ladder, or `NEVER`."""
    today = rules.calendar.day(at)
    sides = ((name, side) for name, bound in rules.score_bounds for side in (bound, bound + 1))
    days = (scores.crosses(head, DIMENSIONS.index(name), side, today, rules) for name, side in sides)
    return min((rules.calendar.start(day) for day in days if day is not None), default=NEVER)


def orders_leave(head: Head, most: int, at: int, rules: Rules) -> int:
    """Return the instant at which no more than *most* of the orders in the window count, or `NEVER` where so now."""
    if head.counted.orders <= most:
        return NEVER
    if not isinstance(rules.window, Rolling):
        day = rules.calendar.day(at)
        return rules.calendar.start(rules.window.following(day, joined(head, rules), day))
    for day, bucket in reversed(head.days.items()):
        most -= bucket.orders
        if most < 0:
            return rules.calendar.start(day + rules.window.days)
    return NEVER


def lost_at(head: Head, at: int, rules: Rules) -> int:
    """Return the instant at which days take the tier if nothing more happens, respites included, or `NEVER`."""
    standing = head.standing
    place = rules.rung_of(standing.tier)
    if place <= _floor(standing, rules):
        return standing.given.until if standing.given and place else NEVER
    if rules.downgrade == "none":
        return NEVER
    if standing.failing:
        return _respite_end(standing, rules)
    if not rules.by_period:
        falls = falls_at(head, at, rules)
        return NEVER if falls == NEVER else _lasts(standing, falls, rules)
    return _lasts(standing, period_end(head, standing, rules), rules)


def missing(head: Head, at: int, rules: Rules) -> tuple[str, dict[str, int]] | None:
    """Return the next rung and what is missing for it by measure, in the nearest alternative; None at the top."""
    rung = rules.rung_of(head.tier) + 1
    if rung == len(rules.rungs):
        return None
    return rules.rungs[rung].name, short_of(measures(head, at, rules), rules.rungs[rung].enter, rules)


def short_of(values: dict[str, int], alternatives: Alternatives, rules: Rules) -> dict[str, int]:
    """Return what *values* lack of the nearest of *alternatives*, by measure; empty where one is met."""
    return nearest(values, alternatives, rules)[1]


def nearest(values: dict[str, int], alternatives: Alternatives, rules: Rules) -> tuple[dict[str, int], dict[str, int]]:
    """Return the one of *alternatives* of which the smallest share is missing, and what is missing by measure."""
    gaps = [(bounds, _gaps(values, bounds, rules)) for bounds in alternatives]
    return min(gaps, key=lambda one: sum(gap * 1_000 // max(one[0][name], 1) for name, gap in one[1].items()))


def _gaps(values: dict[str, int], bounds: dict[str, int], rules: Rules) -> dict[str, int]:
    gaps = {}
    for name, bound in bounds.items():
        gap = values[name] - bound if name in rules.at_most else bound - values[name]
        if gap > 0:
            gaps[name] = gap
    return gaps


# A person's word, and what a refund takes


def give(head: Head, moment: Overridden, rules: Rules) -> Change | None:
    """Set the tier by a person's word, until an instant; return the change, if it is one."""
    day = rules.calendar.day(moment.at)
    move_window(head, day, rules)
    pinned = rules.rung_of(moment.tier) < qualified_rung(measures(head, moment.at, rules), rules)
    given = Given(moment.tier, moment.until, pinned, moment.reason, moment.person)
    change = _set(head, moment, "override", rules)
    since = moment.at if change or not head.tier else head.tier_since
    head.standing = Standing(moment.tier, since, day, 0, 0, given)
    if change:
        _was_set(head, change, given, rules)
    head.tier_due = due_at(head, moment.at, rules)
    head.care_due = LOOK_AGAIN
    _note_anew(head, day, rules)
    return change


def remember(head: Head, moment: Imported, rules: Rules) -> None:
    """Take over the day of joining and the days of another system's past."""
    if moment.joined is not None:
        head.enrolled = moment.joined
    for day, spend, orders, visits in moment.days:
        days = head.days if day >= head.window else head.past
        head_day = days.get(day, Day())
        days[day] = Day(head_day.spend + spend, head_day.orders + orders, head_day.visits + visits, head_day.points)
    turn_window(head, moment.at, rules)


def bring(head: Head, moment: Imported, rules: Rules) -> None:
    """Take over a tier of another system, for some time or from now, and look at what the days brought along come to.

    It entitles to nothing: the customer had it there. A tier whose last day is over is left behind.
    """
    today = rules.calendar.day(moment.at)
    if moment.tier and (moment.until is None or moment.until > moment.at):
        given = None if moment.until is None else Given(moment.tier, moment.until, pinned=False)
        if given is None or not head.tier or rules.rung_of(moment.tier) > rules.rung_of(head.tier):
            change = _set(head, moment, "import", rules)
            head.standing = Standing(moment.tier, moment.since or moment.at, today, 0, 0, given)
            if change:
                _was_set(head, change, given or Given(moment.tier, NEVER, pinned=False), rules)
        else:  # more than that was reached here already
            head.standing = msgspec.structs.replace(head.standing, given=given)
    settle(head, moment.at, "import", moment.id, rules)
    _note_anew(head, today, rules)


def _set(head: Head, moment: Overridden | Imported, reason: str, rules: Rules) -> Change | None:
    before = head.tier or rules.rungs[0].name
    if moment.tier == before:
        return None
    change = Change(moment.at, before, moment.tier, reason, moment.id)
    head.history = (*head.history, change)[-HISTORY_MAX:]
    return change


def _was_set(head: Head, change: Change, given: Given, rules: Rules) -> None:
    if isinstance(head, Witness):
        own = grounds(head, head.standing, change.at, change.before, rules)
        head.grounds = msgspec.structs.replace(own, terms="", held_until=0, given=given, way="set")


def undone(head: Head, day: int, hold: int) -> None:
    """After something of the local *day* was undone: hold the tier until *hold*, and forget what rested on it."""
    if hold > head.standing.hold:
        head.standing = msgspec.structs.replace(head.standing, hold=hold)
    head.anchors = (*head.anchors[:1], *(anchor for anchor in head.anchors[1:] if anchor.day <= day))


def note(head: Head, day: int, rules: Rules) -> None:
    """Before the first event of the local *day*: remember how things stand, from time to time."""
    if rules.replays and (not head.anchors or day >= head.anchors[-1].day + rules.anchor_days):
        head.anchors = (*head.anchors[-1:], Anchor(day, head.standing))
        head.turned = tuple(turn for turn in head.turned if turn.day >= head.anchors[0].day)


def _note_anew(head: Head, day: int, rules: Rules) -> None:
    # What a person gave, or a customer brought along, no refund of an earlier order takes away.
    head.anchors = (Anchor(day, head.standing),) if rules.replays else ()
    head.turned = ()


def climb_again(head: Head, at: int, rules: Rules) -> Head:
    """Climb the ladder again over the days as they count now, from the oldest anchor to the instant *at*.

    So a refund leaves what would be had the purchase never been. This never lifts anybody: guards do not count, and
    whoever had what a tier asks for beside sums is taken to have had it all along, for it is not kept by day.
    """
    anchor = head.anchors[0] if head.anchors else Anchor(rules.calendar.day(at), head.standing)
    enrolled = head.turned[0].before if head.turned else head.enrolled
    scratch = type(head)(standing=anchor.standing, enrolled=enrolled, first_seen=head.first_seen)
    scratch.open_orders = head.open_orders  # to be told of only
    rules = sums_of(rules)
    buckets, turned = {**head.past, **head.days}, {turn.day: turn.after for turn in head.turned}
    begun = False
    for day in sorted(buckets.keys() | turned.keys()):
        bucket, start = buckets.get(day, Day()), rules.calendar.start(day)
        if day >= anchor.day:
            if not begun:
                _begin(scratch, anchor.day, rules)
                begun = True
            _pass_time(scratch, start, rules)
        move_window(scratch, day, rules)
        scratch.days[day] = bucket
        scratch.counted = _sum(scratch.counted, bucket, 1, rules)
        if day >= anchor.day:  # in the evening: a stay that counts from here ends rather too late than too early
            evening = min(rules.calendar.start(day + 1) - 1, at)
            settle(scratch, evening, "", "", rules)
            if day in turned:  # after all that the day brought, which so counts for the higher of two tiers
                scratch.enrolled = turned[day]
                turn_window(scratch, evening, rules)
                settle(scratch, evening, "", "", rules)
    if not begun:
        _begin(scratch, anchor.day, rules)
    _pass_time(scratch, at, rules)
    return scratch


def _begin(scratch: Head, day: int, rules: Rules) -> None:
    """Settle what is before the first day: a guard may have held back then what it does not any more."""
    scratch.tier_due = LOOK_AGAIN
    settle(scratch, rules.calendar.start(day), "", "", rules)


def _pass_time(scratch: Head, until: int, rules: Rules) -> None:
    while scratch.tier_due <= until:
        settle(scratch, scratch.tier_due, "", "", rules)
