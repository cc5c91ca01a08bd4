"""Properties of counting: whatever arrives when, and however it is read, the cells are those of the events in order."""

from __future__ import annotations

import os
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cx.moments import AnyMoment, Purchased, Touched
from cx.state import encode
from ops.aggregates.counting import Counting
from ops.aggregates.store import Store
from ops.aggregates.weeks import week_of
from tests.cx.strategies import EVERYTHING, Batch, Log, logs
from tests.ops.aggregates import Cells, cells, expected, portion
from tests.spec import Spec
from tests.spec import given as story_of

pytestmark = pytest.mark.usefixtures("early_base")

EXAMPLES = int(os.environ.get("CX_EXAMPLES", "200"))
SOME = settings(max_examples=max(EXAMPLES // 6, 1), deadline=None, suppress_health_check=[HealthCheck.too_slow])
CHANNELS = ("web", "store", "app")


def elsewhere(moment: AnyMoment) -> AnyMoment:
    """Let a purchase or a contact be in one of several places."""
    if not isinstance(moment, Purchased | Touched):
        return moment
    number = crc32(moment.id.encode()) % len(CHANNELS)
    return msgspec.structs.replace(moment, channel=CHANNELS[number], store=f"s{number}" if number == 1 else "")


def in_places(log: Log) -> Log:
    batches = [Batch(one.clock, tuple(map(elsewhere, one.moments))) for one in log.batches]
    return Log(tuple(map(elsewhere, log.moments)), tuple(batches))


def told(log: Log) -> tuple[Spec, list[bytes]]:
    """Return the story in its batches and ticks, and each state that was written down."""
    story, states = story_of(by=EVERYTHING), list[bytes]()
    for batch in (*log.batches, Batch(log.end, ())):
        ticked = story.tick(batch.clock) if batch.clock else story
        for after in (ticked, ticked.when(*batch.moments)):
            if after.customer.version != story.customer.version:
                states.append(encode(after.customer, EVERYTHING.lateness))
            story = after
    return story, states


def refused(story: Spec) -> set[bytes]:
    """Return the ids of events that waited in vain."""
    return {kept.value for kept in story.kept}


@SOME
@given(st.lists(logs().map(in_places), min_size=1, max_size=2), st.data())
def test_cells_are_those_of_the_events_in_order_however_it_is_read(made: list[Log], data: st.DataObject) -> None:
    lives = {name: told(log) for name, log in zip(("lan", "mai"), made, strict=False)}
    waiting = {name: list(states) for name, (_, states) in lives.items()}
    records: list[tuple[str, bytes | None]] = []
    while waiting := {name: states for name, states in waiting.items() if states}:
        name = data.draw(st.sampled_from(sorted(waiting)))
        records.append((name, waiting[name].pop(0)))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(records)), max_size=4)) | {0, len(records)})
    # By customer, for two of them may have a moment in common.
    gone = [(log, refused(story)) for log, (story, _) in zip(made, lives.values(), strict=True)]
    wanted = expected(
        ([moment for moment in log.moments if moment.id.encode() not in ids] for log, ids in gone), EVERYTHING
    )
    # What is given up in the very decision that settles its week has been counted for good.
    unsure = {
        week_of(moment.at, EVERYTHING) for log, ids in gone for moment in log.moments if moment.id.encode() in ids
    }
    with TemporaryDirectory() as folder, closing(Store(Path(folder))) as store:
        counting = Counting(store, EVERYTHING, 104)
        for start, end in pairwise(cuts):
            counting.take([portion(*records[start:end], start=start)])
            again = data.draw(st.integers(0, end))  # as where a reader was set back
            counting.take([portion(*records[again:end], start=again)])
        complete = store.fact("complete")
        found = cells(Path(folder))

    def sure(cells: Cells) -> Cells:
        return {cell: numbers for cell, numbers in cells.items() if cell.week >= complete and cell.week not in unsure}

    assert sure(found) == sure(wanted)
