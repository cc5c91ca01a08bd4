"""What `cx worker` looks at before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli import worker
from streams import admin
from streams.settings import RedisSettings, Settings

if TYPE_CHECKING:
    from streams.settings import KafkaSettings


async def test_a_redis_that_is_away_holds_no_worker_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def let_in(_kafka: KafkaSettings) -> None:
        return

    async def no_faults(_settings: Settings) -> list[str]:
        return []

    monkeypatch.setattr(worker, "ask_kafka", let_in)
    monkeypatch.setattr(admin, "check", no_faults)
    away = Settings(redis=RedisSettings(url="redis://user:s3cret@127.0.0.1:1/0"))

    assert await worker.faults_of(away) == []
    (line,) = caplog.records
    assert line.message == "read model is away"
    assert line.__dict__["reason"].startswith("Redis at 127.0.0.1:1 does not answer as it should (ConnectionError)")
    assert "s3cret" not in line.__dict__["reason"]
