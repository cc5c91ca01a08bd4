"""The containers: exact images, and the same Kafka as without them."""

import os
import re

import pytest
import yaml

from ops.embedded.jars import kafka_version
from streams.settings import Settings
from tests.house.tree import ROOT

SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
EXACT = re.compile(r"[a-z/-]+:\d+\.\d+(\.\d+)?(-[a-z]+)*")


def test_every_image_is_an_exact_version() -> None:
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)

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
