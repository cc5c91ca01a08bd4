"""Outputs: the difference between what follows from the moments and what the outside was told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from cx import alerts, care, levels, record, rewards
from cx.calendar import DAY, instant, rfc3339
from cx.state import NEVER, Move, ToldMove
from cx.words import condition
from schemas.outputs import TOPIC_OF

if TYPE_CHECKING:
    from cx.rules import Rules
    from cx.state import Customer, Entitlement, Head, Told
    from cx.words import Lang

_NAMESPACE = uuid5(NAMESPACE_URL, "cxstream")


class Output(msgspec.Struct, frozen=True, gc=False):
    """An event to publish: its topic, and the CloudEvent as plain data."""

    topic: str
    event: dict[str, Any]


def reward_id(customer: str, key: str) -> UUID:
    """Return the id of the reward of *customer* under *key*, rule/occasion/item: the same in every rebuild."""
    return uuid5(_NAMESPACE, f"reward\n{customer}\n{key}")


def tell(customer: Customer, told: Told, cause: str, rules: Rules, *, late: bool = False) -> list[Output]:
    """Return what must be told now, and note it in *told*, which the caller owns.

    *cause* is the id of the event that brought us here, or empty when time did. A *late* one triggers whatever it
    changes, although in the order of time another event may have tipped the scales.
    """
    head = customer.head
    if not head.tier:
        return []
    cared = not head.alerts or alerts.are_told(head, told)
    if head.tier == told.tier and head.level == told.level and rewards.are_told(head, told):
        told.tier_since = _tier_since(head)
        if cared:  # most events are no news
            return []
        return _Teller(customer, told, cause, rules, late=late).alerts()
    teller = _Teller(customer, told, cause, rules, late=late)
    return [*teller.tier(), *teller.level(), *teller.rewards(), *(() if cared else teller.alerts())]


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
        "id": str(uuid5(_NAMESPACE, f"{customer}\n{kind}\n{about}")),
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

    def rewards(self) -> list[Output]:
        head, told, rules = self._head, self._told, self._rules
        outputs = []
        standing = rewards.standing(head, told)
        for key, owed in head.entitlements.items():
            stands = standing.get(key, key)
            status, times = told.rewards.get(stands, ("", 0))
            if not owed.lost and status != "issued" and owed.rule in rules.rewards:
                told.rewards[key] = ("issued", times + 1)
                outputs.append(self._issued(key, owed, times + 1))
            elif owed.lost and status == "issued":
                told.rewards[stands] = ("revoked", times)
                outputs.append(self._revoked(stands, owed.lost, times))
        for key, (status, times) in list(told.rewards.items()):
            if status == "issued" and key not in head.entitlements and key not in standing.values():
                told.rewards[key] = ("revoked", times)
                outputs.append(self._revoked(key, "correction", times))
        return outputs

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

    def _issued(self, key: str, owed: Entitlement, times: int) -> Output:
        gift = self._rules.rewards[owed.rule].gift
        data = {
            **self._reward(key),
            "tier": owed.tier,
            "gift_id": gift.id,
            "brand": gift.brand,
            "card_kind": gift.card_kind,
            "face_value": gift.face_value,
            "currency": self._rules.policy.currency,
            "valid_until": rfc3339(owed.at + gift.valid_days * DAY),
        }
        cause = self._cause if self._late else owed.cause
        return self._event("reward.issued", f"{key}\n{times}", at=owed.at, cause=cause, data=data)

    def _revoked(self, key: str, reason: str, times: int) -> Output:
        data = {**self._reward(key), "reason": reason}
        return self._event("reward.revoked", f"{key}\n{times}", at=self._head.reached, cause=self._cause, data=data)

    def _reward(self, key: str) -> dict[str, Any]:
        rule, occasion, item = key.split("/")
        head = self._head
        decision = self._tier_record(head.history[-1].before if head.history else head.tier)
        return {
            "reward_id": str(reward_id(self._customer.id, key)),
            "rule": rule,
            "occasion": occasion,
            "item": int(item),
            **self._notice({**decision, "rule": f"reward:{rule}"}),
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
