"""Workers that break a rule of the lane, to see that the judge notices: `broken RULE [POINT PASSES [SIGNAL]]`.

Each breakage is the mistake that a stream processor may well make; docs/faults.md tells which.
"""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from aiokafka.client import CoordinationType
from aiokafka.protocol.commit import OffsetCommitRequest

from agents.customers import CustomerFold
from cli.main import main
from streams.effects import Effects
from streams.hooks import LaneConsumerThread
from streams.lane import Lane
from streams.transactions import NOBODY, RefusedError, Transactions
from tests.faults import armed

if TYPE_CHECKING:
    from collections.abc import Callable

Patches = dict[str, Any]


def offsets_apart() -> Patches:
    """Commit the offsets by themselves, before the transaction."""
    commit = Transactions.commit

    async def commit_twice(self: Any, records: Any, offsets: Any, member: Any) -> Any:
        topics = [(tp.topic, [(tp.partition, offset, "")]) for tp, offset in offsets.items()]
        await self._ask(
            CoordinationType.GROUP,
            lambda: OffsetCommitRequest(self._group, member.generation, member.id, -1, topics),
        )
        return await commit(self, records, offsets, member)

    return {"streams.transactions.Transactions.commit": commit_twice}


def store_first() -> Patches:
    """Let the local store have what is not committed yet."""
    put = Lane.put

    def put_at_once(self: Any, slot: Any, folded: Any) -> None:
        put(self, slot, folded)
        store = slot.partition._store  # noqa: SLF001  # to break it
        store.write(folded.effects.changed, {}, None)
        store._db.flush()  # noqa: SLF001

    return {"streams.lane.Lane.put": put_at_once}


def redis_first() -> Patches:
    """Show customers what is not committed yet."""
    put = Lane.put

    def put_at_once(self: Any, slot: Any, folded: Any) -> None:
        put(self, slot, folded)
        self._readmodel.push(slot.number, slot.logged, folded.effects.views, whole=False)

    return {"streams.lane.Lane.put": put_at_once}


def zombie() -> Patches:
    """Commit in nobody's name, and take a new epoch without asking whether the group still knows us."""
    commit_offsets = Transactions._commit_offsets  # noqa: SLF001  # to break it

    async def in_nobodys_name(self: Any, offsets: Any, _: Any, tag: str) -> None:
        await commit_offsets(self, offsets, NOBODY, tag)

    async def unasked(*_: Any) -> None:
        return

    return {
        "streams.transactions.Transactions._commit_offsets": in_nobodys_name,
        "streams.transactions.Transactions._check_membership": unasked,
    }


def reads_uncommitted() -> Patches:
    """Fold what a producer has taken back."""
    create = LaneConsumerThread._create_worker_consumer  # noqa: SLF001  # to break it

    def uncommitted(self: Any, transport: Any) -> Any:
        consumer = create(self, transport)
        consumer._isolation_level = "read_uncommitted"  # noqa: SLF001
        return consumer

    return {"streams.hooks.LaneConsumerThread._create_worker_consumer": uncommitted}


def hasty_clock() -> Patches:
    """Apply a tick without waiting for what was written before it."""
    read_tick = CustomerFold.read_tick

    def at_once(self: Any, record: Any) -> tuple[int, dict[str, int]]:
        return read_tick(self, record)[0], {}

    return {"agents.customers.CustomerFold.read_tick": at_once}


def forgetful() -> Patches:
    """Lose the effects of every fifth batch."""
    fold, calls = CustomerFold.fold, count(1)

    def fold_most(self: Any, state: Any, records: Any) -> Effects:
        return fold(self, state, records) if next(calls) % 5 else Effects()

    return {"agents.customers.CustomerFold.fold": fold_most}


def trusts_redis() -> Patches:
    """Never look whether Redis still has what was written to it."""

    async def unread(self: Any, positions: Any) -> None:
        for claim, offset in positions.items():
            value = f"{claim.incarnation}:{claim.opened}:{offset}"
            await self._client.mset({self._key(claim.partition): value})

    return {"streams.readmodel.ReadModel._write_positions": unread}


def overlooks_refusals() -> Patches:
    """Commit a transaction although Kafka has refused some of its records."""
    produce = Transactions._produce  # noqa: SLF001  # to break it

    async def most(self: Any, batches: Any, last: Any) -> None:
        for tp, records in batches.items():
            try:
                await produce(self, {tp: records}, last)
            except RefusedError:
                continue

    return {"streams.transactions.Transactions._produce": most}


RULES: Final[dict[str, Callable[[], Patches]]] = {
    rule.__name__.replace("_", "-"): rule
    for rule in (
        offsets_apart,
        store_first,
        redis_first,
        zombie,
        reads_uncommitted,
        hasty_clock,
        forgetful,
        trusts_redis,
        overlooks_refusals,
    )
}


def run(rule: str, *failpoint: str) -> None:
    """Run `cx worker` with *rule* broken, and a failpoint armed where one is given."""
    with ExitStack() as stack:
        for name, broken in RULES[rule]().items():
            stack.enter_context(patch(name, broken))
        if failpoint:
            point, passes, *number = failpoint
            armed.run(point, int(passes), signal.Signals[(number or ["SIGKILL"])[0]])
        sys.argv = ["cx", "worker"]
        main()


if __name__ == "__main__":
    run(*sys.argv[1:])
