"""The replay: what one customer's lines of a log come to, folded one by one as the lane does it, without a lane."""

from __future__ import annotations

import re
from bisect import bisect_left
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import msgspec
from pydantic_core import from_json

from cx.calendar import micros
from cx.decide import Arrival, advance, decide, shrink
from cx.intake import NotTakenError, moment_of
from cx.moments import Requested, name_of
from cx.state import BYTES_MAX, RECENT_BYTES_MAX, Customer, Kept, Told, encode
from schemas.base import END_OF_MOMENTS, FIRST_MOMENT
from schemas.dead_letters import FEEDBACK
from schemas.errors import CxError, Reason, Unreadable
from schemas.inputs import TOPIC_OF, VALUE_BYTES_MAX, parse_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cx.decide import Decision
    from cx.outputs import Output
    from cx.rules import Rules

Line = tuple[int, bytes]  # place in the log, counted from 0, and one event in structured JSON

_TYPE: Final = re.compile(rb'"type"\s*:\s*"([a-z.-]{1,64})"')
# Of a state, for each byte of an event: it may stand in the base and the head, among the recent and the waiting.
_COPIES: Final = 4
_MORE: Final = 1024  # and what may come with it: a change of tier, rewards, movements of points


class Letter(msgspec.Struct, frozen=True):
    """A line for the dead letters, by its place; `at`, in microseconds, stands for the time of its refusal."""

    place: int
    topic: str
    key: bytes | None
    reason: Reason
    loc: str
    error_type: str
    at: int


class Clock:
    """The ticks of a log: each counts from its place on, for every customer."""

    def __init__(self) -> None:
        """Begin without a tick."""
        self._places: list[int] = []
        self._instants: list[int] = []  # time does not go back, so these only ever rise

    def tick(self, place: int, at: int) -> None:
        """Let the clock come to the instant *at* at the next *place*."""
        self._instants.append(max(at, self.last))
        self._places.append(place)

    @property
    def count(self) -> int:
        """How many ticks there are."""
        return len(self._places)

    def before(self, place: int) -> int:
        """Return how many ticks stand before *place*."""
        return bisect_left(self._places, place)

    def after(self, count: int) -> int:
        """Return the instant that the clock has come to after so many ticks; 0 before the first."""
        return self._instants[count - 1] if count else 0

    @property
    def last(self) -> int:
        """The instant that the clock has come to in the end; 0 without a tick."""
        return self.after(self.count)

    def first_from(self, at: int, start: int, end: int) -> int | None:
        """Return which of the ticks *start* to *end*, the latter not included, first comes to *at*; None if none."""
        found = bisect_left(self._instants, at, start, end)
        return found if found < end else None


class AnswerError(CxError):
    """An answer of more, or fewer, points than its request asks for.

    Attributes:
        place: Of the request, among all lines.
        points: What is said to have been granted.
        asked: What the request asks for.
    """

    def __init__(self, place: int, points: int, asked: int) -> None:
        """Keep the facts; whoever knows the files makes a line of them."""
        super().__init__(f"{points} points for a request of {asked}")
        self.place, self.points, self.asked = place, points, asked


class Answers:
    """What was answered to requests to spend points: facts, whatever the events now say."""

    def __init__(self) -> None:
        """Begin without any."""
        self._points: dict[tuple[str, str | None, str], int] = {}

    def note(self, customer: str, source: str | None, request: str, points: int) -> bool:
        """Keep that *points* were granted, 0 for a refusal; without a *source* the request's id alone names it.

        Return False where another answer is kept already.
        """
        return self._points.setdefault((customer, source, request), points) == points

    def given(self, customer: str, request: Requested) -> int | None:
        """Return the points that were granted to a request; None where it has no answer."""
        found = self._points.get((customer, request.source, request.id))
        return self._points.get((customer, None, request.id)) if found is None else found


NO_ANSWERS: Final = Answers()


class Replayed(msgspec.Struct):
    """What has become of a customer: outputs in the order in which they were told."""

    customer: Customer
    outputs: list[Output]
    letters: list[Letter]
    taken: list[Arrival]  # what was folded, in the order in which it came
    duplicates: int = 0


