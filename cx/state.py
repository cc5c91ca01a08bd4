"""All that is remembered of one customer, and how it is written down.

An encoded customer is: 8 bytes next deadline (big-endian microseconds, `NEVER` when none), 2 bytes format version,
then MessagePack. So the next deadline is read without decoding, and a format is told before it is trusted. What base
and head have in common, which is most of what fills them, is written once.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from cx import older
from cx.moments import AnyMoment, Card, Chosen, GiftAnswered, GiftTold, Key
from schemas.errors import CxError, Reason

FORMAT = 2
NEVER = (1 << 63) - 1
LOOK_AGAIN = 0  # as a deadline: before any instant, so that whoever meets it works it out anew
BYTES_MAX = 256 * 1024
RECENT_BYTES_MAX = 192 * 1024  # without what is kept for dead letters: that does not get less by settling
KEPT_BYTES_MAX = 64 * 1024  # of all records kept for dead letters together; what refers to nothing could fill a state
KEPT_ONE_BYTES_MAX = 16 * 1024  # of one of them: 200 lines and some fields of others' find room
_HEADER = 10
RANK_MAX = 99  # above that of any kind of moment


class StateFormatError(CxError):
    """A stored state of a format that this version does not read."""


class Earning(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A rate by which an order earns: `points` for each `per` minor units of its lines at `places`; None for all."""

    points: int
    per: int
    places: tuple[int, ...] | None


class Lot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The points of one order.

    Attributes:
        points: What the order earns as it is left now.
        by: The rates of when it was folded.
        pending: Whether it cannot be spent yet.
        left: What can be spent of it.
        gone: What of it has run out, and no refund has been set off against yet.
    """

    points: int
    by: tuple[Earning, ...]
    pending: bool = True
    left: int = 0
    gone: int = 0


class Order(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order that can still be refunded; amounts in minor units of its currency, what is *left* of them."""

    id: str  # of the event, for decision records
    content: int  # of its purchase, to tell a repeat from a conflict
    at: int
    day: int
    lines: tuple[tuple[str, str, int], ...]  # (line id, category, amount left)
    shipping: int
    tax: int
    paid: int  # everything as bought: the base over which parts not paid in money are spread
    not_money: int  # excluded payments of the order as bought
    qualifying: int  # what the order adds to its day now
    visit: bool = False  # whether it counts as one
    currency: str = ""  # empty for the programme's own
    lot: Lot | None = None
    digital: bool = False  # whether it was bought on the web or in the app

    @property
    def left(self) -> int:
        """Amount that can still be refunded."""
        return sum(line[2] for line in self.lines) + self.shipping + self.tax

    @property
    def undone(self) -> bool:
        """Whether nothing of it is left; a free order is undone by a cancellation or a refund alone."""
        return not self.left and self.paid != 0


