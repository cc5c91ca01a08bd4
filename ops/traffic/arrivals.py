"""Arrivals: all records of a run in the order in which they reach the topics, ticks in their places."""

from collections.abc import Iterator
from random import Random

from ops.traffic import records
from ops.traffic.instants import Pace
from ops.traffic.options import Options
from ops.traffic.post import Post
from ops.traffic.records import Arrival


def events(options: Options) -> Iterator[Arrival]:
    """Make the records of a run; ticks are not yet one per partition.

    A tick comes after all that arrived up to its instant. Memory is bounded by the customers met and by what is on
    its way (late events, cases being worked on), not by the number of events.

    Raises:
        OptionsError: There are too few customers or records for what is asked.
    """
    rhythm = Random(f"rhythm {options.seed}") if options.span is not None else None  # noqa: S311  # must repeat
    pace = Pace(options.start_ms, options.end_ms, options.total, rhythm)
    post = Post(options)
    ticks = _tick_times(options)
    due = next(ticks, None)
    for number in range(options.total):
        at = pace.at(number)
        while due is not None and due < at:
            yield records.tick(options.run, due)
            due = next(ticks, None)
        yield post.delivered(number, at)
    while due is not None:
        yield records.tick(options.run, due)
        due = next(ticks, None)


def _tick_times(options: Options) -> Iterator[int]:
    if options.ticks:
        yield from range(options.start_ms + options.tick_ms, options.end_ms, options.tick_ms)
        yield options.end_ms
