"""The entries of one programme as a fold reads and writes them, and the chains that lead through them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import msgspec

from cx.desk.state import LINE, Account, Claim, Code, Ends, Gift, Line, Link

if TYPE_CHECKING:
    from collections.abc import Callable

    from cx.desk.state import Entry

GIFT: Final = b"g"
_LINE: Final = b"l"
CODE: Final = b"c"
CLAIM: Final = b"r"
ACCOUNT: Final = b"a"

EntryT = TypeVar("EntryT", bound=msgspec.Struct)


class Book:
    """What is there, what a fold has changed of it, and what the running event has, which can be taken back."""

    def __init__(self, programme: str, load: Callable[[bytes], Entry | None]) -> None:
        """Look entries of *programme* up with *load*, by key, as of the fold before."""
        self.programme: Final = programme
        self.changed: Final[dict[bytes, Entry | None]] = {}
        self._prefix: Final = programme.encode() + b"\0"
        self._load: Final = load
        self._own: Final[dict[bytes, Entry | None]] = {}

    def keep(self) -> None:
        """Take what the running event did for done."""
        self.changed.update(self._own)
        self._own.clear()

    def undo(self) -> None:
        """Take back what the running event did."""
        self._own.clear()

    def entry(self, key: bytes) -> Entry | None:
        """Return what stands under a whole *key*."""
        if key in self._own:
            return self._own[key]
        if key in self.changed:
            return self.changed[key]
        return self._load(key)

    def gift(self, name: str) -> Gift:
        """Return a gift; one without terms where nothing is known of it."""
        found = self._find(GIFT, name.encode())
        return found if isinstance(found, Gift) else Gift()

    def put_gift(self, name: str, gift: Gift) -> None:
        """Keep a gift."""
        self._put(GIFT, name.encode(), gift)

    def waiting(self, chain: str) -> Ends:
        """Return who waits for a gift, or under `LINE` for an answer."""
        if chain != LINE:
            return self.gift(chain).waiting
        found = self._find(_LINE, b"")
        return found.waiting if isinstance(found, Line) else Ends()

    def put_waiting(self, chain: str, waiting: Ends) -> None:
        """Keep who waits."""
        if chain == LINE:
            self._put(_LINE, b"", Line(waiting))
        else:
            self.put_gift(chain, msgspec.structs.replace(self.gift(chain), waiting=waiting))

    def code(self, number: bytes) -> Code | None:
        """Return a code."""
        found = self._find(CODE, number)
        return found if isinstance(found, Code) else None

    def put_code(self, number: bytes, code: Code) -> None:
        """Keep a code."""
        self._put(CODE, number, code)

    def claim(self, number: bytes) -> Claim | None:
        """Return a claim."""
        found = self._find(CLAIM, number)
        return found if isinstance(found, Claim) else None

    def put_claim(self, number: bytes, claim: Claim | None) -> None:
        """Keep a claim, or forget it."""
        self._put(CLAIM, number, claim)

    def account(self, name: str) -> Account:
        """Return an account; one without limits where nothing is known of it."""
        found = self._find(ACCOUNT, name.encode())
        return found if isinstance(found, Account) else Account()

    def put_account(self, name: str, account: Account) -> None:
        """Keep an account."""
        self._put(ACCOUNT, name.encode(), account)

    def _find(self, kind: bytes, own: bytes) -> Entry | None:
        return self.entry(self._prefix + kind + own)

    def _put(self, kind: bytes, own: bytes, entry: Entry | None) -> None:
        self._own[self._prefix + kind + own] = entry


def parts_of(key: bytes) -> tuple[str, bytes]:
    """Return programme and own id of an entry's *key*."""
    programme, _, rest = key.partition(b"\0")
    return programme.decode(), rest[1:]


def number_of(uuid: str) -> bytes:
    """Return a UUID of the contract as part of a key."""
    return bytes.fromhex(uuid.replace("-", ""))


def uuid_of(number: bytes) -> str:
    """Return the UUID that stands in a key."""
    text = number.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def there(entry: EntryT | None) -> EntryT:
    """Return an entry that has to be there: a code in a chain, what was given.

    Raises:
        LookupError: it is not, by a fault of ours.
    """
    if entry is None:
        message = "an entry of the gift desk is missing"
        raise LookupError(message)
    return entry


class Links(Protocol):
    """Where the links of one chain stand."""

    def link(self, number: bytes) -> Link:
        """Return the neighbours of an entry of the chain."""

    def relink(self, number: bytes, link: Link) -> None:
        """Note other neighbours."""


class Stock:
    """Links of the codes of a gift that are in stock."""

    def __init__(self, book: Book) -> None:
        """Find them in *book*."""
        self._book = book

    def link(self, number: bytes) -> Link:
        """Return the neighbours of a code."""
        return there(self._book.code(number)).link

    def relink(self, number: bytes, link: Link) -> None:
        """Note other neighbours."""
        self._book.put_code(number, msgspec.structs.replace(there(self._book.code(number)), link=link))


class Waiting:
    """Links of the claims that wait for a gift, or in the line."""

    def __init__(self, book: Book, chain: str) -> None:
        """Find them in *book*."""
        self._book, self._chain = book, chain

    def link(self, number: bytes) -> Link:
        """Return the neighbours of a claim."""
        return there(self._book.claim(number)).waits[self._chain]

    def relink(self, number: bytes, link: Link) -> None:
        """Note other neighbours."""
        claim = there(self._book.claim(number))
        self._book.put_claim(number, msgspec.structs.replace(claim, waits=claim.waits | {self._chain: link}))


def append(ends: Ends, number: bytes, links: Links) -> Ends:
    """Put an entry at the end of a chain; return its ends."""
    links.relink(number, Link(ends.last))
    if not ends.count:
        return Ends(number, number, 1)
    links.relink(ends.last, msgspec.structs.replace(links.link(ends.last), after=number))
    return Ends(ends.first, number, ends.count + 1)


def insert(ends: Ends, number: bytes, links: Links, is_later: Callable[[bytes], bool]) -> Ends:
    """Put an entry into a chain before all at its end that are later; return its ends.

    What comes in order touches no more entries than `append`; else each one that is later is looked at.
    """
    after, before = b"", ends.last
    for _ in range(ends.count):
        if not is_later(before):
            break
        after, before = before, links.link(before).before
    else:
        before = b""
    if not after:
        return append(ends, number, links)
    links.relink(number, Link(before, after))
    links.relink(after, msgspec.structs.replace(links.link(after), before=number))
    if not before:
        return Ends(number, ends.last, ends.count + 1)
    links.relink(before, msgspec.structs.replace(links.link(before), after=number))
    return Ends(ends.first, ends.last, ends.count + 1)


def cut(ends: Ends, number: bytes, links: Links) -> Ends:
    """Take an entry out of a chain, wherever it is; return its ends. The entry's own link stays as it was.

    Taking the first one touches no other entry: what follows keeps it as `before`, and nobody reads that of a first.
    """
    if ends.count == 1:
        return Ends()
    own = links.link(number)
    first, last = ends.first, ends.last
    if number == first:
        return Ends(own.after, last, ends.count - 1)
    links.relink(own.before, msgspec.structs.replace(links.link(own.before), after=own.after))
    if number == last:
        last = own.before
    else:
        links.relink(own.after, msgspec.structs.replace(links.link(own.after), before=own.before))
    return Ends(first, last, ends.count - 1)
