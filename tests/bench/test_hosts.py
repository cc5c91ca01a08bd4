"""Hosts of the full rules: told alike, and what they read and write."""

from pathlib import Path

import pytest

from bench.harness import hosts
from bench.harness.job import Job
from schemas.inputs import CLOCK
from streams.settings import Settings

JOB = Job("127.0.0.1:1", "run-0", "", "run-0-outputs", "", 4, 1, "exactly-once", "disk", Path("state"))


def test_our_worker_reads_what_it_is_told_as_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = hosts.everyone()[0]
    for name, value in ours.environment(JOB, "redis://127.0.0.1:2/0").items():
        monkeypatch.setenv(name, value)
    settings = Settings()

    assert (settings.app, settings.partitions, settings.clock) == ("run-0", 4, "external")
    assert (settings.kafka.bootstrap, settings.redis.url) == ("127.0.0.1:1", "redis://127.0.0.1:2/0")
    assert settings.policy.stem == "retail-vn"
    assert CLOCK in ours.inputs()


def test_a_peer_has_no_clock_and_one_topic_for_all_outputs() -> None:
    quix = next(one for one in hosts.everyone() if one.name == "quix")

    assert set(hosts.INPUTS) - set(quix.inputs()) == {CLOCK}
    assert quix.outputs(JOB) == ("run-0-outputs",)
    assert quix.environment(JOB, "redis://127.0.0.1:2/0") == JOB.environment()


def test_who_is_not_installed_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "find_spec", lambda _: None)

    assert [(one.name, one.absent) for one in hosts.everyone() if not one.command] == [
        ("quix", "Quix Streams is not installed"),
        ("quix_commit_1s", "Quix Streams is not installed"),
    ]
