"""References: what must have come out, by the batches in the order of their commits, and by the sorted log alone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import orjson

from agents.customers import CustomerFold
from cx.decide import Arrival, advance, decide
from cx.intake import NotTakenError, moment_of
from cx.rewards import standing
from cx.state import Customer, Head, canonical, deadline_of, decode, encode
from cx.view import profile_of
from schemas.errors import CxError, Reason, Unreadable
from schemas.inputs import CLOCK, parse
from streams.partition import OWN_KEY, read_own
from streams.transactions import partition_of
from streams.writer import BATCHES_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cx.rules import Rules
    from streams.effects import Effects, Outgoing
    from tests.faults.logs import Place, Record

Position: TypeAlias = tuple[str, int, int]  # topic, partition, offset
Derived: TypeAlias = tuple[Head, bytes, frozenset[str], int]
ALIKE: Final = {"cx.kiosk": "cx.touchpoints", "cx.booth": "cx.touchpoints"}  # that other versions read: see upgraded.py
_KEYS_MAX: Final = 1_000_000


class Output(NamedTuple):
    """An output with all that a subscriber can tell it by; a record without a key may be on any partition."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class Nothing:
    """A cache that holds nothing: each state is decoded from its bytes, as after a restart."""

    def get(self, key: bytes) -> None:
        """Return None."""

    def put(self, key: bytes, decoded: object, encoded_bytes: int) -> None:
        """Forget it."""

    def __contains__(self, key: bytes) -> bool:
        return False


class Plain:
    """A partition's state in one dictionary, for a fold to stand on."""

    def __init__(self, number: int, partitions: int) -> None:
        self.number, self.partitions, self.tick = number, partitions, 0
        self.cache = Nothing()
        self.values: dict[bytes, bytes] = {}

    def encoded(self, key: bytes) -> bytes | None:
        """Return the encoded state of *key*, or None."""
        return self.values.get(key)

    def due(self, until: int, limit: int) -> list[bytes]:
        """Return the keys due until *until*, earliest first."""
        due = sorted((deadline_of(value), key) for key, value in self.values.items() if deadline_of(value) <= until)
        return [key for _, key in due[:limit]]

    def apply(self, effects: Effects) -> None:
        """Take what a fold changed."""
        for key, value in effects.changed.items():
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value


class Replay:
    """The fold run again over the batches that were committed, in the order in which they were.

    Attributes:
        outputs: What must be there, each once.
        states: Encoded states at the end, by partition.
        ticks: Last applied tick, by partition.
        covered: How often each input record is in a committed batch.
        differing: Changelog records that are not what the fold makes of the same batches.
        early: Ticks applied before everything that they name was folded.
    """

    def __init__(self, fold: CustomerFold, partitions: int) -> None:
        """Begin with nothing, by the rules of *fold*."""
        self.outputs: Counter[Output] = Counter()
        self.states: dict[int, dict[bytes, bytes]] = {}
        self.ticks: dict[int, int] = {}
        self.covered: Counter[Position] = Counter()
        self.differing = 0
        self.early = 0
        self._fold, self._partitions = fold, partitions

    def run(self, number: int, inputs: Mapping[Place, Sequence[Record]], changelog: Iterable[Record]) -> None:
        """Replay partition *number*, whose changelog says which batches each transaction consists of."""
        state = Plain(number, self._partitions)
        reached: Counter[str] = Counter()
        pending: list[Record] = []
        for record in changelog:
            if record.key != OWN_KEY:
                pending.append(record)
                continue
            for topic, first, last in orjson.loads(dict(record.headers)[BATCHES_HEADER]):
                batch = _between(inputs.get((topic, number), ()), first, last)
                self.covered.update((topic, number, one.offset) for one in batch)
                if topic == CLOCK:
                    self._tick(state, batch, inputs, reached)
                else:
                    self._take(self._fold.fold(state, batch), state)
                reached[topic] = last + 1
            # What a transaction says of a customer is what its last batch left.
            self.differing += sum(state.values.get(one.key) != one.value for one in pending)
            self.differing += read_own(record.value).tick != state.tick
            pending = []
        self.differing += len(pending)
        self.states[number], self.ticks[number] = state.values, state.tick

    def _tick(
        self,
        state: Plain,
        batch: Sequence[Record],
        inputs: Mapping[Place, Sequence[Record]],
        reached: Mapping[str, int],
    ) -> None:
        for record in batch:
            try:
                at, upto = self._fold.read_tick(record)
            except CxError as error:
                reason = Reason(getattr(error, "reason", Reason.INVALID))
                self._publish(self._fold.reject(record, reason, str(getattr(error, "loc", ""))), state)
                continue
            self.early += any(
                _between(inputs.get((topic, state.number), ()), reached.get(topic, 0), upto.get(topic, 0) - 1)
                for topic in self._fold.topics
                if topic != CLOCK
            )
            state.tick = max(state.tick, at)
            self._take(self._fold.tick(state, _KEYS_MAX), state)

    def _take(self, effects: Effects, state: Plain) -> None:
        state.apply(effects)
        for out in effects.outputs:
            self._publish(out, state)

    def _publish(self, out: Outgoing, state: Plain) -> None:
        partition = out.partition
        if partition is None and out.key is not None:
            partition = partition_of(out.key, state.partitions)
        self.outputs[Output(out.topic, partition, out.key, out.value, tuple(out.headers))] += 1


