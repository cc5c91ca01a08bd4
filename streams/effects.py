"""What goes into a fold and what comes out of it: the small interface between an agent and the lane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import msgspec

from schemas.errors import CxError, Reason

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

Header = tuple[str, bytes]

DECODED_FACTOR: Final = 8  # a decoded state takes about so many times its encoded size
RECORD_BYTES_MAX: Final = 1_000_000  # key, value and headers: what a topic takes by Kafka's defaults, in a batch alone
NEVER: Final = (1 << 63) - 1  # as a deadline
NO_DEADLINE: Final = NEVER.to_bytes(8)  # how an encoded state begins that time alone does not change


class TooLargeError(CxError):
    """What a fold did cannot be written; never raised as such."""

    reason: Reason


class StateTooLargeError(TooLargeError):
    """A state is larger than what a topic takes."""

    reason = Reason.STATE_TOO_LARGE


class OutputTooLargeError(TooLargeError):
    """An output is larger than what a topic takes."""

    reason = Reason.RULE_ERROR


class Outgoing(NamedTuple):
    """A record to publish; without *partition* the key decides, as Java's default partitioner has it.

    Its time is that of writing, but for a *timestamp* in milliseconds, by which a later replay judges it as we did.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()
    partition: int | None = None
    timestamp: int | None = None

    @property
    def bytes(self) -> int:
        """How large it is."""
        headers = sum(len(name.encode()) + len(value) for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers


class View(NamedTuple):
    """What the read model shows of one key after the commit: its encoded state, from which a reader makes the rest.

    Attributes:
        key: That of the state, as text.
        state: Encoded; where it is empty, nothing is shown of the key any more.
        as_of: The instant of which the state tells, in microseconds: deadlines up to there are met in it.
    """

    key: str
    version: int
    state: bytes
    as_of: int

    @property
    def bytes(self) -> int:
        """About how much memory it holds on to."""
        return len(self.state)


class Receipt(NamedTuple):
    """What is said, after the commit, to whoever waits for the decision on one event.

    Attributes:
        key: Of a Redis hash, which is forgotten after `kept_s` seconds.
        field: Its place there; what is there already stays.
    """

    key: str
    field: str
    value: bytes
    kept_s: int


def forgotten(key: bytes) -> View:
    """Return what there is to show of a *key* that was forgotten."""
    return View(key.decode(errors="surrogateescape"), 0, b"", 0)


def deadline_of(state: bytes) -> int:
    """Return the next deadline of an encoded state, in microseconds, or `NEVER`: its first 8 bytes."""
    return int.from_bytes(state[:8])


class Effects(msgspec.Struct):
    """What one fold does, all of it or nothing.

    Attributes:
        outputs: Records to publish, in order; dead letters are among them.
        changed: New encoded state by key; None forgets the key, in the read model as well.
        views: For the read model, after the commit.
        receipts: For whoever waits for one of the records, after the commit and after the views.
        folded: Number of records that took effect.
        happened: When what each record tells of happened, in microseconds, in the order of the records; 0 for one that
            could not be read. Only for figures: a fold may leave it empty.
        more: A tick only: the same tick has more to do, and wants to be called again.
    """

    outputs: list[Outgoing] = []
    changed: dict[bytes, bytes | None] = {}
    views: list[View] = []
    receipts: list[Receipt] = []
    folded: int = 0
    happened: list[int] = []
    more: bool = False

    def check_sizes(self) -> None:
        """Make sure that Kafka will take each record: one that it refuses would end every worker that tries.

        Raises:
            StateTooLargeError: a state is too large for the changelog.
            OutputTooLargeError: an output is too large for its topic.
        """
        if any(value is not None and len(key) + len(value) > RECORD_BYTES_MAX for key, value in self.changed.items()):
            message = f"a state is larger than {RECORD_BYTES_MAX} bytes"
            raise StateTooLargeError(message)
        for output in self.outputs:
            if output.bytes > RECORD_BYTES_MAX:
                message = f"an output to {output.topic} is larger than {RECORD_BYTES_MAX} bytes"
                raise OutputTooLargeError(message)


class Cache(Protocol):
    """Decoded states of a partition; what does not fit is forgotten and decoded again when it is needed."""

    def get(self, key: bytes) -> Any | None:  # noqa: ANN401  # whatever the fold put there
        """Return the decoded state of *key*, or None."""

    def put(self, key: bytes, decoded: object, encoded_bytes: int) -> None:
        """Keep *decoded*, whose encoded form has *encoded_bytes*."""

    def __contains__(self, key: bytes) -> bool:
        """Whether *key* is held."""


class PartitionState(Protocol):
    """The state of one partition number of a lane, as a fold sees it."""

    number: int
    partitions: int
    tick: int  # last applied, in microseconds; 0 before the first

    @property
    def cache(self) -> Cache:
        """Decoded states, bounded: a fold puts here what it decoded."""

    def encoded(self, key: bytes) -> bytes | None:
        """Return the encoded state of *key* as of the fold before, or None."""

    def due(self, until: int, limit: int) -> list[bytes]:
        """Return up to *limit* keys whose next deadline is not after *until*, earliest first."""


class Fold(Protocol):
    """An agent: pure, synchronous, and all that a lane has to know of it.

    A fold never awaits and does no I/O, so that nothing comes between reading and writing a key although several
    topics share the state. One that inherits from here writes `topics` and `fold`; with a `clock`, also `tick` and
    whatever has to do with ticks.
    """

    topics: tuple[str, ...]  # all with the same number of partitions
    clock: str = ""  # the topic with the ticks, one of `topics`; empty where time alone changes nothing
    policy: str = ""  # hash of what the fold decides by; state made under another is not continued
    state_format: int = 1  # of the encoded values; a store or changelog of another is not continued
    older: Mapping[int, str] = MappingProxyType({})  # formats of before that it reads as well -> hash of `policy` then

    def fold(self, state: PartitionState, records: Sequence[ConsumerRecord[bytes, bytes]]) -> Effects:
        """Fold records of one partition of one topic, in their order."""

    def tick(self, state: PartitionState, limit: int) -> Effects:
        """Bring up to *limit* keys whose deadline has come up to `state.tick`."""
        del state, limit
        return Effects()

    def reject(self, record: ConsumerRecord[bytes, bytes], reason: str, loc: str) -> Outgoing:
        """Make a dead letter of a record that the lane itself refuses: a tick, or one whose effects are too large."""
        del record, loc
        message = f"{type(self).__name__} makes no dead letters, and a record was refused: {reason}"
        raise NotImplementedError(message)

    def refused(self, record: ConsumerRecord[bytes, bytes], reason: str) -> list[Receipt]:
        """Return what is said to whoever waits for a record that the lane itself has refused."""
        del record, reason
        return []

    def read_tick(self, record: ConsumerRecord[bytes, bytes]) -> tuple[int, dict[str, int]]:
        """Return the instant of a tick and what must have been folded before it: end offset by topic.

        Raises:
            CxError: the record is not a tick.
        """
        del record
        raise _without_clock(self)

    def make_tick(self, at: int, upto: dict[str, int], partition: int) -> Outgoing:
        """Return a tick to publish, for *partition*."""
        del at, upto, partition
        raise _without_clock(self)

    def view(self, value: bytes, tick: int) -> View | None:
        """Return what the read model shows of an encoded state; None where it shows nothing."""
        del value, tick
        return None


def _without_clock(fold: Fold) -> NotImplementedError:
    return NotImplementedError(f"{type(fold).__name__} has no clock: what has to do with ticks is its own to write")
