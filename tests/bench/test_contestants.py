"""Contestants: told alike, read alike."""

import re
from pathlib import Path

import pytest

from bench.harness import contestants
from bench.harness.contestants import Contestant, everyone
from bench.harness.java import PROJECT, Built
from bench.harness.job import Job
from ops.embedded.jars import kafka_version

STATE = b'{"spend":1,"n":1,"seen":["a"]}'
READ = ("c-1", {"spend": 1, "n": 1, "seen": ["a"]})


@pytest.fixture
def without_java(monkeypatch: pytest.MonkeyPatch) -> tuple[Contestant, ...]:
    """All contestants on a machine that has no Maven."""
    monkeypatch.setattr(contestants, "build", lambda: Built(reason="no Maven"))
    return everyone()


def test_a_job_crosses_the_environment_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job("127.0.0.1:1", "app", "in", "out", "log", 4, 10, "exactly-once", "disk", tmp_path)
    for name, value in job.environment().items():
        monkeypatch.setenv(name, value)

    assert Job.from_environment() == job
    assert job.exactly_once


def test_names_are_unique_and_who_cannot_be_run_has_a_reason(without_java: tuple[Contestant, ...]) -> None:
    names = [one.name for one in without_java]

    assert len(names) == len(set(names))
    assert {"ours", "quix", "bare_loop", "kafka_streams", "bytewax", "plain_faust"} <= set(names)
    assert [one.name for one in without_java if bool(one.command) is bool(one.absent)] == []
    assert {one.absent for one in without_java if one.name.startswith("kafka_streams")} == {"no Maven"}


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("ours", b"c-1", bytes(8) + STATE),
        ("bare_loop", b"c-1", STATE),
        ("quix_at_least_once", b"c-1|state", STATE),
        ("kafka_streams", b"c-1", STATE),
        ("plain_faust", b'"c-1"', STATE),
    ],
)
def test_each_changelog_is_read(without_java: tuple[Contestant, ...], name: str, key: bytes, value: bytes) -> None:
    decode = next(one.decode for one in without_java if one.name == name)

    assert decode is not None
    assert decode(key, value) == READ


def test_the_lane_s_record_of_itself_is_no_customer(without_java: tuple[Contestant, ...]) -> None:
    ours = without_java[0]

    assert ours.decode is not None
    assert ours.decode(b"\x00partition", STATE) is None
    assert ours.changelog_of("a", "b") == "a-simple-changelog"


def test_kafka_streams_has_the_version_of_the_broker() -> None:
    named = re.search(r"<kafka.version>(.+)</kafka.version>", (PROJECT / "pom.xml").read_text("utf-8"))

    assert named
    assert named[1] == kafka_version()
