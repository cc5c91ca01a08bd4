"""One contestant answering events at rising rates: generator and reader run as processes of their own beside it."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from bench.harness.contest import ROOT, child_of, job_of
from bench.harness.figures import percentile
from bench.harness.observer import observe, serial_of
from bench.harness.schedule import Phase, latencies_ms
from bench.harness.verdict import judge
from bench.harness.workload import Expected, Record
from ops.embedded.process import Child

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.harness.cluster import Cluster
    from bench.harness.contestants import Contestant
    from bench.harness.job import Job

SHARES = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "max": 1.0}
START_S_MAX = 60.0
SLACK_S = 30.0  # to prepare the events, and for answers that come late
PROBE = b"c-probe"
PROBE_SERIAL = 1_000_000_000  # beyond those that are measured, and answered whatever `every` is


@dataclass(frozen=True, slots=True)
class Heard:
    """What one phase gave.

    Attributes:
        figures: Latency in milliseconds by name of the share, see `SHARES`; empty where nothing was heard.
        late_p99_ms: How late the generator was itself, which is part of the latencies.
    """

    rate: int
    figures: Mapping[str, float]
    late_p99_ms: float


@dataclass(frozen=True, slots=True)
class Hearing:
    """What came of a run; with a fault its figures do not count."""

    phases: tuple[Heard, ...]
    faults: tuple[str, ...]


async def run(
    contestant: Contestant, cluster: Cluster, phases: Sequence[Phase], expected: Expected, folder: Path, *, every: int
) -> Hearing:
    """Let *contestant* answer all *phases* in one process, and judge.

    Its group is named as *folder*, which is made for it and removed; each serial that *every* divides is answered.
    """
    job = job_of(contestant, cluster, f"{folder.name}-purchases", every=every, folder=folder)
    await cluster.create([job.source])
    child = await child_of(contestant, cluster, job, folder / "contestant.log")
    child.launch()
    heard = []
    try:
        if awake := await is_awake(cluster, job, child):
            heard = [await send_and_hear(cluster, job, phase, folder) for phase in phases]
    finally:
        await asyncio.to_thread(child.stop)
    faults: tuple[str, ...] = () if awake else ("it answers nothing",)
    outputs = [value for key, value in await cluster.read(job.output) if key != PROBE and value is not None]
    faults += judge(expected, outputs, None, None, exactly_once=job.exactly_once).faults
    await cluster.delete([job.app])
    shutil.rmtree(folder)
    return Hearing(tuple(heard), faults)


async def is_awake(cluster: Cluster, job: Job, child: Child) -> bool:
    """Ask the contestant something and wait for the answer: from then on it owns its partitions."""
    probe = {"customer_id": PROBE.decode(), "event_id": "probe", "serial": PROBE_SERIAL, "amount": 1}
    await cluster.fill(job.source, [Record(PROBE, orjson.dumps(probe))])
    seen = await observe(cluster, job.output, wanted=1, within_s=START_S_MAX, child=child)
    return [serial_of(value) for value in seen.values()] == [PROBE_SERIAL]


async def send_and_hear(cluster: Cluster, job: Job, phase: Phase, folder: Path) -> Heard:
    """Send one phase and hear the answers."""
    arrived, sent, ready = (folder / f"{name}-{phase.rate}" for name in ("arrived", "sent", "ready"))
    within_s = phase.count / phase.rate + SLACK_S
    answers = sum(1 for serial in range(phase.first, phase.first + phase.count) if serial % job.every == 0)
    listen = ["--partitions", str(cluster.partitions), "--within", str(within_s)]
    files = ["--ready", str(ready), "--to", str(arrived)]
    schedule = ["--first", str(phase.first), "--rate", str(phase.rate), "--to", str(sent)]
    reader = _process("reader", [cluster.bootstrap, job.output, "--count", str(answers), *listen, *files], folder)
    generator = _process("generator", [cluster.bootstrap, job.source, "--count", str(phase.count), *schedule], folder)
    try:
        reader.launch()
        await asyncio.to_thread(_wait_for, ready, reader)
        generator.launch()
        for child in (generator, reader):
            if await asyncio.to_thread(child.wait, 2 * within_s) != 0:
                what = "did not do its work"
                raise child.failure(what)
    finally:
        for child in (generator, reader):
            await asyncio.to_thread(child.stop)
    known = orjson.loads(sent.read_bytes())
    found = latencies_ms(phase, known["start_ns"], orjson.loads(arrived.read_bytes()))
    figures = {name: percentile(found, share) for name, share in SHARES.items()} if found else {}
    return Heard(phase.rate, figures, known["late_p99_ms"])


def _wait_for(file: Path, child: Child) -> None:
    while child.running and not file.exists():
        time.sleep(0.05)


def _process(module: str, arguments: Sequence[str], folder: Path) -> Child:
    command = [sys.executable, "-m", f"bench.harness.{module}", *arguments]
    return Child(f"the {module}", command, log_path=folder / f"{module}.log", cwd=ROOT, grace_seconds=5)