def replay(
    name: str, lines: Iterable[Line], clock: Clock, until: int, rules: Rules, *, answers: Answers = NO_ANSWERS
) -> Replayed:
    """Fold the *lines* of the customer *name*, in the order of their places, with the *clock*'s ticks in between.

    Then the clock comes to *until*, in microseconds, if it has not yet. Requests to spend points have the answers that
    were given, else those of a first pass in total order: so the state depends on no order of arrival.

    Raises:
        AnswerError: a request is said to have been granted other points than it asks for.
    """
    arrivals, letters = _read(name, lines, rules)
    known: dict[str, int] = {}
    asked = False
    for arrival in arrivals:
        if isinstance(arrival.moment, Requested):
            points = answers.given(name, arrival.moment)
            if points is None:
                asked = True
            elif points not in {0, arrival.moment.points}:  # a request is granted as it stands, or not at all
                raise AnswerError(arrival.record.offset, points, arrival.moment.points)
            else:
                known[name_of(arrival.moment)] = points
    pass_ = _Pass(name, clock, rules, known)
    pass_.run(arrivals, until)
    if asked and not _in_order(pass_.taken):
        pass_ = _Pass(name, clock, rules, _judged(name, pass_.held, rules, known))
        pass_.run(arrivals, until)
    return Replayed(pass_.customer, pass_.outputs, [*letters, *pass_.letters], pass_.taken, pass_.duplicates)


def letter(place: int, value: bytes, refusal: Unreadable, at: int) -> Letter:
    """Return the letter of a line that cannot be read, with what can be read of it all the same.

    The topic is the one on which it would have come, empty where its type is none of the contract's; *at* is its time
    where it tells none.
    """
    try:
        found = from_json(value) if len(value) <= VALUE_BYTES_MAX else None
    except ValueError:
        found = None
    event: dict[str, Any] = found if isinstance(found, dict) else {}
    subject = event.get("subject")
    return Letter(
        place,
        _topic(event.get("type"), value),
        subject.encode() if isinstance(subject, str) and subject else None,
        refusal.reason,
        refusal.loc,
        refusal.error_type,
        _time(event.get("recordedtime") or event.get("time"), at),
    )


def _topic(kind: object, value: bytes) -> str:
    """Return the topic of a type; where there is none, of whatever in the line looks like one.

    Feedback comes before all else: it may hold what a customer wrote, and must not be kept.
    """
    if isinstance(kind, str) and kind in TOPIC_OF:
        return TOPIC_OF[kind]
    if b"feedback" in value.lower():
        return FEEDBACK
    alike = () if kind else _TYPE.findall(value)
    return next((TOPIC_OF[name] for found in alike if (name := found.decode()) in TOPIC_OF), "")


def _time(text: object, otherwise: int) -> int:
    try:
        at = datetime.fromisoformat(text.upper()) if isinstance(text, str) else None
        return micros(at) if at is not None and FIRST_MOMENT <= at < END_OF_MOMENTS else otherwise
    except (ValueError, TypeError):  # no time, or one without its offset
        return otherwise


def _read(name: str, lines: Iterable[Line], rules: Rules) -> tuple[list[Arrival], list[Letter]]:
    arrivals, letters = [], []
    key, recorded = name.encode(), 0
    for place, value in lines:
        try:
            event: Any = parse_line(value)
        except Unreadable as refusal:
            letters.append(letter(place, value, refusal, recorded))
            continue
        recorded = micros(event.recordedtime or event.time)
        topic = TOPIC_OF[event.type]
        try:
            moment = moment_of(event, rules)
        except NotTakenError as refusal:
            letters.append(Letter(place, topic, key, refusal.reason, refusal.loc, refusal.reason, recorded))
        else:
            arrivals.append(Arrival(moment, recorded, Kept(topic, 0, place, value)))
    return arrivals, letters


def _in_order(taken: list[Arrival]) -> bool:
    keys = [arrival.moment.key for arrival in taken]
    return all(before < after for before, after in pairwise(keys))


