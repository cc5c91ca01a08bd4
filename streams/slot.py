"""A partition number that this worker owns: its state, and how far it is with each topic."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

    from streams.partition import Partition


class Slot:
    """One owned partition number, from one assignment to the next."""

    def __init__(self, partition: Partition, logged: int, unseen: set[bytes] | None) -> None:
        """Begin with *partition* as recovered; *unseen* are keys that the read model lacks, None for all."""
        self.partition = partition
        self.number = partition.number
        self.logged = logged  # offset of the last changelog record
        self.unseen = unseen
        self.received: dict[str, int] = {}  # by topic, the offset behind what the consumer handed over
        self.coming: dict[str, deque[int]] = {}  # by topic, first offsets of the batches handed over and not yet folded
        self.folded: dict[str, int] = {}  # by topic, the offset behind what was folded
        self.ticks: deque[ConsumerRecord[bytes, bytes]] = deque()
        self.ticking = False
        self.ticked = False  # whether a tick of ours waits to be written
        self.waiting_since = 0.0  # for what the first tick wants to have been folded before it
        self.checked = 0.0  # when it was last held against the ends of its topics
        self.told = 0.0  # when the ends that our last tick names were asked for, by `time.monotonic`

    def reached(self, topic: str) -> int:
        """Return the offset before which everything of *topic* is folded; -1 when that is not known yet."""
        return self.folded.get(topic, -1)
