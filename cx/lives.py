"""The life of a reward: what is told of it, from what is owed, what was said of it, holds and time.

It is decided after the fold, by instants alone, and every step is told once: a fact. Between two decisions it makes no
difference how many events came at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cx import alerts, choices, holds, rewards
from cx.calendar import DAY
from cx.ids import id_of
from cx.moments import Chosen, GiftAnswered, GiftTold, name_of
from cx.state import NEVER, Alert, Life
from cx.triggers import gift_of
from schemas.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Collection

    from cx.rules import Rules
    from cx.state import Customer, Entitlement, Head, Told
    from schemas.policy import GiftPolicy, RewardPolicy

Said = Chosen | GiftTold | GiftAnswered

_ASKED: Final = ("requested", "waiting")  # of the gift desk, which has not given or refused it yet
_HELD: Final = ("issued", "delivered")  # by the customer, who can still use the gift
_GIVEN: Final = (*_HELD, "expired")
_ENDED: Final = ("redeemed", "expired", "revoked", "unavailable")
_CHOSEN_MAX: Final = 20  # different gifts of one reward; a rule has no more
_ANSWERS_MAX: Final = 20  # of the desk for one reward, which may have been given again and again
# What the desk says of a gift that it gave, and the step that it is; a vendor's word for the same may come as well.
_LATER: Final = {"expiring": "reminder", "lapsed": "lapsed", "withdrawn": "withdrawn", "unsealed": "unsealed"}


class Turn(msgspec.Struct, frozen=True, gc=False):
    """A step in a reward's life to be told: offered, issued, waitlisted, unavailable, expiring, expired or revoked.

    Or what the gift desk is told, by the type of its event: `gift.requested`, `claim.withdrawn` and so on. `cause` is
    the id of the event that brought it, empty where time did, and None for the one that is decided on now.
    """

    kind: str
    key: str
    life: Life
    at: int
    cause: str | None = None
    reason: str = ""


class Unclaimed(msgspec.Struct, frozen=True, gc=False):
    """Something said of what nobody was told of: its event's name and instant, and how it is refused in the end."""

    name: str
    at: int
    reason: Reason


def reward_id(customer: str, key: str) -> str:
    """Return the id of the reward of *customer* under *key*, rule/occasion/item: the same in every rebuild."""
    return id_of(f"reward\n{customer}\n{key}")


def request_id(customer: str, key: str, times: int) -> str:
    """Return the id of what the gift desk is asked for a reward; one that is given again is asked for anew."""
    return id_of(f"request\n{customer}\n{key}\n{times}")


def say(head: Head, moment: Said, rules: Rules) -> None:
    """Keep what was said of a reward as long as a gift of that age may be used.

    That is the first choice of each gift, and of what became of it the first of each kind and the last: it may have
    been given twice. The gift desk says each thing once for a request.
    """
    said = head.said.get(moment.reward, ())
    if isinstance(moment, GiftAnswered):
        if moment.kind == "refused":
            facts: dict[str, int | str] = {"gift": moment.gift or "gift", "reason": moment.reason}
            alerts.put(head, f"{alerts.UNAVAILABLE}/{moment.request}", Alert(moment.at, facts, cause=moment.id), rules)
        answers = [one for one in said if isinstance(one, GiftAnswered)]
        if len(answers) >= _ANSWERS_MAX:
            said = tuple(one for one in said if one is not answers[0])
    elif isinstance(moment, Chosen):
        gifts = [one.gift for one in said if isinstance(one, Chosen)]
        if moment.gift in gifts or len(gifts) >= _CHOSEN_MAX:
            return
    elif len(same := [one for one in said if _kind(one) == moment.kind]) > 1:
        said = tuple(one for one in said if one is not same[-1])
    edge = moment.at - rules.triggers.span_max
    kept = {name: known for name, known in head.said.items() if known[-1].at > edge}
    head.said = kept | {moment.reward: (*said, moment)}


def _kind(moment: Said) -> str:
    if isinstance(moment, GiftAnswered):
        return _LATER.get(moment.kind, "")
    return moment.kind if isinstance(moment, GiftTold) else "chosen"


