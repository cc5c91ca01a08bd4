"""The desk: what each event, and time, does to catalogue, stock, budgets and claims; nothing looks through them."""

from __future__ import annotations

from base64 import b64decode
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, assert_never

import msgspec

from cx.calendar import DAY, micros
from cx.desk.answers import Answers
from cx.desk.book import Stock, Waiting, append, cut, insert, number_of, parts_of, there
from cx.desk.budgets import Budgets, name_of, payers
from cx.desk.providers import Pools, Vendors
from cx.desk.state import (
    ALLOCATED,
    AWAITED,
    DELIVERED,
    EXPIRED,
    HELD,
    LINE,
    ORDERED,
    RECALLED,
    REDEEMED,
    REFUSED,
    UNLIMITED,
    UNSEALED,
    WAITING,
    WITHDRAWN,
    Account,
    Claim,
    Code,
    Gift,
    Line,
    Terms,
)
from cx.intake import NotTakenError
from cx.state import NEVER
from schemas.checksum import checksum
from schemas.errors import Reason
from schemas.gift_codes import CodeAdded
from schemas.gift_requests import ClaimDelivered, ClaimRedeemed, ClaimWithdrawn, GiftRequested, RevealRequested
from schemas.gifts import BudgetSet, GiftListed
from schemas.vendors import VendorFailed, VendorFulfilled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cx.calendar import Calendar
    from cx.desk.answers import Tried
    from cx.desk.book import Book
    from cx.desk.providers import Provider
    from cx.desk.state import Entry
    from schemas.desk import DeskEvent
    from schemas.vendors import FulfilmentData

REMEMBERED: Final = 400 * DAY  # a claim that has ended; a request that is older is refused, so that none is given twice
SERVED_MAX: Final = 200  # claims that one look at a gift serves; more wait for the next look, in the same tick

OUT_OF_STOCK: Final = "out-of-stock"
NOT_LISTED: Final = "not-listed"
UNKNOWN_GIFT: Final = "unknown-gift"
BY_VENDOR: Final = "vendor-"  # how the reasons begin for which a gift is not tried again
DEAD: Final = frozenset({"expired", "cancelled"})  # why a claim is withdrawn of whose code a vendor said so
CODE_USED: Final = "vendor-code-used"  # it gave a code that somebody has, or had
CODE_OVER: Final = "vendor-code-over"  # and one that nobody can use any more


