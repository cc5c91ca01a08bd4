"""The registry: subscriptions and failed deliveries, in two compacted topics, the newest word on each."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from pydantic import ValidationError

from schemas.errors import CxError
from schemas.topics import WEBHOOK_STATE, WEBHOOKS
from schemas.webhooks import Retry, Subscription

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from streams.settings import KafkaSettings

log = logging.getLogger(__name__)

SUBSCRIPTIONS: Final = TopicPartition(WEBHOOKS, 0)
RETRIES: Final = TopicPartition(WEBHOOK_STATE, 0)
SUBSCRIPTIONS_MAX: Final = 20
_POLL_MS: Final = 200


class NoSubscriptionError(CxError):
    """There is no such subscription; the text is one line for a person."""


class Registry:
    """What both topics say, as far as it was read."""

    def __init__(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
        self._consumer, self._producer = consumer, producer
        self.subscriptions: dict[str, Subscription] = {}
        self.retries: dict[tuple[str, str], Retry] = {}  # by subscription and event

    async def load(self) -> None:
        """Read both topics up to their ends."""
        places = [SUBSCRIPTIONS, RETRIES]
        self._consumer.assign(places)
        await self._consumer.seek_to_beginning(*places)
        ends = await self._consumer.end_offsets(places)
        while any([await self._consumer.position(place) < ends[place] for place in places]):
            await self._read(_POLL_MS)
        # From here on all retries are of our own making.
        self._consumer.pause(RETRIES)

    async def news(self, timeout_ms: int) -> None:
        """Read what was said of subscriptions since, for so long at most where nothing was."""
        await self._read(timeout_ms)

    async def put(self, subscription: Subscription) -> None:
        """Write a subscription down, for good when this returns."""
        self.subscriptions[subscription.id] = subscription
        await self._write(WEBHOOKS, subscription.id, subscription)

    async def remove(self, subscription: str) -> None:
        """Forget a subscription."""
        self.subscriptions.pop(subscription, None)
        await self._write(WEBHOOKS, subscription, None)

    async def put_retry(self, retry: Retry) -> None:
        """Write down that a delivery is to be tried again, for good when this returns."""
        self.retries[retry.subscription, retry.event_id] = retry
        await self._write(WEBHOOK_STATE, f"{retry.subscription}/{retry.event_id}", retry)

    async def remove_retry(self, subscription: str, event_id: str) -> None:
        """Forget a delivery that is done or given up."""
        if self.retries.pop((subscription, event_id), None):
            await self._write(WEBHOOK_STATE, f"{subscription}/{event_id}", None)

    def find(self, name: str) -> Subscription:
        """Return the subscription whose id is *name*, or begins with it.

        Raises:
            NoSubscriptionError: there is none, or more than one.
        """
        found = [one for one in self.subscriptions.values() if name and one.id.startswith(name.lower())]
        if len(found) != 1:
            message = "more than one webhook has an id that begins so" if found else "there is no webhook of this id"
            raise NoSubscriptionError(message)
        return found[0]

    async def _read(self, timeout_ms: int) -> None:
        for place, records in (await self._consumer.getmany(timeout_ms=timeout_ms)).items():
            for record in records:
                key = (record.key or b"").decode(errors="replace")
                try:
                    if place == SUBSCRIPTIONS:
                        self._take(self.subscriptions, key, record.value and _subscription(record.value))
                    else:
                        subscription, _, event = key.partition("/")
                        self._take(self.retries, (subscription, event), record.value and _retry(record.value))
                except ValidationError:
                    log.warning(
                        "a record of webhooks cannot be read", extra={"topic": place.topic, "at": record.offset}
                    )

    @staticmethod
    def _take(known: dict[Any, Any], key: Any, value: Any) -> None:  # noqa: ANN401  # of either kind
        if value:
            known[key] = value
        else:
            known.pop(key, None)

    async def _write(self, topic: str, key: str, value: Subscription | Retry | None) -> None:
        told = None if value is None else value.model_dump_json(exclude_none=True).encode()
        await self._producer.send_and_wait(topic, told, key.encode(), partition=0)


def _subscription(value: bytes) -> Subscription:
    return Subscription.model_validate_json(value)


def _retry(value: bytes) -> Retry:
    return Retry.model_validate_json(value)


@asynccontextmanager
async def registry(kafka: KafkaSettings) -> AsyncIterator[Registry]:
    """Give the registry, loaded.

    Raises:
        KafkaError: Kafka does not answer.
    """
    client = kafka.client_options()
    consumer = AIOKafkaConsumer(enable_auto_commit=False, auto_offset_reset="earliest", **client)
    producer = AIOKafkaProducer(enable_idempotence=True, acks="all", **client)
    try:
        await consumer.start()
        await producer.start()
        found = Registry(consumer, producer)
        await found.load()
        yield found
    finally:
        await consumer.stop()
        await producer.stop()
