"""A worker's figures as Prometheus reads them."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from ops.embedded import ports
from ops.endpoint import MetricsError, serve
from ops.metrics import PrometheusMeter, process_registry
from streams.measured import Instants, Measured
from streams.meter import Phase


def read(address: str) -> dict[tuple[str, str], float]:
    """Return what *address* tells, by name and partition, or what else there are several of."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = [one for family in families for one in family.samples]
    return {(one.name, one.labels.get("partition") or one.labels.get("phase", "")): one.value for one in samples}


@pytest.fixture
def address() -> str:
    return f"{ports.HOST}:{ports.choose(None, set())}"


def test_what_a_lane_tells_is_read_over_http(address: str) -> None:
    registry = process_registry()
    meter = PrometheusMeter("customers", registry)
    serve(address, registry)
    meter.recovering({0: 70, 3: 5})
    meter.recovering({3: 2})
    during = read(address)
    assert during["cx_recovery_remaining_records", "0"] == 70
    assert during["cx_recovery_remaining_records", "3"] == 2
    assert during["cx_recovery_active", ""] == 1

    meter.opening(Phase.OFFSETS)
    waiting = read(address)
    assert [waiting["cx_opening", phase] for phase in Phase] == [0, 1, 0, 0]

    meter.opening(None)
    meter.recovered(75, 0.7)
    meter.assigned(2)
    meter.committed(9, 0.03)
    meter.committed(1, 0.001)
    after = read(address)
    assert (after["cx_recovery_active", ""], after["cx_recovered_records_total", ""]) == (0, 75)
    assert (after["cx_assigned_partitions", ""], after["cx_rebalances_total", ""]) == (2, 1)
    assert (after["cx_committed_records_total", ""], after["cx_commit_seconds_count", ""]) == (10, 2)
    assert after["cx_last_commit_timestamp_seconds", ""] > 1_700_000_000
    assert after["process_resident_memory_bytes", ""] > 1_000_000

    assert [after["cx_opening", phase] for phase in Phase] == [0, 0, 0, 0]

    meter.recovering({0: 70})
    meter.assigned(0)
    given_up = read(address)
    assert given_up["cx_recovery_active", ""] == 0
    assert (given_up["cx_assigned_partitions", ""], given_up["cx_rebalances_total", ""]) == (0, 1)
    assert ("cx_recovery_remaining_records", "0") not in given_up


def test_a_port_that_is_taken_is_told_in_a_line(address: str) -> None:
    host, port = address.split(":")
    with socket.socket() as holder:
        holder.bind((host, int(port)))
        holder.listen()
        with pytest.raises(MetricsError, match=f"^metrics: {address} cannot be listened on "):
            serve(address, process_registry())


def batch(**other: object) -> Measured:
    known = Measured("cx.purchases", 5, 3, 1, 0.01, *(Instants([1], 1),) * 3)
    return known._replace(**other)  # type: ignore[arg-type]


def test_every_word_of_a_lane_has_its_figure(address: str) -> None:
    registry = process_registry()
    meter = PrometheusMeter("customers", registry)
    serve(address, registry, meter.pulse)
    meter.joined(1.5)
    meter.decided([batch(), batch(applied=5, refused=0)], {("cx.purchases", "invalid"): 2})
    meter.shown([batch()])
    meter.repeated("NotCoordinatorForGroupError")
    meter.beat(2.5, 0.25, 7)
    meter.wrote(0.01, 3)
    meter.not_written("ConnectionError", 4)
    meter.lost(2)
    meter.mended()
    meter.ticked(3, 1_700_000_000_500_000)
    value = registry.get_sample_value
    lane, topic = {"lane": "customers"}, {"lane": "customers", "topic": "cx.purchases"}

    assert value("cx_rebalance_seconds_sum", lane) == 1.5
    results = {r: value("cx_events_processed_total", topic | {"result": r}) for r in ("applied", "dlq", "duplicate")}
    assert results == {"applied": 8, "dlq": 1, "duplicate": 1}
    assert value("cx_dlq_total", topic | {"reason": "invalid"}) == 2
    assert value("cx_event_decided_seconds_count", topic) == 2
    assert value("cx_event_visible_seconds_count", topic) == 1
    assert value("cx_watermark_timestamp_seconds", topic) == 0.001
    assert value("cx_producer_errors_total", lane | {"error": "NotCoordinatorForGroupError"}) == 1
    assert value("cx_standing_seconds", lane) == 2.5
    assert value("cx_event_loop_lag_seconds", lane) == 0.25
    assert value("cx_pending_records", lane) == 7
    assert value("cx_redis_write_seconds_count", lane) == 1
    assert value("cx_redis_errors_total", lane | {"error": "ConnectionError"}) == 1
    assert value("cx_redis_waiting_views", lane) == 4
    assert value("cx_redis_losses_total", lane) == 2
    assert value("cx_redis_repairs_total", lane) == 1
    assert value("cx_tick_timestamp_seconds", lane | {"partition": "3"}) == 1_700_000_000.5
    assert value("cx_tick_delay_seconds_count", lane) == 1

    meter.assigned(0)
    assert value("cx_tick_timestamp_seconds", lane | {"partition": "3"}) is None


def test_the_watermark_does_not_go_back() -> None:
    registry = CollectorRegistry()
    meter = PrometheusMeter("customers", registry)
    topic = {"lane": "customers", "topic": "cx.purchases"}
    for newest in (5_000, 3_000):
        meter.decided([batch(happened=Instants([newest], newest))], {})

    assert registry.get_sample_value("cx_watermark_timestamp_seconds", topic) == 5


def test_health_is_told_at_the_same_port(address: str) -> None:
    registry = CollectorRegistry()
    meter = PrometheusMeter("customers", registry, stuck_s=5)
    serve(address, registry, meter.pulse)
    waits = status(address, "/live"), status(address, "/ready")
    meter.joined(0.1)
    meter.beat(0.0, 0.0, 0)
    works = status(address, "/live"), status(address, "/ready")
    meter.beat(5.5, 0.0, 1)
    stuck = status(address, "/live"), status(address, "/ready")

    assert waits == ((200, "ok"), (503, "no partitions are assigned yet"))
    assert works == ((200, "ok"), (200, "ok"))
    ill = (503, "there is work, and nothing has moved for 6 seconds")
    assert stuck == (ill, ill)
    assert status(address, "/")[0] == status(address, "/metricsx")[0] == 404
    assert status(address, "/metrics?name[]=cx_standing_seconds")[0] == 200


def status(address: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode().strip()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode().strip()
