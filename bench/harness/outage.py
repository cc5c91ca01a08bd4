"""Workers killed, added and stopped under steady traffic: how long nobody is answered, and when all is as before."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import orjson

from bench.harness.answers import is_awake, send_and_hear
from bench.harness.contest import child_of, job_of
from bench.harness.schedule import Phase, due_ns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.harness.contestants import Contestant
    from bench.harness.stand import Stand
    from ops.embedded.process import Child

LATE_NS = 1_000_000_000  # slower than that is not caught up
SETTLE_S = 20.0  # before the first action, and after each


@dataclass(frozen=True, slots=True)
class Outage:
    """What one action cost.

    Attributes:
        gap_s: Longest time without any answer after the action.
        caught_up_s: From the action to the last answer that took more than a second.
        worst_s: Latency of the slowest answer.
    """

    action: str
    gap_s: float
    caught_up_s: float
    worst_s: float


@dataclass(frozen=True, slots=True)
class Account:
    """What came of it all; with a fault the figures do not count."""

    cold_start_s: float
    outages: tuple[Outage, ...]
    faults: tuple[str, ...]


async def act(contestant: Contestant, ground: Stand, app: str, rate: int) -> Account:
    """Run *contestant* on the changelog of *app* that is filled already, and let things happen to it."""
    cluster, folder = ground.cluster, ground.folder / app
    job = job_of(contestant, cluster, f"{app}-purchases", every=1, folder=folder)
    await cluster.create([job.source])
    first = await child_of(contestant, cluster, job, folder / "first.log")
    other = replace(job, folder=folder / "other")
    other.folder.mkdir()
    second = await child_of(contestant, cluster, other, folder / "second.log")
    count = int(rate * SETTLE_S * 4)
    began = time.monotonic()
    first.launch()
    try:
        if not await is_awake(cluster, job, first):
            return Account(0.0, (), ("it answers nothing",))
        cold_s = time.monotonic() - began
        phase = Phase(rate, 0, 0, count)
        hearing = asyncio.create_task(send_and_hear(cluster, job, phase, folder))
        acted = [await _later(name, hearing, first, second) for name in ("killed and restarted", "added", "stopped")]
        await hearing
        died = first.died or second.died
    finally:
        for child in (first, second):
            await asyncio.to_thread(child.stop)
    sent = orjson.loads((folder / f"sent-{rate}").read_bytes())["start_ns"]
    arrived = orjson.loads((folder / f"arrived-{rate}").read_bytes())
    faults: tuple[str, ...] = ("a worker ended by itself",) if died else ()
    if sorted(serial for serial, _ in arrived) != list(range(count)):
        faults += ("not every event was answered once",)
    return Account(cold_s, tuple(outages(acted, [(at, at - due_ns(sent, n, rate)) for n, at in arrived])), faults)


async def _later(name: str, hearing: asyncio.Task[object], first: Child, second: Child) -> tuple[str, int]:
    """Let traffic run for a while, then do what *name* says; return when that was."""
    await asyncio.wait({hearing}, timeout=SETTLE_S)
    at = time.monotonic_ns()
    if name == "added":
        second.launch()
    elif name == "stopped":
        first.ask_to_stop()
    else:
        await asyncio.to_thread(first.kill)
        first.launch()
    return name, at


def outages(acted: Sequence[tuple[str, int]], arrived: Sequence[tuple[int, int]]) -> list[Outage]:
    """Return what each action cost, up to the next one.

    Args:
        acted: Name and instant of each, in nanoseconds.
        arrived: Instant and latency of each answer, in nanoseconds.
    """
    found = []
    ends = [at for _, at in acted[1:]] + [max((at for at, _ in arrived), default=0) + 1]
    for (name, at), end in zip(acted, ends, strict=True):
        own = sorted((when, took) for when, took in arrived if at <= when < end)
        steps = [at, *(when for when, _ in own)]
        gap = max((after - before for before, after in pairwise(steps)), default=end - at)
        late = max((when for when, took in own if took > LATE_NS), default=at)
        found.append(Outage(name, gap / 1e9, (late - at) / 1e9, max((took for _, took in own), default=0) / 1e9))
    return found
