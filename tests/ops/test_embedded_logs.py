"""What a program's log says about its end."""

from pathlib import Path

import pytest

from ops.embedded import logs
from ops.embedded.errors import DiedError, DiskFullError, PortTakenError

KAFKA = """\
2026-11-23 18:39:02,981 INFO kafka.server.BrokerServer - [BrokerServer id=1] Transition from SHUTDOWN to STARTING
2026-11-23 18:39:03,011 ERROR kafka.Kafka$ - Exiting Kafka due to fatal exception during startup.
{cause}
\tat org.apache.kafka.common.errors.ApiException.check(ApiException.java:75)
\t... 4 more
2026-11-23 18:39:03,030 INFO kafka.server.BrokerServer - [BrokerServer id=1] shut down completed
"""
CONFIG = "org.apache.kafka.common.config.ConfigException: Missing required configuration `node.id`"
BIND = "org.apache.kafka.common.KafkaException: Socket server failed to bind to 127.0.0.1:9092: Address already in use."
FULL = "java.io.IOException: No space left on device"

REDIS = """\
812:C 23 Nov 2026 18:28:41.008 # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo
812:M 23 Nov 2026 18:28:41.010 # Server initialized
812:M 23 Nov 2026 18:28:41.010 # WARNING overcommit_memory is set to 0!
812:M 23 Nov 2026 18:28:41.011 * Ready to accept connections
"""
BROKEN_FILE = "812:M 23 Nov 2026 18:28:41.012 # Bad file format reading the append only file\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "kafka-1.log"


def test_the_reason_is_the_cause_not_the_frames_below_it_nor_the_farewell(log: Path) -> None:
    log.write_text(KAFKA.format(cause=CONFIG))
    assert logs.reason(log, 0) == CONFIG


def test_the_reason_has_no_time_in_front(log: Path) -> None:
    log.write_text(KAFKA.format(cause=""))
    assert logs.reason(log, 0) == "ERROR kafka.Kafka$ - Exiting Kafka due to fatal exception during startup."


def test_a_java_that_does_not_even_start_is_quoted(log: Path) -> None:
    log.write_text("Error occurred during initialization of VM\nToo small maximum heap\n")
    assert logs.reason(log, 0) == "Error occurred during initialization of VM"


def test_redis_is_quoted_with_its_warnings_of_every_start_left_out(log: Path) -> None:
    log.write_text(REDIS + BROKEN_FILE)
    assert logs.reason(log, 0) == "Bad file format reading the append only file"


def test_a_log_without_a_fault_gives_no_reason(log: Path) -> None:
    log.write_text(REDIS)
    assert logs.reason(log, 0) == ""
    assert str(logs.failure("Redis", log, 0, "was ended by signal 9")) == f"Redis was ended by signal 9 (log: {log})"


def test_only_the_latest_start_counts(log: Path) -> None:
    log.write_text(KAFKA.format(cause=FULL))
    offset = logs.prepare(log)
    with log.open("a") as file:
        file.write(KAFKA.format(cause=CONFIG))
    assert logs.reason(log, offset) == CONFIG
    assert isinstance(logs.failure("Kafka", log, offset, "ended"), DiedError)


@pytest.mark.parametrize(("cause", "kind"), [(FULL, DiskFullError), (BIND, PortTakenError), (CONFIG, DiedError)])
def test_a_failure_is_one_line_of_its_own_kind_that_names_the_log(cause: str, kind: type, log: Path) -> None:
    log.write_text(KAFKA.format(cause=cause))
    failure = logs.failure("Kafka broker 1", log, 0, "ended with exit code 1")
    assert type(failure) is kind
    assert str(failure).startswith("Kafka broker 1 ended with exit code 1: ")
    assert str(failure).endswith(f"(log: {log})")
    assert "\n" not in str(failure)


def test_a_missing_log_is_no_second_fault(log: Path) -> None:
    assert str(logs.failure("Redis", log, 0, "ended with exit code 1")) == f"Redis ended with exit code 1 (log: {log})"


@pytest.mark.parametrize(("size", "offset"), [(0, 0), (100, 100), (101, 0)])
def test_a_log_that_grew_too_long_starts_anew_and_the_old_one_is_kept(
    size: int, offset: int, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "SIZE_MAX", 100)
    log.write_bytes(b"x" * size)
    assert logs.prepare(log) == offset
    assert log.with_name("kafka-1.log.1").exists() == (size > 100)
