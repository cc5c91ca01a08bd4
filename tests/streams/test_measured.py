"""What is measured of a batch."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest

from streams.effects import Effects, Outgoing
from streams.measured import Measured, measure, sent_ms
from streams.meter import Silent
from streams.readmodel import NoReadModel
from streams.shown import RECORDS_MAX, Shown
from tests.integration.rig import until


class Read(NamedTuple):
    offset: int
    timestamp: int
    headers: tuple[tuple[str, bytes | None], ...] = ()
    topic: str = "cx.purchases"


def batch(*records: Read, effects: Effects | None = None) -> Measured:
    found: Any = records
    return measure("cx.purchases", found, effects or Effects(), 0.25)


def letter(topic: str, offset: int) -> Outgoing:
    headers = (("cx-topic", topic.encode()), ("cx-offset", str(offset).encode()), ("cx-reason", b"invalid"))
    return Outgoing("cx.dead-letters", None, None, headers)


@pytest.mark.parametrize(
    ("value", "sent"),
    [(b"90", 90), (None, 7), (b"", 7), (b"-90", 7), (b"9" * 17, 7), (b"9" * 16, 7), ("٣".encode(), 7), (b"90x", 7)],
)
def test_a_record_was_sent_when_its_header_says_so_else_at_its_timestamp(value: bytes | None, sent: int) -> None:
    assert sent_ms(Read(0, 7, (("other", b"1"), ("cx-sent", value)))) == sent
    assert sent_ms(Read(0, 7)) == 7


def test_instants_are_sorted_and_of_the_header_where_the_first_record_has_one() -> None:
    plain = batch(Read(0, 30), Read(1, 10), Read(2, 20))
    told = batch(Read(0, 30, (("cx-sent", b"9"),)), Read(1, 10, (("cx-sent", b"5"),)), Read(2, 20))

    assert (plain.sent.sorted, plain.sent.sum) == ([10, 20, 30], 60)
    assert told.sent.sorted == [5, 9, 20]


def test_what_could_not_be_read_has_not_happened_at_any_time() -> None:
    found = batch(Read(0, 30), Read(1, 40), Read(2, 50), effects=Effects(happened=[10_000, 0, 5_000], folded=2))

    assert found.happened.sorted == [5, 10]
    assert found.travelled.sorted == [20, 45]
    assert (found.records, found.applied, found.fold_s) == (3, 2, 0.25)


def test_a_fold_that_does_not_say_when_things_happened_is_measured_without() -> None:
    found = batch(Read(0, 30), Read(1, 40))

    assert found.happened.sorted == found.travelled.sorted == []


def test_refused_are_records_of_this_batch_and_not_those_that_waited_since_an_earlier_one() -> None:
    outputs = [
        letter("cx.purchases", 4),
        letter("cx.purchases", 5),
        letter("cx.purchases", 6),
        letter("cx.purchases", 7),
        letter("cx.support", 5),
        Outgoing("cx.rewards", None, None),
    ]

    assert batch(Read(5, 0), Read(6, 0), effects=Effects(outputs=outputs)).refused == 2


class Slow(NoReadModel):
    """Writes what a test lets it write."""

    def __init__(self) -> None:
        self.done = 0

    async def written(self, ticket: int) -> None:
        await until(lambda: self.done >= ticket)


class Told(Silent):
    def __init__(self) -> None:
        self.shown_batches: list[str] = []

    def shown(self, batches: Any) -> None:
        self.shown_batches += [one.topic for one in batches]


async def test_a_batch_is_shown_when_its_ticket_is_written_and_not_before() -> None:
    readmodel, told = Slow(), Told()
    shown = Shown(readmodel, told)
    shown.add(0, [batch(Read(0, 1))._replace(topic="of a lane that shows nothing")])
    shown.add(1, [batch(Read(0, 1))._replace(topic="first")])
    shown.add(3, [batch(Read(0, 1))._replace(topic="second")])
    many = batch(Read(0, 1))._replace(records=RECORDS_MAX)
    shown.add(4, [many])  # too many: not measured
    task = asyncio.create_task(shown.run())
    try:
        readmodel.done = 2
        await until(lambda: told.shown_batches == ["first"])
        readmodel.done = 9
        await until(lambda: told.shown_batches == ["first", "second"])
        shown.add(9, [many._replace(records=RECORDS_MAX, topic="third")])  # there is room again
        await until(lambda: told.shown_batches == ["first", "second", "third"])
    finally:
        task.cancel()
