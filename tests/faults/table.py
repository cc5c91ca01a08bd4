"""The verdict table: a row a scenario, printed when the tests end, and made into a page where that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.harness.machine import describe
from tests.faults.judge import COUNTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.judge import Verdict

HEAD: Final = ("scenario", "times", "what was done", "events", "outputs", *COUNTS, "verdict")
BROKEN_HEAD: Final = ("rule broken on purpose", "what was done", *COUNTS, "verdict")
INTRODUCTION: Final = """# Faults

What becomes of every event when a worker, Kafka, Redis or a disk fails. `make faults` lets them fail, prints the tables
below and writes this page; nothing of it is written by hand. The tests are in `tests/faults`.

Each row is a run of its own, with its own Kafka and Redis: generated traffic (duplicates, late events, unreadable
records, aborted transactions) goes through real workers, four partitions, and what the row tells is done meanwhile.
Then all the traffic is let through, the workers are stopped, and clients that read committed look at what was left
behind. It is held against two references: the same fold over the batches in the order in which the changelog says that
they were committed, and a plain fold of all events, sorted, that knows no batches. Each count is of broken promises,
and has to be 0:

- **LOST**: outputs that are missing, and input records in no committed batch;
- **REPEATED**: outputs seen again, and input records in a second committed batch;
- **FOREIGN**: outputs that the reference does not have, byte for byte;
- **STATE**: customers whose last changelog record is not what the references come to;
- **REDIS**: customers whom Redis shows otherwise than the changelog, at the end or ahead of it at a kill;
- **STORE**: entries of local stores that the changelog does not have, or that are missing;
- **LAG**: offsets that are not committed, to the last control record;
- **AUDIT**: what `ops/audit` finds against the generator's list of what it sent; where Kafka was stopped or killed, a
  record that it had written but not answered may be there twice, as a duplicate.
"""
JUDGED: Final = """## The judge judged

Here the lane itself is wrong: one of its rules is broken on purpose (`tests/faults/broken.py`), and the judge has to
notice.
"""


GIFTS_HEAD: Final = ("scenario", "what was done", "requests", "given", "refused", "verdict")
GIFTS_SAID: Final = """## Gifts

Gift desks have a judge of their own: each request has one answer, with the reason where it is no; exactly as many gifts
are given as budgets pay and stock has, no code twice; accounts, stock and waiting lists are what that comes to; and no
code stands in plain in a topic, a log, a metric or Redis.
"""


@dataclass(frozen=True)
class GiftRow:
    """A run on gifts that its judge found to be as it should; one that fails has no row, and is named on the page."""

    scenario: str
    done: str
    requests: int
    given: int
    refused: int


@dataclass(frozen=True)
class Row:
    """A scenario, how often it happened, what was done in it as the harness saw it, and the judge's verdict."""

    scenario: str
    times: int
    done: str
    verdict: Verdict


ROWS: Final[list[Row]] = []
GIFTS: Final[list[GiftRow]] = []
BROKEN: Final[list[Row]] = []  # of lanes that break a rule: the judge has to notice


def plain(rows: Sequence[Row], broken: Sequence[Row]) -> list[str]:
    """Return lines for a terminal: figures in columns, and below them what was done."""
    table: list[tuple[str, ...]] = [(*HEAD[:2], *HEAD[3:])]
    table += [(row.scenario, str(row.times), *_figures(row), *_counts(row), _word(row)) for row in rows]
    table += [
        (f"rule broken: {row.scenario}", str(row.times), *_figures(row), *_counts(row), _noticed(row)) for row in broken
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join((line[0].ljust(widths[0]), *(cell.rjust(n) for cell, n in zip(line[1:], widths[1:], strict=True))))
        for line in table
    ]
    return lines[:1] + [
        part for line, row in zip(lines[1:], (*rows, *broken), strict=True) for part in (line, f"    {row.done}")
    ]


def gifts_plain(rows: Sequence[GiftRow]) -> list[str]:
    """Return lines for a terminal, two for each run on gifts."""
    return [
        line
        for row in rows
        for line in (f"{row.scenario}: {row.requests:,} requests, {row.given:,} given  ok", f"    {row.done}")
    ]


def page(rows: Sequence[Row], broken: Sequence[Row], undecided: Sequence[str], gifts: Sequence[GiftRow] = ()) -> str:
    """Return the page for `docs`; *undecided* are tests that failed, with or without a verdict."""
    lines = [(row.scenario, str(row.times), row.done, *_figures(row), *_counts(row), _word(row)) for row in rows]
    noticed = [(row.scenario, row.done, *_counts(row), _noticed(row)) for row in broken]
    parts = [INTRODUCTION, "## Verdicts\n", *_table(HEAD, lines), ""]
    if undecided:
        parts += ["**Failed**, whatever the rows above say:\n", *(f"- {name}" for name in undecided), ""]
    if gifts:
        sold = [(g.scenario, g.done, f"{g.requests:,}", f"{g.given:,}", f"{g.refused:,}", "ok") for g in gifts]
        parts += [GIFTS_SAID, *_table(GIFTS_HEAD, sold), ""]
    parts += [JUDGED, *_table(BROKEN_HEAD, noticed), "", _machine()]
    return "\n".join(parts) + "\n"


def _machine() -> str:
    facts = describe()
    return (
        f"Measured on {facts['cpu']}, {facts['cores']} cores for everything, {facts['memory_gib']} GiB; "
        f"{facts['system']}; Python {facts['python']}, Kafka {facts['kafka']}, Java {facts['java']}."
    )


def _table(head: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> list[str]:
    rule = ["---" if name in {head[0], "what was done", "verdict"} else "---:" for name in head]
    return ["| " + " | ".join(cells) + " |" for cells in (head, rule, *lines)]


def _figures(row: Row) -> tuple[str, str]:
    return f"{row.verdict.events:,}", f"{row.verdict.outputs:,}"


def _counts(row: Row) -> tuple[str, ...]:
    return tuple(map(str, row.verdict.counts.values()))


def _word(row: Row) -> str:
    return "ok" if row.verdict.ok else "BROKEN"


def _noticed(row: Row) -> str:
    return "MISSED" if row.verdict.ok else "noticed"
