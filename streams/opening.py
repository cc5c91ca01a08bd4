"""Taking over partition numbers: end what predecessors have open, then bring each state up to date."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from aiokafka.structs import TopicPartition

from streams.meter import Phase
from streams.partition import CACHE_BYTES, INDEXED_MAX, Partition
from streams.recovery import Recovered, insist, recover, unless_overtaken
from streams.slot import Slot
from streams.store import StoreError, Stores
from streams.transactions import Transactions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from streams.leaders import Leaders
    from streams.meter import Meter
    from streams.settings import Settings
    from streams.showing import Showing

log = logging.getLogger(__name__)


class Opening:
    """Opens partition numbers of one lane; keeps the connection for transactions and the folder of local stores."""

    def __init__(self, lane: str, topics: Sequence[str], changelog: str, settings: Settings, meter: Meter) -> None:
        """Prepare for *lane* with its input *topics* and its *changelog*."""
        self._meter = meter
        self._lane, self._topics, self._changelog, self._settings = lane, tuple(topics), changelog, settings
        self._transactions: Transactions | None = None
        self._stores: Stores | None = None

    async def open(
        self, numbers: Sequence[int], readmodel: Showing, still_wanted: Callable[[], bool] = lambda: True
    ) -> tuple[dict[int, Slot], dict[TopicPartition, int]]:
        """Fence whoever had *numbers* before and recover their state; return slots and committed offsets.

        Raises:
            BrokenOffError: they are not *still_wanted*.
        """
        partitions: dict[int, Partition] = {}
        try:
            # Side by side: Redis may take its time, and what a predecessor still writes there is no harm.
            both = asyncio.gather(self._fence(numbers), readmodel.positions(numbers))
            (found, ends), told = await unless_overtaken(both, still_wanted)
            self._meter.opening(Phase.STATE)
            for number in numbers:
                partitions[number] = self._partition(number, len(numbers))
            recovered = await self._recover(partitions, told, ends, still_wanted)
            foreign = await readmodel.take_over({number: one.known_by() for number, one in partitions.items()})
            insist(still_wanted)
        except BaseException:
            close(partitions.values())
            raise
        finally:
            self._meter.opening(None)
        # Of another changelog, the position has told nothing of which keys are missing.
        recovered |= {n: Recovered(recovered[n].last, None) for n in foreign if recovered[n].last >= 0}
        slots = {number: Slot(partitions[number], *recovered[number]) for number in numbers}
        return slots, {tp: offset for tp, (offset, _) in found.items()}

    async def _fence(self, numbers: Sequence[int]) -> tuple[dict[TopicPartition, tuple[int, str]], dict[int, int]]:
        """End what predecessors have open; return committed offsets with metadata, and the ends of the changelogs."""
        self._meter.opening(Phase.FENCING)
        transactions = await self.transactions()
        await transactions.fence(numbers)
        # In this order: once no transaction on the offsets is open, everything that they cover is in the changelog.
        self._meter.opening(Phase.OFFSETS)
        found = await transactions.committed([TopicPartition(t, n) for t in self._topics for n in numbers])
        self._meter.opening(Phase.ENDS)
        return found, await transactions.ends(self._changelog, numbers)

    async def _recover(
        self,
        partitions: Mapping[int, Partition],
        told: Mapping[int, int],
        ends: Mapping[int, int],
        still_wanted: Callable[[], bool],
    ) -> dict[int, Recovered]:
        read = partial(
            recover,
            self._settings.kafka,
            self._changelog,
            partitions,
            told,
            ends,
            meter=self._meter,
            still_wanted=still_wanted,
        )
        kept = set(partitions.values())
        while True:
            try:
                return await read()
            except StoreError as error:
                # Damage may show only once the store is written to, at each start anew.
                hit = {partition for partition in kept if partition.is_hit_by(error)}
                if not hit:  # made again and failed again: that is the disk
                    raise
                kept -= hit
                log.warning("local stores are made again", extra={"partitions": len(hit), "reason": str(error)})
                for partition in hit:
                    partition.reset()

    async def transactions(self) -> Transactions:
        """Return the connection for transactions, made on first use."""
        if self._transactions is None:
            made = Transactions(
                self._settings.kafka, self._settings.app, f"{self._settings.app}-{self._lane}", self._meter
            )
            try:
                await made.start([*self._topics, self._changelog])
            except BaseException:
                await made.stop()
                raise
            self._transactions = made
        return self._transactions

    @property
    def tried_at(self) -> float:
        """When Kafka last did not do what was asked, for a reason that passes, by `time.monotonic`."""
        return 0.0 if self._transactions is None else self._transactions.tried_at

    def leaders(self) -> Leaders | None:
        """Return who knows the brokers that lead partitions; nobody before the first transaction."""
        return None if self._transactions is None else self._transactions.leaders

    async def stop(self) -> None:
        """Disconnect, and let another process have the folder."""
        if self._transactions is not None:
            await self._transactions.stop()
        if self._stores is not None:
            self._stores.close()

    def _partition(self, number: int, owned: int) -> Partition:
        if self._stores is None:
            self._stores = Stores(self._settings.data / "worker" / self._settings.app / self._lane)
        return Partition(
            number,
            self._settings.partitions,
            self._stores.open(number, owned),
            cache_bytes=CACHE_BYTES // owned,
            indexed_max=INDEXED_MAX // owned,
        )


def close(partitions: Iterable[Partition]) -> None:
    """Close the stores of *partitions*."""
    for partition in partitions:
        partition.close()
