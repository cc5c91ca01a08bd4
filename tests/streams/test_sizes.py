"""Sizes: what Kafka would not take of a fold becomes a dead letter of its record, and stops nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import ConsumerRecord
from faust.types import TP

from schemas.errors import Reason
from streams.effects import (
    NO_DEADLINE,
    RECORD_BYTES_MAX,
    Effects,
    Fold,
    Outgoing,
    OutputTooLargeError,
    StateTooLargeError,
)
from streams.lane import Lane
from streams.partition import Partition
from streams.readmodel import NoReadModel
from streams.settings import Settings
from streams.slot import Slot
from streams.store import Stores
from streams.writer import Folded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from streams.effects import PartitionState

LEFT = RECORD_BYTES_MAX - len(b"lan") - len(NO_DEADLINE)  # for a state, or for an output, beside the key


class Growing(Fold):
    """Each record tells by how many bytes its key's state grows, and how large an output is."""

    topics = ("in",)

    def fold(self, state: PartitionState, records: Sequence[ConsumerRecord[bytes, bytes]]) -> Effects:
        effects = Effects()
        for record in records:
            grows, size = map(int, record.value.split())
            before = effects.changed.get(record.key) or state.encoded(record.key) or NO_DEADLINE
            effects.changed[record.key] = value = before + bytes(grows)
            state.cache.put(record.key, len(value), len(value))
            effects.outputs.append(Outgoing("out", record.key, bytes(size), (("header", b"1"),)))
        return effects


class Refusing(Growing):
    """The same, with dead letters."""

    def reject(self, record: ConsumerRecord[bytes, bytes], reason: str, loc: str) -> Outgoing:
        return Outgoing("dead", record.key, f"{record.offset} {reason}{loc}".encode())


class Writer:
    """Takes everything."""

    def __init__(self) -> None:
        self.taken: list[Folded] = []

    def put(self, number: int, folded: Folded) -> None:
        assert number == 0
        self.taken.append(folded)


class Rig:
    """A lane with one partition, whose writer keeps what it is given."""

    def __init__(self, fold: Fold, folder: Path) -> None:
        self._stores = Stores(folder)
        self.partition = Partition(0, 1, self._stores.open(0, 1))
        app: Any = None
        self.lane = Lane(app, "lane", fold, NoReadModel(), Settings(data=folder))
        self.slot = Slot(self.partition, -1, set())
        self.writer = Writer()
        writer: Any = self.writer
        self.lane._slots, self.lane._writer = {0: self.slot}, writer  # noqa: SLF001  # as after an assignment

    def take(self, *values: tuple[bytes, int, int]) -> None:
        """Let a batch come: of each record the key, by how much the state grows, and the size of the output."""
        first = max(self.slot.reached("in"), 0)
        records = [
            ConsumerRecord("in", 0, offset, 0, 0, key, f"{grows} {size}".encode(), None, 0, 0, ())
            for offset, (key, grows, size) in enumerate(values, first)
        ]
        self.lane.handed_over(TP("in", 0), first, first + len(records))
        self.lane._take(self.slot, "in", records)  # noqa: SLF001  # what an agent does with a batch

    @property
    def outputs(self) -> list[tuple[str, int | bytes]]:
        outputs = [out for folded in self.writer.taken for out in folded.effects.outputs]
        return [(out.topic, out.value if out.topic == "dead" else len(out.value)) for out in outputs if out.value]

    def close(self) -> None:
        self.partition.close()
        self._stores.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(Refusing(), tmp_path)
    yield made
    made.close()


def test_what_kafka_takes_just_so_is_one_batch(rig: Rig) -> None:
    rig.take((b"lan", LEFT, 1), (b"mai", 0, RECORD_BYTES_MAX - len(b"mai") - len("header1")))
    assert [folded.batches for folded in rig.writer.taken] == [[("in", 0, 1)]]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ((b"mai", 1, RECORD_BYTES_MAX - len(b"mai") - len("header1") + 1), Reason.RULE_ERROR),
        ((b"mai", LEFT + 1, 1), Reason.STATE_TOO_LARGE),
    ],
)
def test_a_record_whose_effects_are_too_large_is_refused_and_the_others_are_not(
    rig: Rig, record: tuple[bytes, int, int], reason: Reason
) -> None:
    rig.take((b"lan", 10, 10), record, (b"lan", 20, 20))
    assert rig.outputs == [("out", 10), ("dead", f"1 {reason}".encode()), ("out", 20)]
    assert rig.partition.encoded(b"lan") == NO_DEADLINE + bytes(30)
    assert rig.partition.encoded(b"mai") is None
    assert [folded.batches for folded in rig.writer.taken] == [[("in", 0, 0)], [("in", 1, 1)], [("in", 2, 2)]]
    assert rig.slot.folded == {"in": 3}


def test_nothing_decoded_is_left_of_what_is_dropped(rig: Rig) -> None:
    rig.take((b"lan", 10, 10))
    rig.take((b"lan", LEFT, 10))
    assert rig.partition.cache.get(b"lan") is None
    assert rig.partition.encoded(b"lan") == NO_DEADLINE + bytes(10)


def test_a_fold_that_makes_no_dead_letters_ends_its_worker(tmp_path: Path) -> None:
    rig = Rig(Growing(), tmp_path)
    with pytest.raises(
        NotImplementedError, match="Growing makes no dead letters, and a record was refused: rule-error"
    ):
        rig.take((b"lan", 1, RECORD_BYTES_MAX))
    assert rig.writer.taken == []
    rig.close()


@pytest.mark.parametrize(
    ("effects", "error"),
    [
        (Effects(outputs=[Outgoing("out", None, bytes(RECORD_BYTES_MAX + 1))]), OutputTooLargeError),
        (Effects(changed={b"": bytes(RECORD_BYTES_MAX + 1)}), StateTooLargeError),
    ],
)
def test_what_is_no_records_fault_is_raised_and_leaves_no_trace(
    rig: Rig, effects: Effects, error: type[Exception]
) -> None:
    with pytest.raises(error):
        rig.lane.put(rig.slot, Folded(effects, {}))
    assert (rig.writer.taken, list(rig.partition.keys())) == ([], [])
