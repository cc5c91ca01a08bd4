"""The gift desk's agents: catalogue, codes, requests and ticks, folded per programme."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson

from agents.edge import MILLI, make_tick, rejected, tick_of
from cx.calendar import HOUR, SECOND, micros
from cx.desk.book import Book, parts_of
from cx.desk.desk import Desk
from cx.desk.state import FORMAT, decode, encode
from cx.intake import NotTakenError
from cx.state import StateFormatError
from schemas import desk as contract
from schemas.envelope import CONTENT_TYPE, STRUCTURED
from schemas.errors import Reason, Unreadable
from schemas.inputs import GIFT_CLOCK
from streams.effects import Effects, Outgoing, deadline_of
from streams.effects import Fold as LaneFold
from streams.transactions import partition_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import ConsumerRecord

    from cx.desk.state import Entry
    from cx.rules import Rules
    from streams.effects import PartitionState

log = logging.getLogger(__name__)

ANSWERS_MAX: Final = 1_000  # of one look at what is due; then others get a turn, in the same tick
BEHIND: Final = 5 * SECOND  # ticks come every second
_HEADERS: Final = ((CONTENT_TYPE, STRUCTURED),)


class DeskFold(LaneFold):
    """Folds records of the gifts lane into entries of the desk; see `streams.effects.Fold`."""

    topics = tuple(contract.READERS)
    clock = GIFT_CLOCK
    state_format = FORMAT

    def __init__(self, rules: Rules, behind: int = BEHIND) -> None:
        """Take from *rules* what the desk shares with its programme: time zone and currency.

        Records that are so many microseconds newer than the last tick find the desk *behind*.
        """
        self._rules, self._behind = rules, behind
        self.policy = f"gifts {rules.policy.time_zone} {rules.policy.currency}"  # whatever else a policy changes

    def fold(self, state: PartitionState, records: Sequence[ConsumerRecord[bytes, bytes]]) -> Effects:
        """Fold records of one partition of one topic, each wholly or not at all."""
        effects = Effects()
        desks = _Desks(state, state.tick, self._rules)
        for record in records:
            effects.happened.append(0)
            try:
                event = self._read(record)
                effects.happened[-1] = micros(event.time)
                desks.of(record).take(event, behind=record.timestamp * MILLI > state.tick + self._behind)
            except Unreadable as refusal:
                effects.outputs.append(rejected(record, refusal.reason, refusal.loc, refusal.error_type))
            except NotTakenError as refusal:
                effects.outputs.append(rejected(record, refusal.reason, refusal.loc, refusal.reason))
            except StateFormatError:
                raise  # no event's fault: somebody has to look at the store
            except Exception as error:
                log.exception("rule failed", extra={"partition": state.number, "error": type(error).__name__})
                effects.outputs.append(rejected(record, Reason.RULE_ERROR, "", Reason.RULE_ERROR))
            else:
                effects.folded += 1
        desks.finish(effects)
        return effects

    def tick(self, state: PartitionState, limit: int) -> Effects:
        """Let time pass for up to *limit* entries whose deadline has come, or until enough is said."""
        effects = Effects()
        due = state.due(state.tick, limit)
        desks = _Desks(state, state.tick, self._rules)
        failed = []
        for key in due:
            try:
                desks.of_programme(parts_of(key)[0]).pass_time(key)
            except StateFormatError:
                raise
            except Exception:
                # A rule that fails for one entry must not stop everybody's clock; it is tried again later.
                log.exception("rule failed on a deadline", extra={"partition": state.number})
                failed.append(key)
            if desks.said >= ANSWERS_MAX:
                break
        desks.finish(effects)
        for key in failed:
            value = effects.changed.get(key) or state.encoded(key) or b""
            effects.changed[key] = (state.tick + HOUR).to_bytes(8) + value[8:]
        left = any(value and deadline_of(value) <= state.tick for value in effects.changed.values())
        effects.more = left or len(due) == limit or desks.said >= ANSWERS_MAX
        return effects

    def reject(self, record: ConsumerRecord[bytes, bytes], reason: str, loc: str) -> Outgoing:
        """Make a dead letter of a record that the lane refuses."""
        return rejected(record, Reason(reason), loc, reason)

    def read_tick(self, record: ConsumerRecord[bytes, bytes]) -> tuple[int, dict[str, int]]:
        """Return instant and end offsets of a tick."""
        event = contract.parse(GIFT_CLOCK, record.key, record.value, record.headers)
        return tick_of(event, record, self._rules.future)

    def make_tick(self, at: int, upto: dict[str, int], partition: int) -> Outgoing:
        """Return a tick."""
        return make_tick(GIFT_CLOCK, "gift-tick", at, upto, partition)

    def _read(self, record: ConsumerRecord[bytes, bytes]) -> Any:  # noqa: ANN401  # one of the desk's events
        event = contract.parse(record.topic, record.key, record.value, record.headers)
        if micros(event.time) > record.timestamp * MILLI + self._rules.future:
            raise Unreadable(Reason.FUTURE, "time", "future")
        return event


class _Desks:
    """The desks that one fold needs, by programme, at one instant."""

    def __init__(self, state: PartitionState, now: int, rules: Rules) -> None:
        self._state, self._now, self._rules = state, now, rules
        self._open: dict[str, tuple[Desk, Book]] = {}

    @property
    def said(self) -> int:
        """How much they have told."""
        return sum(len(desk.told) for desk, _ in self._open.values())

    def of(self, record: ConsumerRecord[bytes, bytes]) -> Desk:
        """Return the desk of a record's programme.

        Raises:
            Unreadable: its records do not belong here: two halves of a stock would be worse than a dead letter.
        """
        key = record.key or b""
        programme = key.decode(errors="replace")
        if programme not in self._open and key and partition_of(key, self._state.partitions) != record.partition:
            raise Unreadable(Reason.WRONG_PARTITION, "key", "partition")
        return self.of_programme(programme)

    def of_programme(self, programme: str) -> Desk:
        """Return the desk of *programme*."""
        found = self._open.get(programme)
        if found is None:
            book = Book(programme, partial(_load, self._state))
            desk = Desk(book, self._now, self._rules.calendar, self._rules.policy.currency)
            found = self._open[programme] = desk, book
        return found[0]

    def finish(self, effects: Effects) -> None:
        """Add to *effects* what they have changed and told."""
        for desk, book in self._open.values():
            for key, entry in book.changed.items():
                if entry is None:
                    effects.changed[key] = None
                    continue
                value = effects.changed[key] = encode(entry)
                self._state.cache.put(key, entry, len(value))
            effects.outputs += [
                # Whether a customer gets an answer too late is asked of its own time, also where time is simulated.
                Outgoing(
                    answer.topic,
                    answer.key.encode(),
                    orjson.dumps(answer.event),
                    _HEADERS,
                    timestamp=answer.at // MILLI,
                )
                for answer in desk.told
            ]


def _load(state: PartitionState, key: bytes) -> Entry | None:
    entry: Entry | None = state.cache.get(key)
    if entry is None and (value := state.encoded(key)):
        entry = decode(value)
    return entry