def _judged(name: str, held: list[Arrival], rules: Rules, known: Mapping[str, int]) -> dict[str, int]:
    """Return the answers to all requests, each judged at its place in the total order if it has none yet."""
    answers = dict(known)
    customer = Customer(name, told=Told(answers=dict(known)))
    for arrival in sorted(held, key=lambda arrival: arrival.moment.key):
        moment = arrival.moment
        customer = decide(customer, [Arrival(moment, moment.at)], 0, rules).customer
        if isinstance(moment, Requested):
            answers[name_of(moment)] = customer.told.answers[name_of(moment)]
    return answers


class _Pass:
    """One pass over the lines of a customer."""

    def __init__(self, name: str, clock: Clock, rules: Rules, answers: dict[str, int]) -> None:
        self.customer = Customer(name, told=Told(answers=answers))
        self.outputs: list[Output] = []
        self.letters: list[Letter] = []
        self.taken: list[Arrival] = []
        self.duplicates = 0
        self._clock, self._rules = clock, rules
        self._ticks = 0
        self._room = RECENT_BYTES_MAX

    def run(self, arrivals: Iterable[Arrival], until: int) -> None:
        """Fold *arrivals*, and bring the clock to *until*."""
        for arrival in arrivals:
            self._tick(self._clock.before(arrival.record.offset))
            self._fold(arrival)
        self._tick(self._clock.count)
        if until > self._clock.last:
            self._advance(until)

    def _tick(self, count: int) -> None:
        """Let the ticks up to that of number *count* pass; only those at which something is due make a difference."""
        while self._ticks < count:
            due = self._clock.first_from(self._due, self._ticks, count)
            if due is None:
                break
            self._ticks = due + 1
            self._advance(self._clock.after(self._ticks))
        self._ticks = count

    @property
    def held(self) -> list[Arrival]:
        """What was folded, less what the clock gave up: what that refers to may have come later, and without it."""
        given_up = {letter.place for letter in self.letters}
        return [arrival for arrival in self.taken if arrival.record.offset not in given_up]

    @property
    def _due(self) -> int:
        return self.customer.next_deadline(self._rules.lateness)

    def _advance(self, tick: int) -> None:
        if self._due <= tick:
            self._keep(advance(self.customer, tick, self._rules), tick, 0)

    def _fold(self, arrival: Arrival) -> None:
        reason = Reason.STATE_TOO_LARGE
        try:
            decision = decide(self.customer, [arrival], self._clock.after(self._ticks), self._rules)
            if self._keep(decision, arrival.recorded, arrival.record.size):
                self.duplicates += decision.duplicates
                if decision.applied:
                    self.taken.append(arrival)
                return
        except Exception:  # noqa: BLE001  # whatever a rule may raise: it parks an event, as in the lane
            reason = Reason.RULE_ERROR
        self._refuse(arrival.record, reason, "", arrival.recorded)

    def _keep(self, decision: Decision, at: int, size: int) -> bool:
        """Go on from *decision*; return False, changing nothing, where the customer would grow too large."""
        if decision.changed:
            customer = self._fitted(decision.customer, size)
            if customer is None:
                return False
            self.customer = customer
            self.outputs += decision.outputs
        for refusal in decision.refusals:
            self._refuse(refusal.record, refusal.reason, refusal.loc, at)
        return True

    def _fitted(self, customer: Customer, size: int) -> Customer | None:
        """Return the customer, with older moments settled where they take too much room; None where that is not enough.

        A state is only written down to be measured where the events since the last time can have filled it.
        """
        self._room -= size * _COPIES + _MORE
        if self._room >= 0:
            return customer
        state = encode(customer, self._rules.lateness)
        if len(state) - customer.kept_bytes > RECENT_BYTES_MAX:
            customer = shrink(customer, self._rules)
            state = encode(customer, self._rules.lateness)
        if len(state) > BYTES_MAX:
            return None
        self._room = RECENT_BYTES_MAX - (len(state) - customer.kept_bytes)
        return customer

    def _refuse(self, record: Kept, reason: Reason, loc: str, at: int) -> None:
        key = self.customer.id.encode()
        self.letters.append(Letter(record.offset, record.topic, key, reason, loc, reason, at))