def unclaimed(head: Head, customer: Customer) -> list[Unclaimed]:
    """Return what *head* holds of things said about rewards and holds that *customer* was never told of.

    What is settled, and its record with it, was about something that is forgotten since.
    """
    told, kept = customer.told, customer.kept
    words = [
        Unclaimed(hold.word, hold.ended, Reason.UNKNOWN_HOLD) for hold in holds.unknown(head, told) if hold.word in kept
    ]
    if not head.said:
        return words
    known = {reward_id(customer.id, key) for key in told.rewards}
    return words + [
        Unclaimed(name_of(moment), moment.at, Reason.UNKNOWN_REWARD)
        for reward, said in head.said.items()
        if reward not in known
        for moment in said
        if name_of(moment) in kept
    ]


def strike(head: Head, names: Collection[str]) -> None:
    """Take out what was said by the events of these *names*, as if it had never been."""
    for reward, said in head.said.items():
        left = tuple(moment for moment in said if name_of(moment) not in names)
        if len(left) < len(said):
            head.said = {name: known for name, known in head.said.items() if name != reward}
            if left:
                head.said |= {reward: left}
    head.holds = {name: hold for name, hold in head.holds.items() if hold.placed or hold.word not in names}


def settle(customer: Customer, now: int, rules: Rules) -> tuple[list[holds.Turn], list[Turn]]:
    """Take the steps that are due at the instant *now*, note them in what was told, and return them."""
    told = customer.told
    told.rewards, told.holds = told.rewards.copy(), told.holds.copy()
    held = holds.tell(customer.head, told, customer.floor)
    turns = _Lives(customer, now, rules).settle()
    told.unclaimed = unclaimed_since(customer)
    return held, turns


def unclaimed_since(customer: Customer) -> int:
    """Return the instant of the oldest thing said of what nobody was told of, or `NEVER`."""
    return min((one.at for one in unclaimed(customer.head, customer)), default=NEVER)


def is_held(owed: Entitlement, told: Told) -> bool:
    """Tell whether a hold stands in the way of what is owed and was not told."""
    return holds.free_from(owed.key, holds.spans(told)).at == NEVER


