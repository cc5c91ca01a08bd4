"""Hosts of the full rules: started as processes of their own, watched from outside, stopped, and judged."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import orjson
from aiokafka import TopicPartition
from redis.asyncio import Redis

from bench.harness.account import faults_of
from bench.harness.contest import GRACE_S, ROOT, show_end
from bench.harness.job import PREFIX, Job
from bench.harness.lives import POLICY
from bench.harness.progress import pace, watch
from bench.harness.trade import rules
from cx.state import Customer, decode
from ops.embedded.process import Child
from schemas.inputs import CLOCK
from schemas.topics import DEAD_LETTERS, Lane, Role, lane_topics
from streams import admin
from streams.readmodel import customer_key
from streams.settings import KafkaSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.harness.cluster import Cluster
    from bench.harness.observer import Pace
    from bench.harness.stand import Stand
    from bench.harness.trade import Trade

INPUTS = tuple(topic.name for topic in lane_topics(Lane.CUSTOMERS, Role.INPUT))
OUTPUTS = tuple(topic.name for topic in lane_topics(Lane.CUSTOMERS, Role.OUTPUT))
SHOWN_S_MAX = 30.0  # for Redis to have the last version of everybody


@dataclass(frozen=True, slots=True)
class Host:
    """One that runs the full rules, exactly once.

    Attributes:
        name: In figures: `{name}_per_second`.
        label: In tables and charts.
        command: How to start it; empty where it cannot be run, and then *absent* says why.
        ours: Whether it is our worker, which has a clock, topics for each kind of output, and Redis.
        told: What else is in its environment.
    """

    name: str
    label: str
    command: tuple[str, ...]
    ours: bool = False
    told: Mapping[str, str] = field(default_factory=dict)
    absent: str = ""

    def environment(self, job: Job, redis_url: str) -> dict[str, str]:
        """Return what it is told."""
        if not self.ours:
            return {**job.environment(), **self.told}
        return {
            "CX_APP": job.app,
            "CX_CLOCK": "external",
            "CX_DATA": str(job.folder),
            "CX_KAFKA__BOOTSTRAP": job.bootstrap,
            "CX_LOG_LEVEL": "warning",
            "CX_PARTITIONS": str(job.partitions),
            "CX_POLICY": POLICY,
            "CX_REDIS__URL": redis_url,
        }

    def outputs(self, job: Job) -> tuple[str, ...]:
        """Return the topics that it publishes to."""
        return OUTPUTS if self.ours else (job.output,)

    def inputs(self) -> tuple[str, ...]:
        """Return the topics that it reads."""
        return INPUTS if self.ours else tuple(name for name in INPUTS if name != CLOCK)


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a run; `pace` is None where the work was not done."""

    pace: Pace | None
    seconds: float
    changelog_records: int
    faults: tuple[str, ...]


def everyone() -> tuple[Host, ...]:
    """Return ours and its peer, at both of the commit intervals at which the lane's benchmark has it."""
    here = find_spec("quixstreams") is not None
    command = (sys.executable, "-m", "bench.peers.quix_rules") if here else ()
    quix = Host("quix", "Quix Streams, commit 0.1 s", command, absent="" if here else "Quix Streams is not installed")
    return (
        Host("ours", "cxstream's worker, and Redis", (sys.executable, "-m", "cli", "worker"), ours=True),
        quix,
        replace(quix, name="quix_commit_1s", label="Quix Streams, commit 1 s", told={"BENCH_COMMIT_S": "1"}),
    )


async def make_topics(cluster: Cluster, folder: Path, app: str) -> None:
    """Make the topics of the lane that are not there."""
    kafka = KafkaSettings(bootstrap=cluster.bootstrap)
    settings = Settings(app=app, data=folder, partitions=cluster.partitions, kafka=kafka)
    await admin.create(settings, keep_for_ever=True)


async def run(host: Host, ground: Stand, trade: Trade, folder: Path, *, within_s: float) -> Run:
    """Let *host* work through *trade*, which the topics hold; its group is named as *folder*, made and removed."""
    cluster, app = ground.cluster, folder.name
    state = folder / "state"
    state.mkdir(parents=True)
    job = Job(cluster.bootstrap, app, "", f"{app}-outputs", "", cluster.partitions, 1, "exactly-once", "disk", state)
    await make_topics(cluster, folder, app)
    if not host.ours:
        await cluster.create([job.output])
    async with Redis.from_url(ground.redis_url) as redis:
        await redis.flushdb()
        child = _child(host, job, ground.redis_url, folder / "host.log")
        ends = {
            TopicPartition(name, number): end
            for name in host.inputs()
            for number, end in (await cluster.ends(name)).items()
        }
        begun = time.monotonic()
        customers: dict[str, Customer] = {}
        logged = 0
        child.launch()
        try:
            standings = await watch(cluster.bootstrap, app, ends, CLOCK, within_s=within_s, child=child)
            if not standings or standings[-1].done < trade.events or child.died:
                faults: tuple[str, ...] = ("it ended by itself" if child.died else "it was not done in time",)
            else:
                logged, customers = await kept(host, cluster, app)
                faults = await _hidden(redis, customers) if host.ours else ()
        finally:
            await asyncio.to_thread(child.stop)
    if not faults:
        told = [
            orjson.loads(value)
            for name in host.outputs(job)
            if name != DEAD_LETTERS
            for _, value in await cluster.read(name)
            if value
        ]
        faults = faults_of(trade, customers, told, rules())
        if host.ours and (refused := len(await cluster.read(DEAD_LETTERS))):
            faults += (f"{refused} records are in the dead letters",)
    if faults:
        show_end(child)
    found = pace(standings)
    if not faults and found is None:
        faults = ("it took too few commits to tell a rate from",)
    await cluster.delete([app, *OUTPUTS])
    shutil.rmtree(folder)
    return Run(None if faults else found, time.monotonic() - begun, logged, faults)


async def kept(host: Host, cluster: Cluster, app: str) -> tuple[int, dict[str, Customer]]:
    """Return the number of committed changelog records of a run, and the last state of each customer."""
    logged, found = 0, dict[str, Customer]()
    for name in await cluster.named(f"changelog__{app}--" if not host.ours else f"{app}-customers-changelog"):
        for key, value in await cluster.read(name):
            logged += 1
            if key and value and not key.startswith(b"\0"):  # else it is the partition's record of itself
                customer = decode(value)
                found[customer.id] = customer
    return logged, found


async def _hidden(redis: Redis, customers: Mapping[str, Customer]) -> tuple[str, ...]:
    """Wait until Redis shows the last version of everybody; return a fault where it does not."""
    deadline = time.monotonic() + SHOWN_S_MAX
    while True:
        pipeline = redis.pipeline(transaction=False)
        for who in customers:
            pipeline.hget(customer_key(who), "version")
        versions: list[Any] = await pipeline.execute()
        behind = sum(int(shown or 0) != one.version for shown, one in zip(versions, customers.values(), strict=True))
        if not behind:
            return ()
        if time.monotonic() > deadline:
            return (f"{behind} customers in Redis are not the last",)
        await asyncio.sleep(1)


def _child(host: Host, job: Job, redis_url: str, log_path: Path) -> Child:
    # Settings of a worker that somebody has set for themselves are not those of the benchmark.
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CX_", PREFIX))}
    environment = clean | host.environment(job, redis_url)
    return Child(host.label, host.command, log_path=log_path, cwd=ROOT, grace_seconds=GRACE_S, environment=environment)
