"""Topics of the contract, made and checked: equal partitions over a lane, replication, cleanup."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from schemas.errors import CxError
from schemas.topics import CUSTOMERS_CHANGELOG, TOPICS, Cleanup, Lane, Topic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.settings import Settings

CHECKED_CONFIGS = ("cleanup.policy", "max.message.bytes", "message.timestamp.type")
LED_TRIES, LED_PAUSE_S = 300, 0.1
SEGMENT_MS_EMBEDDED = 3_650 * 86_400_000


class TopicsError(CxError):
    """Topics could not be made or looked at; the text is one line for a person."""


def names(settings: Settings) -> dict[str, Topic]:
    """Return the topics by the name that they have for this app: only the customers' changelog is named after it."""
    return {(_changelog(settings) if name == CUSTOMERS_CHANGELOG else name): topic for name, topic in TOPICS.items()}


async def create(settings: Settings, *, keep_for_ever: bool = False) -> list[str]:
    """Create the topics that are missing, and return their names.

    *keep_for_ever* is for the embedded cluster: records whose timestamps are simulated, and far apart, are neither
    expired nor spread over thousands of segments.
    """
    admin = AIOKafkaAdminClient(**settings.kafka.client_options())
    try:
        await admin.start()
        present = set(await admin.list_topics())
        missing = {name: topic for name, topic in names(settings).items() if name not in present}
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
            _raise_refused(await admin.create_topics(new))
            await _until_led(admin, set(missing))
    except (KafkaError, OSError) as error:
        raise TopicsError(_line(error, settings)) from error
    finally:
        await admin.close()
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


async def check(settings: Settings) -> list[str]:
    """Return what is wrong with the topics, one line each; nothing when all is well."""
    admin = AIOKafkaAdminClient(**settings.kafka.client_options())
    try:
        await admin.start()
        wanted = names(settings)
        present = set(await admin.list_topics())
        found = [name for name in wanted if name in present]
        described = {
            entry["topic"]: entry
            for entry in (await admin.describe_topics(found) if found else ())
            if entry["partitions"]  # none while a topic is being made or deleted
        }
        faults = [f"{name}: is missing" for name in wanted if name not in described]
        counts = {name: len(entry["partitions"]) for name, entry in described.items()}
        faults += _partition_faults(counts, wanted, settings)
        for name, entry in described.items():
            replicas = min(len(part["replicas"]) for part in entry["partitions"])
            if replicas < settings.kafka.replication:
                faults.append(f"{name}: replication is {replicas}, settings say {settings.kafka.replication}")
        for name in described:
            config = await _config(admin, name)
            for key, value in wanted[name].config().items():
                if key in CHECKED_CONFIGS and config.get(key) != value:
                    faults.append(f"{name}: {key} is {config.get(key)}, should be {value}")
    except (KafkaError, OSError) as error:
        raise TopicsError(_line(error, settings)) from error
    finally:
        await admin.close()
    return faults


def _partition_faults(counts: Mapping[str, int], wanted: Mapping[str, Topic], settings: Settings) -> list[str]:
    faults = []
    for name, count in counts.items():
        should = wanted[name].partitions(settings.partitions)
        if count != should:
            lane = (
                f"; all topics of the lane {wanted[name].lane} need the same"
                if wanted[name].lane is not Lane.POLICIES
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


def _raise_refused(answer: object) -> None:
    for name, code, message in getattr(answer, "topic_errors", ()):
        if code not in {0, TopicAlreadyExistsError.errno}:
            text = f"{name}: could not be created: {message or code}"
            raise TopicsError(text)


def _changelog(settings: Settings) -> str:
    return f"{settings.app}-customers-changelog"


def _line(error: BaseException, settings: Settings) -> str:
    return f"Kafka at {settings.kafka.bootstrap} does not do what we ask: {type(error).__name__}"
