"""Redis as the doctor sees it: version, what becomes of data when memory or power goes, and its clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import NoPermissionError, RedisError, ResponseError

from ops.doctor.finding import Finding, fault, ok, unknown, warning
from streams.readmodel import connect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.settings import RedisSettings

AREA: Final = "redis"
CLOCK: Final = "clock"
VERSION_MIN: Final = (6, 2)  # the oldest that our tests run
FULL_SHARE: Final = 0.9
SKEW_S: Final = 2.0


async def examine(settings: RedisSettings) -> list[Finding]:
    """Return what is to be said of a Redis that lets us in; see `streams.access`."""
    client = connect(settings)
    try:
        found = await _clock(client)
        try:
            return found + settings_of(await client.info("everything"))
        except (NoPermissionError, ResponseError):
            return [*found, unknown(AREA, "settings of Redis cannot be looked at: our user lacks +info")]
    except (RedisError, OSError) as error:
        return [unknown(AREA, f"Redis does not say how it is set up: {type(error).__name__}")]
    finally:
        await client.aclose()


async def _clock(client: Any) -> list[Finding]:  # noqa: ANN401  # redis-py's types lack the awaitable
    before = time.time()
    try:
        seconds, micros = await client.time()
    except (NoPermissionError, ResponseError):
        return [unknown(CLOCK, "the clock of Redis cannot be looked at: our user lacks +time")]
    return [skew(seconds + micros / 1e6, before, time.time())]


def skew(theirs: float, before: float, after: float) -> Finding:
    """Compare a clock that showed *theirs* when ours showed something from *before* to *after*, in seconds."""
    off = min(max(theirs, before), after) - theirs
    text = f"our clock is {abs(off):.1f} s {'ahead of' if off > 0 else 'behind'} that of Redis"
    if abs(off) > SKEW_S:
        return warning(CLOCK, f"{text}: ticks and deadlines follow ours")
    return ok(CLOCK, "our clock and that of Redis agree")


def settings_of(info: Mapping[str, Any]) -> list[Finding]:
    """Return what is to be said of what Redis tells of itself."""
    found = []
    version = str(info.get("redis_version", "0"))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < VERSION_MIN:
        found.append(warning(AREA, f"Redis is {version}; 6.2 and newer are tested"))
    if info.get("cluster_enabled"):
        found.append(fault(AREA, "Redis runs as a cluster: our scripts name keys of several slots, which it refuses"))
    if info.get("role", "master") != "master":
        found.append(fault(AREA, "Redis is a replica, which takes no writes: see CX_REDIS__URL"))
    policy, most = str(info.get("maxmemory_policy", "noeviction")), int(info.get("maxmemory", 0))
    if policy.startswith("allkeys"):
        text = f"maxmemory-policy is {policy}: customers would go without being missed; should be noeviction"
        # Without a limit nothing is evicted, until somebody sets one.
        found.append(fault(AREA, text) if most else warning(AREA, text))
    if most and int(info.get("used_memory", 0)) > FULL_SHARE * most:
        found.append(warning(AREA, f"memory of Redis is nearly full: {info['used_memory']} of {most} bytes"))
    if not info.get("aof_enabled"):
        text = "appendonly is no: after a restart profiles are missing until workers have shown them again"
        found.append(warning(AREA, text))
    for name, what in (("rdb_last_bgsave_status", "snapshot"), ("aof_last_write_status", "append-only file")):
        if info.get(name, "ok") != "ok":
            found.append(warning(AREA, f"Redis could not write its {what}: is its disk full?"))
    return found or [ok(AREA, f"Redis {version} keeps what it has")]
