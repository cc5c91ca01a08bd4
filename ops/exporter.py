"""The exporter: lag as Prometheus reads it, under the names that kafka-lag-exporter gave it. Imports no Faust."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ops.lag.groups import Verdict, longest, total
from ops.lag.looker import LagError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import NoReturn

    from prometheus_client import Metric

    from ops.lag.groups import GroupLag, PartitionLag
    from ops.lag.looker import Looker

log = logging.getLogger(__name__)

STALE_S: Final = 60.0  # figures of before are shown no longer, once Kafka has not answered for so long
SAY_AGAIN_S: Final = 60.0
NOBODY: Final = "unknown"  # kafka-lag-exporter's word
_GROUP: Final = ("cluster_name", "group")
_PLACE: Final = ("cluster_name", "topic", "partition")
_OWNED: Final = ("cluster_name", "group", "topic", "partition", "member_host", "consumer_id", "client_id")


class LagCollector(Collector):
    """Figures of the last look; written by one thread, read by those of HTTP."""

    def __init__(self, cluster: str) -> None:
        """Call the cluster *cluster*."""
        self._cluster = cluster
        self._seen: tuple[float, tuple[GroupLag, ...]] | None = None  # when, by `time.monotonic`
        self._up = False
        self._looked_at = 0.0
        self._took_s = 0.0

    def take(self, groups: Iterable[GroupLag], seconds: float) -> None:
        """Show *groups*, which took *seconds* to be asked for."""
        self._seen, self._up, self._looked_at, self._took_s = (
            (time.monotonic(), tuple(groups)),
            True,
            time.time(),
            seconds,
        )

    def away(self) -> None:
        """Take note that Kafka does not answer."""
        self._up = False

    def is_up(self) -> bool:
        """Whether the last look came to an end."""
        return self._up

    def collect(self) -> Iterator[Metric]:
        """Yield what Prometheus reads."""
        yield _gauge("kafka_lag_exporter_up", "1 if Kafka answered the last time.", (), [((), float(self._up))])
        yield _gauge("kafka_lag_exporter_last_update_timestamp_seconds", "When it did.", (), [((), self._looked_at)])
        yield _gauge("kafka_lag_exporter_scrape_duration_seconds", "How long that took.", (), [((), self._took_s)])
        seen = self._seen
        groups = seen[1] if seen and time.monotonic() - seen[0] < STALE_S else ()
        yield from self._of_partitions(groups)
        yield from self._of_groups(groups)
        yield from self._of_topics(groups)

    def _of_topics(self, groups: Iterable[GroupLag]) -> Iterator[Metric]:
        places = {
            (one.topic, one.partition): one for group in groups for one in group.partitions if one.end is not None
        }
        labelled = [((self._cluster, topic, str(number)), one) for (topic, number), one in places.items()]
        name = "kafka_partition_latest_offset"
        yield _gauge(name, "Offset behind the last record.", _PLACE, [(k, float(one.end or 0)) for k, one in labelled])
        name = "kafka_partition_earliest_offset"
        yield _gauge(name, "Offset of the first record.", _PLACE, [(k, float(one.start)) for k, one in labelled])

    def _of_partitions(self, groups: Iterable[GroupLag]) -> Iterator[Metric]:
        labelled = [(self._labels(group, one), one) for group in groups for one in group.partitions]
        words: dict[str, tuple[str, list[tuple[tuple[str, ...], float | None]]]] = {
            "offset": ("What the group has committed.", [(k, p.committed) for k, p in labelled]),
            "lag": ("Offsets before the group.", [(k, p.messages) for k, p in labelled]),
            "lag_seconds": ("For how long the oldest record waits.", [(k, p.seconds) for k, p in labelled]),
        }
        for name, (text, rows) in words.items():
            known = [(labels, float(value)) for labels, value in rows if value is not None]
            yield _gauge(f"kafka_consumergroup_group_{name}", text, _OWNED, known)

    def _of_groups(self, groups: Iterable[GroupLag]) -> Iterator[Metric]:
        own = [((self._cluster, group.group), group) for group in groups]
        figures: dict[str, tuple[str, list[tuple[tuple[str, ...], float]]]] = {
            "kafka_consumergroup_group_max_lag": (
                "Most offsets before the group in a partition.",
                [(k, max((one.messages or 0 for one in g.partitions), default=0)) for k, g in own],
            ),
            "kafka_consumergroup_group_max_lag_seconds": (
                "For how long the oldest record of all waits.",
                [(k, longest(g.partitions)) for k, g in own],
            ),
            "kafka_consumergroup_group_sum_lag": (
                "Offsets before the group in all partitions.",
                [(k, total(g.partitions)) for k, g in own],
            ),
            "cx_group_members": ("Processes in the group.", [(k, len(g.members)) for k, g in own]),
            "cx_group_stalled_partitions": (
                "Partitions that have records and do not move.",
                [(k, sum(one.stalled for one in g.partitions)) for k, g in own],
            ),
        }
        for name, (text, rows) in figures.items():
            yield _gauge(name, text, _GROUP, [(labels, float(value)) for labels, value in rows])
        yield _gauge(
            "kafka_consumergroup_group_topic_sum_lag",
            "Offsets before the group in a topic.",
            (*_GROUP, "topic"),
            [((*k, topic), float(total(parts))) for k, g in own for topic, parts in g.by_topic().items()],
        )
        yield _gauge(
            "cx_group_state",
            "1 for what the group is: Kafka's word for it, and ours.",
            (*_GROUP, "state", "verdict"),
            [((*k, g.state, one.value), float(g.verdict is one)) for k, g in own for one in Verdict],
        )

    def _labels(self, group: GroupLag, one: PartitionLag) -> tuple[str, ...]:
        member = (one.member.host, one.member.id, one.member.client) if one.member else (NOBODY,) * 3
        return (self._cluster, group.group, one.topic, str(one.partition), *member)


async def poll(looker: Looker, collector: LagCollector, every_s: float) -> NoReturn:
    """Look every *every_s* seconds, never twice at once, whatever becomes of Kafka meanwhile."""
    said = -SAY_AGAIN_S
    while True:
        began = time.monotonic()
        was_up = collector.is_up()
        try:
            found = await looker.look()
        except LagError as error:
            collector.away()
            if was_up or began - said >= SAY_AGAIN_S:
                said = began
                log.warning("Kafka is away, waiting", extra={"reason": str(error)})
        else:
            collector.take(found, time.monotonic() - began)
            if not was_up:
                log.info("lag is told", extra={"groups": len(found)})
        await asyncio.sleep(max(every_s - (time.monotonic() - began), every_s / 10))


def _gauge(
    name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family
