"""The ledger: what the topics say became of each event, put together from records in any order; no Kafka in here."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final

import msgspec

from cx.state import decode
from ops.audit.gifts import ANSWERS, Gifts
from ops.audit.latency import Latencies
from schemas import dead_letters, outputs
from schemas.envelope import SENT
from schemas.errors import CxError, Reason
from schemas.inputs import CLOCK
from schemas.topics import TOPICS, Lane
from streams.partition import OWN_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiokafka import ConsumerRecord

Position = tuple[str, int, int]  # topic, partition, offset

LATEST_MAX: Final = 8  # of a kind
_BY_TIME: Final = frozenset({"reward.expiring", "reward.expired"})  # many, and of no reason but the time
# Refused only after it had been taken and had waited: then every other record of that event is a repeat.
GIVEN_UP: Final = frozenset(
    {
        Reason.UNKNOWN_ORDER,
        Reason.UNKNOWN_CASE,
        Reason.UNKNOWN_REWARD,
        Reason.UNKNOWN_HOLD,
        Reason.REFUND_TOO_LARGE,
    }
)


class Holding(msgspec.Struct, frozen=True):
    """What the last changelog record of a customer says."""

    customer: str
    events: int
    tier: str
    level: int


class _Event(msgspec.Struct):
    """The records that carry one (source, id)."""

    kept: int = 0  # records that are no dead letters
    given_up: bool = False

    @property
    def repeats(self) -> int:
        return max(0, self.kept - (0 if self.given_up else 1))


class _Attributes(msgspec.Struct):
    """What identifies an event."""

    source: str
    id: str


class _Order(msgspec.Struct):
    order_id: str


class _Bought(msgspec.Struct, tag_field="type", tag="purchase.completed"):
    data: _Order


_attributes = msgspec.json.Decoder(_Attributes)
_bought = msgspec.json.Decoder(_Bought)
_order = msgspec.json.Decoder(_Order)


class Ledger:
    """Counts records of the inputs, outputs, dead letters and the changelog; nothing a worker says of itself.

    Attributes:
        events_in: Records of the input topics, ticks and what the gift desk answers left out.
        gifts: What the gift desk was asked and answered.
        ticks: Records of the clock's topic.
        duplicates: Records that repeat an event, by (source, id) or by their order, and are no dead letters.
        outputs: Number of outputs by type.
        latest: The newest outputs by the first word of their type, as CloudEvents, newest last; no gift that ran out.
        desk_letters: Dead letters of what the gift desk was told, by reason.
        repeated_outputs: Outputs that carry the id of one seen before: there must be none.
        repeated_letters: Dead letters of a record that has one already: there must be none.
        unreadable_outputs: Outputs and dead letters that break their own contract: there must be none.
    """

    def __init__(self, heard: Callable[[outputs.OutputEvent], None] = lambda _event: None) -> None:
        """Begin with nothing read; *heard* gets each output once."""
        self._heard = heard
        self.events_in = 0
        self.gifts = Gifts()
        self.ticks = 0
        self.duplicates = 0
        self.outputs: Counter[str] = Counter()
        self.latest: dict[str, deque[outputs.OutputEvent]] = {}
        self.latencies = Latencies()
        self.desk_letters: Counter[Reason] = Counter()
        self.repeated_outputs = 0
        self.repeated_letters = 0
        self.unreadable_outputs = 0
        self._events: dict[tuple[object, ...], _Event] = {}
        self._at: dict[Position, _Event | None] = {}
        self._letters: dict[Position, Reason] = {}
        self._output_ids: set[str] = set()
        self._fresh: dict[tuple[int, bytes], bytes | None] = {}
        self._holdings: dict[tuple[int, bytes], Holding] = {}

    def input(self, record: ConsumerRecord[bytes, bytes]) -> None:
        """Take a record of an input topic."""
        if record.topic == CLOCK:
            self.ticks += 1
            return
        if record.topic == ANSWERS:
            self.gifts.take(record)
        else:
            self.events_in += 1
        position = (record.topic, record.partition, record.offset)
        identity = identity_of(record)
        if identity is None:
            self._at[position] = None
            return
        event = self._events.setdefault(order_of(record, identity[0]) or identity, _Event())
        self._at[position] = event
        self._refuse_or_keep(event, self._letters.get(position))
        sent = next((text for name, text in record.headers if name == SENT), None)
        if sent is not None:
            self.latencies.sent(identity[1], int(sent) * 1_000)

    def dead_letter(self, record: ConsumerRecord[bytes, bytes]) -> None:
        """Take a record of the dead letters."""
        try:
            letter = dead_letters.read(record.key, record.value, record.headers)
        except (KeyError, ValueError):
            self.unreadable_outputs += 1
            return
        position = (letter.topic, letter.partition, letter.offset)
        if (topic := TOPICS.get(letter.topic)) and topic.lane is Lane.GIFTS:
            self.desk_letters[letter.reason] += 1
            return
        if position in self._letters:
            self.repeated_letters += 1
            return
        self._letters[position] = letter.reason
        if event := self._at.get(position):
            self._refuse_or_keep(event, letter.reason, taken_back=1)

    def changelog(self, record: ConsumerRecord[bytes, bytes | None]) -> None:
        """Take a record of the customers' changelog."""
        if record.key != OWN_KEY:
            self._fresh[record.partition, record.key] = record.value

    def output(self, record: ConsumerRecord[bytes, bytes], seen: int) -> None:
        """Take a record of an output topic that was *seen* at a wall instant, in microseconds."""
        try:
            event = outputs.read(record.topic, record.value, record.headers)
        except CxError:
            self.unreadable_outputs += 1
            return
        if event.id in self._output_ids:
            self.repeated_outputs += 1
            return
        self._output_ids.add(event.id)
        self.outputs[event.type] += 1
        if event.type not in _BY_TIME:
            self.latest.setdefault(event.type.partition(".")[0], deque(maxlen=LATEST_MAX)).append(event)
        self._heard(event)
        if event.causationid:
            self.latencies.seen(event.causationid, seen)

    @property
    def output_ids(self) -> frozenset[str]:
        """Ids of all outputs seen."""
        return frozenset(self._output_ids)

    @property
    def dead_letters(self) -> int:
        """How many records of the input topics, ticks left out, are dead letters."""
        return sum(1 for position in self._letters if position[0] != CLOCK)

    @property
    def foreign_letters(self) -> int:
        """How many dead letters name a record that is not in the input topics; while reading, also some to come."""
        return sum(1 for position in self._letters if position[0] != CLOCK and position not in self._at)

    @property
    def refused_ticks(self) -> int:
        """How many ticks are dead letters."""
        return sum(1 for position in self._letters if position[0] == CLOCK)

    def reasons(self) -> Counter[Reason]:
        """Return the number of dead letters by reason."""
        return Counter(self._letters.values())

    def holdings(self) -> list[Holding]:
        """Return what each customer holds by the last changelog record; decodes what is new since the last call."""
        for place, value in self._fresh.items():
            if value is None:
                self._holdings.pop(place, None)
            else:
                customer = decode(value)
                head = customer.head
                self._holdings[place] = Holding(customer.id, customer.events_held, head.tier, head.level)
        self._fresh.clear()
        return list(self._holdings.values())

    def decided(self) -> int:
        """Return how many of the produced events customers hold; the answers of the desk, folded as well, are none."""
        return sum(holding.events for holding in self.holdings()) - self.gifts.answers.total()

    def _refuse_or_keep(self, event: _Event, reason: Reason | None, taken_back: int = 0) -> None:
        """Count one more record of *event*: kept, or refused for *reason*, *taken_back* from the kept ones."""
        before = event.repeats
        if reason is None:
            event.kept += 1
        else:
            event.kept -= taken_back
            event.given_up = event.given_up or reason in GIVEN_UP
        self.duplicates += event.repeats - before


def order_of(record: ConsumerRecord[bytes, Any], source: str) -> tuple[object, ...] | None:
    """Return what a purchase is known by as well: customer, source and order; None of anything else."""
    if record.value is None:
        return None
    kind = next((text for name, text in record.headers if name == "ce_type"), None)
    try:
        if kind is None:
            order = _bought.decode(record.value).data.order_id
        elif kind == b"purchase.completed":
            order = _order.decode(record.value).order_id
        else:
            return None
    except (msgspec.DecodeError, ValueError):
        return None
    return record.key, source, order


def identity_of(record: ConsumerRecord[bytes, Any]) -> tuple[str, str] | None:
    """Return source and id of an event, from its headers or its JSON; None where there are none to be read."""
    headers = {name: text for name, text in record.headers if name in {"ce_source", "ce_id"} and text is not None}
    if len(headers) > 1:
        return headers["ce_source"].decode(errors="replace"), headers["ce_id"].decode(errors="replace")
    if record.value is None:
        return None
    try:
        found = _attributes.decode(record.value)
    except (msgspec.DecodeError, ValueError):  # a lone surrogate is a ValueError
        return None
    return found.source, found.id
