"""Quix Streams as the host of the full rules: the same `cx.decide` that our worker runs, in a stateful `apply`.

Settings: those of `bench.peers.quix`, exactly once. The topics of the lane are concatenated, so that they share a
customer's state, which is kept as the bytes that our worker keeps. Quix gives a record at a time and holds no decoded
states, so each one is read, decided and written.

It does less than our worker: it shows nobody in Redis and has no clock. Each event brings a tick that is an hour
old, so that states settle; whoever has no event meets no deadline until the bench asks for the states.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from quixstreams import Application, State, message_context

from bench.harness.job import Job
from bench.harness.parts import TICK_BEFORE
from bench.harness.trade import rules
from bench.peers.quix import COMMIT_EXACTLY_ONCE_S
from cx.decide import Arrival, decide
from cx.intake import moment_of
from cx.state import Customer, Kept, decode, encode
from schemas.inputs import CLOCK, parse
from schemas.topics import Lane, Role, lane_topics

if TYPE_CHECKING:
    from collections.abc import Callable

    from quixstreams.dataframe import StreamingDataFrame

    from cx.rules import Rules

INPUTS = tuple(topic.name for topic in lane_topics(Lane.CUSTOMERS, Role.INPUT) if topic.name != CLOCK)
KEY = "customer"
_MILLI = 1_000


def arrival_of(topic: str, policy: Rules) -> Callable[[bytes, bytes, int, Any], Arrival]:
    """Return what makes arrivals of the records of *topic*."""

    def arrive(value: bytes, key: bytes, timestamp: int, headers: object) -> Arrival:
        del headers
        place = message_context()
        record = Kept(topic, place.partition, place.offset, value)
        return Arrival(moment_of(parse(topic, key, value, ()), policy), timestamp * _MILLI, record)

    return arrive


def decided_by(policy: Rules) -> Callable[[Arrival, bytes, int, Any, State], list[dict[str, Any]]]:
    """Return what folds an arrival into its customer and gives the events to publish."""

    def fold(arrival: Arrival, key: bytes, timestamp: int, headers: object, state: State) -> list[dict[str, Any]]:
        del timestamp, headers
        stored = state.get_bytes(KEY)
        customer = Customer(key.decode()) if stored is None else decode(stored)
        decision = decide(customer, [arrival], arrival.recorded - TICK_BEFORE, policy)
        if decision.changed:
            state.set_bytes(KEY, encode(decision.customer, policy.lateness))
        return [output.event for output in decision.outputs]

    return fold


def main() -> None:
    """Run until SIGTERM."""
    job, policy = Job.from_environment(), rules()
    app = Application(
        broker_address=job.bootstrap,
        consumer_group=job.app,
        auto_offset_reset="earliest",
        commit_interval=float(os.environ.get("BENCH_COMMIT_S", COMMIT_EXACTLY_ONCE_S)),
        processing_guarantee=job.guarantee,
        state_dir=job.folder,
        loglevel=logging.WARNING,
    )
    every: StreamingDataFrame | None = None
    for name in INPUTS:
        one = app.dataframe(app.topic(name, value_deserializer="bytes")).apply(arrival_of(name, policy), metadata=True)
        every = one if every is None else every.concat(one)
    if every is not None:
        outputs = every.apply(decided_by(policy), stateful=True, metadata=True, expand=True)
        outputs.to_topic(app.topic(job.output, value_serializer="json"))
    app.run()


if __name__ == "__main__":
    main()
