"""The writer of one partition number: folded batches become durable in order, each group in one transaction."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from typing import TYPE_CHECKING

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition

from streams.effects import Outgoing, View
from streams.partition import OWN_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.effects import Effects
    from streams.settings import KafkaSettings

log = logging.getLogger(__name__)

PENDING_MAX = 64  # folded batches that wait; more, and the fold waits
GROUP_RECORDS_MAX = 5_000  # per transaction: an open one blocks every read-committed reader of what it touched
TRANSACTION_TIMEOUT_MS = 10_000
REQUEST_BYTES_MAX = 4 << 20


class Folded(msgspec.Struct):
    """A folded batch: its effects, the offset to commit behind it, and what it was made of."""

    effects: Effects
    offsets: dict[str, int]
    batches: list[tuple[str, int, int]] = []  # topic, first and last offset, in the order of folding
    own_record: bytes | None = None


class Writer:
    """Owns the transactional producer of one partition number; starting it fences whoever had the number before."""

    def __init__(
        self,
        kafka: KafkaSettings,
        *,
        group: str,
        lane: str,
        number: int,
        changelog: str,
        on_commit: Callable[[int, int, list[View]], None],
        on_failure: Callable[[int, BaseException], None],
    ) -> None:
        """Prepare; *on_commit* gets (partition, last changelog offset, views), *on_failure* the end of the writer."""
        self.number = number
        self.committed: dict[str, int] = {}
        self._group, self._changelog = group, changelog
        self._on_commit, self._on_failure = on_commit, on_failure
        self._pending: deque[Folded] = deque()
        self._wake, self._room, self._empty = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room.set()
        self._empty.set()
        self._task: asyncio.Task[None] | None = None
        self._producer = AIOKafkaProducer(
            transactional_id=f"{group}-{lane}-{number}",
            acks="all",
            linger_ms=0,
            compression_type="lz4",
            max_batch_size=1 << 18,
            max_request_size=REQUEST_BYTES_MAX,
            retry_backoff_ms=10,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            **kafka.client_options(),
        )

    async def start(self) -> None:
        """Initialise the transactional id, which waits out and fences the predecessor, and begin to write."""
        await self._producer.start()
        self._task = asyncio.create_task(self._run(), name=f"writer-{self.number}")

    async def room(self) -> None:
        """Wait until another batch may be folded."""
        await self._room.wait()

    def put(self, folded: Folded) -> None:
        """Take a folded batch; the order of calls is the order of the changelog."""
        self._pending.append(folded)
        self._empty.clear()
        self._wake.set()
        if len(self._pending) >= PENDING_MAX:
            self._room.clear()

    @property
    def idle(self) -> bool:
        """Whether all that was put is committed."""
        return self._empty.is_set()

    async def stop(self, deadline_s: float) -> bool:
        """Commit what is pending, for *deadline_s* at most, and close; return False if something had to be given up."""
        whole = True
        try:
            await asyncio.wait_for(self._empty.wait(), deadline_s)
        except TimeoutError:
            whole = False
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            await asyncio.wait_for(self._producer.stop(), deadline_s)
        except Exception as error:  # noqa: BLE001  # closing is best effort: the successor's fence ends what is left open
            log.warning("producer did not close", extra={"partition": self.number, "error": type(error).__name__})
        return whole

    async def _run(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._pending:
                    await self._write(self._take())
                self._empty.set()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever it was, nothing of the group is committed
            self._on_failure(self.number, error)

    def _take(self) -> list[Folded]:
        """Take what waits, as far as one transaction should hold."""
        group: list[Folded] = []
        records = 0
        while self._pending and records < GROUP_RECORDS_MAX:
            folded = self._pending.popleft()
            records += len(folded.effects.outputs) + len(folded.effects.changed)
            group.append(folded)
        if len(self._pending) < PENDING_MAX:
            self._room.set()
        return group

    async def _write(self, group: list[Folded]) -> None:
        offsets: dict[str, int] = {}
        changed: dict[bytes, bytes | None] = {}
        views: dict[str, View] = {}
        outputs: list[Outgoing] = []
        batches: list[tuple[str, int, int]] = []
        own_record = None
        for folded in group:
            offsets |= folded.offsets
            changed |= folded.effects.changed
            outputs += folded.effects.outputs
            batches += folded.batches
            own_record = folded.own_record or own_record
            views |= {view.key: view for view in folded.effects.views}
        last = await self._transact(outputs, changed, own_record, batches, offsets)
        self.committed |= offsets
        if last >= 0:
            self._on_commit(self.number, last, list(views.values()))

    async def _transact(
        self,
        outputs: list[Outgoing],
        changed: dict[bytes, bytes | None],
        own_record: bytes | None,
        batches: list[tuple[str, int, int]],
        offsets: dict[str, int],
    ) -> int:
        """Write all or nothing; return the offset of the last changelog record, or -1 if there was none."""
        producer = self._producer
        await producer.begin_transaction()
        try:
            sends = [
                await producer.send(
                    out.topic, out.value, key=out.key, partition=out.partition, headers=list(out.headers)
                )
                for out in outputs
            ]
            logged = [
                await producer.send(self._changelog, value, key=key, partition=self.number)
                for key, value in changed.items()
            ]
            if own_record is not None:
                headers = [("cx-batches", json.dumps(batches).encode())]
                logged.append(
                    await producer.send(
                        self._changelog, own_record, key=OWN_KEY, partition=self.number, headers=headers
                    )
                )
            # Each one awaited: a record refused for good does not fail the transaction by itself, it is just missing.
            await asyncio.gather(*sends)
            done = await asyncio.gather(*logged)
            if offsets:
                tps = {TopicPartition(topic, self.number): offset for topic, offset in offsets.items()}
                await producer.send_offsets_to_transaction(tps, self._group)
        except BaseException:
            await self._abort()
            raise
        await producer.commit_transaction()
        return max((record.offset for record in done), default=-1)

    async def _abort(self) -> None:
        try:
            await asyncio.wait_for(self._producer.abort_transaction(), 2)
        except Exception as error:  # noqa: BLE001  # fenced, or the broker is away: the transaction times out by itself
            log.warning("transaction was left to time out", extra={"error": type(error).__name__})
