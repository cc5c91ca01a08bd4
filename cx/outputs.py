"""Outputs: the difference between what follows from the moments and what the outside was told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cx import alerts, care, levels, record
from cx.calendar import instant, rfc3339
from cx.ids import id_of
from cx.lives import reward_id
from cx.requests import is_for_desk, request_of
from cx.rewards import parts_of
from cx.state import NEVER, Move, ToldMove
from cx.triggers import gift_of
from cx.words import condition
from schemas.outputs import TOPIC_OF

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cx import holds, lives
    from cx.moments import Card
    from cx.rules import Rules
    from cx.state import Customer, Head, Life, Told
    from cx.words import Lang
    from schemas.policy import GiftPolicy, RewardPolicy


class Output(msgspec.Struct, frozen=True, gc=False):
    """An event to publish: its topic, and the CloudEvent as plain data."""

    topic: str
    event: dict[str, Any]


def tell(
    customer: Customer,
    told: Told,
    cause: str,
    rules: Rules,
    *,
    held: Sequence[holds.Turn] = (),
    turns: Sequence[lives.Turn] = (),
    late: bool = False,
) -> list[Output]:
    """Return what must be told now, and note it in *told*, which the caller owns; of holds and rewards that is done.

    *cause* is the id of the event that brought us here, or empty when time did. A *late* one triggers whatever it
    changes, although in the order of time another event may have tipped the scales.
    """
    head = customer.head
    if not head.tier:
        return []
    cared = not head.alerts or alerts.are_told(head, told)
    if head.tier == told.tier and head.level == told.level and not turns and not held:
        told.tier_since = _tier_since(head)
        if cared:  # most events are no news
            return []
        return _Teller(customer, told, cause, rules, late=late).alerts()
    teller = _Teller(customer, told, cause, rules, late=late)
    return [
        *teller.tier(),
        *teller.level(),
        *map(teller.hold, held),
        *map(teller.reward, turns),
        *(() if cared else teller.alerts()),
    ]


def tell_points(customer: Customer, cause: str, *, anew: bool) -> list[Output]:
    """Return what must be told of the movements of points in the head, note it as told, and take them out.

    *anew* says that these are all since the base, so that what was told of them before may have been wrong; else they
    come in addition. *cause* is the id of the event that brought us here, or empty when time did.
    """
    head, told = customer.head, customer.told
    outputs = []
    if anew:
        for name, before in list(told.moves.items()):
            if before.at >= customer.floor and name not in head.moves and before.kind not in _ANSWERS:
                gone = Move(head.reached, before.kind, 0, head.ledger.balance)
                outputs += _moved(customer, name, gone, 0, cause)
    for name, move in head.moves.items():
        known = told.moves.get(name)
        if known is None or known.kind not in _ANSWERS:
            more = 0 if anew or known is None else known.points
            outputs += _moved(customer, name, move, move.points + more, cause)
    head.moves.clear()
    return outputs


_ANSWERS = ("spent", "refused")
_BACK = {"earned": "points.reversed", "reversed": "points.earned", "expired": "points.earned"}


def _moved(customer: Customer, name: str, move: Move, total: int, cause: str) -> list[Output]:
    """Tell the difference between *total* and what was told under *name*."""
    told = customer.told
    before = told.moves.get(name, ToldMove(move.at, move.kind, 0, 0))
    more = total - before.points
    times = before.times + (more != 0)
    told.moves[name] = ToldMove(move.at, move.kind, total, times)
    if not more:
        return []
    corrects = before.times > 0
    data: dict[str, Any] = {
        "points": abs(more),
        "balance": customer.head.ledger.balance if corrects else move.balance,
    }
    if move.about:
        data["lot"] = move.about
    if corrects or move.reason:
        data["reason"] = "correction" if corrects else move.reason
    if move.request:
        data["request_source"], data["request_id"] = move.request
    at = customer.head.reached if corrects else move.at
    kind = f"points.{move.kind}" if more > 0 else _BACK[move.kind]
    # The year keeps apart what has the same name long after.
    about = f"{name}\n{instant(move.at).year}\n{times}"
    return [_event(customer.id, kind, about, at=at, cause=cause if corrects else move.cause, data=data)]


def _event(customer: str, kind: str, about: str, *, at: int, cause: str, data: dict[str, Any]) -> Output:
    event = {
        "specversion": "1.0",
        "id": id_of(f"{customer}\n{kind}\n{about}"),
        "source": "cxstream",
        "type": kind,
        "time": rfc3339(at),
        "subject": customer,
        "data": data,
    }
    if cause:
        event["causationid"] = cause
    return Output(TOPIC_OF[kind], event)


def _tier_since(head: Head) -> int:
    return head.tier_since if head.history else 0


class _Teller:
    """Puts one decision into events."""

    __slots__ = ("_cause", "_customer", "_head", "_late", "_records", "_rules", "_told")

    def __init__(self, customer: Customer, told: Told, cause: str, rules: Rules, *, late: bool) -> None:
        self._customer, self._head, self._told, self._rules = customer, customer.head, told, rules
        self._cause, self._late = cause, late
        self._records: dict[str, dict[str, Any]] = {}  # of the tier, by the one before: rewards rest on the same

    def tier(self) -> list[Output]:
        head, told, rules, cause = self._head, self._told, self._rules, self._cause
        before, since = told.tier or rules.rungs[0].name, told.tier_since
        told.tier, told.tier_since = head.tier, _tier_since(head)
        if head.tier == before:
            return []
        known = not since or any(c.at == since and c.after == before for c in head.history)
        told.revision += 1
        rises = rules.rung_of(head.tier) > rules.rung_of(before)
        # Of several changes in one batch, the last that went the way of their sum says why.
        last = next(
            (c for c in reversed(head.history) if rises == (rules.rung_of(c.after) > rules.rung_of(c.before))), None
        )
        imported = bool(head.history) and head.history[-1].reason == "import"
        if not known or last is None or imported:
            kind, reason = "tier.corrected", "import" if imported else "correction"
        else:
            kind, reason = ("tier.upgraded" if rises else "tier.downgraded"), last.reason
            cause = cause if self._late else last.cause or cause
        data = {
            "from": before,
            "to": head.tier,
            "since": rfc3339(head.tier_since),
            "reason": reason,
            **self._notice(self._tier_record(before)),
        }
        given = head.standing.given
        if reason == "override" and given is not None:
            data["override"] = {
                "reason": given.reason,
                "until": None if given.until == NEVER else rfc3339(given.until),
            }
        if imported:  # moving in is no news for the customer
            data["notify"] = False
        about = f"{head.tier}\n{head.tier_since}\n{told.revision}"
        return [self._event(kind, about, at=head.tier_since, cause=cause, data=data)]

    def level(self) -> list[Output]:
        head, told, rules = self._head, self._told, self._rules
        before = told.level
        if head.level == before:
            return []
        told.level = head.level
        told.revision += 1
        start = levels.came_from(head, before, rules)
        rows = {level: levels.evidence(head, level, start, head.reached, rules) for level in rules.levels}
        # What carried the customer up, what level 1 asks for included, or the lowest level that could not be kept.
        shown = list(range(before if before == 1 else before + 1, head.level + 1))
        if head.level < before:
            shown = [level for level, found in rows.items() if levels.lacking(found)][:1]
        locale = head.locale or rules.policy.locale
        lang: Lang = "vi" if locale.startswith("vi") else "en"
        data = {
            "from": before,
            "to": head.level,
            "since": rfc3339(head.level_since),
            "evidence": [row | {"text": condition(row, lang)} for level in shown for row in rows.get(level, ())],
            **self._notice(record.of_level(head, start, rows, rules)),
        }
        about = f"{head.level}\n{head.level_since}\n{told.revision}"
        return [self._event("cx-level.changed", about, at=head.level_since, cause=self._cause, data=data)]

    def hold(self, turn: holds.Turn) -> Output:
        if turn.ended:
            reason = "released" if turn.hold.released else "confirmed"
            data: dict[str, Any] = {"hold_id": turn.id, "reason": reason}
            return self._event("hold.released", turn.id, at=turn.at, cause=turn.hold.by, data=data)
        rule = next(one for one in self._rules.policy.velocity if one.id == turn.hold.rule)
        facts = {"count": turn.hold.count, "more_than": rule.more_than, "within_hours": rule.within_hours}
        data = {"hold_id": turn.id, "kind": rule.counts, "facts": facts}
        cause = self._cause if self._late else turn.hold.cause
        return self._event("hold.placed", turn.id, at=turn.at, cause=cause, data=data)

    def alerts(self) -> list[Output]:
        head, told, rules = self._head, self._told, self._rules
        return [
            self._event(
                "care.alerted",
                key,
                at=alert.at,
                cause=alert.cause,
                data={**care.told(key, alert, rules), **self._address()},
            )
            for key, alert in alerts.untold(head, told, late=self._late).items()
            if alerts.is_asked_for(key, rules)
        ]

    def reward(self, turn: lives.Turn) -> Output:
        # A late event triggers whatever it changes, but for what a person or time did.
        cause = self._cause if turn.cause is None or (turn.cause and self._late) else turn.cause
        if is_for_desk(turn):
            return Output(*request_of(self._customer.id, turn, cause, self._rules))
        name, occasion, item = parts_of(turn.key)
        rule, life = self._rules.rewards.get(name), turn.life
        head = self._head
        decision = self._tier_record(head.history[-1].before if head.history else head.tier)
        data: dict[str, Any] = {
            "reward_id": reward_id(self._customer.id, turn.key),
            "rule": name,
            "occasion": occasion,
            "item": item,
            **self._notice({**decision, "rule": f"reward:{name}"}),
        }
        if rule is not None:
            data["trigger"] = self._rules.triggers.kinds[name]
        if turn.kind in {"offered", "issued"} and life.tier:
            data["tier"] = life.tier
        data |= self._news(turn, life, rule)
        kind, about = turn.kind, f"{turn.key}\n{life.times}"
        if kind == "waitlisted":
            kind, about = "unavailable", f"{about}\n{kind}"
        return self._event(f"reward.{kind}", about, at=turn.at, cause=cause, data=data)

    def _news(self, turn: lives.Turn, life: Life, rule: RewardPolicy | None) -> dict[str, Any]:
        """Return what only this step says."""
        match turn.kind:
            case "offered" if rule is not None:
                choices = [self._gift(gift_of(rule, gift)) for gift in life.choices]
                return {"choices": choices, "choose_until": rfc3339(life.until)}
            case "issued" if life.card is not None:
                return self._card(life.gift, life.card) | {"valid_until": rfc3339(life.valid)}
            case "issued" if rule is not None:
                return self._gift(gift_of(rule, life.gift)) | {"valid_until": rfc3339(life.valid)}
            case "waitlisted":
                return {"reason": turn.kind, "gift_id": life.gift, "wait_until": rfc3339(life.until)}
            case "unavailable" | "revoked":
                return {"reason": turn.reason} | ({"gift_id": life.gift} if turn.kind == "unavailable" else {})
        until = {"valid_until": rfc3339(life.valid)} if life.valid else {}
        return ({"gift_id": life.gift} if life.gift else {}) | until

    def _gift(self, gift: GiftPolicy) -> dict[str, Any]:
        return {
            "gift_id": gift.id,
            "brand": gift.brand,
            "card_kind": gift.card_kind,
            "face_value": gift.face_value,
            "currency": self._rules.policy.currency,
        }

    def _card(self, gift: str, card: Card) -> dict[str, Any]:
        return {
            "gift_id": gift,
            "brand": card.brand,
            "card_kind": card.card_kind,
            "face_value": card.face_value,
            "currency": self._rules.policy.currency,
            "claim_id": card.claim,
            "masked": card.masked,
        }

    def _tier_record(self, before: str) -> dict[str, Any]:
        found = self._records.get(before)
        if found is None:
            found = self._records[before] = record.of_tier(self._customer, self._head, before, self._rules)
        return found

    def _notice(self, decision: dict[str, Any]) -> dict[str, Any]:
        return {**self._address(), "decision": decision}

    def _address(self) -> dict[str, Any]:
        return {"locale": self._head.locale or self._rules.policy.locale, "notify": self._head.notify}

    def _event(self, kind: str, about: str, *, at: int, cause: str, data: dict[str, Any]) -> Output:
        return _event(self._customer.id, kind, about, at=at, cause=cause, data=data)
