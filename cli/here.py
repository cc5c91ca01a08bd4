"""Which Kafka and Redis a command talks to when nobody says: the embedded stack that runs here."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ops.embedded.root import running
from streams.settings import KafkaSettings, RedisSettings, Settings

ROOTS: Final = (Path(".cx"), Path(".cx/demo"))  # of `cx up` and `cx demo`


def settings_here(roots: tuple[Path, ...] = ROOTS) -> Settings:
    """Return the settings; where they name no server, pointed at the first of *roots* on which a stack runs.

    Then its folder is that of the data as well, unless another one is named.
    """
    settings = Settings()
    if settings.kafka.model_fields_set or settings.redis.model_fields_set:
        return settings
    for root in roots:
        if found := running(root):
            servers = {"kafka": KafkaSettings(bootstrap=found.bootstrap), "redis": RedisSettings(url=found.redis_url)}
            data = {} if "data" in settings.model_fields_set else {"data": root}
            return settings.model_copy(update=servers | data)
    return settings


def kept_here(file: str, roots: tuple[Path, ...] = ROOTS) -> Path:
    """Return the *file* that `cx report` reads; where nobody names a folder, of what runs here, else of what ran."""
    settings = Settings()
    if "data" in settings.model_fields_set:
        return settings.data / file
    there = [root for root in roots if (root / file).is_file()]
    running_here = [root for root in there if running(root)]
    return [*running_here, *there, settings.data][0] / file
