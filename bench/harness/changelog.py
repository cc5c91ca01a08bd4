"""What a lane's changelog holds, made up: states of many customers, and a partition's own record."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec

from bench.harness.workload import customer
from streams.effects import NEVER
from streams.partition import FORMAT, PartitionRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

ID = 16  # characters of an event's id
PER_ID = ID + 3  # with quotes and comma
BARE = 44  # of a state without ids, its deadline included
OWN = msgspec.msgpack.encode(PartitionRecord(FORMAT, 0, "simple", "bench", 1))  # see peers/ours.py


def states(customers: int, value_bytes: int, seed: int = 7) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and encoded state of *customers*, as the simple fold would have them with about *value_bytes* each."""
    chance = random.Random(seed)
    ids = max((value_bytes - BARE) // PER_ID, 1)
    deadline = NEVER.to_bytes(8)
    for rank in range(customers):
        digits = chance.randbytes(ids * ID // 2).hex()
        seen = '","'.join(digits[at : at + ID] for at in range(0, len(digits), ID))
        value = f'{{"spend":{rank},"n":{ids},"seen":["{seen}"]}}'
        yield customer(rank).encode(), deadline + value.encode()
