"""Delivery: one process of an app delivers to all endpoints, others stand by to take over."""

from __future__ import annotations

import asyncio
import logging
from random import SystemRandom
from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaConsumer

from ops.webhooks.channel import Channel
from ops.webhooks.registry import RETRIES, registry
from ops.webhooks.sender import Sender
from schemas.topics import WEBHOOK_STATE

if TYPE_CHECKING:
    from ops.codes import Locker
    from ops.webhooks.registry import Registry
    from schemas.webhooks import Subscription
    from streams.settings import Settings

log = logging.getLogger(__name__)

POLL_MS: Final = 500
STOP_S: Final = 5.0


class Delivery:
    """Delivers for as long as Kafka's group gives us the state of retries, which is one partition."""

    def __init__(self, settings: Settings, locker: Locker) -> None:
        """Describe it, in a running event loop; nothing connects yet."""
        self._settings, self._locker = settings, locker
        self._channels: dict[str, tuple[Channel, asyncio.Task[None]]] = {}
        self._place = AIOKafkaConsumer(
            WEBHOOK_STATE,
            group_id=f"{settings.app}-webhooks",
            enable_auto_commit=False,
            auto_offset_reset="latest",
            session_timeout_ms=int(settings.kafka.session_timeout_s * 1_000),
            heartbeat_interval_ms=int(settings.kafka.heartbeat_s * 1_000),
            **settings.kafka.client_options(),
        )

    async def run(self) -> None:
        """Work until cancelled.

        Raises:
            NoKeyError, SealError: a secret cannot be opened.
            KafkaError: Kafka has gone, or does not let us in.
        """
        working: asyncio.Task[None] | None = None
        try:
            await self._place.start()
            while True:
                await self._place.getmany(timeout_ms=POLL_MS)  # what it says, the registry reads; this is for the place
                is_ours = RETRIES in self._place.assignment()
                if is_ours and working is None:
                    working = asyncio.create_task(self._deliver())
                elif not is_ours and working is not None:
                    await _ended(working)
                    working = None
                if working is not None and working.done():
                    working.result()
        finally:
            if working is not None:
                await _ended(working)
            await self._place.stop()

    async def _deliver(self) -> None:
        log.info("webhooks are delivered from here")
        async with registry(self._settings.kafka) as known, Sender(self._settings.webhooks, self._locker) as sender:
            try:
                while True:
                    await self._follow(known, sender)
                    for _, task in self._channels.values():
                        if task.done():
                            task.result()
                    await known.news(POLL_MS)
            finally:
                for name in list(self._channels):
                    await self._end(name)

    async def _follow(self, known: Registry, sender: Sender) -> None:
        """Let there be a channel for each subscription that is not disabled, and no retry for any other."""
        active = {name: one for name, one in known.subscriptions.items() if not one.disabled}
        for name, (channel, _) in list(self._channels.items()):
            if name not in active or active[name].types != channel.subscription.types:
                await self._end(name)
        for name, subscription in active.items():
            if name in self._channels:
                self._channels[name][0].subscription = subscription
            else:
                self._begin(subscription, known, sender)
        for retry in list(known.retries.values()):
            if retry.subscription not in active:
                await known.remove_retry(retry.subscription, retry.event_id)

    def _begin(self, subscription: Subscription, known: Registry, sender: Sender) -> None:
        channel = Channel(self._settings, subscription, known, sender, SystemRandom())
        self._channels[subscription.id] = channel, asyncio.create_task(channel.run())

    async def _end(self, name: str) -> None:
        await _ended(self._channels[name][1])
        del self._channels[name]


async def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelling():  # a second time would tear it while it leaves Kafka in order
        task.cancel()
    await asyncio.wait([task], timeout=STOP_S)
