"""Answers of the gift desk, and orders for vendors: events, each under an id that a replay repeats."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from cx.calendar import rfc3339
from cx.desk.book import uuid_of
from cx.desk.state import REDEEMED
from cx.state import NEVER
from schemas.vendors import ORDERS

if TYPE_CHECKING:
    from cx.desk.state import Claim, Code, Terms

ANSWERS: Final = "cx.gift-answers"
_NAMESPACE: Final = uuid5(NAMESPACE_URL, "cxstream/gifts")

Tried = tuple[tuple[str, str], ...]
"""Gifts that could not be given, each with the reason."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What the desk says: a topic, the key, the CloudEvent as plain data, and its time in microseconds."""

    topic: str
    key: str
    event: dict[str, Any]
    at: int


class Answers:
    """Puts what the desk did into events."""

    def __init__(self, programme: str, currency: str) -> None:
        """Speak for *programme*, whose money is of *currency*."""
        self._programme, self._currency = programme, currency
        self.told: list[Answer] = []
        self.cause = ""  # id of the running event; empty where time is the cause
        self._kept = 0

    def keep(self) -> None:
        """Take what the running event told for told."""
        self._kept = len(self.told)

    def undo(self) -> None:
        """Take back what the running event told."""
        del self.told[self._kept :]

    def allocated(self, number: bytes, claim: Claim, code: Code, terms: Terms, at: int, tried: Tried) -> None:  # noqa: PLR0917  # all of them, always
        """Tell what was given."""
        data = {
            "gift_id": claim.gift,
            "claim_id": uuid_of(number),
            "brand": terms.brand,
            "card_kind": terms.card_kind,
            "face_value": terms.face_value,
            "currency": self._currency,
            "cost": claim.cost,
            "masked": code.masked,
            "ciphertext": b64encode(code.sealed).decode(),
            "key_id": code.key_id,
            "valid_until": rfc3339(claim.until),
        }
        self._tell("gift.allocated", number, claim, at, data | _tried(tried))

    def ordered(self, number: bytes, claim: Claim, terms: Terms, at: int) -> None:
        """Ask a vendor for a gift; of one request each gift is ordered once."""
        data = {
            "gift_id": claim.gift,
            "vendor": terms.vendor,
            "face_value": terms.face_value,
            "currency": self._currency,
        }
        self._say(ORDERS, self._programme, "vendor.requested", number, claim, at, data, claim.gift)

    def refused(self, number: bytes, claim: Claim, at: int, reason: str, tried: Tried = ()) -> None:
        """Tell why nothing is given."""
        self._tell("gift.refused", number, claim, at, {"reason": reason} | _tried(tried))

    def waitlisted(self, number: bytes, claim: Claim, at: int, failed: int) -> None:
        """Tell that a claim waits, of which vendors have *failed* so many gifts."""
        again = str(failed) if failed else ""  # it may have waited before
        self._tell("gift.waitlisted", number, claim, at, {"wait_until": rfc3339(claim.until)}, again)

    def unsealed(self, number: bytes, claim: Claim, at: int) -> None:
        """Tell that the code may be shown; what was used has no end any more."""
        data = {"gift_id": claim.gift} if claim.status == REDEEMED else _later(claim)
        self._tell("gift.unsealed", number, claim, at, data)

    def reveal_refused(self, number: bytes, claim: Claim, at: int) -> None:
        """Tell that it may not; each time that it is asked."""
        self._tell("reveal.refused", number, claim, at, {"reason": claim.status}, self.cause)

    def expiring(self, number: bytes, claim: Claim, at: int) -> None:
        """Tell that the gift is about to run out."""
        self._tell("gift.expiring", number, claim, at, _later(claim))

    def lapsed(self, number: bytes, claim: Claim, at: int, *, returned: bool) -> None:
        """Tell that it ran out, and whether its code is in stock again."""
        self._tell("gift.lapsed", number, claim, at, _ended(claim, returned=returned))

    def withdrawn(self, number: bytes, claim: Claim, at: int, *, returned: bool) -> None:
        """Tell that it was taken back, and whether its code is in stock again."""
        self._tell("gift.withdrawn", number, claim, at, _ended(claim, returned=returned))

    def _tell(self, kind: str, number: bytes, claim: Claim, at: int, data: dict[str, Any], about: str = "") -> None:  # noqa: PLR0917
        self._say(ANSWERS, claim.customer, kind, number, claim, at, data, about)

    def _say(  # noqa: PLR0917
        self, topic: str, key: str, kind: str, number: bytes, claim: Claim, at: int, data: dict[str, Any], about: str
    ) -> None:
        request = uuid_of(number)
        at = max(at, claim.at)  # what was asked for later than our last tick is not answered before it
        event = {
            "specversion": "1.0",
            "id": str(uuid5(_NAMESPACE, f"{self._programme}\n{request}\n{kind}\n{about}")),
            "source": "cxstream",
            "type": kind,
            "time": rfc3339(at),
            "subject": key,
            "data": {"reward_id": claim.reward, "request_id": request} | data,
        }
        if self.cause:
            event["causationid"] = self.cause
        self.told.append(Answer(topic, key, event, at))


def _tried(tried: Tried) -> dict[str, Any]:
    return {"tried": [{"gift_id": gift, "reason": reason} for gift, reason in tried]} if tried else {}


def _later(claim: Claim) -> dict[str, Any]:
    return {"gift_id": claim.gift} | ({"valid_until": rfc3339(claim.until)} if claim.until != NEVER else {})


def _ended(claim: Claim, *, returned: bool) -> dict[str, Any]:
    return ({"gift_id": claim.gift} if claim.gift else {}) | {"returned": returned}
