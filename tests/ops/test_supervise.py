"""Workers as children: what they are given, what their logs mean, and how their end is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from pydantic import SecretStr

from ops import supervise
from ops.supervise import Worker, WorkerDiedError, environment, settings_for
from streams.settings import CodeSettings, KafkaSettings, RedisSettings, Settings, VendorSettings

if TYPE_CHECKING:
    from ops.embedded.stack import Stack

ENDING = "waits for Kafka to end a transaction, see its log"
LOG = "2026-03-01 10:00:00,123 INFO streams.lane "


class Somewhere:
    """The addresses of a stack."""

    bootstrap = "127.0.0.1:20001"
    redis_url = "redis://127.0.0.1:20002/0"
    root = Path("/data")


def given_settings(clock: str | None = None) -> Settings:
    theirs = Settings(
        policy=Path("mine.yaml"),
        kafka=KafkaSettings(
            bootstrap="prod:9093", security="SASL_SSL", username="u", password=SecretStr("p"), session_timeout_s=9
        ),
        redis=RedisSettings(url="rediss://prod", username="u", password=SecretStr("p")),
    )
    return settings_for(cast("Stack", Somewhere()), theirs, brokers=3, clock=clock)


def test_a_worker_is_not_given_the_keys_of_gift_codes() -> None:
    key = "a2V5" * 10 + "a2U="
    codes = CodeSettings(keys=SecretStr(f"k1:{key}"), identity=SecretStr(key))
    given = environment(Settings(codes=codes, vendor=VendorSettings(name="v", token=SecretStr("secret"))))

    assert [name for name in given if name.startswith(("CX_CODES", "CX_VENDOR"))] == []
    assert not any("*" in value for name, value in given.items() if name.startswith("CX_")), "nor what stands for one"


def test_the_api_is_given_the_keys_that_it_shows_codes_with() -> None:
    key = "a2V5" * 10 + "a2U="
    codes = CodeSettings(keys=SecretStr(f"k1:{key}"), identity=SecretStr(key))

    given = environment(Settings(codes=codes), "serve")
    assert (given["CX_CODES__KEYS"], given["CX_CODES__IDENTITY"]) == (f"k1:{key}", key)
    assert not any(name.startswith("CX_CODES") for name in environment(Settings(), "serve"))


def test_a_stacks_settings_keep_the_persons_own_and_nothing_of_their_servers() -> None:
    made = given_settings("external")

    assert (made.policy, made.clock, made.data) == (Path("mine.yaml").absolute(), "external", Path("/data"))
    assert made.kafka == KafkaSettings(bootstrap="127.0.0.1:20001", replication=3)
    assert made.redis == RedisSettings(url="redis://127.0.0.1:20002/0")


def test_settings_come_out_of_the_environment_as_they_went_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = given_settings()
    (tmp_path / "cx.toml").write_text("[redis]\nusername = 'from-a-file'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CX_REDIS__USERNAME", "from-a-shell")
    given = environment(made)
    for name in [name for name in os.environ if name.startswith("CX_")]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert Settings() == made


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker(given_settings(), tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("recovering records=1200 records_max=5000 partitions=3", ["reading its state back: 1,200 of 5,000 offsets"]),
        ("recovered records=5000 seconds=1.25", ["state is back: 5,000 records"]),
        ("recovered records=0 seconds=0.01", []),
        ("partitions opened partitions=12 seconds=0.4", ["ready: 12 partitions"]),
        ("partitions opened partitions=0 seconds=0.4", ["waits for partitions"]),
        ("partitions closed partitions=12 whole=True", ["gave 12 partitions back"]),
        ("read model is away error=ConnectionError", ["Redis does not answer; customers wait, events go on"]),
        ("an earlier transaction is still being ended, waiting of=cx-customers-3 seconds=4", [ENDING]),
        ("something only a developer wants to know", []),
    ],
)
def test_a_log_is_told_in_plain_words(worker: Worker, line: str, words: list[str]) -> None:
    worker.log_path.write_text(f"{LOG}{line}\n")

    assert worker.news() == words
    assert worker.news() == []


def test_a_line_that_is_not_yet_whole_waits(worker: Worker) -> None:
    worker.log_path.write_text(f"{LOG}partitions opened part")
    assert worker.news() == []

    with worker.log_path.open("a") as log:
        log.write("itions=12 seconds=0.4\n")
    assert worker.news() == ["ready: 12 partitions"]


def test_a_worker_is_ready_while_it_has_partitions(worker: Worker) -> None:
    seen = []
    for line in (
        "partitions opened partitions=12",
        "partitions closed partitions=12",
        "partitions opened partitions=0",
    ):
        with worker.log_path.open("a") as log:
            log.write(f"{LOG}{line}\n")
        worker.news()
        seen.append(worker.ready)

    assert seen == [True, False, False]


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        (
            "import sys; print('cx: policy x: line 3: no such field'); sys.exit(78)",
            78,
            ": policy x: line 3: no such field",
        ),
        (f"import sys; print('{LOG}'.replace('INFO', 'CRITICAL') + 'it broke'); sys.exit(70)", 70, ": it broke"),
        ("raise RuntimeError('boom')", 1, ": RuntimeError: boom"),
        ("pass", 127, ""),
        ("import os; print('cx: no reason of this end', flush=True); os.kill(os.getpid(), 9)", 137, ""),
    ],
)
def test_a_worker_that_ends_is_told_with_its_code_its_reason_and_its_log(
    script: str, code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "COMMAND", (sys.executable, "-c", script))
    worker = Worker(given_settings(), tmp_path, tmp_path)
    worker.log_path.write_text("cx: of an earlier run\n")
    worker.launch()
    worker.child.wait(60)

    with pytest.raises(WorkerDiedError) as raised:
        worker.check()

    assert raised.value.exit_code == code
    ended = "was ended by signal 9" if code == 137 else f"ended with exit code {0 if code == 127 else code}"
    assert str(raised.value) == f"worker {ended}{said} (log: {worker.log_path})"


def test_a_worker_that_was_asked_to_stop_has_not_died(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "COMMAND", (sys.executable, "-c", "import time; time.sleep(600)"))
    worker = Worker(given_settings(), tmp_path, tmp_path)
    worker.launch()
    worker.check()
    worker.child.stop()

    worker.check()


def test_the_command_of_a_worker_is_not_taken_from_where_a_person_stands(tmp_path: Path) -> None:
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "__init__.py").write_text("raise RuntimeError('a foreign folder')")
    said = subprocess.run(
        [*supervise.COMMAND, "worker", "--help"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    assert said.returncode == 0
    assert "Run one worker until Ctrl-C or SIGTERM" in said.stdout
