"""Velocity holds: too much of something in too short a time holds rewards back, until a person decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cx.calendar import DAY, HOUR, iso_day
from cx.moments import HoldDecided, joined, name_of, parted
from cx.state import NEVER, Hold, Pace, ToldHold
from cx.triggers import HISTORY_DAYS

if TYPE_CHECKING:
    from cx.moments import Key
    from cx.rules import Rules
    from cx.state import Head, Told


class Span(msgspec.Struct, frozen=True, gc=False):
    """From where to where in the total order nothing is given, and whether it is given after all then."""

    first: Key
    end: Key | None
    released: bool


class Free(msgspec.Struct, frozen=True, gc=False):
    """From when on something can be given, `NEVER` while it is held; whether it may be, and whose word freed it."""

    at: int
    released: bool = True
    by: str = ""  # id of the event that ended the last hold


class Turn(msgspec.Struct, frozen=True, gc=False):
    """What is to be told of a hold: that it was placed, or that it has ended."""

    id: str
    at: int
    ended: bool
    hold: Hold


def count(head: Head, what: str, key: Key, rules: Rules) -> None:
    """Count one of *what* at the place *key* in the total order; where that is one too many, place a hold.

    While a hold stands nothing is counted, and after a person's word counting begins anew.
    """
    for rule in rules.triggers.velocities.get(what, ()):
        pace = head.paces.get(rule.id, Pace())
        if pace.hold:
            continue
        at = key[0]
        times = (*[time for time in pace.times if at - time < rule.within_hours * HOUR], at)
        pace = Pace(times)
        if len(times) > rule.more_than:
            pace = _place(head, rule.id, len(times), key, rules)
        head.paces = {**head.paces, rule.id: pace}


def _place(head: Head, rule: str, count: int, key: Key, rules: Rules) -> Pace:
    """Place a hold, which has the name of its rule and local day: so a late event does not make another of it."""
    at, rank, source, cause = key
    name = f"{rule}-{iso_day(rules.calendar.day(at))}"
    before = sum(known.startswith(name) for known, hold in head.holds.items() if hold.placed)
    if before:
        name = f"{name}-{before + 1}"
    hold = Hold(rule=rule, placed=at, count=count, rank=rank, source=source, cause=cause)
    words = {key: word for key, word in head.holds.items() if not word.placed and name in {key, parted(key)[0]}}
    old = {word.word: word for word in words.values() if word.ended < at - rules.future}
    # Older than clocks differ is about something else; and of the others the first counts.
    word = next((word for word in words.values() if word.ended >= at - rules.future), None)
    if word is not None:
        hold = msgspec.structs.replace(hold, ended=at, released=word.released, word=word.word, by=word.by)
    others = {key: kept for key, kept in _without_old(head, at).items() if key not in words}
    head.holds = others | old | {name: hold}
    return Pace((), "" if hold.ended else name)


def decided(head: Head, moment: HoldDecided) -> None:
    """End a hold by a person's word; the first word on it counts. One that is not placed yet ends as soon as it is."""
    hold = head.holds.get(moment.hold, Hold())
    if hold.placed and hold.ended:
        return
    name = joined(moment.hold, name_of(moment)) if hold.ended else moment.hold  # several wait side by side
    hold = msgspec.structs.replace(hold, ended=moment.at, released=moment.released, word=name_of(moment), by=moment.id)
    head.holds = _without_old(head, moment.at) | {name: hold}
    if hold.placed:
        head.paces = {**head.paces, hold.rule: Pace()}


def _without_old(head: Head, at: int) -> dict[str, Hold]:
    """Return the holds that may still make a difference at the instant *at*, or to a late event.

    A word on what is not placed stays until the clock gives it up.
    """
    edge = at - HISTORY_DAYS * DAY
    return {name: hold for name, hold in head.holds.items() if not hold.placed or not 0 < hold.ended < edge}


def tell(head: Head, told: Told, floor: int) -> list[Turn]:
    """Note in *told* the holds that have been placed or ended, and return them: facts that no correction lifts.

    What ended before the instant *floor* was told and is forgotten.
    """
    turns = []
    for name, hold in head.holds.items():
        before = told.holds.get(name)
        if before is None and hold.placed and not 0 < hold.ended < floor:
            before = told.holds[name] = ToldHold(hold.key)
            turns.append(Turn(name, hold.placed, ended=False, hold=hold))
        if before is not None and hold.ended and before.ended is None:
            end = max((hold.ended, HoldDecided.RANK, parted(hold.word)[0], hold.by), before.placed)
            told.holds[name] = ToldHold(before.placed, end, hold.released)
            turns.append(Turn(name, end[0], ended=True, hold=hold))
    return turns


def forget(told: Told, floor: int) -> None:
    """Forget the holds that ended before the instant *floor*: nothing can make it otherwise any more."""
    told.holds = {name: hold for name, hold in told.holds.items() if not hold.ended or hold.ended[0] >= floor}


def spans(told: Told) -> list[Span]:
    """Return the times in which nothing is given, by their beginning."""
    found = [Span(hold.placed, hold.ended, hold.released) for hold in told.holds.values()]
    return sorted(found, key=lambda span: span.first)


def free_from(key: Key, held: list[Span]) -> Free:
    """Return from when on what is due at the place *key* can be given: never where a hold in its way is confirmed."""
    free = Free(key[0])
    for span in held:
        if span.first <= key and (span.end is None or key < span.end):
            if span.end is None:
                return Free(NEVER)
            key = span.end
            free = Free(key[0], span.released, key[3])
            if not free.released:
                break
    return free


def unknown(head: Head, told: Told) -> list[Hold]:
    """Return the words on holds that nobody was told of."""
    return [hold for name, hold in head.holds.items() if not hold.placed and parted(name)[0] not in told.holds]
