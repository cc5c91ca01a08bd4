"""The desk under anything that may come in any order: what it told is held against what it was allowed to."""

from __future__ import annotations

from collections import Counter as Count
from collections import defaultdict
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cx.desk.book import Stock, Waiting, uuid_of
from cx.desk.budgets import name_of
from cx.desk.state import ALLOCATED, HELD, LINE, ORDERED, WAITING, Claim, Code, Gift
from cx.intake import NotTakenError
from schemas.gift_requests import FALLBACKS_MAX
from tests.cx.desk.counter import DAY, Counter, uuid

GIFTS = ("coffee", "cake", "book", "tea", "pie")
FILM = "film"  # made by a vendor
TIERS = ("gold", "silver")
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FINAL = {"gift.allocated", "gift.refused"}
LIMITS = st.one_of(
    st.none(), st.builds(lambda pieces, short: 50 * pieces - short, st.integers(1, 12), st.integers(0, 1))
)


class DeskMachine(RuleBasedStateMachine):
    """Knows of the desk only what it told, and what was put into it."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Counter()
        self.requests: dict[str, dict[str, Any]] = {}
        self.codes: dict[str, str] = {}
        self.limits: dict[tuple[str, str], dict[str, int]] = {}
        self.paid: dict[str, tuple[Any, int, dict[str, str]]] = {}  # request -> local time, cost, who pays
        self.holder: dict[str, str] = {}  # mask -> request
        self.seen: set[str] = set()
        self.heard = self.ordered = 0
        self.answered: dict[str, str] = {}  # request -> the code that its vendor gave, empty where it gave none

    @initialize()
    def opens(self) -> None:
        for place, gift in enumerate(GIFTS):
            self.desk.lists(gift, cost=50 * (place + 1), valid_days=20, remind_days=5, returns=gift != "book")

        self.desk.lists(FILM, cost=70, valid_days=20, vendor="studio")

    @precondition(lambda self: self.desk.orders)
    @rule(data=st.data(), made=st.booleans(), valid=st.booleans())
    def a_vendor_answers(self, data: st.DataObject, *, made: bool, valid: bool) -> None:
        order = data.draw(st.sampled_from(self.desk.orders))
        name = next(one for one in self.requests if uuid(one) == order["data"]["request_id"])
        before, known = dict(self.desk.entries), name in self.answered
        code = self.answered.get(name) or f"v{len(self.answered)}"
        until = {} if valid else {"valid_until": self.desk.now.isoformat()}
        event("a vendor answers twice", known)
        if not known:
            self.answered[name] = code if made else ""
            if not (made and valid):
                del self.paid[name]
        try:
            if made:
                self.desk.makes(name, FILM, code, **until)
            else:
                self.desk.fails(name, FILM)
        except NotTakenError:
            assert known
        assert not known or self.desk.entries == before
        self.listen()

    @rule(gift=st.sampled_from(GIFTS), number=st.integers(1, 3), days=st.one_of(st.none(), st.integers(1, 30)))
    def codes_come(self, gift: str, number: int, days: int | None) -> None:
        until = {} if days is None else {"valid_until": (self.desk.now + days * DAY).isoformat()}
        for _ in range(number):
            code = f"c{len(self.codes)}"
            self.codes[code] = gift
            self.desk.adds(gift, code, **until)
        self.listen()

    @precondition(lambda self: self.codes)
    @rule(data=st.data())
    def a_code_comes_again(self, data: st.DataObject) -> None:
        code = data.draw(st.sampled_from(sorted(self.codes)))
        before = dict(self.desk.entries)
        self.desk.adds(self.codes[code], code)
        assert self.desk.entries == before

    @rule(
        gifts=st.lists(st.sampled_from((*GIFTS, FILM)), min_size=1, max_size=1 + FALLBACKS_MAX, unique=True),
        tier=st.one_of(st.none(), st.sampled_from(TIERS)),
        days=st.sampled_from([0, 0, 3, 40]),
        behind=st.sampled_from([False, False, False, True]),
    )
    def somebody_asks(self, gifts: list[str], tier: str | None, days: int, *, behind: bool) -> None:
        name = f"r{len(self.requests)}"
        self.requests[name] = {"gifts": gifts, "tier": tier, "wait_days": days}
        spare = {gift: self.desk.stock(gift) - self.waiting(gift) for gift in gifts}
        self.desk.behind = behind
        before = len(self.desk.told)
        self.desk.asks(name, *gifts, wait_days=days, tier=tier)
        self.desk.behind = False
        for answer in self.desk.told[before:]:
            for one in answer["data"].get("tried", ()):
                assert (one["reason"] == "out-of-stock") <= (spare[one["gift_id"]] <= 0)
        self.listen()

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), kind=st.sampled_from(["reveal.requested", "claim.delivered", "claim.redeemed", "again"]))
    def something_is_said(self, data: st.DataObject, kind: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.requests)))
        request = self.requests[name]
        if kind == "again":
            before = dict(self.desk.entries)
            if self.desk.claim(name) is not None:
                self.desk.asks(name, *request["gifts"], wait_days=request["wait_days"], tier=request["tier"])
            assert self.desk.entries == before
            return
        held = name in self.holder.values()
        try:
            self.desk.says(kind, name)
        except NotTakenError:
            assert kind == "claim.redeemed" or self.desk.claim(name) is None
            assert not held
        else:
            self.seen |= {name} if held and kind != "claim.redeemed" else set()
        self.listen()

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def a_reward_is_withdrawn(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.requests)))
        if self.desk.claim(name) is not None:
            self.desk.withdraws(name)
        self.listen()

    @rule(
        scope=st.sampled_from([("programme", None), ("tier", "gold"), ("gift", "coffee")]),
        day=LIMITS,
        month=LIMITS,
        total=LIMITS,
    )
    def a_budget_is_set(
        self, scope: tuple[str, str | None], day: int | None, month: int | None, total: int | None
    ) -> None:
        limits: dict[str, Any] = {"day": day, "month": month, "total": total}
        found = {period: limit for period, limit in limits.items() if limit is not None}
        self.desk.budget(scope[0], scope[1], **found)
        self.limits[scope[0], scope[1] or ""] = found

    @rule(gift=st.sampled_from(GIFTS), listed=st.booleans())
    def a_listing_changes(self, gift: str, *, listed: bool) -> None:
        cost = 50 * (GIFTS.index(gift) + 1)
        self.desk.lists(gift, cost=cost, valid_days=20, remind_days=5, returns=gift != "book", listed=listed)

    @rule(hours=st.sampled_from([1, 5, 24, 24 * 6, 24 * 21]))
    def time_passes(self, hours: int) -> None:
        waited = {gift: self.chain(gift) for gift in GIFTS}
        begins = len(self.desk.told)
        self.desk.passes(timedelta(hours=hours))
        served: dict[str, set[str]] = defaultdict(set)
        for answer in self.desk.told[begins:]:
            if answer["type"] == "gift.allocated":
                served[answer["data"]["gift_id"]].add(answer["data"]["request_id"])
        for gift, before in waited.items():
            left = {claim for claim in before if claim in self.chain(gift)}
            order = [claim in left for claim in before if claim in served[gift] | left]
            assert order == sorted(order), "somebody was served before who waited longer"
        assert not self.chain(LINE), "somebody has no answer yet"
        for gift in self.desk.of(Gift):
            listed = gift.terms is not None and gift.terms.listed
            assert not (listed and gift.stock.count and gift.waiting.count)
        event("a wait was served", len([one for found in served.values() for one in found]) > 0)
        self.listen()

    def listen(self) -> None:
        """Take in what was told since, and find out whether it was right to."""
        for answer in self.desk.told[self.heard :]:
            data = answer["data"]
            name = next(one for one in self.requests if uuid(one) == data["request_id"])
            tried, gifts = [one["gift_id"] for one in data.get("tried", ())], self.requests[name]["gifts"]
            assert tried == [one for one in gifts if one in tried], "each once, as in the request"
            if answer["type"] == "gift.refused":
                assert tried == gifts
                assert data["reason"] == data["tried"][0]["reason"]
            if answer["type"] == "gift.allocated":
                assert data["gift_id"] not in tried
                assert data["masked"] not in self.holder, "a code has two holders"
                self.holder[data["masked"]] = name
                if name not in self.paid:
                    self.pay(name, data["gift_id"], data["cost"])
            elif data.get("returned"):
                assert name not in self.seen, "somebody has seen what went back to stock"
                assert name in self.paid
                self.holder = {code: by for code, by in self.holder.items() if by != name}
                del self.paid[name]
        self.heard = len(self.desk.told)
        for order in self.desk.orders[self.ordered :]:
            self.pay(next(one for one in self.requests if uuid(one) == order["data"]["request_id"]), FILM, 70)
        self.ordered = len(self.desk.orders)

    def pay(self, name: str, gift: str, cost: int) -> None:
        payers = {"programme": "", "gift": gift} | (
            {"tier": self.requests[name]["tier"]} if self.requests[name]["tier"] else {}
        )
        now = self.desk.now.astimezone(ZONE)
        self.paid[name] = (now, cost, payers)
        for scope, own in payers.items():
            own_paid = [(at, spent) for at, spent, by in self.paid.values() if by.get(scope) == own]
            sums = {
                "day": sum(spent for at, spent in own_paid if at.date() == now.date()),
                "month": sum(spent for at, spent in own_paid if (at.year, at.month) == (now.year, now.month)),
                "total": sum(spent for _, spent in own_paid),
            }
            for period, limit in self.limits.get((scope, own), {}).items():
                assert sums[period] <= limit, f"the budget of {scope} is exceeded"

    def chain(self, gift: str) -> list[str]:
        """Return who waits for a gift, the oldest first, by walking along."""
        book = self.desk.book()
        ends, found = book.waiting(gift), []
        number = ends.first
        for _ in range(ends.count):
            found.append(number)
            number = Waiting(book, gift).link(number).after
        assert not found or found[-1] == ends.last
        return [uuid_of(one) for one in found]

    def waiting(self, gift: str) -> int:
        return len(self.chain(gift))

    @invariant()
    def chains_are_whole(self) -> None:
        book = self.desk.book()
        assert len(set(self.chain(LINE))) == sum(LINE in claim.waits for claim in self.desk.of(Claim))
        for gift in GIFTS:
            ends, found = book.gift(gift).stock, []
            number = ends.first
            for _ in range(ends.count):
                found.append(number)
                number = Stock(book).link(number).after
            assert len(set(found)) == self.desk.stock(gift)
            assert not found or found[-1] == ends.last
            waits = [claim for claim in self.desk.of(Claim) if gift in claim.waits]
            assert len(set(self.chain(gift))) == len(waits)
            assert all(claim.status == WAITING for claim in waits)
            asked = {uuid(name): claim.at for name in self.requests if (claim := self.desk.claim(name))}
            order = [asked[one] for one in self.chain(gift)]
            assert order == sorted(order), "somebody waits behind who asked later"

    @invariant()
    def every_request_is_answered_once(self) -> None:
        final = Count(one["data"]["request_id"] for one in self.desk.told if one["type"] in FINAL)
        assert set(final.values()) <= {1}
        waiting = [claim for claim in self.desk.of(Claim) if claim.status in {WAITING, ORDERED}]
        withdrawn = {one["data"]["request_id"] for one in self.desk.told if one["type"] == "gift.withdrawn"}
        assert len(final) + len(waiting) + len(withdrawn - set(final)) == len(self.requests)
        assert len({order["id"] for order in self.desk.orders}) == len(self.desk.orders)

    @invariant()
    def what_was_spent_is_what_was_given_or_is_on_order(self) -> None:
        spent = self.desk.book().account(name_of("programme", None)).spent[2]
        assert spent == sum(cost for _, cost, _ in self.paid.values())

    @invariant()
    def answers_have_ids_of_their_own(self) -> None:
        assert len({one["id"] for one in self.desk.told}) == len(self.desk.told)

    @invariant()
    def who_holds_a_code_is_known_to_it(self) -> None:
        held = {claim.code for claim in self.desk.of(Claim) if claim.status in HELD}
        holders = [code.holder for code in self.desk.of(Code) if code.holder and not code.spent]
        assert len(held) == len(holders) == len(set(holders))

    def teardown(self) -> None:
        event("codes returned", len(self.paid) < sum(one["type"] == "gift.allocated" for one in self.desk.told))
        event("still allocated", any(claim.status == ALLOCATED for claim in self.desk.of(Claim)))


TestDesk = DeskMachine.TestCase
TestDesk.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
