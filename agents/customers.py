"""The customers' agents: purchases, support, feedback, touchpoints, rewards' events and ticks, folded per customer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import orjson

from agents.edge import MILLI, letter_of, make_tick, rejected, tick_of
from agents.replies import Asked, asked_by, of_decision, of_refusal
from cx.calendar import HOUR
from cx.decide import Arrival, advance, decide, shrink
from cx.intake import NotTakenError, moment_of
from cx.older import FIRST
from cx.state import BYTES_MAX, FORMAT, RECENT_BYTES_MAX, Customer, Kept, StateFormatError, decode, encode
from schemas.envelope import CONTENT_TYPE, STRUCTURED, is_binary
from schemas.errors import Reason, Unreadable
from schemas.inputs import CLOCK, parse
from schemas.policy_file import first_hash
from schemas.topics import TOPICS, Lane, Role, lane_topics
from streams.effects import Effects, Outgoing, View
from streams.transactions import partition_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiokafka import ConsumerRecord

    from cx.decide import Decision
    from cx.outputs import Output
    from cx.rules import Rules
    from streams.effects import PartitionState, Receipt

log = logging.getLogger(__name__)

_HEADERS = ((CONTENT_TYPE, STRUCTURED),)


class CustomerFold:
    """Folds records of the customer lane into customers; see `streams.effects.Fold`."""

    clock = CLOCK

    def __init__(self, rules: Rules) -> None:
        """Decide by *rules*."""
        self.rules = rules
        self.policy = rules.hash
        self.state_format = FORMAT
        first = first_hash(rules.policy)
        self.older: Mapping[int, str] = {FIRST: first} if first else {}
        self.topics = tuple(topic.name for topic in lane_topics(Lane.CUSTOMERS, Role.INPUT))

    def fold(self, state: PartitionState, records: Sequence[ConsumerRecord[bytes, bytes]]) -> Effects:
        """Fold records of one partition of one topic: parse each, then decide per customer."""
        effects = Effects()
        arrivals: dict[bytes, list[Arrival]] = {}
        asked: Asked = {}  # mostly none
        for record in records:
            try:
                event = parse(record.topic, record.key, record.value, record.headers)
                if event.cxreply is not None:
                    asked[record.offset] = asked_by(event)
                arrival = self._arrival(event, record, state)
            except Unreadable as refusal:
                effects.happened.append(0)
                effects.outputs.append(rejected(record, refusal.reason, refusal.loc, refusal.error_type))
                effects.receipts += of_refusal(asked.get(record.offset), refusal.reason, refusal.loc)
            except NotTakenError as refusal:
                effects.happened.append(0)
                effects.outputs.append(rejected(record, refusal.reason, refusal.loc, refusal.reason))
                effects.receipts += of_refusal(asked.get(record.offset), refusal.reason, refusal.loc)
            else:
                effects.happened.append(arrival.moment.at)
                arrivals.setdefault(record.key, []).append(arrival)
        for key, own in arrivals.items():
            self._decide(state, key, own, effects, asked)
        return effects

    def tick(self, state: PartitionState, limit: int) -> Effects:
        """Bring up to *limit* customers whose deadline has come up to the partition's tick."""
        effects = Effects()
        due = state.due(state.tick, limit)
        for key in due:
            try:
                self._keep(state, key, advance(self._load(state, key), state.tick, self.rules), (), effects, {})
            except StateFormatError:
                raise  # no deadline's fault: somebody has to look at the store
            except Exception:
                # A rule that fails for one customer must not stop everybody's clock; the next event tries again.
                log.exception("rule failed on a deadline", extra={"partition": state.number})
                effects.changed[key] = _postponed(state.encoded(key) or b"", state.tick + HOUR)
        effects.more = len(due) == limit
        return effects

    def reject(self, record: ConsumerRecord[bytes, bytes], reason: str, loc: str) -> Outgoing:
        """Make a dead letter of a record that the lane refuses."""
        return rejected(record, Reason(reason), loc, reason)

    def refused(self, record: ConsumerRecord[bytes, bytes], reason: str) -> list[Receipt]:
        """Return what is said to whoever waits for a record that the lane refuses."""
        if record.topic == CLOCK:
            return []  # a tick is about no customer
        try:
            event = parse(record.topic, record.key, record.value, record.headers)
        except Unreadable:
            return []
        return [] if event.cxreply is None else of_refusal(asked_by(event), Reason(reason))

    def read_tick(self, record: ConsumerRecord[bytes, bytes]) -> tuple[int, dict[str, int]]:
        """Return instant and end offsets of a tick."""
        return tick_of(parse(CLOCK, record.key, record.value, record.headers), record, self.rules.future)

    def make_tick(self, at: int, upto: dict[str, int], partition: int) -> Outgoing:
        """Return a tick as a CloudEvent; partition and instant identify it."""
        return make_tick(CLOCK, "tick", at, upto, partition)

    def view(self, value: bytes, tick: int) -> View:
        """Return what the read model shows of an encoded customer."""
        return _view(decode(value), value, tick)

    def _arrival(self, event: Any, record: ConsumerRecord[bytes, bytes], state: PartitionState) -> Arrival:  # noqa: ANN401  # one of many
        moment = moment_of(event, self.rules)
        key = record.key
        if (
            key not in state.cache
            and state.encoded(key) is None
            and partition_of(key, state.partitions) != record.partition
        ):
            # Asked only before a customer's first event: two halves of one customer would be worse than a dead letter.
            raise Unreadable(Reason.WRONG_PARTITION, "key", "partition")
        headers = tuple(record.headers) if is_binary(record.headers) else ()
        kept = Kept(record.topic, record.partition, record.offset, record.value, headers)
        return Arrival(moment, record.timestamp * MILLI, kept)

    def _decide(
        self, state: PartitionState, key: bytes, arrivals: list[Arrival], effects: Effects, asked: Asked
    ) -> None:
        """Decide on all *arrivals* of one customer together; where that fails, on each alone, to find the culprit."""
        reason = Reason.STATE_TOO_LARGE
        try:
            decision = decide(self._load(state, key), arrivals, state.tick, self.rules)
            if self._keep(state, key, decision, arrivals, effects, asked):
                return
        except StateFormatError:
            raise  # no event's fault: somebody has to look at the store
        except Exception as error:  # whatever a rule may raise: it parks an event, never a partition
            reason = Reason.RULE_ERROR
            if len(arrivals) == 1:
                log.exception("rule failed", extra={"partition": state.number, "error": type(error).__name__})
        if len(arrivals) == 1:
            effects.outputs.append(_refused(arrivals[0].record, key, reason, "", arrivals[0].recorded))
            effects.receipts += of_refusal(asked.get(arrivals[0].record.offset), reason)
            return
        for arrival in arrivals:
            self._decide(state, key, [arrival], effects, asked)

    def _keep(  # noqa: PLR0917  # a decision, what it is of, and where it goes
        self,
        state: PartitionState,
        key: bytes,
        decision: Decision,
        arrivals: Sequence[Arrival],
        effects: Effects,
        asked: Asked,
    ) -> bool:
        """Add a decision to *effects*; return False, adding nothing, where the customer would grow too large."""
        at = max((arrival.recorded for arrival in arrivals), default=state.tick)
        before = self._tier(self._load(state, key)) if asked else ""
        if decision.changed:
            customer = decision.customer
            value = encode(customer, self.rules.lateness)
            if len(value) - customer.kept_bytes > RECENT_BYTES_MAX:
                customer = shrink(customer, self.rules)
                value = encode(customer, self.rules.lateness)
            if len(value) > BYTES_MAX:
                return False
            # Written down before anything is kept: what cannot be written must leave no trace.
            outputs = [self._outgoing(output, key, state) for output in decision.outputs]
            state.cache.put(key, customer, len(value))
            effects.changed[key] = value
            effects.views.append(_view(customer, value, state.tick))
            effects.outputs += outputs
        effects.outputs += [_refused(r.record, key, r.reason, r.loc, at) for r in decision.refusals]
        effects.folded += decision.applied
        if asked:
            effects.receipts += of_decision(asked, arrivals, decision, (before, self._tier(decision.customer)))
        return True

    def _tier(self, customer: Customer) -> str:
        return customer.head.tier or self.rules.rungs[0].name

    def _outgoing(self, output: Output, key: bytes, state: PartitionState) -> Outgoing:
        value = orjson.dumps(output.event)
        if TOPICS[output.topic].lane is not Lane.CUSTOMERS:  # the gift desk's, which is keyed by programme
            return Outgoing(output.topic, self.rules.policy.programme.encode(), value, _HEADERS)
        # Where their key belongs is where the customer is: all topics of the lane have as many partitions.
        return Outgoing(output.topic, key, value, _HEADERS, state.number)

    def _load(self, state: PartitionState, key: bytes) -> Customer:
        customer: Customer | None = state.cache.get(key)
        if customer is None:
            value = state.encoded(key)
            customer = Customer(key.decode()) if value is None else decode(value)
        return customer


def _view(customer: Customer, value: bytes, tick: int) -> View:
    return View(customer.id, customer.version, value, max(tick, customer.head.reached))


def _refused(record: Kept, key: bytes, reason: Reason, loc: str, at: int) -> Outgoing:
    return letter_of(_Record(key, record), reason, at, loc, reason)


class _Record:
    """A kept record as `schemas.dead_letters` wants to see it."""

    def __init__(self, key: bytes, kept: Kept) -> None:
        self.key, self.value, self.headers = key, kept.value, kept.headers
        self.topic, self.partition, self.offset = kept.topic, kept.partition, kept.offset


def _postponed(value: bytes, until: int) -> bytes:
    return until.to_bytes(8) + value[8:]
