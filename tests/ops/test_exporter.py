"""What the exporter shows, and for how long."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from ops import exporter
from ops.exporter import LagCollector
from ops.lag.groups import GroupLag, Member, PartitionLag


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def lag(number: int, **other: object) -> PartitionLag:
    known = PartitionLag("cx.purchases", number, 1, 9, 4, 5, 2.5, Member("id", "client", "host"))
    return known._replace(**other)  # type: ignore[arg-type]


def place(number: int, *, owned: bool = True) -> dict[str, str]:
    labels = {"cluster_name": "c", "group": "cx", "topic": "cx.purchases", "partition": str(number)}
    own = ("host", "id", "client") if owned else ("unknown",) * 3
    return labels | dict(zip(("member_host", "consumer_id", "client_id"), own, strict=True))


def test_what_is_not_known_has_no_figure_instead_of_a_wrong_one(registry: CollectorRegistry) -> None:
    collector = LagCollector("c")
    registry.register(collector)
    unled = lag(1, end=None, messages=None, seconds=None, member=None)
    new = lag(2, committed=None, messages=8, seconds=None)
    collector.take([GroupLag("cx", "Stable", (), (lag(0), unled, new))], 0.1)

    read = registry.get_sample_value
    assert read("kafka_consumergroup_group_lag", place(0)) == 5
    assert read("kafka_consumergroup_group_lag", place(1, owned=False)) is None
    assert read("kafka_consumergroup_group_lag", place(2)) == 8
    assert read("kafka_consumergroup_group_offset", place(2)) is None
    assert read("kafka_consumergroup_group_offset", place(1, owned=False)) == 4
    assert read("kafka_consumergroup_group_lag_seconds", place(0)) == 2.5
    assert read("kafka_consumergroup_group_lag_seconds", place(2)) is None
    topic = {"cluster_name": "c", "topic": "cx.purchases"}
    assert read("kafka_partition_latest_offset", topic | {"partition": "0"}) == 9
    assert read("kafka_partition_latest_offset", topic | {"partition": "1"}) is None
    group = {"cluster_name": "c", "group": "cx"}
    assert read("kafka_consumergroup_group_sum_lag", group) == 13
    assert read("kafka_consumergroup_group_max_lag", group) == 8
    assert read("cx_group_state", group | {"state": "Stable", "verdict": "unknown"}) == 1
    assert read("cx_group_state", group | {"state": "Stable", "verdict": "ok"}) == 0


def test_figures_go_when_they_are_old(registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    collector = LagCollector("c")
    registry.register(collector)
    collector.take([GroupLag("cx", "Stable", (), (lag(0, stalled=True),))], 0.1)
    collector.away()

    group = {"cluster_name": "c", "group": "cx"}
    assert registry.get_sample_value("cx_group_stalled_partitions", group) == 1
    assert registry.get_sample_value("kafka_lag_exporter_up") == 0
    monkeypatch.setattr(exporter, "STALE_S", 0.0)
    assert registry.get_sample_value("cx_group_stalled_partitions", group) is None
    assert registry.get_sample_value("kafka_lag_exporter_up") == 0