class _Lives:
    """All rewards of a customer, at one instant."""

    def __init__(self, customer: Customer, now: int, rules: Rules) -> None:
        self._name, self._head, self._told = customer.id, customer.head, customer.told
        self._floor, self._now, self._rules = customer.floor, now, rules
        self._spans = holds.spans(customer.told)
        self._turns: list[Turn] = []

    def settle(self) -> list[Turn]:
        head, lives = self._head, self._told.rewards
        standing = rewards.standing(head, self._told, self._rules)
        for key, owed in head.entitlements.items():
            self._live(standing.get(key, key), owed, owed.lost, owed.lost_at)
        gone = [key for key in lives if key not in head.entitlements and key not in standing.values()]
        for key in gone:
            if rewards.outlives(key, lives[key], head.reached, self._rules):
                self._live(key, None, "", 0)
                if lives[key].status in _ENDED and not self._said(key):  # else it would be said of nothing we know
                    del lives[key]
                continue
            self._live(key, None, "correction", 0)
            if not rewards.may_be_given(lives[key]):
                lives[key] = msgspec.structs.replace(lives[key], closed=True)
        self._told.due = min((self._due(key, life) for key, life in lives.items()), default=NEVER)
        return self._turns

    def _live(self, key: str, owed: Entitlement | None, lost: str, lost_at: int) -> None:
        life, rule = self._told.rewards.get(key), self._rules.rewards.get(key.partition("/")[0])
        said = self._said(key)
        if rewards.may_be_given(life) and owed is not None and rule is not None and not lost:
            life = self._begin(key, owed, rule, life.times if life else 0)
        if life is not None and life.status == "offered":
            life = self._offered(key, rule, life, said, lost)
        if life is not None and life.status in _ASKED:
            life = self._asked(key, life, said, (lost or ("" if rule else "correction"), lost_at))
        if life is not None and (
            life.issued or (life.status in _GIVEN and (life.gift or not life.choices))
        ):  # no offer that expired
            self._go_on(key, life, said, (lost, lost_at if owed else self._head.reached))

    def _begin(self, key: str, owed: Entitlement, rule: RewardPolicy, times: int) -> Life | None:
        """Offer what is owed, or give it where there is nothing to choose; None while it is held, or after too long."""
        if owed.at < self._floor and rewards.is_old(owed, self._head.reached, self._rules):
            return None
        free = holds.free_from(owed.key, self._spans)
        if free.at == NEVER:
            return None
        life = Life("owed", times + 1, owed.at, tier=owed.tier)
        cause = free.by or owed.cause
        if not free.released:
            return self._revoke(key, life, "hold-confirmed", free.at, free.by, final=True)
        gifts = choices.order(owed, rule, self._told, self._rules)
        if len(gifts) == 1:
            return self._issue(key, life, gift_of(rule, gifts[0]), free.at, cause)
        until = free.at + rule.choose_days * DAY
        life = msgspec.structs.replace(life, status="offered", choices=gifts, until=until)
        return self._tell("offered", key, life, free.at, cause)

    def _offered(self, key: str, rule: RewardPolicy | None, life: Life, said: tuple[Said, ...], lost: str) -> Life:
        """Give what was chosen in time; or when the time is up the first of what was offered, or nothing any more."""
        if lost or rule is None:
            return self._revoke(key, life, lost or "correction", self._head.reached)
        place, gift, cause = (life.until, *rewards.BEFORE_ALL[1:]), life.choices[0], ""
        for moment in said:
            if isinstance(moment, Chosen) and moment.gift in life.choices and moment.at < life.until:
                # What was chosen before the offer is chosen with it, before anything else of that instant.
                offered = (life.until - rule.choose_days * DAY, *rewards.BEFORE_ALL[1:])
                place, gift, cause = max(moment.key, offered), moment.gift, moment.id
                break
        else:
            if rule.unchosen == "none":  # whatever is held: nobody gets anything
                over = msgspec.structs.replace(life, status="expired")
                return life if life.until > self._now else self._tell("expired", key, over, life.until, "")
        free = holds.free_from(place, self._spans)
        if place[0] > self._now or free.at == NEVER:
            return life
        cause = free.by or cause
        if not free.released:
            return self._revoke(key, life, "hold-confirmed", free.at, cause, final=True)
        return self._issue(key, life, gift_of(rule, gift), free.at, cause)

    def _issue(self, key: str, life: Life, gift: GiftPolicy, at: int, cause: str) -> Life:
        """Give a gift, or ask the gift desk for it; whoever comes here has chosen."""
        if self._rules.policy.gifts_from == "desk":
            life = msgspec.structs.replace(life, status="requested", gift=gift.id, asked=at)
            return self._tell("gift.requested", key, life, at, cause)
        life = msgspec.structs.replace(life, status="issued", gift=gift.id, issued=at, valid=at + gift.valid_days * DAY)
        return self._tell("issued", key, life, at, cause)

    def _asked(self, key: str, life: Life, said: tuple[Said, ...], lost: tuple[str, int]) -> Life:
        """Take what the desk has answered, in its order; a reward that lost its ground before is waited for no more."""
        request = request_id(self._name, key, life.times)
        for one in said:
            if not isinstance(one, GiftAnswered) or one.request != request or (lost[0] and lost[1] <= one.at):
                continue
            if one.kind == "allocated":
                given = msgspec.structs.replace(
                    life, status="issued", gift=one.gift, card=one.card, issued=one.at, valid=one.until
                )
                return self._tell("issued", key, given, one.at, one.id)
            if one.kind == "refused":
                life = msgspec.structs.replace(life, status="unavailable", until=0)
                return self._tell("unavailable", key, life, one.at, one.id, reason=one.reason)
            if one.kind == "waitlisted" and life.status == "requested":
                life = msgspec.structs.replace(life, status="waiting", until=one.until)
                life = self._tell("waitlisted", key, life, one.at, one.id)
        return self._revoke(key, life, lost[0], self._head.reached) if lost[0] else life

    def _go_on(self, key: str, life: Life, said: tuple[Said, ...], lost: tuple[str, int]) -> None:
        """Take the steps of a gift that was given, by their instants: deadlines first, then what was lost or said."""
        reminder, ends = self._reminder(key, life), life.valid or NEVER
        if not said and not lost[0] and (life.status not in _HELD or self._now < min(reminder, ends)):
            return
        again = life.issued if life.times > 1 else 0  # what was said before is of the gift that was taken back
        request = request_id(self._name, key, life.times) if life.card else ""
        steps: list[tuple[int, int, str, str | None]] = [
            (one.at, one.RANK, _kind(one), one.id)
            for one in said
            if (one.request == request if isinstance(one, GiftAnswered) else one.at >= again)
            or _kind(one) == "redeemed"
        ]
        if not life.card:  # else the desk says so
            steps += [(reminder, 0, "reminder", ""), (ends, 0, "expired", "")]
        if lost[0]:
            steps.append((lost[1], 1, "lost", None))
        for at, _, kind, cause in sorted(steps, key=lambda step: step[:2]):
            if at > self._now or life.status == "redeemed":
                break
            if kind == "redeemed":
                life = self._told.rewards[key] = msgspec.structs.replace(life, status="redeemed", used=at)
                self._tell_desk("claim.redeemed", key, life, at, cause)
            elif life.status in _HELD:
                life = self._step(key, life, kind, at, cause, lost[0])
        if life.status == "redeemed" and not life.unsealed:  # what was used can still be shown, in whatever order
            shown = min((at for at, _, kind, _ in steps if kind == "unsealed" and at <= self._now), default=0)
            self._told.rewards[key] = msgspec.structs.replace(life, unsealed=shown)

    def _step(self, key: str, life: Life, kind: str, at: int, cause: str | None, lost: str) -> Life:  # noqa: PLR0917
        match kind:
            case "reminder" if not life.reminded:
                return self._tell("expiring", key, msgspec.structs.replace(life, reminded=True), at, cause)
            case "expired" | "lapsed":
                life = self._tell("expired", key, msgspec.structs.replace(life, status="expired"), at, cause)
                if kind == "expired":  # as a vendor says
                    self._tell_desk("claim.withdrawn", key, life, at, cause, kind)
            case "withdrawn":
                return self._revoke(key, life, "withdrawn", at, cause, final=True)
            case "unsealed":
                life = self._told.rewards[key] = msgspec.structs.replace(life, unsealed=at)
            case "cancelled":
                return self._revoke(key, life, "cancelled", at, cause, final=True)
            case "lost":
                return self._revoke(key, life, lost, self._head.reached)
            case "delivered" if life.status != "delivered":
                life = self._told.rewards[key] = msgspec.structs.replace(life, status="delivered")
                self._tell_desk("claim.delivered", key, life, at, cause)
        return life

    def _revoke(
        self, key: str, life: Life, reason: str, at: int, cause: str | None = None, *, final: bool = False
    ) -> Life:
        heard = not life.asked or life.choices or life.issued or life.status == "waiting"
        life = self._told.rewards[key] = msgspec.structs.replace(life, status="revoked", final=final)
        if heard:  # who was never told of a reward does not miss it
            self._tell("revoked", key, life, at, cause, reason=reason)
        if reason != "withdrawn":  # by the desk itself
            self._tell_desk("claim.withdrawn", key, life, at, cause, reason)
        return life

    def _tell(self, kind: str, key: str, life: Life, at: int, cause: str | None, *, reason: str = "") -> Life:
        self._told.rewards[key] = life
        self._turns.append(Turn(kind, key, life, at, cause, reason))
        return life

    def _tell_desk(self, kind: str, key: str, life: Life, at: int, cause: str | None, reason: str = "") -> None:  # noqa: PLR0917
        """Tell the gift desk what has become of a gift that it was asked for."""
        if life.asked:
            self._turns.append(Turn(kind, key, life, at, cause, reason))

    def _said(self, key: str) -> tuple[Said, ...]:
        said = self._head.said
        return said.get(reward_id(self._name, key), ()) if said else ()

    def _due(self, key: str, life: Life) -> int:
        """Return the instant at which time alone takes the next step, or `NEVER`."""
        steps: tuple[int, ...] = ()
        if life.status == "offered":
            steps = (life.until,)
        elif life.status in _HELD and not life.card:
            steps = (life.valid, self._reminder(key, life))
        return min((at for at in steps if at > self._now), default=NEVER)

    def _reminder(self, key: str, life: Life) -> int:
        """Return when is said that a gift is about to run out, or `NEVER`."""
        rule = self._rules.rewards.get(key.partition("/")[0])
        if rule is None or not rule.remind_days or life.reminded:
            return NEVER
        at = life.valid - rule.remind_days * DAY
        return at if at > life.issued else NEVER
