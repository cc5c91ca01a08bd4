"""The table of topics: who carries what, for how long, how large, and under which key."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

CUSTOMER_PARTITIONS: Final = 12  # by default; final once events are in, because a customer's partition must not move
GIFT_PARTITIONS: Final = 4
_DAY_MS: Final = 86_400_000
# A year's window, the lateness bound and some days to notice: history that a rebuild of the state needs.
HISTORY_DAYS: Final = 400
DEAD_LETTER_DAYS: Final = 14
TOMBSTONE_DAYS: Final = 1  # twice as long as a worker trusts a local store that it left
BATCH_BYTES_MAX: Final = 4 * 1024 * 1024


class Lane(StrEnum):
    """Topics that are read together by partition number; they have equal partition counts."""

    CUSTOMERS = "customers"
    GIFTS = "gifts"
    POLICIES = "policies"
    WEBHOOKS = "webhooks"


class Role(StrEnum):
    """What a topic is to its lane."""

    INPUT = "input"
    OUTPUT = "output"
    CHANGELOG = "changelog"


class Cleanup(StrEnum):
    """What the broker removes: old segments, or older records of the same key."""

    DELETE = "delete"
    COMPACT = "compact"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the contract.

    Attributes:
        lane: The lane that reads it, or whose partition count an output shares.
        role: What it is to the lane.
        key: What the Kafka key is.
        retention_days: How long a record is kept at least; None for ever.
        cleanup: What the broker removes.
        batch_bytes_max: Largest batch that the broker takes; a single value may be far smaller.
    """

    name: str
    lane: Lane
    role: Role
    key: str = "customer id"
    retention_days: int | None = HISTORY_DAYS
    cleanup: Cleanup = Cleanup.DELETE
    batch_bytes_max: int = BATCH_BYTES_MAX

    @property
    def is_output(self) -> bool:
        """Whether others subscribe to it, and so read committed."""
        return self.role is Role.OUTPUT

    def partitions(self, customers: int = CUSTOMER_PARTITIONS, gifts: int = GIFT_PARTITIONS) -> int:
        """Return the partition count where the lanes have *customers* and *gifts* partitions."""
        return {Lane.CUSTOMERS: customers, Lane.GIFTS: gifts, Lane.POLICIES: 1, Lane.WEBHOOKS: 1}[self.lane]

    def config(self) -> dict[str, str]:
        """Return the broker's settings for the topic, as Kafka names and writes them."""
        retention_ms = -1 if self.retention_days is None else self.retention_days * _DAY_MS
        settings = {
            "cleanup.policy": self.cleanup.value,
            "max.message.bytes": str(self.batch_bytes_max),
            "message.timestamp.type": "CreateTime",  # lateness is judged against the producer's time in a replay too
        }
        if self.cleanup is Cleanup.COMPACT:
            return {**settings, "delete.retention.ms": str(TOMBSTONE_DAYS * _DAY_MS)}
        return {**settings, "retention.ms": str(retention_ms)}


def _customers(name: str, role: Role, key: str = "customer id", days: int = HISTORY_DAYS) -> Topic:
    return Topic(name, Lane.CUSTOMERS, role, key, days)


def _gifts(name: str, role: Role, key: str = "programme") -> Topic:
    return Topic(name, Lane.GIFTS, role, key)


def _webhooks(name: str, key: str) -> Topic:
    return Topic(name, Lane.WEBHOOKS, Role.CHANGELOG, key, retention_days=None, cleanup=Cleanup.COMPACT)


CUSTOMERS_CHANGELOG: Final = "cx-customers-changelog"
GIFTS_CHANGELOG: Final = "cx-desk-gifts-changelog"
DEAD_LETTERS: Final = "cx.dead-letters"
POLICIES: Final = "cx.policies"
WEBHOOKS: Final = "cx.webhooks"
WEBHOOK_STATE: Final = "cx.webhook-state"

TOPICS: Final[Mapping[str, Topic]] = MappingProxyType(
    {
        topic.name: topic
        for topic in (
            _customers("cx.purchases", Role.INPUT),
            _customers("cx.support", Role.INPUT),
            _customers("cx.feedback", Role.INPUT),
            _customers("cx.touchpoints", Role.INPUT),
            _customers("cx.reward-events", Role.INPUT),
            _customers("cx.gift-answers", Role.INPUT),
            _customers("cx.clock", Role.INPUT, key="none"),
            _customers("cx.tier-changes", Role.OUTPUT),
            _customers("cx.level-changes", Role.OUTPUT),
            _customers("cx.rewards", Role.OUTPUT),
            _customers("cx.points", Role.OUTPUT),
            _customers("cx.care", Role.OUTPUT),
            _customers(DEAD_LETTERS, Role.OUTPUT, key="as it came, at most 64 bytes", days=DEAD_LETTER_DAYS),
            Topic(
                CUSTOMERS_CHANGELOG,
                Lane.CUSTOMERS,
                Role.CHANGELOG,
                key="customer id, or a zero byte for the partition's own record",
                retention_days=None,
                cleanup=Cleanup.COMPACT,
            ),
            Topic(POLICIES, Lane.POLICIES, Role.INPUT, key="policy hash", retention_days=None, cleanup=Cleanup.COMPACT),
            _gifts("cx.gift-requests", Role.INPUT),
            _gifts("cx.gifts", Role.INPUT),
            _gifts("cx.gift-codes", Role.INPUT),
            _gifts("cx.gift-clock", Role.INPUT, key="none"),
            _gifts("cx.vendor-answers", Role.INPUT),
            _gifts("cx.vendor-requests", Role.OUTPUT),
            Topic(
                GIFTS_CHANGELOG,
                Lane.GIFTS,
                Role.CHANGELOG,
                key="programme and entry, or a zero byte for the partition's own record",
                retention_days=None,
                cleanup=Cleanup.COMPACT,
            ),
            _webhooks(WEBHOOKS, "subscription"),
            _webhooks(WEBHOOK_STATE, "subscription and event"),
        )
    }
)


def lane_topics(lane: Lane, role: Role | None = None) -> tuple[Topic, ...]:
    """Return the topics of *lane*, in the table's order; only those of *role* where one is given."""
    return tuple(topic for topic in TOPICS.values() if topic.lane is lane and role in {None, topic.role})
