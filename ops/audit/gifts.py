"""The ledger of gifts: what the gift desk was asked for, and what it answered, from records in any order."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

REQUESTS: Final = "cx.gift-requests"
ANSWERS: Final = "cx.gift-answers"
_STATES: Final = {
    "gift.waitlisted": "waiting",
    "gift.allocated": "issued",
    "gift.refused": "refused",
    "gift.withdrawn": "withdrawn",
}
_BEFORE: Final = ("", "waiting")  # whatever else was said of a request is said for good


class Numbers(msgspec.Struct, frozen=True):
    """What became of requests; `instead` are gifts given in place of the one that was asked for, `used` claims."""

    asked: int = 0
    issued: int = 0
    instead: int = 0
    used: int = 0
    refused: int = 0
    waiting: int = 0


class _Data(msgspec.Struct):
    request_id: str
    gifts: tuple[str, ...] = ()
    gift_id: str = ""


class _Said(msgspec.Struct):
    type: str
    data: _Data
    subject: str = ""


_said = msgspec.json.Decoder(_Said)


class Gifts:
    """Counts requests and answers, and remembers how many answers there are for each customer."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self.answers: Counter[str] = Counter()
        self._asked: dict[str, str] = {}  # request -> the gift that was chosen
        self._given: dict[str, str] = {}
        self._states: dict[str, str] = {}
        self._used: set[str] = set()

    def take(self, record: ConsumerRecord[bytes, bytes]) -> None:
        """Take a record of either topic; one that cannot be read is among the dead letters."""
        try:
            said = _said.decode(record.value or b"")
        except (msgspec.DecodeError, ValueError):
            return
        request = said.data.request_id
        if record.topic == ANSWERS:
            self.answers[said.subject] += 1
        if said.type == "gift.requested":
            self._asked[request] = said.data.gifts[0]
        elif said.type == "claim.redeemed":
            self._used.add(request)
        elif said.type == "gift.allocated":
            self._given[request] = said.data.gift_id
        state = _STATES.get(said.type)
        before = self._states.get(request, "")
        if state and (before in _BEFORE) and not (state == "withdrawn" and request in self._given):
            self._states[request] = state

    @property
    def unanswered(self) -> int:
        """How many requests have no answer, not even that they wait."""
        return len(self._asked.keys() - self._states.keys())

    def numbers(self) -> Numbers:
        """Return what became of requests."""
        states = Counter(self._states.values())
        instead = sum(gift != self._asked.get(request, gift) for request, gift in self._given.items())
        return Numbers(
            len(self._asked), states["issued"], instead, len(self._used), states["refused"], states["waiting"]
        )
