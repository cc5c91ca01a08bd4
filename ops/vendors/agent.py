"""The agent of one vendor: reads orders, has them fulfilled a few at a time, and writes to the desk what came of it.

An order is committed when its answer is in Kafka, and all before it. Whoever dies in between leaves it to be asked for
again, under the same id: the vendor then says the same, and the desk takes it once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, uuid5

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError

from agents.edge import rejected
from cx.calendar import micros, rfc3339
from ops.vendors.vendor import Order, VendorBusyError, VendorRefusedError
from schemas.envelope import CONTENT_TYPE, STRUCTURED
from schemas.errors import Reason, Unreadable
from schemas.vendors import ORDERS, READERS
from streams.failpoints import VENDOR_ANSWERED, VENDOR_ASKED, VENDOR_COMMITTED, VENDOR_TOLD, reach

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from aiokafka import ConsumerRecord

    from ops.codes import Locker
    from ops.metrics_beside import Ordered
    from ops.vendors.patience import Patience
    from ops.vendors.vendor import Voucher
    from schemas.vendors import VendorRequested
    from streams.settings import Settings

log = logging.getLogger(__name__)

ANSWERS: Final = "cx.vendor-answers"
_POLL_MS: Final = 100
_HEADERS: Final = ((CONTENT_TYPE, STRUCTURED),)


class Agent:
    """Does all that one vendor is asked for; several of one name share the partitions."""

    def __init__(self, settings: Settings, patience: Patience, locker: Locker, figures: Ordered | None = None) -> None:
        """Read orders for the vendor that *settings* name, in a running event loop; nothing connects yet.

        Args:
            patience: Asks the vendor.
            locker: Seals the codes, before anything else sees them.
            figures: Is told what becomes of orders.
        """
        self._figures = figures
        self._vendor, self._at_once = settings.vendor.name, settings.vendor.at_once
        self._patience, self._locker = patience, locker
        self._running: dict[TopicPartition, deque[tuple[int, asyncio.Task[None]]]] = {}
        client = settings.kafka.client_options()
        self._producer = AIOKafkaProducer(enable_idempotence=True, acks="all", **client)
        self._consumer = AIOKafkaConsumer(
            group_id=f"{settings.app}-vendor-{self._vendor}",
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(settings.kafka.session_timeout_s * 1_000),
            heartbeat_interval_ms=int(settings.kafka.heartbeat_s * 1_000),
            **client,
        )

    async def run(self) -> None:
        """Work until cancelled; what is not committed then is asked for again."""
        await self._producer.start()
        try:
            self._consumer.subscribe([ORDERS], listener=_Leaving(self._forget))
            await self._consumer.start()
            log.info("vendor agent began", extra={"vendor": self._vendor})
            while True:
                await self._read()
                await self._commit()
                if self._figures is not None:
                    running = sum(map(len, self._running.values()))
                    self._figures.beat(running, assigned=bool(self._consumer.assignment()))
        finally:
            self._forget(tuple(self._running))
            await self._consumer.stop()
            await self._producer.stop()

    async def _read(self) -> None:
        """Begin with more orders where there is room; where there is none, only keep our place in the group."""
        room = self._at_once - sum(map(len, self._running.values()))
        assigned = self._consumer.assignment()
        (self._consumer.resume if room else self._consumer.pause)(*assigned)
        for place, records in (await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=room or 1)).items():
            for record in records:
                task = asyncio.create_task(self._handle(record))
                self._running.setdefault(place, deque()).append((record.offset, task))

    async def _commit(self) -> None:
        """Commit up to the first order of each partition that is not done."""
        done: dict[TopicPartition, int] = {}
        for place, running in self._running.items():
            while running and running[0][1].done():
                offset, task = running.popleft()
                task.result()  # a promise of ours that is broken ends the agent
                done[place] = offset + 1
        if not done:
            return
        try:
            await self._consumer.commit(done)
        except (CommitFailedError, IllegalStateError):
            log.info("partitions are somebody else's by now")  # who asks again, and is told the same
        reach(VENDOR_COMMITTED)

    def _forget(self, places: Collection[TopicPartition]) -> None:
        for place in places:
            for _, task in self._running.pop(place, ()):
                task.cancel()

    async def _handle(self, record: ConsumerRecord[bytes, bytes]) -> None:
        """Have one order fulfilled, and tell the desk."""
        try:
            event: VendorRequested = READERS[ORDERS].read(record.value or b"")
        except Unreadable as refusal:
            await self._reject(record, refusal.reason, refusal.loc, refusal.error_type)
            return
        if event.data.vendor != self._vendor:
            return
        data = event.data
        reach(VENDOR_ASKED)
        began = time.monotonic()
        try:
            voucher = await self._patience.fulfil(Order(event.id, data.gift_id, data.face_value, data.currency))
        except VendorRefusedError:
            reach(VENDOR_ANSWERED)
            await self._tell(event, "vendor.failed", {"reason": "vendor-refused"})
            self._count("refused", began)
        except VendorBusyError:
            reach(VENDOR_ANSWERED)
            # First what somebody has to look at: it may have made the gift, and only not said so.
            await self._reject(record, Reason.VENDOR_FAILED, "", Reason.VENDOR_FAILED)
            await self._tell(event, "vendor.failed", {"reason": "vendor-failed"})
            self._count("failed", began)
        else:
            reach(VENDOR_ANSWERED)
            await self._tell(event, "vendor.fulfilled", self._sealed(event, voucher))
            self._count("fulfilled", began)
        reach(VENDOR_TOLD)

    def _count(self, result: str, began: float) -> None:
        if self._figures is not None:
            self._figures.answered(result, time.monotonic() - began)

    def _sealed(self, event: VendorRequested, voucher: Voucher) -> dict[str, Any]:
        data = self._locker.entry(event.subject, event.data.gift_id, voucher.code)
        until = {} if voucher.valid_until is None else {"valid_until": rfc3339(micros(voucher.valid_until))}
        return data | until

    async def _tell(self, event: VendorRequested, kind: str, data: dict[str, Any]) -> None:
        value = {
            "specversion": "1.0",
            "id": str(uuid5(NAMESPACE_URL, f"cxstream/{event.id}/{kind}")),
            "source": "cxstream",
            "type": kind,
            "time": rfc3339(micros(datetime.now(UTC))),
            "subject": event.subject,
            "causationid": event.id,
            "data": {"request_id": event.data.request_id, "gift_id": event.data.gift_id} | data,
        }
        await self._producer.send_and_wait(ANSWERS, orjson.dumps(value), event.subject.encode(), headers=list(_HEADERS))

    async def _reject(self, record: ConsumerRecord[bytes, bytes], reason: Reason, loc: str, error_type: str) -> None:
        letter = rejected(record, reason, loc, error_type)
        await self._producer.send_and_wait(letter.topic, letter.value, letter.key, headers=list(letter.headers))


class _Leaving(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Lets go of what is somebody else's from now on."""

    def __init__(self, forget: Callable[[Collection[TopicPartition]], None]) -> None:
        self._forget = forget

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._forget(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Begin where the last one committed: the consumer does so by itself."""