def _between(records: Sequence[Record], first: int, last: int) -> Sequence[Record]:
    """Return the records, sorted by offset, from offset *first* to *last*."""
    start = bisect_left(records, first, key=_offset)
    return records[start : bisect_right(records, last, key=_offset)]


def _offset(record: Record) -> int:
    return int(record.offset)


def seen(records: Iterable[Record]) -> Counter[Output]:
    """Return what a subscriber saw."""
    return Counter(
        Output(one.topic, None if one.key is None else one.partition, one.key, one.value, tuple(one.headers))
        for one in records
    )


def sorted_fold(records: Iterable[Record], ticks: Mapping[int, int], rules: Rules) -> dict[bytes, Derived]:
    """Return what must be derived of each customer: all events at once, in their total order, then the last tick.

    Knows no batch, no worker and no order of arrival.
    """
    arrivals: defaultdict[tuple[int, bytes], list[Arrival]] = defaultdict(list)
    for record in records:
        if record.topic == CLOCK:
            continue
        topic = ALIKE.get(record.topic, record.topic)
        try:
            moment = moment_of(parse(topic, record.key, record.value, record.headers), rules)
        except (Unreadable, NotTakenError):
            continue
        arrivals[record.partition, record.key].append(Arrival(moment, record.timestamp * 1_000))
    found = {}
    for (number, key), own in arrivals.items():
        own.sort(key=lambda arrival: arrival.moment.key)
        decision = decide(Customer(key.decode()), own, 0, rules)
        if not decision.changed:
            continue
        customer = decode(encode(decision.customer, rules.lateness))
        if customer.next_deadline(rules.lateness) <= ticks[number]:
            customer = advance(customer, ticks[number], rules).customer
        found[key] = derived(customer, ticks[number], rules)
    return found


def derived(customer: Customer, tick: int, rules: Rules) -> Derived:
    """Return what follows from events and clock alone, however they came: see tests/cx/test_properties.py."""
    profile: dict[str, Any] = profile_of(customer, max(tick, customer.head.reached), rules)
    del profile["rewards"]  # their status is what was told; the head holds what they follow from
    return customer.head, canonical(profile), unmet(customer, rules), customer.events_held


def unmet(customer: Customer, rules: Rules) -> frozenset[str]:
    """Return the rewards that are owed and were not told, and those that are held though their ground was lost.

    Which gift it became, for which of two occasions, and until when it can be used, hangs on what was known when it was
    told. So does whether one had run out, or was never given, when its ground was lost.
    """
    entitlements, told = customer.head.entitlements, customer.told.rewards
    stands = standing(customer.head, customer.told, rules)
    lives = {key: told.get(stands.get(key, key)) for key in entitlements}
    statuses = {key: life.status if life else "" for key, life in lives.items()}
    held = {key for key, status in statuses.items() if status in {"offered", "issued", "delivered"}}
    given = held | {key for key, status in statuses.items() if status in {"redeemed", "expired"}}
    return frozenset(key for key, owed in entitlements.items() if (key in held if owed.lost else key not in given))
