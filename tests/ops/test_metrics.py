"""A worker's figures as Prometheus reads them."""

from __future__ import annotations

import socket
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ops.embedded import ports
from ops.endpoint import MetricsError, serve
from ops.metrics import PrometheusMeter, process_registry
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
