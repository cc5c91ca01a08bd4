"""All that is remembered of one customer, and how it is written down.

An encoded customer is: 8 bytes next deadline (big-endian microseconds, `NEVER` when none), 2 bytes format version,
then MessagePack. So the next deadline is read without decoding, and a format is told before it is trusted.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cx.moments import AnyMoment
from schemas.errors import CxError, Reason

FORMAT = 1
NEVER = (1 << 63) - 1
LOOK_AGAIN = 0  # as a deadline: before any instant, so that whoever meets it works it out anew
BYTES_MAX = 256 * 1024
RECENT_BYTES_MAX = 192 * 1024  # without what is kept for dead letters: that does not get less by settling
KEPT_BYTES_MAX = 64 * 1024  # of all records kept for dead letters together; what refers to nothing could fill a state
KEPT_ONE_BYTES_MAX = 16 * 1024  # of one of them: 200 lines and some fields of others' find room
_HEADER = 10


class StateFormatError(CxError):
    """A stored state of a format that this version does not read."""


class Order(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order that can still be refunded; amounts in minor units, what is *left* of them."""

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

    @property
    def left(self) -> int:
        """Amount that can still be refunded."""
        return sum(line[2] for line in self.lines) + self.shipping + self.tax


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

    @property
    def open(self) -> bool:
        """Whether somebody still has to solve it."""
        return self.resolved is None


class Change(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A tier change as folded: when, from which rung to which, and why."""

    at: int
    before: str
    after: str
    reason: str
    cause: str  # id of the event, or empty when a deadline did it


class Entitlement(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A reward that the rules owe: by which rule, for which occasion, and why its ground was lost since, if it was.

    Its ground is what the window held at `at`, when the tier was reached, less what was refunded of that since.
    """

    rule: str
    occasion: str
    item: int
    tier: str
    at: int
    cause: str
    spend: int
    orders: int
    lost: str = ""


class Head(msgspec.Struct, array_like=True):
    """What follows from the folded moments: the derived part. Only a fold that owns its copy may change it."""

    reached: int = 0  # instant of the last thing folded
    first_seen: int = 0
    enrolled: int | None = None  # ordinal of the local day
    birthday: str | None = None
    locale: str | None = None
    preferences: tuple[str, ...] = ()
    notify: bool = True
    tier: str = ""
    tier_since: int = 0
    tier_due: int = NEVER  # never after the first instant at which the tier can fall by time alone
    history: tuple[Change, ...] = ()
    days: dict[int, tuple[int, int]] = {}  # local day -> (qualifying spend, orders); oldest first
    spend: int = 0  # over the window that ends with the last folded day
    orders: int = 0
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

    def copy(self) -> Head:
        """Return a copy that a fold may change; values inside the containers are immutable and shared."""
        return msgspec.structs.replace(
            self,
            days=self.days.copy(),
            open_orders=self.open_orders.copy(),
            waiting=self.waiting.copy(),
            refused=self.refused.copy(),
            cases=self.cases.copy(),
            counts=self.counts.copy(),
            channels=self.channels.copy(),
            feedback=self.feedback.copy(),
            entitlements=self.entitlements.copy(),
        )


class Told(msgspec.Struct, array_like=True):
    """What the outside was told: facts that no later fold changes."""

    tier: str = ""
    tier_since: int = 0
    level: int = 1
    revision: int = 0  # how many tier and level changes were told
    rewards: dict[str, tuple[str, int]] = {}  # occasion key -> (issued | revoked, how often issued)

    def copy(self) -> Told:
        """Return a copy that a decision may change."""
        return msgspec.structs.replace(self, rewards=self.rewards.copy())


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


class Customer(msgspec.Struct, array_like=True):
    """One customer: a base as of the lateness horizon, the moments since, what follows from both, and what was told.

    `base` is an encoded `Head`, decoded only when a late moment makes the fold start again from there.
    """

    id: str
    version: int = 0  # counts the writes of this customer: a read model never goes back
    policy: str = ""  # hash of the policy that made the head
    floor: int = 0  # moments before this instant are in the base, for good
    settled: int = 0  # how many of them
    base: bytes = b""
    recent: tuple[AnyMoment, ...] = ()  # in total order
    head: Head = msgspec.field(default_factory=Head)
    told: Told = msgspec.field(default_factory=Told)
    kept: dict[str, Kept] = {}

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
        return min(self.head.tier_due, self.gives_up_at(lateness))

    def gives_up_at(self, lateness: int) -> int:
        """Return the instant at which the oldest moment without effect has waited long enough."""
        head = self.head
        if not head.waiting and not head.refused:
            return NEVER
        times = [moment.at for moments in head.waiting.values() for moment in moments]
        times += [at for at, _ in head.refused.values()]
        return min(times) + lateness


_encoder = msgspec.msgpack.Encoder()
_customers = msgspec.msgpack.Decoder(Customer)
_heads = msgspec.msgpack.Decoder(Head)


def encode(customer: Customer, lateness: int) -> bytes:
    """Write a customer down; *lateness* in microseconds, as the rules have it."""
    return customer.next_deadline(lateness).to_bytes(8) + FORMAT.to_bytes(2) + _encoder.encode(customer)


def decode(data: bytes) -> Customer:
    """Read a customer back.

    Raises:
        StateFormatError: *data* is of another format, or damaged.
    """
    if format_of(data) != FORMAT:
        message = f"state has format {format_of(data)}, this version reads {FORMAT}"
        raise StateFormatError(message)
    try:
        return _customers.decode(memoryview(data)[_HEADER:])
    except msgspec.DecodeError:
        message = "state is damaged"
        raise StateFormatError(message) from None


def deadline_of(data: bytes) -> int:
    """Return the next deadline of an encoded customer, in microseconds, without decoding it."""
    return int.from_bytes(data[:8])


def format_of(data: bytes) -> int:
    """Return the format version of an encoded customer."""
    return int.from_bytes(data[8:_HEADER])


def encode_head(head: Head) -> bytes:
    """Write a head down, for the base."""
    return _encoder.encode(head)


def decode_head(data: bytes) -> Head:
    """Read a base back; nothing at all is the head of a customer not yet seen.

    Raises:
        StateFormatError: *data* is damaged.
    """
    if not data:
        return Head()
    try:
        return _heads.decode(data)
    except msgspec.DecodeError:
        message = "base is damaged"
        raise StateFormatError(message) from None


def canonical(value: Any) -> bytes:  # noqa: ANN401  # anything msgspec can write
    """Return JSON with sorted keys, so that equal values give equal bytes; dictionaries have text as keys."""
    return msgspec.json.encode(value, order="sorted")
