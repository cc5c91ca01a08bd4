"""Whether a contestant did the work: what it published and kept against what is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.harness.workload import Expected


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found; no fault means that the figure counts.

    Attributes:
        faults: Each a line for a person, without any record's content.
        repeated: Outputs that were there more than once.
    """

    faults: tuple[str, ...]
    repeated: int

    @property
    def ok(self) -> bool:
        """Whether all was right."""
        return not self.faults


def judge(
    expected: Expected,
    outputs: Sequence[bytes],
    states: Mapping[str, Mapping[str, Any]] | None,
    positions: tuple[Mapping[int, int], Mapping[int, int]] | None,
    *,
    exactly_once: bool,
) -> Verdict:
    """Compare what came out with what is right.

    Args:
        outputs: Values as a read-committed reader saw them.
        states: Last state by customer as the changelog has it; None where there is no changelog.
        positions: Committed offsets and end offsets of the source by partition; None where no offsets are promised.
        exactly_once: Whether an output may not repeat.
    """
    faults: list[str] = []
    parsed = [orjson.loads(value) for value in outputs]
    seen = {answer["serial"] for answer in parsed}
    repeated = len(parsed) - len(seen)
    if missing := len(expected.answers.keys() - seen):
        faults.append(f"{missing} outputs are missing")
    if wrong := sum(answer != expected.answers.get(answer["serial"]) for answer in parsed):
        faults.append(f"{wrong} outputs are wrong")
    if exactly_once and repeated:
        faults.append(f"{repeated} outputs are repeated")
    if states is not None:
        differing = [
            who for who in states.keys() | expected.states.keys() if states.get(who) != expected.states.get(who)
        ]
        if differing:
            faults.append(f"{len(differing)} of {len(expected.states)} states are wrong")
    if positions is not None:
        committed, ends = positions
        if behind := [number for number, end in ends.items() if committed.get(number, 0) != end]:
            faults.append(f"committed offsets of {len(behind)} partitions are not at the end")
    return Verdict(tuple(faults), repeated)
