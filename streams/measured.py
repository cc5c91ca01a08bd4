"""What is measured of a batch: how much of it took effect, and when its records happened and were sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from schemas.envelope import SENT
from schemas.topics import DEAD_LETTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import ConsumerRecord

    from streams.effects import Effects

MILLI: Final = 1_000
_MS_MAX: Final = 1 << 53
_DIGITS_MAX: Final = 16


class Instants(NamedTuple):
    """Many instants, in milliseconds since 1970: sorted, so that a histogram of how long ago they are costs little."""

    sorted: list[int]
    sum: int


class Measured(NamedTuple):
    """One batch of one topic.

    Attributes:
        applied: Records that took effect.
        refused: Those that became dead letters; whatever is neither was a repeat.
        fold_s: How long the fold took, in seconds.
        sent: When each record was sent.
        happened: When what each tells of happened; fewer where records could not be read, none where the fold does
            not say.
        travelled: From happening to sending, in milliseconds; see `happened`.
    """

    topic: str
    records: int
    applied: int
    refused: int
    fold_s: float
    sent: Instants
    happened: Instants
    travelled: Instants


def measure(topic: str, records: Sequence[ConsumerRecord[bytes, bytes]], effects: Effects, fold_s: float) -> Measured:
    """Measure a batch of *topic* that was folded into *effects*."""
    # Whether senders say when they sent is asked once a batch: of those that do not, no header is looked at.
    told = any(name == SENT for name, _ in records[0].headers)
    sent = [sent_ms(record) for record in records] if told else [record.timestamp for record in records]
    pairs = [(at // MILLI, of) for at, of in zip(effects.happened, sent, strict=False) if at]
    return Measured(
        topic,
        len(records),
        effects.folded,
        _refused(records, effects),
        fold_s,
        _instants(sent),
        _instants([at for at, _ in pairs]),
        _instants([of - at for at, of in pairs]),
    )


def sent_ms(record: Any) -> int:  # noqa: ANN401  # a record as a client has it, which may have no types
    """Return when *record* was sent, in milliseconds since 1970: by its header, else by its timestamp."""
    for name, value in record.headers:
        if name == SENT and value and len(value) <= _DIGITS_MAX and value.isdigit() and (sent := int(value)) < _MS_MAX:
            return sent
    return int(record.timestamp)


def _instants(found: list[int]) -> Instants:
    found.sort()
    return Instants(found, sum(found))


def _refused(records: Sequence[ConsumerRecord[bytes, bytes]], effects: Effects) -> int:
    """Count the dead letters that are of *records*, and not of what had been waiting since an earlier batch."""
    first, last = records[0], records[-1]
    found = 0
    for output in effects.outputs:
        if output.topic == DEAD_LETTERS:
            said = dict(output.headers)
            offset = int(said.get("cx-offset", b"-1"))
            found += said.get("cx-topic") == first.topic.encode() and first.offset <= offset <= last.offset
    return found
