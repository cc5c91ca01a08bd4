"""Providers: where a gift comes from once it is paid for, a code from stock or a vendor that makes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from cx.calendar import DAY
from cx.desk.book import Stock, cut, there
from cx.desk.state import ALLOCATED, ORDERED
from cx.state import NEVER

if TYPE_CHECKING:
    from cx.desk.answers import Answers, Tried
    from cx.desk.book import Book
    from cx.desk.state import Claim, Code, Gift


class Provider(Protocol):
    """One way to get gifts; it neither waits nor asks anybody, so that it is part of the desk's transaction."""

    def has(self, gift: Gift, waiting: int = 0) -> bool:
        """Whether it has one of *gift* left once so many that are *waiting* have theirs."""

    def provide(self, number: bytes, claim: Claim, gift: Gift, tried: Tried) -> None:
        """Get one for a *claim* that names its gift and is paid for; *tried* came before it in vain."""


class Pools:
    """Codes in stock, the oldest first."""

    def __init__(self, book: Book, answers: Answers, now: int) -> None:
        """Take them out of *book* at the instant *now*."""
        self._book, self._answers, self._now = book, answers, now

    def has(self, gift: Gift, waiting: int = 0) -> bool:
        """Whether there are more codes than claims that are *waiting*."""
        return gift.stock.count > waiting

    def provide(self, number: bytes, claim: Claim, gift: Gift, tried: Tried) -> None:
        """Hand over the oldest code; *gift* is fresh."""
        first = gift.stock.first
        code = there(self._book.code(first))
        stock = cut(gift.stock, first, Stock(self._book))
        self._book.put_gift(claim.gift, msgspec.structs.replace(gift, stock=stock))
        self.hand_over(number, claim, first, code, tried)

    def hand_over(self, number: bytes, claim: Claim, place: bytes, code: Code, tried: Tried) -> None:
        """Give *code*, which is in no stock, to a claim; what was ordered by the terms it was ordered by."""
        terms = claim.ordered or there(self._book.gift(claim.gift).terms)
        self._book.put_code(place, msgspec.structs.replace(code, holder=number))
        at = max(claim.at, self._now)
        until = min(at + terms.valid_days * DAY, code.valid)
        remind = until - terms.remind_days * DAY
        claim = msgspec.structs.replace(
            claim,
            status=ALLOCATED,
            until=until,
            remind=remind if terms.remind_days and remind > at else NEVER,
            code=place,
            tried=(),
            ordered=None,
        )
        self._book.put_claim(number, claim)
        self._answers.allocated(number, claim, code, terms, self._now, tried)


class Vendors:
    """Gifts that are made when they are asked for, by whoever the terms name."""

    def __init__(self, book: Book, answers: Answers, now: int) -> None:
        """Order them at the instant *now*."""
        self._book, self._answers, self._now = book, answers, now

    def has(self, gift: Gift, waiting: int = 0) -> bool:
        """Whether a vendor makes it: then there are as many as one can pay."""
        del waiting
        return gift.terms is not None and bool(gift.terms.vendor)

    def provide(self, number: bytes, claim: Claim, gift: Gift, tried: Tried) -> None:
        """Order one; the claim is paid for until the vendor has had its say."""
        claim = msgspec.structs.replace(
            claim, status=ORDERED, until=NEVER, remind=NEVER, tried=tried, ordered=gift.terms
        )
        self._book.put_claim(number, claim)
        self._answers.ordered(number, claim, there(gift.terms), self._now)