class Desk:
    """Acts for one programme at one instant of its own: that of the last tick."""

    def __init__(self, book: Book, now: int, calendar: Calendar, currency: str) -> None:
        """Work on *book* at the instant *now*, in days of *calendar* and money of *currency*."""
        self._book, self._now, self._currency = book, now, currency
        self._budgets = Budgets(book, now, calendar)
        self._answers = Answers(book.programme, currency)
        self._pools = Pools(book, self._answers, now)
        self._providers: Final[tuple[Provider, ...]] = (self._pools, Vendors(book, self._answers, now))
        self.told: Final = self._answers.told

    # What comes

    def take(self, event: DeskEvent, *, behind: bool = False) -> None:
        """Do what *event* asks for, all of it or nothing.

        Where the desk is *behind*, stock and budgets that were there before a request may not have been read: it waits
        for the next tick.

        Raises:
            NotTakenError: it cannot be taken, and nothing has happened.
        """
        self._answers.cause = event.id
        with self._whole():
            self._take(event, behind=behind)

    def pass_time(self, key: bytes) -> None:
        """Do what has become due to the entry under *key*, all of it or nothing."""
        self._answers.cause = ""
        with self._whole():
            self._pass_time(parts_of(key)[1], self._book.entry(key))

    @contextmanager
    def _whole(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            self._book.undo()
            self._answers.undo()
            raise
        self._book.keep()
        self._answers.keep()

    def _pass_time(self, number: bytes, entry: Entry | None) -> None:
        if entry is None or entry.deadline > self._now:
            return  # what was due before it has taken care of it: who waits is served, an old code is out of stock
        match entry:
            case Gift():
                self._serve(number.decode())
            case Line():
                self._answer_line()
            case Code():
                self._leave_stock(number, entry)
            case Claim():
                self._pass(number, entry)
            case Account():
                pass
            case _:
                assert_never(entry)

    def _take(self, event: DeskEvent, *, behind: bool) -> None:
        match event:
            case GiftRequested():
                self._ask(event, behind=behind)
            case RevealRequested():
                self._reveal(event.data.request_id)
            case ClaimDelivered():
                self._deliver(event.data.request_id)
            case ClaimRedeemed():
                self._redeem(event.data.request_id)
            case ClaimWithdrawn():
                self._withdraw(event.data.request_id, event.data.reason)
            case VendorFulfilled() | VendorFailed():
                self._hear(event)
            case CodeAdded():
                self._stock(event)
            case GiftListed():
                self._list(event)
            case BudgetSet():
                self._limit(event)
            case _:
                assert_never(event)

    # Catalogue, budgets, codes

    def _list(self, event: GiftListed) -> None:
        data, at = event.data, micros(event.time)
        self._check_currency(data.currency)
        gift = self._book.gift(data.gift_id)
        if gift.terms is None or at >= gift.at:
            terms = Terms(
                data.brand,
                data.card_kind,
                data.face_value,
                data.face_value if data.cost is None else data.cost,
                data.valid_days,
                data.remind_days,
                data.returns,
                data.listed,
                data.vendor or "",
            )
            self._book.put_gift(data.gift_id, msgspec.structs.replace(gift, terms=terms, at=at))

    def _limit(self, event: BudgetSet) -> None:
        data = event.data
        self._check_currency(data.currency)
        day, month, total = (UNLIMITED if limit is None else limit for limit in (data.day, data.month, data.total))
        self._budgets.limit(name_of(data.scope, data.name), (day, month, total), micros(event.time))

    def _check_currency(self, currency: str) -> None:
        if currency != self._currency:
            raise NotTakenError(Reason.CURRENCY, "data.currency")

    def _stock(self, event: CodeAdded) -> None:
        data = event.data
        number = number_of(data.code_id)
        if known := self._book.code(number):
            if known.gift != data.gift_id:
                raise NotTakenError(Reason.CONFLICTING_ID, "data.gift_id")
            return  # held, used or in stock: a code comes once
        valid = NEVER if data.valid_until is None else micros(data.valid_until)
        shelf = valid if data.give_until is None else min(valid, micros(data.give_until))
        if shelf <= self._now:
            raise NotTakenError(Reason.TOO_LATE, "data.valid_until")
        sealed = _opened(data.ciphertext)
        self._book.put_code(number, Code(data.gift_id, data.masked, data.key_id, sealed, valid, shelf))
        self._put_into_stock(data.gift_id, number)

    def _put_into_stock(self, name: str, number: bytes) -> None:
        gift = self._book.gift(name)
        stock = append(gift.stock, number, Stock(self._book))
        self._book.put_gift(name, msgspec.structs.replace(gift, stock=stock))

    def _leave_stock(self, number: bytes, code: Code) -> None:
        gift = self._book.gift(code.gift)
        stock = cut(gift.stock, number, Stock(self._book))
        self._book.put_gift(code.gift, msgspec.structs.replace(gift, stock=stock))
        self._book.put_code(number, Code(code.gift, spent=True))

    # Requests

    def _ask(self, event: GiftRequested, *, behind: bool) -> None:
        data, number, content = event.data, number_of(event.data.request_id), checksum(event.data)
        if known := self._book.claim(number):
            if known.content != content:
                raise NotTakenError(Reason.CONFLICTING_ID, "data.request_id")
            return
        at = micros(event.time)
        claim = Claim(
            data.reward_id,
            data.customer_id,
            content,
            data.gifts,
            data.tier or "",
            data.campaign or "",
            at,
            data.wait_days,
        )
        if at <= self._now - REMEMBERED:
            self._refuse(number, claim, Reason.TOO_LATE)
        elif behind or self._book.waiting(LINE).count:
            self._wait(number, claim, [LINE])
        else:
            self._answer(number, claim)

    def _answer_line(self) -> None:
        """Answer those who wait for it, in the order in which they came."""
        for _ in range(SERVED_MAX):
            waiting = self._book.waiting(LINE)
            if not waiting.count:
                return
            claim = there(self._book.claim(waiting.first))
            self._answer(waiting.first, self._wait_no_more(waiting.first, claim, [LINE]))

    def _answer(self, number: bytes, claim: Claim) -> None:
        """Give the first gift that can be given, or let wait, or refuse."""
        failed = dict(_failed(claim))
        for name in claim.gifts:
            gift = self._fresh(name)
            reason = failed.get(name) or self._lacking(claim, name, gift)
            provider = None if reason else self._provider(gift, gift.waiting.count)
            if provider is not None:
                self._give(number, claim, name, gift, provider)
                return
            claim = _tried(claim, name, reason or OUT_OF_STOCK)
        chains = [name for name, reason in claim.tried if reason == OUT_OF_STOCK]
        if claim.wait_days and chains:
            claim = msgspec.structs.replace(claim, until=max(claim.at, self._now) + claim.wait_days * DAY)
            self._wait(number, claim, chains)
            self._answers.waitlisted(number, claim, self._now, len(failed))
        else:
            self._refuse_tried(number, claim)

    def _lacking(self, claim: Claim, name: str, gift: Gift) -> str:
        """Return why *claim* may not have a gift, stock apart; empty where it may."""
        if gift.terms is None:
            return UNKNOWN_GIFT
        if not gift.terms.listed:
            return NOT_LISTED
        return self._budgets.lacking(payers(name, claim.tier, claim.campaign), gift.terms.cost)

    def _fresh(self, name: str) -> Gift:
        """Return a gift whose oldest code may still be given, if it has any."""
        gift = self._book.gift(name)
        while gift.stock.count:
            number = gift.stock.first
            code = there(self._book.code(number))
            if code.shelf > self._now:
                break
            self._leave_stock(number, code)
            gift = self._book.gift(name)
        return gift

    def _provider(self, gift: Gift, waiting: int) -> Provider | None:
        """Return who has one of a gift that is fresh, once so many that are *waiting* have theirs."""
        return next((one for one in self._providers if one.has(gift, waiting)), None)

    def _give(self, number: bytes, claim: Claim, name: str, gift: Gift, provider: Provider) -> None:
        """Pay for a gift that is fresh, and that budgets can pay, and have *provider* get it."""
        cost = there(gift.terms).cost
        tried = tuple(one for one in claim.tried if one[0] != name)
        self._budgets.book(payers(name, claim.tier, claim.campaign), cost)
        provider.provide(number, msgspec.structs.replace(claim, gift=name, cost=cost, booked=self._now), gift, tried)

    def _refuse(self, number: bytes, claim: Claim, reason: str, tried: Tried = ()) -> None:
        self._answers.refused(number, claim, self._now, reason, tried)
        self._end(number, msgspec.structs.replace(claim, tried=()), REFUSED)

    def _refuse_tried(self, number: bytes, claim: Claim) -> None:
        """Refuse for what was found last of each gift that the request names; that of the chosen one is the reason."""
        known = dict(claim.tried)
        tried = tuple((name, known.get(name, OUT_OF_STOCK)) for name in claim.gifts)
        self._refuse(number, claim, tried[0][1], tried)

    def _end(self, number: bytes, claim: Claim, status: str) -> None:
        """Remember how a claim ended, for a while."""
        until = max(self._now, claim.at) + REMEMBERED
        claim = msgspec.structs.replace(claim, status=status, until=until, remind=NEVER, ordered=None)
        self._book.put_claim(number, claim)

    # Waiting

    def _wait(self, number: bytes, claim: Claim, chains: list[str]) -> None:
        """Put a claim among those that wait for a gift, by when it was asked for: a vendor may have failed it since."""
        self._book.put_claim(number, claim)
        for name in chains:
            ends, links = self._book.waiting(name), Waiting(self._book, name)
            if name == LINE:
                ends = append(ends, number, links)
            else:
                ends = insert(ends, number, links, lambda other: there(self._book.claim(other)).at > claim.at)
            self._book.put_waiting(name, ends)

    def _serve(self, name: str) -> None:
        """Give what is in stock to those who wait for it, the oldest first."""
        for _ in range(SERVED_MAX):
            gift = self._fresh(name)
            provider = self._provider(gift, 0)
            if gift.deadline > self._now or provider is None:
                return
            number = gift.waiting.first
            claim = there(self._book.claim(number))
            if reason := self._lacking(claim, name, gift):
                claim = self._wait_no_more(number, _tried(claim, name, reason), [name])
                if not claim.waits:
                    self._refuse_tried(number, claim)
            else:
                claim = self._wait_no_more(number, claim, list(claim.waits))
                self._give(number, claim, name, self._book.gift(name), provider)

    def _wait_no_more(self, number: bytes, claim: Claim, chains: list[str]) -> Claim:
        for name in chains:
            self._book.put_waiting(name, cut(self._book.waiting(name), number, Waiting(self._book, name)))
        waits = {name: link for name, link in claim.waits.items() if name not in chains}
        claim = msgspec.structs.replace(claim, waits=waits)
        self._book.put_claim(number, claim)
        return claim

    # What vendors say

    def _hear(self, event: VendorFulfilled | VendorFailed) -> None:
        number, claim = self._known(event.data.request_id)
        if isinstance(event, VendorFulfilled):
            self._fulfil(number, claim, event.data)
        else:
            self._fail(number, claim, event.data.gift_id, event.data.reason)

    def _fulfil(self, number: bytes, claim: Claim, data: FulfilmentData) -> None:
        place = number_of(data.code_id)
        known = self._book.code(place)
        if claim.status not in AWAITED or claim.gift != data.gift_id:
            if known is None or known.gift != data.gift_id:  # a second code for one order: somebody has to look
                raise NotTakenError(Reason.CONFLICTING_ID, "data.code_id")
            return  # said again
        valid = NEVER if data.valid_until is None else micros(data.valid_until)
        if known is not None or valid <= self._now:
            self._fail(number, claim, data.gift_id, CODE_USED if known is not None else CODE_OVER)
            return
        code = Code(data.gift_id, data.masked, data.key_id, _opened(data.ciphertext), valid, valid)
        if claim.status == RECALLED:
            self._book.put_code(place, Code(data.gift_id, spent=True))  # it is paid for, and nobody's
            self._end(number, msgspec.structs.replace(claim, code=place), WITHDRAWN)
        else:
            self._pools.hand_over(number, claim, place, code, claim.tried)

    def _fail(self, number: bytes, claim: Claim, name: str, reason: str) -> None:
        """Take the money back, and go on with what else may be given."""
        if claim.status not in AWAITED or claim.gift != name:
            return  # said again, or after something else was
        self._budgets.give_back(payers(name, claim.tier, claim.campaign), claim.cost, claim.booked)
        if claim.status == RECALLED:
            self._end(number, claim, WITHDRAWN)
            return
        claim = msgspec.structs.replace(claim, status=WAITING, gift="", cost=0, booked=0, ordered=None)
        self._answer(number, _tried(claim, name, reason))

    # What becomes of a gift

    def _reveal(self, request: str) -> None:
        number, claim = self._known(request)
        if claim.status not in {*HELD, REDEEMED}:
            self._answers.reveal_refused(number, claim, self._now)
        elif not _is_unsealed(claim):  # delivered or used, it may not have been shown yet
            if claim.status == ALLOCATED:
                claim = msgspec.structs.replace(claim, status=UNSEALED)
            else:
                claim = msgspec.structs.replace(claim, unsealed=True)
            self._book.put_claim(number, claim)
            self._answers.unsealed(number, claim, self._now)

    def _deliver(self, request: str) -> None:
        number, claim = self._known(request)
        if claim.status in HELD:
            claim = msgspec.structs.replace(claim, status=DELIVERED, unsealed=_is_unsealed(claim))
            self._book.put_claim(number, claim)

    def _redeem(self, request: str) -> None:
        number, claim = self._known(request)
        if not claim.code:  # nobody had it, or somebody else has it by now
            raise NotTakenError(Reason.UNKNOWN_REWARD, "data.request_id")
        if claim.status != REDEEMED:
            self._spend(claim)
            self._end(number, msgspec.structs.replace(claim, unsealed=_is_unsealed(claim)), REDEEMED)

    def _withdraw(self, request: str, reason: str) -> None:
        number, claim = self._known(request)
        if claim.status == WAITING:
            claim = self._wait_no_more(number, claim, list(claim.waits))
            self._answers.withdrawn(number, claim, self._now, returned=False)
            self._end(number, claim, WITHDRAWN)
        elif claim.status == ORDERED:
            self._answers.withdrawn(number, claim, self._now, returned=False)
            self._book.put_claim(number, msgspec.structs.replace(claim, status=RECALLED))
        elif claim.status in HELD:
            claim, returned = self._let_go(claim, is_dead=reason in DEAD)
            self._answers.withdrawn(number, claim, self._now, returned=returned)
            self._end(number, claim, WITHDRAWN)

    def _known(self, request: str) -> tuple[bytes, Claim]:
        number = number_of(request)
        claim = self._book.claim(number)
        if claim is None:
            raise NotTakenError(Reason.UNKNOWN_REWARD, "data.request_id")
        return number, claim

    def _let_go(self, claim: Claim, *, is_dead: bool = False) -> tuple[Claim, bool]:
        """Take the code away: back into stock, with its money, if nobody can have seen it and the terms allow it.

        What *is_dead*, as its vendor says, nobody can use any more: it is spent, and stays paid for.
        """
        code = there(self._book.code(claim.code))
        terms = there(self._book.gift(claim.gift).terms)
        if is_dead or claim.status != ALLOCATED or not terms.returns or code.shelf <= self._now:
            self._spend(claim)
            return claim, False
        self._book.put_code(claim.code, msgspec.structs.replace(code, holder=b""))
        self._put_into_stock(claim.gift, claim.code)
        self._budgets.give_back(payers(claim.gift, claim.tier, claim.campaign), claim.cost, claim.booked)
        return msgspec.structs.replace(claim, code=b""), True

    def _spend(self, claim: Claim) -> None:
        self._book.put_code(claim.code, Code(claim.gift, spent=True))

    # Time

    def _pass(self, number: bytes, claim: Claim) -> None:
        if claim.remind <= self._now < claim.until:
            claim = msgspec.structs.replace(claim, remind=NEVER)
            self._book.put_claim(number, claim)
            self._answers.expiring(number, claim, self._now)
        elif claim.status == WAITING:
            self._refuse_tried(number, self._wait_no_more(number, claim, list(claim.waits)))
        elif claim.status in HELD:
            claim, returned = self._let_go(claim)
            self._answers.lapsed(number, claim, self._now, returned=returned)
            self._end(number, claim, EXPIRED)
        else:
            self._book.put_claim(number, None)


def _tried(claim: Claim, name: str, reason: str) -> Claim:
    """Note why a gift could not be given, in place of what was noted before."""
    known = dict(claim.tried) | {name: reason}
    tried = tuple((gift, known[gift]) for gift in claim.gifts if gift in known)
    return msgspec.structs.replace(claim, tried=tried)


def _failed(claim: Claim) -> Tried:
    return tuple(one for one in claim.tried if one[1].startswith(BY_VENDOR))


def _is_unsealed(claim: Claim) -> bool:
    return claim.unsealed or claim.status == UNSEALED


def _opened(ciphertext: str) -> bytes:
    """Return the bytes that an event writes as base64.

    Raises:
        NotTakenError: it is of a length that no base64 has.
    """
    try:
        return b64decode(ciphertext)
    except ValueError:
        raise NotTakenError(Reason.INVALID, "data.ciphertext") from None