class Case(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A support case; instants in microseconds, None for not yet."""

    opened: int
    due: int
    topic: str
    channel: str
    touched: int
    detractor: bool = False
    answered: int | None = None
    resolved: int | None = None
    reopened: int = 0
    priority: str = "normal"
    seam: bool = False  # whether the customer had asked the same over another channel just before

    @property
    def open(self) -> bool:
        """Whether somebody still has to solve it."""
        return self.resolved is None


class Informed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How often a customer looked for information, and how often a case followed.

    Attributes:
        asked: How often in all.
        led: How many of them a case followed.
        open: Instants of the last ones, which a case may yet follow; oldest first.
    """

    asked: int = 0
    led: int = 0
    open: tuple[int, ...] = ()


class Spot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The contacts of one stage of the journey with one group of touchpoints.

    Attributes:
        at: Instant of the last one.
        channel: Of the last one that had a channel; empty for none.
        count: How many there were.
        moods: The last four scores given there, 0 to 100, newest last.
    """

    at: int
    channel: str
    count: int
    moods: tuple[int, ...] = ()


class Alert(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Why somebody should look after a customer, since `at`; the facts are words of our lists, ids and numbers.

    Attributes:
        deadline: Until when something can be done; None where there is no such instant.
        cause: Id of the event that brought it, empty where time did.
        answered: When the customer accepted care or a suggestion since; None for not yet.
    """

    at: int
    facts: dict[str, int | str]
    deadline: int | None = None
    cause: str = ""
    answered: int | None = None


class Change(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A tier change as folded: when, from which rung to which, and why."""

    at: int
    before: str
    after: str
    reason: str
    cause: str  # id of the event, or empty when a deadline did it


class Day(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one local day brought: qualifying spend in minor units, orders, visits and points earned."""

    spend: int = 0
    orders: int = 0
    visits: int = 0
    points: int = 0


class Given(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A tier given by a person until the instant `until`; `pinned` where it lies below what had been earned."""

    tier: str
    until: int
    pinned: bool
    reason: str = ""
    person: str = ""


class Standing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a customer is on the ladder, and what time will make of it; instants in microseconds.

    Attributes:
        tier: Empty before anything is known of the customer.
        since: When the tier was reached.
        checked: Local day from which the running period of a rolling window counts.
        failing: Since when the tier is no longer kept, while a respite runs; 0 otherwise.
        hold: Not lost by time before this instant.
        given: By a person.
    """

    tier: str = ""
    since: int = 0
    checked: int = 0
    failing: int = 0
    hold: int = 0
    given: Given | None = None


class Anchor(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a customer stood before the local day `day`: where the ladder is climbed again from after a refund."""

    day: int
    standing: Standing


class Turn(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """On the local day `day` it was said that a customer joined on the day `after`; until then `before` was taken."""

    day: int
    before: int
    after: int


class Move(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A movement of points as folded, of `points` in sum; `about` is the lot, order or day, `cause` an event's id."""

    at: int
    kind: str  # earned, spent, refused, expired, reversed
    points: int
    balance: int
    about: str = ""
    reason: str = ""
    cause: str = ""
    request: tuple[str, str] | None = None  # source and id


class Ledger(msgspec.Struct, array_like=True, gc=False):
    """What became of a customer's points, beside the lots of orders that can still be refunded.

    Attributes:
        closed: Points left of all other lots, by their last local day; 0 for those that never run out.
        earned: What could ever be spent; less `spent`, `expired` and `reversed` it is the balance.
        debt: What was taken and could not be paid; while there is any, no lot has anything left.
        active: Last local day of an activity that no refund can undo.
    """

    closed: dict[int, int] = {}
    earned: int = 0
    spent: int = 0
    expired: int = 0
    reversed: int = 0
    debt: int = 0
    active: int = 0

    @property
    def balance(self) -> int:
        """What can be spent, or is owed where it is negative."""
        return self.earned - self.spent - self.expired - self.reversed

    def copy(self) -> Ledger:
        """Return a copy that a fold may change."""
        return msgspec.structs.replace(self, closed=self.closed.copy())


class Entitlement(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A reward that the rules owe: by which rule, for which occasion, and why its ground was lost since, if it was.

    Its ground is what the ladder measured at `at`, when the tier was reached, less what was refunded of that since. For
    a CX level it is the orders of then, for a streak the number of the period that completed it. `tier` is empty where
    no tier entitled to it.
    """

    rule: str
    occasion: str
    item: int
    tier: str
    at: int
    cause: str
    ground: dict[str, int]
    lost: str = ""
    rank: int = RANK_MAX  # with the next, its place among what happened at the same instant
    source: str = ""
    choices: tuple[str, ...] = ()  # gifts to choose from, the preferred ones first; empty for the rule's only gift
    liked: int = 0  # how many of them are preferred
    lost_at: int = 0

    @property
    def key(self) -> Key:
        """The place in the total order of what its ground was measured at."""
        return (self.at, self.rank, self.source, self.cause)


class Pace(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How fast something happens: the instants that still count, and the hold that stands, if one does."""

    times: tuple[int, ...] = ()
    hold: str = ""


class Hold(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A hold as folded: placed by a burst, ended by a person; instants, 0 for not yet.

    Attributes:
        rule: What placed it.
        count: How many it were at once.
        rank: With `source` and `cause`, the place in the total order of the event that was one too many.
        released: Whether it was released, and not confirmed.
        word: Name of the event by which it ended, `by` its id alone.
    """

    rule: str = ""
    placed: int = 0
    ended: int = 0
    count: int = 0
    rank: int = RANK_MAX
    source: str = ""
    cause: str = ""
    released: bool = False
    word: str = ""
    by: str = ""

    @property
    def key(self) -> Key:
        """The place in the total order of what placed it."""
        return (self.placed, self.rank, self.source, self.cause)


class Head(msgspec.Struct, array_like=True, gc=False):
    """What follows from the folded moments: the derived part. Only a fold that owns its copy may change it."""

    reached: int = 0  # instant of the last thing folded
    first_seen: int = 0
    enrolled: int | None = None  # ordinal of the local day
    birthday: str | None = None
    locale: str | None = None
    preferences: tuple[str, ...] = ()
    notify: bool = True
    standing: Standing = Standing()
    tier_due: int = NEVER  # never after the first instant at which time alone can change the tier
    history: tuple[Change, ...] = ()
    days: dict[int, Day] = {}  # local days of the window, oldest first
    window: int = 0  # the first of them
    counted: Day = Day()  # their sum
    past: dict[int, Day] = {}  # days before the window that may yet be asked for, oldest first
    anchors: tuple[Anchor, ...] = ()  # at most two, oldest first
    open_orders: dict[str, Order] = {}
    waiting: dict[str, tuple[AnyMoment, ...]] = {}  # what it refers to -> moments without effect so far
    refused: dict[str, tuple[int, Reason]] = {}  # event -> (its time, reason): refunds larger than what was left
    scores: tuple[tuple[int, int, int], ...] = (
        (0, 0, 0),
    ) * 5  # per dimension (weighted sum, weight, day), fixed point
    level: int = 1
    level_since: int = 0
    cases: dict[str, Case] = {}
    counts: dict[str, int] = {}
    channels: dict[str, int] = {}
    feedback: dict[str, tuple[tuple[int, int], ...]] = {}  # instrument -> last two (score, at), newest first
    entitlements: dict[str, Entitlement] = {}
    ledger: Ledger = msgspec.field(default_factory=Ledger)
    points_due: int = NEVER  # never after the first instant at which time alone moves points
    moves: dict[str, Move] = {}  # of the running fold; empty in what is written down
    brought: dict[str, tuple[int, int]] = {}  # event -> (its time, its checksum): what has moved in, for ever
    level_due: int = NEVER  # never after the first instant at which time alone can change the level
    turned: tuple[Turn, ...] = ()  # since the oldest anchor
    rhythm: tuple[int, ...] = ()  # local days of the last nine orders, no two of one day
    place: tuple[str, str] = ("", "")  # store and channel of the last purchase or touchpoint; the store may be empty
    informed: Informed = Informed()
    contacts: tuple[int, ...] = ()  # after each of the last six orders, up to the next
    detracted: int | None = None  # when a feedback was last that of a detractor
    journey: dict[int, Spot] = {}  # by the place on the map that `cx.journey` gives a stage and a group
    alerts: dict[str, Alert] = {}  # by reason and what it is about, for 90 days; never changed, but replaced
    crests: tuple[tuple[int, int], ...] = ((0, 0),) * 5  # per dimension (score, local day), from where it falls
    sla_due: int = NEVER  # the first instant at which a case whose lateness is told is late
    silent_due: int = NEVER  # the first instant at which a customer whose silence counts is out of their rhythm
    care_due: int = NEVER  # never after the first instant at which time alone brings another alert
    waits: tuple[int, ...] = ()  # until when the cases that nobody has answered yet are to be answered, soonest first
    birthday_due: int = NEVER  # start of the next birthday, where the policy gives something for it
    # From here on, and with `entitlements`, dictionaries are replaced and never changed: so nobody copies them.
    runs: dict[str, dict[int, int]] = {}  # week or month -> orders that count by period, as far as streaks ask for
    referrals: tuple[tuple[int, str, str], ...] = ()  # (at, source, id): they wait for a promoter's word
    said: dict[str, tuple[Chosen | GiftTold | GiftAnswered, ...]] = {}  # reward id -> what was said of it
    paces: dict[str, Pace] = {}  # by velocity rule
    holds: dict[str, Hold] = {}

    @property
    def tier(self) -> str:
        """The tier held; empty before anything is known."""
        return self.standing.tier

    @property
    def tier_since(self) -> int:
        """When it was reached."""
        return self.standing.since

    @property
    def due(self) -> int:
        """The first instant at which time alone may change something of it, or `NEVER`."""
        return min(
            self.points_due,
            self.level_due,
            self.tier_due,
            self.sla_due,
            self.silent_due,
            self.care_due,
            self.birthday_due,
        )

    def copy(self) -> Head:
        """Return a copy that a fold may change; values inside the containers are immutable and shared."""
        return msgspec.structs.replace(
            self,
            days=self.days.copy(),
            past=self.past.copy(),
            open_orders=self.open_orders.copy(),
            waiting=self.waiting.copy(),
            refused=self.refused.copy(),
            cases=self.cases.copy(),
            counts=self.counts.copy(),
            channels=self.channels.copy(),
            feedback=self.feedback.copy(),
            ledger=self.ledger.copy(),
            moves={},
            brought=self.brought.copy(),
            journey=self.journey.copy(),
        )


class ToldMove(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was told of one movement of points: its instant, its kind, the sum, and how often it was spoken of."""

    at: int
    kind: str
    points: int
    times: int


class Life(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was told of a reward, and what has become of it since; instants, 0 for none.

    Attributes:
        status: offered, issued, delivered, redeemed, expired or revoked; where gifts come from the desk also requested,
            waiting or unavailable.
        times: How often it was given, offers counted.
        owed: Since when it was owed, as it was told.
        choices: Gifts that were offered, in the order that was told.
        until: When one of them is taken automatically.
        gift: The one that was issued, or asked for; empty for the rule's only one.
        valid: When the gift runs out.
        reminded: Whether that was said beforehand.
        used: When it was redeemed.
        final: Whether nothing makes it be given again.
        closed: Whether its entitlement fell away, and it stands for no other.
        tier: The tier that entitled to it, if one did.
        asked: When the desk was asked for it.
        card: What the desk gave.
        unsealed: Since when its code may be shown.
    """

    status: str
    times: int = 0
    owed: int = 0
    choices: tuple[str, ...] = ()
    until: int = 0
    gift: str = ""
    issued: int = 0
    valid: int = 0
    reminded: bool = False
    used: int = 0
    final: bool = False
    closed: bool = False
    tier: str = ""
    asked: int = 0
    card: Card | None = None
    unsealed: int = 0


class ToldHold(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A hold that was told: the places in the total order at which it was placed, and ended, if it was."""

    placed: Key
    ended: Key | None = None
    released: bool = False


class Told(msgspec.Struct, array_like=True, gc=False):
    """What the outside was told: facts that no later fold changes."""

    tier: str = ""
    tier_since: int = 0
    level: int = 1
    revision: int = 0  # how many tier and level changes were told
    rewards: dict[str, Life] = {}  # by occasion key; like `holds` replaced and never changed, so nobody copies it
    answers: dict[str, int] = {}  # request -> points granted, 0 for a refusal; until the request is in the base
    moves: dict[str, ToldMove] = {}  # movements of points since the base
    alerts: dict[str, int] = {}  # alert -> its instant, for 90 days; never changed, but replaced
    due: int = NEVER  # when time alone changes a reward that was told
    unclaimed: int = NEVER  # instant of the oldest thing said of a reward or a hold that nobody was told of
    holds: dict[str, ToldHold] = {}

    def copy(self) -> Told:
        """Return a copy that a decision may change."""
        return msgspec.structs.replace(self, answers=self.answers.copy(), moves=self.moves.copy())


class Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The record of a moment that may yet go to dead letters: its place in Kafka, its bytes and headers."""

    topic: str = ""
    partition: int = 0
    offset: int = 0
    value: bytes = b""
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def size(self) -> int:
        """Bytes of value and headers."""
        return len(self.value) + sum(len(name) + len(value) for name, value in self.headers)


class Base(msgspec.Struct, frozen=True, gc=False):
    """A head put away: encoded, but for what it mostly has in common with the head that goes on from it.

    Nobody changes its dictionaries: `head_of` copies them.
    """

    rest: bytes = b""  # empty for a customer not yet seen
    open_orders: dict[str, Order] = {}
    entitlements: dict[str, Entitlement] = {}
    cases: dict[str, Case] = {}
    journey: dict[int, Spot] = {}
    days: dict[int, Day] = {}

    def __bool__(self) -> bool:
        """Tell whether anything was put away."""
        return bool(self.rest)


class Mark(msgspec.Struct, frozen=True, gc=False):
    """What followed from the base and the oldest `count` recent moments: the next base to be.

    `open` names the moments in it that have had no effect so far.
    """

    count: int
    base: Base
    open: frozenset[str] = frozenset()


class Customer(msgspec.Struct, gc=False):
    """One customer: a base as of the lateness horizon, the moments since, what follows from both, and what was told.

    `base` is decoded only when a late moment makes the fold start again from there. `marks` and `seen` save work and
    say nothing new: they are never written down, and a customer that was read back has none. In `seen` are the ids of
    all recent moments, and maybe others; it is None where nobody has collected them. All versions of a customer share
    it, as it is true of each.
    """

    id: str
    version: int = 0  # counts the writes of this customer: a read model never goes back
    policy: str = ""  # hash of the policy that made the head
    floor: int = 0  # moments before this instant are in the base, for good
    settled: int = 0  # how many of them
    base: Base = Base()
    recent: tuple[AnyMoment, ...] = ()  # in total order
    head: Head = msgspec.field(default_factory=Head)
    told: Told = msgspec.field(default_factory=Told)
    kept: dict[str, Kept] = {}
    marks: tuple[Mark, ...] = ()  # oldest first; `encode` leaves out this field and the next, the last ones
    seen: set[str] | None = None

    @property
    def kept_bytes(self) -> int:
        """Size of the records that are kept for dead letters."""
        return sum(record.size for record in self.kept.values())

    @property
    def events_held(self) -> int:
        """Number of distinct events folded or waiting."""
        return self.settled + len(self.recent)

    def next_deadline(self, lateness: int) -> int:
        """Return the instant at which time alone changes this customer, or `NEVER`."""
        return min(self.head.due, self.told.due, self.gives_up_at(lateness))

    def gives_up_at(self, lateness: int) -> int:
        """Return the instant at which the oldest moment without effect has waited long enough."""
        head, unclaimed = self.head, self.told.unclaimed
        if not head.waiting and not head.refused and unclaimed == NEVER:
            return NEVER
        times = [moment.at for moments in head.waiting.values() for moment in moments]
        times += [at for at, _ in head.refused.values()]
        return min([unclaimed, *times]) + lateness


K = TypeVar("K")
V = TypeVar("V")


class _Apart(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A base as it is written: of each entry that the head has as well only its place there."""

    rest: bytes
    open_orders: list[int | tuple[str, Order]]
    entitlements: list[int | tuple[str, Entitlement]]
    cases: list[int | tuple[str, Case]]
    journey: list[int | tuple[int, Spot]]
    days: list[int | tuple[int, Day]]


class _Written(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A customer as it is written, without the marks."""

    id: str
    version: int
    policy: str
    floor: int
    settled: int
    base: _Apart | None
    recent: tuple[AnyMoment, ...]
    head: Head
    told: Told
    kept: dict[str, Kept]


_encoder = msgspec.msgpack.Encoder()
_customers = msgspec.msgpack.Decoder(_Written)
_heads = msgspec.msgpack.Decoder(Head)


def encode(customer: Customer, lateness: int) -> bytes:
    """Write a customer down; *lateness* in microseconds, as the rules have it."""
    written = _Written(
        customer.id,
        customer.version,
        customer.policy,
        customer.floor,
        customer.settled,
        _apart(customer.base, customer.head) if customer.base else None,
        customer.recent,
        customer.head,
        customer.told,
        customer.kept,
    )
    return customer.next_deadline(lateness).to_bytes(8) + FORMAT.to_bytes(2) + _encoder.encode(written)


def decode(data: bytes) -> Customer:
    """Read a customer back.

    Raises:
        StateFormatError: *data* is of a format that is not known here, or damaged.
    """
    found = format_of(data)
    if found not in {FORMAT, older.FIRST}:
        message = f"state has format {found}, this version reads {older.FIRST} and {FORMAT}"
        raise StateFormatError(message)
    try:
        if found == FORMAT:
            return _read(_customers.decode(memoryview(data)[_HEADER:]))
        return _of_first(msgspec.msgpack.decode(memoryview(data)[_HEADER:]))
    except (msgspec.DecodeError, *_ODD):
        message = "state is damaged"
        raise StateFormatError(message) from None


def _read(written: _Written) -> Customer:
    head, apart = written.head, written.base
    return Customer(
        id=written.id,
        version=written.version,
        policy=written.policy,
        floor=written.floor,
        settled=written.settled,
        base=_whole(apart, head) if apart else Base(),
        recent=written.recent,
        head=head,
        told=written.told,
        kept=written.kept,
    )


def _apart(base: Base, head: Head) -> _Apart:
    return _Apart(
        base.rest,
        _places(base.open_orders, head.open_orders),
        _places(base.entitlements, head.entitlements),
        _places(base.cases, head.cases),
        _places(base.journey, head.journey),
        _places(base.days, head.days),
    )


def _places(own: dict[K, V], others: dict[K, V]) -> list[int | tuple[K, V]]:
    if not own:
        return []
    places = {key: place for place, key in enumerate(others)}
    return [places[key] if others.get(key) == value else (key, value) for key, value in own.items()]


def _whole(apart: _Apart, head: Head) -> Base:
    return Base(
        apart.rest,
        _entries(apart.open_orders, head.open_orders),
        _entries(apart.entitlements, head.entitlements),
        _entries(apart.cases, head.cases),
        _entries(apart.journey, head.journey),
        _entries(apart.days, head.days),
    )


def _entries(apart: list[int | tuple[K, V]], others: dict[K, V]) -> dict[K, V]:
    entries = [*others.items()] if apart else []
    return dict([one if isinstance(one, tuple) else entries[one] for one in apart])


_ODD = (ValueError, TypeError, IndexError, AttributeError)  # what plain data of another shape raises


def _of_first(data: list[Any]) -> Customer:
    base, data[older.BASE] = data[older.BASE], None
    customer = _read(msgspec.convert(older.customer_of_first(data), _Written))
    _note_waits(customer.head)
    if base:
        head = msgspec.convert(older.head_of_first(msgspec.msgpack.decode(base)), Head)
        _note_waits(head)
        customer.base = base_of(head)
    return customer


def _note_waits(head: Head) -> None:
    head.waits = tuple(sorted(case.due for case in head.cases.values() if case.answered is None))


def deadline_of(data: bytes) -> int:
    """Return the next deadline of an encoded customer, in microseconds, without decoding it."""
    return int.from_bytes(data[:8])


def format_of(data: bytes) -> int:
    """Return the format version of an encoded customer."""
    return int.from_bytes(data[8:_HEADER])


def base_of(head: Head) -> Base:
    """Put a head away, as it is now."""
    rest = msgspec.structs.replace(head, moves={}, open_orders={}, entitlements={}, cases={}, journey={}, days={})
    return Base(
        _encoder.encode(rest),
        head.open_orders.copy(),
        head.entitlements,
        head.cases.copy(),
        head.journey.copy(),
        head.days.copy(),
    )


def head_of(base: Base) -> Head:
    """Return a head of its own to go on from *base*; that of a customer not yet seen where nothing was put away.

    Raises:
        StateFormatError: *base* is damaged.
    """
    if not base:
        return Head()
    try:
        head = _heads.decode(base.rest)
    except msgspec.DecodeError:
        message = "base is damaged"
        raise StateFormatError(message) from None
    head.open_orders, head.entitlements = base.open_orders.copy(), base.entitlements
    head.cases, head.journey, head.days = base.cases.copy(), base.journey.copy(), base.days.copy()
    return head


def canonical(value: Any) -> bytes:  # noqa: ANN401  # anything msgspec can write
    """Return JSON with sorted keys, so that equal values give equal bytes; dictionaries have text as keys."""
    return msgspec.json.encode(value, order="sorted")
