"""The containers: exact images, and the same Kafka as without them."""

import os
import re

import pytest
import yaml

from cli.main import VERBS
from ops.embedded.jars import kafka_version
from streams.settings import Settings
from tests.house.tree import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
EXACT = re.compile(r"[a-z/-]+:\d+\.\d+(\.\d+)?(-[a-z]+)*")


def test_every_image_is_an_exact_version() -> None:
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    images += re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)

    assert len(images) > 2
    assert [image for image in images if not EXACT.fullmatch(image)] == []


def test_kafka_in_a_container_is_the_embedded_one() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka_version()}"


def test_the_worker_is_told_where_its_neighbours_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICES["worker"]["environment"].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CX_CONFIG", os.devnull)

    settings = Settings()

    assert settings.kafka.bootstrap in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert settings.kafka.bootstrap != "127.0.0.1:9092"
    assert settings.redis.url.split("/")[2].partition(":")[0] in SERVICES


def test_what_we_run_are_commands_of_cx() -> None:
    ours = {name: service["command"][0] for name, service in SERVICES.items() if "build" in service}

    assert ours == {"topics": "topics", "worker": "worker", "aggregate": "aggregate", "desk": "desk"}
    assert set(ours.values()) <= set(VERBS)


def test_what_is_counted_outlives_its_container() -> None:
    volume, _, folder = SERVICES["aggregate"]["volumes"][0].partition(":")

    assert volume in COMPOSE["volumes"]
    assert f"CX_DATA={folder}\n" in DOCKERFILE


def test_all_of_ours_begin_once_the_topics_are_there() -> None:
    waiting = {name for name, service in SERVICES.items() if "topics" in service.get("depends_on", {})}

    assert waiting == {"worker", "aggregate", "desk"}
