"""The judge: what a run left behind, held against the references; every count but 0 is a broken promise."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cx.state import NEVER, StateFormatError, deadline_of, decode
from streams.partition import OWN_KEY
from tests.faults.reference import Replay, derived, seen, sorted_fold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.customers import CustomerFold
    from tests.faults.logs import Logs, Record, StoreImage

COUNTS: Final = ("LOST", "REPEATED", "FOREIGN", "STATE", "REDIS", "STORE", "LAG", "AUDIT")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a run.

    Attributes:
        events: Records of the input topics, ticks left out.
        outputs: Records that subscribers saw, dead letters among them.
        lost: Outputs that are missing, and input records that no committed batch holds.
        repeated: Outputs seen again, and input records in a second committed batch.
        foreign: Outputs that are not of the reference, other bytes under a known id among them.
        state: Customers and partitions whose changelog does not end with what the references come to.
        redis: Customers that Redis shows otherwise than the changelog, or should not show at all.
        store: Entries of local stores that are not what the changelog says up to where they claim to cover it.
        lag: Offsets of the input topics that are not committed, those of control records included.
        audit: Faults that `ops.audit` finds against the generator's manifest.
    """

    events: int
    outputs: int
    lost: int = 0
    repeated: int = 0
    foreign: int = 0
    state: int = 0
    redis: int = 0
    store: int = 0
    lag: int = 0
    audit: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """The counts that must be 0, by the names in the table."""
        return {name: int(getattr(self, name.lower())) for name in COUNTS}

    @property
    def ok(self) -> bool:
        """Whether all promises were kept."""
        return not any(self.counts.values())


def judge(logs: Logs, fold: CustomerFold, partitions: int, audit: int = 0) -> Verdict:
    """Judge a run by the rules of *fold*; its workers have stopped in order."""
    replay = Replay(fold, partitions)
    for number in range(partitions):
        replay.run(number, logs.inputs, logs.changelog.get(number, ()))
    records = [record for place in logs.inputs.values() for record in place]
    present = Counter((record.topic, record.partition, record.offset) for record in records)
    found = seen(logs.outputs)
    surplus = found - replay.outputs
    known = sum(count for output, count in surplus.items() if output in replay.outputs)
    final = {number: latest(logs.changelog.get(number, ())) for number in range(partitions)}
    return Verdict(
        events=sum(record.topic != fold.clock for record in records),
        outputs=found.total(),
        lost=(replay.outputs - found).total() + (present - replay.covered).total(),
        repeated=known + (replay.covered - present).total() + sum(n - 1 for n in replay.outputs.values()),
        foreign=surplus.total() - known,
        state=replay.differing
        + replay.early
        + sum(_differing(final[number], replay.states[number]) for number in range(partitions))
        + _differing_from_sorted(final, sorted_fold(records, replay.ticks, fold.rules), replay.ticks, fold),
        redis=_redis_differs(logs, final),
        store=sum(_store_differs(image, logs.changelog.get(image.partition, ())) for image in logs.stores)
        + sum(not _is_covered(number, logs) for number in range(partitions)),
        lag=sum(max(0, end - logs.committed.get(place, 0)) for place, end in logs.ends.items()),
        audit=audit,
    )


def latest(changelog: Sequence[Record], until: int | None = None) -> dict[bytes, bytes]:
    """Return the last value by customer, up to and with the offset *until*."""
    values: dict[bytes, bytes] = {}
    for record in changelog:
        if until is not None and record.offset > until:
            break
        if record.key == OWN_KEY:
            continue
        if record.value is None:
            values.pop(record.key, None)
        else:
            values[record.key] = record.value
    return values


def _differing(found: dict[bytes, bytes], expected: dict[bytes, bytes]) -> int:
    return sum(found.get(key) != expected.get(key) for key in found.keys() | expected.keys())


def _differing_from_sorted(
    final: dict[int, dict[bytes, bytes]], expected: Mapping[bytes, object], ticks: dict[int, int], fold: CustomerFold
) -> int:
    found: dict[bytes, object] = {}
    for number, values in final.items():
        for key, value in values.items():
            try:
                found[key] = derived(decode(value), ticks[number], fold.rules)
            except StateFormatError:
                found[key] = None
    return sum(found.get(key) != expected.get(key) for key in found.keys() | expected.keys())


def _redis_differs(logs: Logs, final: dict[int, dict[bytes, bytes]]) -> int:
    expected = {key: value for values in final.values() for key, value in values.items()}
    wrong = 0
    for key in logs.redis.keys() | expected.keys():
        version, state = logs.redis.get(key, (-1, b""))
        wrong += state != expected.get(key) or version != decode(state).version
    return wrong


def _store_differs(image: StoreImage, changelog: Sequence[Record]) -> int:
    """Count what a store has and should not, or lacks: it may only hold what was committed, up to its mark."""
    own = next((record.value for record in changelog if record.offset == image.offset), None)
    expected = latest(changelog, image.offset)
    wrong = _differing(image.values, expected)
    wrong += image.offset >= 0 and own != image.own
    deadlines = ((deadline_of(value), key) for key, value in expected.items())
    return wrong + sum(deadline != NEVER and (deadline, key) not in image.due for deadline, key in deadlines)


def _is_covered(number: int, logs: Logs) -> bool:
    """Whether some store of partition *number* has all of its changelog."""
    changelog = logs.changelog.get(number, ())
    last = max((record.offset for record in changelog), default=-1)
    return any(image.offset == last for image in logs.stores if image.partition == number) or last == -1
