"""Topics of the contract, made and checked: equal partitions over a lane, replication, cleanup."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidReplicationFactorError, KafkaError, TopicAlreadyExistsError

from schemas.errors import CxError
from schemas.topics import CUSTOMERS_CHANGELOG, GIFTS_CHANGELOG, TOPICS, Cleanup, Lane, Topic
from streams.settings import EXIT_CONFIG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from streams.settings import Settings

CHECKED_CONFIGS = ("cleanup.policy", "max.message.bytes", "message.timestamp.type")
CHECKED_LEAST = ("delete.retention.ms",)  # with less, a store may miss that a key was forgotten; more is no harm
LED_TRIES, LED_PAUSE_S = 300, 0.1
SEGMENT_MS_EMBEDDED = 3_650 * 86_400_000
_REPLICATION = InvalidReplicationFactorError.errno


class TopicsError(CxError):
    """Topics could not be made or looked at; the text is one line for a person."""


class UnequalTopicsError(TopicsError):
    """There are topics with another number of partitions than the settings say: with more of them no lane would run."""

    exit_code = EXIT_CONFIG


def names(settings: Settings) -> dict[str, Topic]:
    """Return the topics by the name that they have for this app: only the changelogs are named after it."""
    own = {CUSTOMERS_CHANGELOG: changelog(settings), GIFTS_CHANGELOG: f"{settings.app}-desk-gifts-changelog"}
    return {own.get(name, name): topic for name, topic in TOPICS.items()}


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Let Kafka be asked; that it refuses, or does not answer, is a `TopicsError`."""
    admin = AIOKafkaAdminClient(**settings.kafka.client_options())
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError) as error:
        raise TopicsError(_line(error, settings)) from error
    finally:
        await admin.close()


async def create(settings: Settings, *, keep_for_ever: bool = False) -> list[str]:
    """Create the topics that are missing, and return their names.

    *keep_for_ever* is for the embedded cluster: records whose timestamps are simulated, and far apart, are neither
    expired nor spread over thousands of segments.

    Raises:
        UnequalTopicsError: those that are there have another number of partitions; nothing is made.
        TopicsError: Kafka refused, or does not answer.
    """
    async with _admin(settings) as admin:
        wanted = names(settings)
        described = await _described(admin, wanted)
        if faults := _partition_faults(described, wanted, settings):
            others = f" (and {len(faults) - 1} more like it)" if len(faults) > 1 else ""
            message = f"{faults[0]}{others}; CX_PARTITIONS is {settings.partitions}"
            raise UnequalTopicsError(message)
        missing = {name: topic for name, topic in wanted.items() if name not in described}
        new = [
            NewTopic(
                name,
                topic.partitions(settings.partitions),
                settings.kafka.replication,
                topic_configs=_settings_of(topic, keep_for_ever=keep_for_ever),
            )
            for name, topic in missing.items()
        ]
        if new:
            _raise_refused(await admin.create_topics(new), settings)
            await _until_led(admin, set(missing))
    return list(missing)


def _settings_of(topic: Topic, *, keep_for_ever: bool) -> dict[str, str]:
    config = topic.config()
    if keep_for_ever:
        config["segment.ms"] = str(SEGMENT_MS_EMBEDDED)
        if topic.cleanup is Cleanup.DELETE:
            config["retention.ms"] = "-1"
    return config


async def _until_led(admin: AIOKafkaAdminClient, wanted: set[str]) -> None:
    """Wait until every partition of the *wanted* topics has a leader: only then can anybody use them."""
    for _ in range(LED_TRIES):
        described = {entry["topic"]: entry["partitions"] for entry in await admin.describe_topics(list(wanted))}
        if all(described.get(name) and all(part["leader"] >= 0 for part in described[name]) for name in wanted):
            return
        await asyncio.sleep(LED_PAUSE_S)
    message = "topics were created, but their partitions have no leaders"
    raise TopicsError(message)


async def has(settings: Settings, name: str) -> bool:
    """Tell whether there is a topic; to ask for one by its name would make it, where brokers make what is missing.

    Raises:
        TopicsError: Kafka refused, or does not answer.
    """
    async with _admin(settings) as admin:
        return name in await admin.list_topics()


async def check(settings: Settings) -> list[str]:
    """Return what is wrong with the topics, one line each; nothing when all is well."""
    async with _admin(settings) as admin:
        wanted = names(settings)
        described = await _described(admin, wanted)
        faults = [f"{name}: is missing" for name in wanted if name not in described]
        faults += _partition_faults(described, wanted, settings)
        for name, parts in described.items():
            replicas = min(len(part["replicas"]) for part in parts)
            if replicas < settings.kafka.replication:
                faults.append(f"{name}: replication is {replicas}, settings say {settings.kafka.replication}")
        for name in described:
            config = await _config(admin, name)
            for key, value in wanted[name].config().items():
                if key in CHECKED_CONFIGS and config.get(key) != value:
                    faults.append(f"{name}: {key} is {config.get(key)}, should be {value}")
                if key in CHECKED_LEAST and int(config.get(key, 0)) < int(value):
                    faults.append(f"{name}: {key} is {config.get(key)}, should be {value} or more")
    return faults


async def _described(admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic]) -> dict[str, list[Any]]:
    """Return the partitions of those of *wanted* that are there, in its order."""
    present = set(await admin.list_topics())
    found = [name for name in wanted if name in present]
    entries = await admin.describe_topics(found) if found else []
    partitions = {entry["topic"]: entry["partitions"] for entry in entries}
    # None while a topic is being made or deleted.
    return {name: partitions[name] for name in found if partitions.get(name)}


def _partition_faults(described: Mapping[str, list[Any]], wanted: Mapping[str, Topic], settings: Settings) -> list[str]:
    faults = []
    for name, parts in described.items():
        count = len(parts)
        should = wanted[name].partitions(settings.partitions)
        if count != should:
            lane = (
                f"; all topics of the lane {wanted[name].lane} need the same"
                if wanted[name].lane in {Lane.CUSTOMERS, Lane.GIFTS}
                else ""
            )
            faults.append(f"{name}: has {count} partitions, should have {should}{lane}")
    return faults


async def _config(admin: AIOKafkaAdminClient, name: str) -> dict[str, str]:
    resource = ConfigResource(ConfigResourceType.TOPIC, name)
    config: dict[str, str] = {}
    for answer in await admin.describe_configs([resource]):
        for _, _, _, _, entries in answer.resources:
            config |= {entry[0]: entry[1] for entry in entries}
    return config


def _raise_refused(answer: object, settings: Settings) -> None:
    for name, code, message in getattr(answer, "topic_errors", ()):
        if code not in {0, TopicAlreadyExistsError.errno}:
            hint = f"; CX_KAFKA__REPLICATION is {settings.kafka.replication}" if code == _REPLICATION else ""
            text = f"{name}: could not be created: {message or code}{hint}"
            raise TopicsError(text)


def changelog(settings: Settings) -> str:
    """Return the name of the customers' changelog for this app."""
    return f"{settings.app}-customers-changelog"


def _line(error: BaseException, settings: Settings) -> str:
    return f"Kafka at {settings.kafka.bootstrap} does not do what we ask: {type(error).__name__}"
