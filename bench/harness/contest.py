"""One run of one contestant: started as a process of its own, watched from outside, stopped, and judged."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.harness.cluster import Cluster, UnreadableTopicError
from bench.harness.job import PREFIX, Job
from bench.harness.observer import Pace, observe, pace
from bench.harness.stand import say
from bench.harness.verdict import Verdict, judge
from ops.embedded.process import Child

if TYPE_CHECKING:
    from bench.harness.contestants import Contestant
    from bench.harness.workload import Expected

ROOT = Path(__file__).parents[2]
GRACE_S = 30.0  # to stop in order: a commit interval, and flushing what is in memory
LOG_LINES = 20


@dataclass(frozen=True, slots=True)
class Source:
    """A topic filled before the run.

    Attributes:
        within_s: How long a contestant may take for it, start included.
    """

    topic: str
    expected: Expected
    within_s: float


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a run.

    Attributes:
        pace: None where the work was not done.
        changelog_records: Committed ones; None where there is no changelog.
    """

    pace: Pace | None
    seconds: float
    changelog_records: int | None
    repeated: int
    faults: tuple[str, ...]


def job_of(contestant: Contestant, cluster: Cluster, source: str, *, every: int, folder: Path) -> Job:
    """Make *folder* for all files of a run, and return its job; the folder's name is that of group and topics."""
    state = folder / "state"
    state.mkdir(parents=True)
    app = folder.name
    return Job(
        bootstrap=cluster.bootstrap,
        app=app,
        source=source,
        output=f"{app}-answers",
        changelog=contestant.changelog_of(app, source),
        partitions=cluster.partitions,
        every=every,
        guarantee=contestant.guarantee,
        store=contestant.store,
        folder=state,
    )


async def child_of(contestant: Contestant, cluster: Cluster, job: Job, log_path: Path) -> Child:
    """Make the contestant's topics and return its process, not yet started; whatever ends us ends it as well."""
    await cluster.create([job.output])
    if job.changelog and not contestant.makes_changelog:
        await cluster.create([job.changelog], compacted=True)
    # Settings of a worker that somebody has set for themselves are not those of the benchmark.
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CX_", PREFIX))}
    return Child(
        contestant.label,
        contestant.command,
        log_path=log_path,
        cwd=ROOT,
        grace_seconds=GRACE_S,
        environment={**clean, **job.environment(), **contestant.environment},
    )


async def run(contestant: Contestant, cluster: Cluster, source: Source, *, every: int, folder: Path) -> Run:
    """Let *contestant* fold *source*; its group is named as *folder*, which is made and removed."""
    job = job_of(contestant, cluster, source.topic, every=every, folder=folder)
    child = await child_of(contestant, cluster, job, folder / "contestant.log")
    begun = time.monotonic()
    child.launch()
    try:
        wanted = len(source.expected.answers)
        observation = await observe(cluster, job.output, wanted=wanted, within_s=source.within_s, child=child)
        died = child.died
    finally:
        await asyncio.to_thread(child.stop)
    verdict, logged = await _judged(contestant, cluster, source, job, observation.values())
    faults = (("it ended by itself",) if died else ()) + verdict.faults
    if faults:
        show_end(child)
    await cluster.delete([job.app])
    shutil.rmtree(folder)
    done = None if faults else pace(observation, every)
    return Run(done, time.monotonic() - begun, logged, verdict.repeated, faults)


async def _judged(
    contestant: Contestant, cluster: Cluster, source: Source, job: Job, outputs: list[bytes]
) -> tuple[Verdict, int | None]:
    states: dict[str, dict[str, Any]] | None = None
    logged = None
    if contestant.decode:
        try:
            records = await cluster.read(job.changelog)
        except UnreadableTopicError:
            return Verdict(("its changelog cannot be read to the end",), 0), None
        logged, states = len(records), {}
        for key, value in records:
            if key is not None and value is not None and (decoded := contestant.decode(key, value)):
                states[decoded[0]] = decoded[1]
    positions = None
    if contestant.keeps_offsets:
        positions = await cluster.committed(job.app, job.source), await cluster.ends(job.source)
    return judge(source.expected, outputs, states, positions, exactly_once=job.exactly_once), logged


def show_end(child: Child) -> None:
    """Show what the contestant said last; its data is made up, so nothing in it is anybody's secret."""
    lines = child.log_path.read_text("utf-8", errors="replace").splitlines()[-LOG_LINES:]
    say("\n  ".join((f"The last words of {child.name}:", *lines)))
