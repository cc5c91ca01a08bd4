"""The stockroom of a demo: a policy whose gifts come from the desk, and spreadsheets of gifts, budgets and codes."""

from __future__ import annotations

import csv
import io
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from schemas.policy import GiftPolicy, Policy

WAIT_DAYS: Final = 30
COST_PCT: Final = 90  # of the face value: who takes many vouchers gets them for less
# Of what customers are owed in a demo, so much that each gift runs out at some time, and a budget now and then.
SCARCE_PCT: Final = 8  # codes of a delivery, of so many customers
CHEAPEST_PCT: Final = 25  # stands in for the others
MONTH_SHARE: Final = 40_000  # minor units a customer that the programme may spend in a month
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_CODE_LENGTH: Final = 12


def with_desk(policy: Policy) -> Policy:
    """Return *policy* with its gifts from the desk: one may be waited for, and the cheapest stands in for the others.

    One that has them from the desk stays as it is.
    """
    if policy.gifts_from == "desk":
        return policy
    cheapest = min(gifts_of(policy), key=lambda gift: (gift.face_value, gift.id), default=None)
    rules = []
    for rule in policy.rewards:
        own = {gift.id for gift in rule.gifts}
        fallbacks = (cheapest.id,) if cheapest and cheapest.id not in own else ()
        rules.append(rule.model_copy(update={"fallbacks": fallbacks, "wait_days": WAIT_DAYS}))
    return policy.model_copy(update={"gifts_from": "desk", "rewards": tuple(rules)})


def as_yaml(policy: Policy) -> str:
    """Return *policy* as a file says it."""
    plain = policy.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))


def gifts_of(policy: Policy) -> list[GiftPolicy]:
    """Return the gifts that *policy* names, each once, those apart that are worth nothing."""
    named = {gift.id: gift for rule in reversed(policy.rewards) for gift in reversed(rule.gifts)}
    return [gift for gift in named.values() if gift.face_value]


class Stockroom:
    """Spreadsheets as `cx gifts import` reads them, for so many customers; codes are made up, by *seed*."""

    def __init__(self, policy: Policy, customers: int, seed: int) -> None:
        """Have in stock what *policy* names."""
        self._gifts = sorted(gifts_of(policy), key=lambda gift: (gift.face_value, gift.id))
        self._customers = customers
        self._codes = _codes(Random(f"codes {seed}"))  # noqa: S311  # made up, and good for nothing

    def catalogue(self) -> str:
        """Return the gifts."""
        head = ("gift_id", "brand", "card_kind", "face_value", "cost", "valid_days")
        return _sheet(
            head,
            (
                (one.id, one.brand, one.card_kind, one.face_value, one.face_value * COST_PCT // 100, one.valid_days)
                for one in self._gifts
            ),
        )

    def budgets(self) -> str:
        """Return the budgets: so much a month for all, and so much a day for the dearest gift."""
        dearest = self._gifts[-1]
        month, day = MONTH_SHARE * self._customers, 2 * dearest.face_value
        return _sheet(("scope", "name", "day", "month"), [("programme", "", "", month), ("gift", dearest.id, day, "")])

    def delivery(self) -> str:
        """Return the codes of one delivery, each another's than those of the last."""
        rows = []
        for place, gift in enumerate(self._gifts):
            count = max(1, self._customers * (SCARCE_PCT if place else CHEAPEST_PCT) // 100)
            rows += [(gift.id, code) for code in islice(self._codes, count)]
        return _sheet(("gift_id", "code"), rows)


def _codes(chance: Random) -> Iterator[str]:
    seen = set()
    while True:
        code = "".join(chance.choices(_LETTERS, k=_CODE_LENGTH))
        if code not in seen:
            seen.add(code)
            yield f"DEMO-{code}"


def _sheet(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()
