"""Support cases: their clocks, whether they were solved for good, seams, and which of them hold promotion back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cx import alerts, contacts, scores
from cx.calendar import DAY, HOUR
from cx.moments import joined, parted
from cx.state import NEVER, Alert, Case

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cx.moments import CaseEscalated, CaseOpened, CaseReopened, CaseResolved, CaseResponded, FeedbackGiven
    from cx.rules import Rules
    from cx.state import Head

KEPT_DAYS = 90  # after its last sign of life a solved case is forgotten
COMPLAINT_DAYS = 30  # for so long what is accepted is taken to answer a bad feedback
SEAMS_DAYS = 90  # for so long a seam counts
_DETRACTOR_MAX = {"nps": 6, "csat": 2, "ces": 2, "review": 2}


def case_key(source: str, case: str) -> str:
    """Return the business key under which a case is known; another source may number its cases alike."""
    return joined(case, source)


def opened(head: Head, moment: CaseOpened, rules: Rules) -> None:
    """Begin a case; a known one changes nothing."""
    _forget(head, moment.at)
    key = case_key(moment.source, moment.case)
    if key in head.cases:
        return
    before = _other_side(head, moment, rules)
    case = head.cases[key] = Case(
        opened=moment.at,
        due=moment.at + rules.sla[moment.priority],
        topic=moment.topic,
        channel=moment.channel,
        touched=moment.at,
        detractor=_last_nps_detracts(head),
        priority=moment.priority,
        seam=before is not None,
    )
    head.waits = tuple(sorted((*head.waits, case.due)))
    contacts.case_opened(head, moment.at)
    _set_clock(head, rules)
    scores.signal(head, "case-opened", moment.at, rules, cause=moment.id)
    if before is not None:
        scores.signal(head, "seam", moment.at, rules, cause=moment.id)
        facts = _facts(key, case) | {"from": before.channel, "to": case.channel}
        alerts.put(head, _alert(alerts.SEAM, key, case), Alert(moment.at, facts, cause=moment.id), rules)


def _other_side(head: Head, moment: CaseOpened, rules: Rules) -> Case | None:
    """Return the case of which a new one is the seam: on its topic, of late, over another channel; the last of them."""
    sides = [
        case
        for case in head.cases.values()
        if case.topic == moment.topic
        and case.channel != moment.channel
        and moment.at - case.touched <= rules.care.seam_span
    ]
    return max(sides, key=lambda case: case.touched, default=None)


def seams(head: Head, at: int) -> int:
    """Return how many seams there were in the last 90 days before the instant *at*."""
    return sum(at < end for end in seam_ends(head))


def seam_ends(head: Head) -> list[int]:
    """Return from when on each seam counts no more."""
    return [case.opened + SEAMS_DAYS * DAY for case in head.cases.values() if case.seam]


def overdue(head: Head, at: int, rules: Rules) -> None:
    """Alert about the cases whose time for a first answer is over just before the instant *at*."""
    for key, case in head.cases.items():
        if case.answered is None and case.due + 1 == at:
            facts = _facts(key, case) | {"priority": case.priority, "hours": rules.sla[case.priority] // HOUR}
            alerts.put(head, _alert(alerts.FIRST_RESPONSE, key, case), Alert(case.due, facts), rules)
    _set_clock(head, rules)


def _set_clock(head: Head, rules: Rules) -> None:
    """Note when the next case is late: just after the last instant at which an answer is in time."""
    if alerts.FIRST_RESPONSE in rules.care.alerts:
        head.sla_due = min((due + 1 for due in dues(head) if due >= head.reached), default=NEVER)


def _alert(reason: str, key: str, case: Case) -> str:
    """Return what an alert about a case is known by; a desk may use its numbers again."""
    return f"{reason}/{key}/{case.opened}"


def _facts(key: str, case: Case) -> dict[str, int | str]:
    return {"case": parted(key)[0], "topic": case.topic, "channel": case.channel}


def responded(head: Head, moment: CaseResponded | CaseResolved, rules: Rules) -> None:
    """Stop the clock of the first answer; a solution without an answer before counts as one."""
    key = case_key(moment.source, moment.case)
    case = head.cases[key]
    if case.answered is not None:
        return
    in_time = moment.at <= case.due
    _count(head, "answered")
    if in_time:
        _count(head, "answered_in_time")
    head.cases[key] = msgspec.structs.replace(case, answered=moment.at, touched=moment.at)
    place = head.waits.index(case.due)
    head.waits = head.waits[:place] + head.waits[place + 1 :]
    _set_clock(head, rules)
    name = "case-answered" if in_time else "case-answered-late"
    scores.signal(head, name, moment.at, rules, cause=moment.id)


def escalated(head: Head, moment: CaseEscalated, rules: Rules) -> None:
    """Note that the case went to a higher desk; its clock stays as promised."""
    key = case_key(moment.source, moment.case)
    head.cases[key] = msgspec.structs.replace(head.cases[key], touched=moment.at)
    scores.signal(head, "case-escalated", moment.at, rules, cause=moment.id)


def resolved(head: Head, moment: CaseResolved, rules: Rules) -> None:
    """Close a case; closing it again changes nothing."""
    key = case_key(moment.source, moment.case)
    if not head.cases[key].open:
        return
    responded(head, moment, rules)
    case = head.cases[key]
    if not case.reopened:
        _count(head, "resolved")
    head.cases[key] = msgspec.structs.replace(case, resolved=moment.at, touched=moment.at)
    scores.signal(head, "case-resolved", moment.at, rules, cause=moment.id)


def reopened(head: Head, moment: CaseReopened, rules: Rules) -> None:
    """Open a solved case again; an open one stays as it is."""
    key = case_key(moment.source, moment.case)
    case = head.cases[key]
    if case.open:
        return
    if not case.reopened:
        _count(head, "came_back")
    case = head.cases[key] = msgspec.structs.replace(case, resolved=None, touched=moment.at, reopened=case.reopened + 1)
    contacts.contacted(head)
    scores.signal(head, "case-reopened", moment.at, rules, cause=moment.id)
    if case.reopened == rules.care.reopened_times:
        facts = _facts(key, case) | {"times": case.reopened}
        alerts.put(head, _alert(alerts.REOPENED, key, case), Alert(moment.at, facts, cause=moment.id), rules)


def judged(head: Head, moment: FeedbackGiven) -> None:
    """Remember a bad feedback, and mark the cases that it is about: the one it names, else all that are open."""
    if not detracts(moment):
        return
    head.detracted = moment.at
    for key in named(head, moment):
        case = head.cases[key]
        if case.open:
            head.cases[key] = msgspec.structs.replace(case, detractor=True)


def detracts(moment: FeedbackGiven) -> bool:
    """Tell whether a feedback is that of a detractor; a complaint always is."""
    return moment.score is None or moment.score <= _DETRACTOR_MAX[moment.instrument]


def open_count(head: Head, *, detractors: bool = False) -> int:
    """Return how many cases are open, or how many of a detractor."""
    count = 0
    for case in head.cases.values():
        if case.resolved is None and (case.detractor or not detractors):
            count += 1
    return count


def before_complaint(head: Head, at: int) -> bool:
    """Tell whether help accepted at *at* came before a complaint: no case is open, no bad feedback is recent."""
    if head.detracted is not None and head.detracted >= at - COMPLAINT_DAYS * DAY:
        return False
    return not open_count(head)


def dues(head: Head) -> Sequence[int]:
    """Return until when the cases that nobody has answered yet are to be answered, soonest first.

    A solution is an answer.
    """
    return head.waits


def named(head: Head, moment: FeedbackGiven) -> list[str]:
    """Return the keys of the cases that a feedback is about.

    A survey has a source of its own and knows a case by its number alone. Where its source has no case of that number,
    every desk's counts: rather hold a promotion back for one case too many than reward an angry customer.
    """
    if not moment.case:
        return list(head.cases)
    own = case_key(moment.source, moment.case)
    return [own] if own in head.cases else [key for key in head.cases if parted(key)[0] == moment.case]


def _last_nps_detracts(head: Head) -> bool:
    answers = head.feedback.get("nps", ())
    return len(answers) > 0 and answers[0][0] <= _DETRACTOR_MAX["nps"]


def _forget(head: Head, at: int) -> None:
    for key, case in list(head.cases.items()):
        if not case.open and case.touched < at - KEPT_DAYS * DAY:
            del head.cases[key]


def _count(head: Head, name: str) -> None:
    head.counts[name] = head.counts.get(name, 0) + 1
