"""Deaths at named points, each with the proof, seen from outside, that it came where the name says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streams.failpoints import AFTER_FOLD, BEFORE_REDIS, COMMITTED, IN_TRANSACTION, OFFSETS_SENT

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable

    from tests.faults.arena import Arena
    from tests.faults.onlooker import Onlooker

TRIES: Final = 3  # times as many as hits; a pass may come where there is nothing to prove, such as an idle commit


async def folded(ring: Onlooker) -> str:
    """What was folded is in nobody's memory any more; it is still to be read."""
    behind = await ring.lag()
    return f"{behind} records not committed" if behind else ""


async def open_records(ring: Onlooker) -> str:
    """Kafka holds records that only a reader of uncommitted ones sees."""
    records = len(await ring.open_records())
    return f"open transaction with {records} records" if records else ""


async def open_offsets(ring: Onlooker) -> str:
    """Beside such records the group holds offsets that an open transaction has sent."""
    records, offsets = len(await ring.open_records()), await ring.open_offsets()
    return f"open transaction with {records} records, {offsets} offsets" if records and offsets else ""


async def unseen(ring: Onlooker) -> str:
    """Customers are committed, and Redis does not show them yet."""
    customers = await ring.behind()
    return f"{customers} customers committed and not in Redis" if customers else ""


PROOFS: Final[dict[str, Callable[[Onlooker], Awaitable[str]]]] = {
    AFTER_FOLD: folded,
    IN_TRANSACTION: open_records,
    OFFSETS_SENT: open_offsets,
    COMMITTED: unseen,
    BEFORE_REDIS: unseen,
}


async def kill_at(ring: Arena, point: str, rng: random.Random, hits: int) -> list[str]:
    """Let workers die at *point*, each after some passes, until that is proved *hits* times; return the proofs.

    At each death *ring* takes note of what Redis shows and nobody has committed, and of the records that were open
    then, which nobody may ever commit.
    """
    proofs: list[str] = []
    for _ in range(TRIES * hits):
        await ring.killed_at(point, rng.randint(3, 20))
        ring.abandoned |= await ring.open_records()
        if found := await PROOFS[point](ring):
            proofs.append(found)
        ring.never_committed += await ring.ahead()
        if len(proofs) == hits:
            break
    assert len(proofs) == hits, proofs
    return proofs
