"""Customers as a year of lifelike traffic leaves them under the full rules, and any number of others like them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from aiokafka import ConsumerRecord

from agents.customers import CustomerFold
from cx.rules import compile_policy
from ops.traffic.arrivals import events
from ops.traffic.options import Options
from ops.traffic.records import Arrival, Kind
from schemas.policy_file import parse_policy
from streams.settings import PRESETS
from streams.transactions import partition_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from streams.effects import Effects
    from streams.partition import Partition

POLICY: Final = "retail-vn"
DAYS: Final = 365
AHEAD_DAYS: Final = 15
EVENTS_A_MONTH: Final = 4  # of a customer on average; by Zipf's law a few have many times that
MONTH_DAYS: Final = 30
LIVES: Final = 2_000
END: Final = datetime(2026, 3, 16, tzinfo=UTC)
BATCH: Final = 500
TICK_KEYS: Final = 200
_MILLI: Final = 1_000  # microseconds
_DAY_MS: Final = 86_400_000
_PREFIX: Final = 5  # characters of a key in which others like this one differ

State = tuple[bytes, bytes]  # key, encoded customer


class Lives(NamedTuple):
    """What another process needs of them.

    Attributes:
        tick: Instant up to which they have lived, in microseconds.
        states: At that instant.
        ahead: What arrives in the days after.
    """

    tick: int
    states: list[State]
    ahead: list[Arrival]


_lives: Final = msgspec.msgpack.Decoder(Lives)


def traffic(lives: int) -> tuple[list[Arrival], list[Arrival]]:
    """Return what arrives in a year, and in the days after it: one run, so that what comes late comes then."""
    days = DAYS + AHEAD_DAYS
    options = Options(
        now=END + timedelta(days=AHEAD_DAYS),
        rate=0,
        events=round(lives * days * EVENTS_A_MONTH / MONTH_DAYS),
        customers=lives,
        seed=7,
        span=timedelta(days=days),
        poison_share=0.0,  # what cannot be read leaves nothing in anybody's state
        tick_every=timedelta(hours=6),
    )
    made = list(events(options))
    end_ms = round(END.timestamp() * 1_000)
    return [one for one in made if one.at <= end_ms], [one for one in made if one.at > end_ms]


def lately(past: Iterable[Arrival], until_ms: int) -> dict[bytes, int]:
    """Return how many events each customer had in the month before *until_ms*; who had none is not in it."""
    found: dict[bytes, int] = {}
    for one in past:
        if one.kind is Kind.EVENT and one.key and until_ms - MONTH_DAYS * _DAY_MS < one.time <= until_ms:
            found[one.key] = found.get(one.key, 0) + 1
    return found


class Folding:
    """Folds traffic into partitions as a worker does, each fold committed to the store at once."""

    def __init__(self, partitions: Sequence[Partition]) -> None:
        """Fold into *partitions*, which are all there are, in the order of their numbers.

        `taken` counts events, `folded` those of them that took effect: no repeats, nothing refused.
        """
        policy = PRESETS / f"{POLICY}.yaml"
        self.agent = CustomerFold(compile_policy(parse_policy(policy.read_text("utf-8"), policy.name)))
        self.taken = self.folded = 0
        self._partitions = partitions
        self._offsets = [one.covered[0] if one.covered else 0 for one in partitions]

    def take(self, arrivals: Sequence[Arrival]) -> None:
        """Fold *arrivals* in batches, ticks at their places."""
        for ticking, own in groupby(arrivals, key=lambda one: one.kind is Kind.TICK):
            if ticking:
                for one in own:
                    self.tick(one.at)
            else:
                waiting = list(own)
                for start in range(0, len(waiting), BATCH):
                    self.fold(waiting[start : start + BATCH])

    def fold(self, arrivals: Iterable[Arrival]) -> None:
        """Fold *arrivals*, none of them a tick, topic by topic in each partition."""
        found: dict[tuple[int, str], list[ConsumerRecord[bytes, bytes]]] = {}
        for one in arrivals:
            key, value = one.key or b"", one.value or b""
            number = partition_of(key, len(self._partitions))
            found.setdefault((number, one.topic), []).append(
                ConsumerRecord(one.topic, number, self.taken, one.at, 0, key, value, None, len(key), len(value), ())
            )
            self.taken += 1
        for (number, _), records in found.items():
            self._keep(self._partitions[number], self.agent.fold(self._partitions[number], records))

    def tick(self, at_ms: int) -> None:
        """Bring up everybody whose deadline has come at *at_ms*."""
        for partition in self._partitions:
            partition.tick = max(partition.tick, at_ms * _MILLI)
            more = True
            while more:
                effects = self.agent.tick(partition, TICK_KEYS)
                self._keep(partition, effects)
                more = effects.more

    def _keep(self, partition: Partition, effects: Effects) -> None:
        self.folded += effects.folded
        for key, value in effects.changed.items():
            partition.put(key, value)
        own = partition.own_record(self.agent.policy, self.agent.state_format)
        self._offsets[partition.number] += len(effects.changed) + 1
        partition.committed(effects.changed, own, self._offsets[partition.number])


def states_of(partitions: Iterable[Partition]) -> list[State]:
    """Return all that *partitions* hold."""
    return [(key, value) for one in partitions for key in one.keys() if (value := one.encoded(key)) is not None]  # noqa: SIM118  # not a dict


def another(key: bytes, number: int) -> bytes:
    """Return the key of customer *number* (0 to 65,535) of those who live as the one of *key* does; just as long."""
    return b"c%04x" % number + key[_PREFIX:]


def alike(states: Sequence[State], customers: int) -> Iterator[State]:
    """Yield states of *customers*, those of *states* over and over: too far apart for any compression to see it."""
    for number in range(customers):
        key, value = states[number % len(states)]
        other = another(key, number // len(states))
        # Equally long, so the lengths in the encoded state stay right; kept records have the key in them as well.
        yield other, value.replace(key, other)


def shared(arrival: Arrival, number: int) -> Arrival:
    """Return *arrival* as it comes from customer *number* of those who live alike."""
    key = arrival.key or b""
    other = another(key, number)
    return msgspec.structs.replace(arrival, key=other, value=(arrival.value or b"").replace(key, other))


def save(path: Path, lives: Lives) -> None:
    """Write *lives* to a file, for another process."""
    path.write_bytes(msgspec.msgpack.encode(lives))


def load(path: Path) -> Lives:
    """Return what `save` wrote."""
    return _lives.decode(path.read_bytes())
