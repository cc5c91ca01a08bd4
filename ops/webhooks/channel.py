"""A channel: one subscription's events in order of their coming, and again, later, what failed."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from ops.webhooks.sender import Outcome
from schemas.outputs import READERS, TOPIC_OF
from schemas.webhooks import Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

    from ops.webhooks.registry import Registry
    from ops.webhooks.sender import Sender
    from schemas.webhooks import Subscription
    from streams.settings import KafkaSettings, Settings, WebhookSettings

log = logging.getLogger(__name__)

RETRIES_MAX: Final = 1_000  # an endpoint with so many has nothing new read for it: Kafka keeps more than this topic
POLL_MS: Final = 200
GROWTH: Final = 5
GONE: Final = "gone"


def reader(kafka: KafkaSettings, app: str, subscription: Subscription, partitions: int) -> AIOKafkaConsumer:
    """Return what reads the topics of *subscription*, read committed, from where its group has committed."""
    consumer = AIOKafkaConsumer(
        group_id=f"{app}-webhook-{subscription.id}",
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # rather again than never, where a group was forgotten
        **kafka.client_options(),
    )
    topics = sorted({TOPIC_OF[kind] for kind in subscription.types}) or sorted(READERS)
    consumer.assign([TopicPartition(topic, number) for topic in topics for number in range(partitions)])
    return consumer


class Channel:
    """Delivers to one endpoint."""

    def __init__(
        self, settings: Settings, subscription: Subscription, registry: Registry, sender: Sender, chance: Random
    ) -> None:
        """Deliver what *subscription* is about; `subscription` may change while it runs, but for its types."""
        self.subscription = subscription
        self._own, self._app, self._settings = settings.webhooks, settings.app, settings
        self._registry, self._sender, self._chance = registry, sender, chance

    async def run(self) -> None:
        """Deliver until cancelled; who is disabled is delivered nothing."""
        consumer = reader(self._settings.kafka, self._app, self.subscription, self._settings.partitions)
        try:
            await consumer.start()
            while True:
                await asyncio.gather(*map(self._again, self._due()))
                if self.subscription.disabled or len(self._retries()) >= RETRIES_MAX:
                    await asyncio.sleep(POLL_MS / 1_000)
                    continue
                batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=self._own.at_once)
                events = [event for place, records in batches.items() for event in self._wanted(place, records)]
                await asyncio.gather(*map(self._first, events))
                if batches and not self.subscription.disabled:
                    # Delivered, or written down as to be tried again: now it need not be read again.
                    await consumer.commit({place: await consumer.position(place) for place in batches})
        finally:
            await consumer.stop()

    def _retries(self) -> list[Retry]:
        return [retry for retry in self._registry.retries.values() if retry.subscription == self.subscription.id]

    def _due(self) -> list[Retry]:
        now = datetime.now(UTC)
        return sorted((one for one in self._retries() if one.due <= now), key=lambda one: one.due)[: self._own.at_once]

    def _wanted(self, place: TopicPartition, records: Iterable[Any]) -> Iterable[dict[str, Any]]:
        types = self.subscription.types or READERS[place.topic].types
        for record in records:
            try:
                event = orjson.loads(record.value or b"")
                fits = event["type"] in types and isinstance(event["id"], str)
            except (ValueError, KeyError, TypeError):
                log.warning("no event on an output topic", extra={"topic": place.topic, "offset": record.offset})
                continue
            if fits:
                yield event

    async def _first(self, event: dict[str, Any]) -> None:
        if (self.subscription.id, event["id"]) not in self._registry.retries:  # else we died before we committed
            await self._try(event, 1)

    async def _again(self, retry: Retry) -> None:
        await self._try(retry.event, retry.tries + 1)

    async def _try(self, event: dict[str, Any], number: int) -> None:
        if self.subscription.disabled:
            return
        outcome, why = await self._sender.send(self.subscription, event)
        facts = {"subscription": self.subscription.id, "tries": number, "why": why}
        if outcome is Outcome.GONE:
            log.warning("webhook is gone, and disabled", extra=facts)
            self.subscription = self.subscription.model_copy(update={"disabled": GONE})
            await self._registry.put(self.subscription)
        elif outcome is Outcome.DELIVERED or number >= self._own.tries:
            if outcome is not Outcome.DELIVERED:
                log.error("webhook delivery given up", extra=facts | {"event": event["id"]})
            await self._registry.remove_retry(self.subscription.id, event["id"])
        else:
            log.warning("webhook delivery failed", extra=facts)
            due = datetime.now(UTC) + timedelta(seconds=pause_s(self._own, number, self._chance.uniform))
            await self._registry.put_retry(
                Retry(subscription=self.subscription.id, event_id=event["id"], event=event, tries=number, due=due)
            )


def pause_s(settings: WebhookSettings, number: int, uniform: Callable[[float, float], float]) -> float:
    """Return how long to wait after so many tries; of uneven length, so that not all come back at once."""
    most: float = min(settings.pause_s * float(GROWTH) ** (number - 1), settings.pause_max_s)
    return most * uniform(0.75, 1)
