"""Kafka as the doctor sees it: versions, topics, brokers' settings, and what we may do."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TransactionalIdAuthorizationFailed, for_code
from aiokafka.protocol.admin import ApiVersionRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest

from ops.doctor.finding import Finding, fault, faults, ok, unknown, warning
from ops.doctor.messages import GroupRequest, Operation, TopicsRequest
from schemas.inputs import CLOCK, GIFT_CLOCK
from schemas.topics import DEAD_LETTERS, Lane, Role, Topic
from streams import admin
from streams.patience import RETRY_PAUSE_S, is_passing
from streams.transactions import TRANSACTION_TIMEOUT_MS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

    from streams.settings import KafkaSettings, Settings

AREA: Final = "kafka"
TOPICS: Final = "topics"
RIGHTS: Final = "rights"
REQUEST_TIMEOUT_MS: Final = 5_000
COORDINATOR_S: Final = 5.0  # the first one who asks makes the topics that coordinators need
EXAMINE_S: Final = 30.0  # all of it
SAFE_REPLICAS: Final = 3  # from so many on one may fail, and min.insync.replicas means something
# Key of the message, its version that we send, and what it is for. Kafka has them all from 2.5 on.
_NEEDED: Final = {
    (28, 3): "offsets of a transaction in the name of a member",
    (9, 7): "offsets that no open transaction can change",
    (3, 8): "what we may do with topics",
    (22, 0): "transactions",
}
_DESK_WRITES: Final = {"cx.gift-answers", DEAD_LETTERS}  # of the customers' lane
_CLOCKS: Final = {CLOCK, GIFT_CLOCK}  # an owner of partitions writes ticks
_WEEK_MIN: Final = 7 * 24 * 60


async def examine(settings: Settings, lanes: Collection[Lane] = (Lane.CUSTOMERS,)) -> list[Finding]:
    """Return what is to be said of a Kafka that lets us in, for who works in *lanes*; see `streams.access`.

    Raises:
        TopicsError: Kafka refused, or does not answer any more.
    """
    found = [fault(TOPICS, text) for text in await admin.check(settings)]
    if not found:
        found.append(ok(TOPICS, f"all {len(admin.names(settings))} topics are as the contract has them"))
    doctor = _Doctor(settings, lanes)
    try:
        async with asyncio.timeout(EXAMINE_S):
            found += await doctor.examine()
    except (KafkaError, OSError) as error:  # TimeoutError is one
        found.append(unknown(AREA, f"Kafka does not say how it is set up: {type(error).__name__}"))
    finally:
        await doctor.close()
    return found


class _Doctor:
    def __init__(self, settings: Settings, lanes: Collection[Lane]) -> None:
        self._settings, self._lanes = settings, lanes
        options = settings.kafka.client_options()
        self._client = AIOKafkaClient(request_timeout_ms=REQUEST_TIMEOUT_MS, **options)
        self._admin = AIOKafkaAdminClient(request_timeout_ms=REQUEST_TIMEOUT_MS, **options)

    async def close(self) -> None:
        await self._client.close()
        await self._admin.close()

    async def examine(self) -> list[Finding]:
        await self._client.bootstrap()
        await self._admin.start()
        nodes = sorted(broker.nodeId for broker in self._client.cluster.brokers())
        found = await self._versions(nodes)
        if faults(found):
            return found  # it would not understand what else we ask
        wanted = admin.names(self._settings)
        answer = await self._client.send(self._client.get_random_node(), TopicsRequest(list(wanted)))
        topics = {topic[1]: topic for topic in answer.topics if not topic[0]}
        found += health(topics.values(), len(nodes), self._settings.kafka)
        found += lacking(topics, wanted, self._lanes)
        found += await self._group_rights()
        try:
            config = await self._config(ConfigResourceType.BROKER, str(nodes[0]))
        except KafkaError as error:
            found.append(unknown(AREA, f"settings of a broker cannot be looked at: {type(error).__name__}"))
        else:
            found += broker_settings(config, len(nodes), self._settings.kafka)
        for name in sorted(topics):
            try:
                own = await self._config(ConfigResourceType.TOPIC, name)
            except KafkaError as error:
                found.append(unknown(TOPICS, f"settings of {name} cannot be looked at: {type(error).__name__}"))
            else:
                replicas = min((len(part[4]) for part in topics[name][3]), default=0)
                found += topic_settings(name, own, wanted[name], replicas)
        return found

    async def _versions(self, nodes: Iterable[int]) -> list[Finding]:
        found = []
        for node in nodes:
            answer = await self._client.send(node, ApiVersionRequest())
            has = {key: (least, most) for key, least, most, *_ in answer.api_versions}
            found += [fault(AREA, f"broker {node} is too old: {text}") for text in too_old(has)]
        return found or [ok(AREA, "every broker understands what we send")]

    async def _group_rights(self) -> list[Finding]:
        found: list[Finding] = []
        for lane in sorted(self._lanes):
            group = self._settings.app if lane is Lane.CUSTOMERS else f"{self._settings.app}-desk"
            try:
                bits = await self._until_known(partial(self._operations, group))
            except GroupAuthorizationFailedError:
                found.append(fault(RIGHTS, f"we may not describe the group {group}"))
            except KafkaError as error:
                found.append(unknown(RIGHTS, f"group {group} cannot be looked at: {type(error).__name__}"))
            else:
                if bits >= 0 and not Operation.READ.is_in(bits):
                    found.append(fault(RIGHTS, f"we may not read with the group {group}"))
            own = f"{group}-{lane}-0"
            try:
                await self._until_known(partial(self._coordinator, own, CoordinationType.TRANSACTION))
            except TransactionalIdAuthorizationFailed:
                found.append(fault(RIGHTS, f"we may not use the transactional ids {group}-{lane}-…"))
            except KafkaError as error:
                found.append(unknown(RIGHTS, f"transactional ids cannot be looked at: {type(error).__name__}"))
        return found or [ok(RIGHTS, "we may use groups and transactional ids")]

    async def _operations(self, group: str) -> int:
        """Return what we may do with *group*, in bits."""
        node = await self._coordinator(group, CoordinationType.GROUP)
        (described,) = (await self._client.send(node, GroupRequest(group))).groups
        if described[0]:
            raise for_code(described[0])
        return int(described[6])

    async def _coordinator(self, key: str, kind: int) -> int:
        answer = await self._client.send(self._client.get_random_node(), FindCoordinatorRequest(key, kind))
        if answer.error_code:
            raise for_code(answer.error_code)
        return int(answer.coordinator_id)

    async def _until_known(self, ask: Callable[[], Awaitable[int]]) -> int:
        """Ask, again for a while where Kafka is not ready to say: that is no refusal.

        Raises:
            KafkaError: it refuses, or is not ready for long.
        """
        deadline = time.monotonic() + COORDINATOR_S
        while True:
            try:
                return await ask()
            except KafkaError as error:
                if not is_passing(error) or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(RETRY_PAUSE_S)

    async def _config(self, kind: ConfigResourceType, name: str) -> dict[str, str]:
        config: dict[str, str] = {}
        for answer in await self._admin.describe_configs([ConfigResource(kind, name)]):
            for code, _, _, _, entries in answer.resources:
                if code:
                    raise for_code(code)
                config |= {entry[0]: entry[1] for entry in entries}
        return config


def too_old(has: Mapping[int, tuple[int, int]]) -> list[str]:
    """Return what a broker lacks whose messages *has* names, by key with their least and greatest version."""
    return [
        f"it lacks {what} (message {key}, version {version})"
        for (key, version), what in _NEEDED.items()
        if not has.get(key, (0, -1))[0] <= version <= has.get(key, (0, -1))[1]
    ]


def health(topics: Iterable[Any], brokers: int, kafka: KafkaSettings) -> list[Finding]:
    """Return how many copies there are, and whether they are all alive."""
    found = []
    parts = [(topic[1], part) for topic in topics for part in topic[3]]
    leaderless = sorted(f"{name}[{part[1]}]" for name, part in parts if part[2] < 0)
    short = sum(len(part[5]) < len(part[4]) for _, part in parts)
    if leaderless:
        found.append(warning(TOPICS, f"without a leader, {len(leaderless)} of them: {', '.join(leaderless[:3])}"))
    if short:
        found.append(warning(TOPICS, f"{short} of {len(parts)} partitions have fewer copies in sync than they should"))
    if brokers >= SAFE_REPLICAS > kafka.replication:
        found.append(
            warning(AREA, f"there are {brokers} brokers, and CX_KAFKA__REPLICATION is {kafka.replication}, not 3")
        )
    elif kafka.replication < SAFE_REPLICAS:
        found.append(warning(AREA, f"replication is {kafka.replication}: a disk that fails may lose events"))
    return found


def lacking(topics: Mapping[str, Any], wanted: Mapping[str, Topic], lanes: Collection[Lane]) -> list[Finding]:
    """Return what we may not do with *topics*, as Kafka described them, although who works in *lanes* has to."""
    found = []
    for name, topic in wanted.items():
        if name not in topics:
            continue  # told already, or not to be seen, which looks the same
        bits = topics[name][4]
        found += [
            fault(RIGHTS, f"we may not {operation.name.lower()} {name}")
            for operation in sorted(_uses(name, topic, lanes))
            if bits >= 0 and not operation.is_in(bits)  # negative: an answer without them
        ]
    return found


def _uses(name: str, topic: Topic, lanes: Collection[Lane]) -> set[Operation]:
    uses = {Operation.WRITE} if Lane.GIFTS in lanes and name in _DESK_WRITES else set()
    if topic.lane not in lanes:
        return uses
    if topic.role is Role.INPUT:
        return uses | {Operation.READ} | ({Operation.WRITE} if name in _CLOCKS else set())
    return uses | {Operation.WRITE} | ({Operation.READ} if topic.role is Role.CHANGELOG else set())


def broker_settings(config: Mapping[str, str], brokers: int, kafka: KafkaSettings) -> list[Finding]:
    """Return what is to be said of a broker's *config*, one of so many *brokers*."""
    found = []
    session_ms = int(kafka.session_timeout_s * 1_000)
    least, most = _number(config, "group.min.session.timeout.ms", 0), _number(config, "group.max.session.timeout.ms")
    if session_ms < least or (most is not None and session_ms > most):
        text = f"CX_KAFKA__SESSION_TIMEOUT_S is {kafka.session_timeout_s:g}; Kafka takes {least} to {most} milliseconds"
        found.append(fault(AREA, text))
    longest = _number(config, "transaction.max.timeout.ms")
    if longest is not None and longest < TRANSACTION_TIMEOUT_MS:
        text = f"transaction.max.timeout.ms is {longest}, we need {TRANSACTION_TIMEOUT_MS} or more"
        found.append(fault(AREA, text))
    kept = _number(config, "offsets.retention.minutes")
    if kept is not None and kept < _WEEK_MIN:
        text = f"offsets.retention.minutes is {kept}: workers that rest for longer read all topics again"
        found.append(warning(AREA, text))
    for name in ("offsets.topic.replication.factor", "transaction.state.log.replication.factor"):
        copies = _number(config, name)
        if brokers >= SAFE_REPLICAS and copies is not None and copies < SAFE_REPLICAS:
            found.append(warning(AREA, f"{name} is {copies} on {brokers} brokers, should be 3"))
    return found


def topic_settings(name: str, config: Mapping[str, str], topic: Topic, replicas: int) -> list[Finding]:
    """Return what may lose data of a topic with so many *replicas*, or keeps it for too short a time."""
    found = []
    insync = _number(config, "min.insync.replicas")
    if replicas >= SAFE_REPLICAS and insync is not None and insync < SAFE_REPLICAS - 1:
        found.append(warning(TOPICS, f"{name}: min.insync.replicas is {insync}, should be 2: what one has may be lost"))
    if config.get("unclean.leader.election.enable") == "true":
        text = f"{name}: unclean.leader.election.enable is true: what was committed may be lost"
        found.append(warning(TOPICS, text))
    kept, wanted = _number(config, "retention.ms"), int(topic.config().get("retention.ms", "-1"))
    if topic.config().get("cleanup.policy") == "delete" and kept is not None and 0 <= kept < wanted:
        text = f"{name}: retention.ms is {kept}, should be {wanted}: history for a rebuild would be missing"
        found.append(warning(TOPICS, text))
    return found


def _number(config: Mapping[str, str], name: str, default: Any = None) -> Any:  # noqa: ANN401  # int, or the default
    value = config.get(name)
    return int(value) if value is not None and value.lstrip("-").isdigit() else default
