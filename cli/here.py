"""Which Kafka and Redis a command talks to when nobody says: the embedded stack that runs here."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ops.embedded.root import running
from streams.settings import KafkaSettings, RedisSettings, Settings

ROOTS: Final = (Path(".cx"), Path(".cx/demo"))  # of `cx up` and `cx demo`


def settings_here(roots: tuple[Path, ...] = ROOTS) -> Settings:
    """Return the settings; where they name no server, pointed at the first of *roots* on which a stack runs."""
    settings = Settings()
    if settings.kafka.model_fields_set or settings.redis.model_fields_set:
        return settings
    for root in roots:
        if found := running(root):
            servers = {"kafka": KafkaSettings(bootstrap=found.bootstrap), "redis": RedisSettings(url=found.redis_url)}
            return settings.model_copy(update=servers)
    return settings
