"""What the gift desk remembers, an entry each: gifts, codes, claims, accounts; and how an entry is written down.

An encoded entry is, like a customer: 8 bytes next deadline, 2 bytes format version, then MessagePack. Its key is the
programme, a zero byte, a letter for its kind, and its own id: UUIDs as 16 bytes, names as UTF-8.
"""

from __future__ import annotations

from typing import Final

import msgspec

from cx.state import LOOK_AGAIN, NEVER, StateFormatError

FORMAT: Final = 1
_HEADER: Final = 10

DAY_MONTH_TOTAL: Final = ("day", "month", "total")
UNLIMITED: Final = -1

WAITING: Final = "waiting"
ALLOCATED: Final = "allocated"
UNSEALED: Final = "unsealed"
DELIVERED: Final = "delivered"
REDEEMED: Final = "redeemed"
EXPIRED: Final = "expired"
WITHDRAWN: Final = "withdrawn"
REFUSED: Final = "refused"
ORDERED: Final = "ordered"  # of a vendor, and paid for
RECALLED: Final = "recalled"  # withdrawn while the vendor is at it
LINE: Final = ""  # no gift has this name
AWAITED: Final = (ORDERED, RECALLED)
HELD: Final = (ALLOCATED, UNSEALED, DELIVERED)  # a code is the customer's, who can still use it


class Link(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The neighbours of an entry in a chain, by id; empty where there is none. That before the first says nothing."""

    before: bytes = b""
    after: bytes = b""


class Ends(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Both ends of a chain of entries, oldest first, and its length."""

    first: bytes = b""
    last: bytes = b""
    count: int = 0


class Terms(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A gift as the catalogue lists it, in minor units of the programme's currency; `cost` is what budgets pay."""

    brand: str
    card_kind: str
    face_value: int
    cost: int
    valid_days: int
    remind_days: int = 0
    returns: bool = True  # whether a code that nobody has seen goes back to stock
    listed: bool = True  # whether it is given at all
    vendor: str = ""  # who makes one where there is none in stock


class Gift(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="g"):
    """A gift: its terms, None where its codes came before them; the codes in stock; the claims that wait for one."""

    terms: Terms | None = None
    at: int = 0  # when the terms were set
    stock: Ends = Ends()
    waiting: Ends = Ends()

    @property
    def deadline(self) -> int:
        """At once where somebody waits for what is in stock, or made by a vendor by now: ticks serve them."""
        terms = self.terms
        serves = terms is not None and terms.listed and self.waiting.count and (self.stock.count or terms.vendor)
        return LOOK_AGAIN if serves else NEVER


class Line(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="l"):
    """Claims that wait for their answer, as the desk is behind; a tick has all that was written before it."""

    waiting: Ends = Ends()

    @property
    def deadline(self) -> int:
        """With the next tick."""
        return LOOK_AGAIN if self.waiting.count else NEVER


class Code(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="c"):
    """A code of a gift; once it is `spent` nothing is left of it but that it was there, so that it never comes again.

    Attributes:
        sealed: The ciphertext; nobody here has its key.
        valid: When the shop takes it no longer.
        shelf: From when on it is not given any more.
        holder: The claim that has it; empty while it is in stock.
        link: Its neighbours in stock.
    """

    gift: str
    masked: str = ""
    key_id: str = ""
    sealed: bytes = b""
    valid: int = NEVER
    shelf: int = NEVER
    holder: bytes = b""
    spent: bool = False
    link: Link = Link()

    @property
    def deadline(self) -> int:
        """When it leaves the stock by itself."""
        return NEVER if self.spent or self.holder else self.shelf


class Claim(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="r"):
    """A request and what became of it.

    Attributes:
        content: Checksum of the request, to tell a repeat from a conflict.
        gifts: What may be given, the chosen one first.
        at: When it was asked for.
        wait_days: How long it may wait for stock.
        until: When it waits no longer, the gift runs out, or the claim is forgotten.
        remind: When is said that the gift is about to run out.
        booked: When it was paid for, which says in which day and month.
        waits: The chains in which it waits, by gift; under `LINE` for its answer.
        tried: Gifts that could not be given, each once, in the order of `gifts`, with the reason that was found last.
        unsealed: Whether was said that the code may be shown, once `status` says more than that.
        ordered: The gift's terms when a vendor was asked for it, until it is given.
    """

    reward: str
    customer: str
    content: int
    gifts: tuple[str, ...]
    tier: str
    campaign: str
    at: int
    wait_days: int = 0
    status: str = WAITING
    until: int = NEVER
    remind: int = NEVER
    gift: str = ""
    code: bytes = b""
    cost: int = 0
    booked: int = 0
    waits: dict[str, Link] = {}
    tried: tuple[tuple[str, str], ...] = ()
    unsealed: bool = False
    ordered: Terms | None = None

    @property
    def deadline(self) -> int:
        """When time alone does something to it."""
        return min(self.until, self.remind)


class Account(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="a"):
    """What was spent by day, month and in total, and how much may be; `at` is when that was set.

    `day` and `month` say which ones the sums are of: local days as ordinals, months counted from year 0.
    """

    spent: tuple[int, int, int] = (0, 0, 0)
    limits: tuple[int, int, int] = (UNLIMITED, UNLIMITED, UNLIMITED)
    day: int = 0
    month: int = 0
    at: int = 0

    @property
    def deadline(self) -> int:
        """Time alone does nothing to it."""
        return NEVER


Entry = Gift | Line | Code | Claim | Account

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Entry] = msgspec.msgpack.Decoder(Entry)


def encode(entry: Entry) -> bytes:
    """Write an entry down."""
    return entry.deadline.to_bytes(8) + FORMAT.to_bytes(2) + _encoder.encode(entry)


def decode(data: bytes) -> Entry:
    """Read an entry back.

    Raises:
        StateFormatError: *data* is of a format that is not known here, or damaged.
    """
    found = int.from_bytes(data[8:_HEADER])
    if found != FORMAT:
        message = f"an entry of the gift desk has format {found}, this version reads {FORMAT}"
        raise StateFormatError(message)
    try:
        return _decoder.decode(memoryview(data)[_HEADER:])
    except msgspec.DecodeError:
        message = "an entry of the gift desk is damaged"
        raise StateFormatError(message) from None
