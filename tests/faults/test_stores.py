"""Local stores that are lost, damaged, old or of another run: the changelog is the truth, and they are made again."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.arena import PARTITIONS, Arena, arena
from tests.faults.flow import PER_SECOND
from tests.faults.logs import read_stores

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

BROKEN = 70


def folder(ring: Arena) -> Path:
    """Return where the stores of the one worker are."""
    (found,) = ring.settings.data.glob("worker/*/*/0")
    return found


def delete(ring: Arena, _: Path) -> None:
    shutil.rmtree(folder(ring))


def overwrite_tables(ring: Arena, _: Path) -> None:
    """Overwrite places in all files that hold values, but not their ends, which a database reads when it opens."""
    rng = random.Random(3)
    files = [file for kind in ("sst", "blob") for file in folder(ring).glob(f"partition-*/*.{kind}")]
    assert {file.suffix for file in files} == {".sst", ".blob"}
    for file in files:
        content = bytearray(file.read_bytes())
        for place in range(len(content) // 10, len(content) * 7 // 10, 500):
            content[place : place + 16] = rng.randbytes(16)
        file.write_bytes(content)


def cut_manifests(ring: Arena, _: Path) -> None:
    """Cut the files that say which others there are."""
    files = list(folder(ring).glob("partition-*/MANIFEST-*"))
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[:40])


def put_back(ring: Arena, other: Path) -> None:
    own = folder(ring)
    shutil.rmtree(own)
    shutil.copytree(other, own)


async def with_stores(ring: Arena, records: int) -> None:
    """Let a worker fold so many records and stop in order, so that its stores lie on disk."""
    worker = await ring.ready(ring.worker())
    ring.allow(records)
    await asyncio.sleep(records / PER_SECOND + 1)
    await ring.settled()
    assert await ring.stop(worker) == 0
    assert sum(len(image.values) for image in read_stores(ring.settings.data)) > 50


async def goes_on(ring: Arena) -> tuple[str, int]:
    """Run workers until one stays, as a supervisor would; return what happened, and how often it was noticed."""
    noticed = 0
    for starts in range(1, 6):
        worker = ring.worker()
        ring.allow(PER_SECOND)
        await asyncio.sleep(6)
        noticed += worker.text().count("made again") + worker.text().count("StoreError")
        if worker.alive:
            return f"{starts} start{'s' * (starts > 1)}, {worker.text().count('made again')} stores made again", noticed
        assert worker.running.returncode == BROKEN, worker.text()[-3000:]
    pytest.fail("no worker stays")


@pytest.mark.parametrize(
    ("what", "does"),
    [("deleted", delete), ("overwritten in places", overwrite_tables), ("without its manifest", cut_manifests)],
)
async def test_a_local_store_that_is_lost_or_damaged_is_made_again(
    what: str, does: Callable[[Arena, Path], None], tmp_path: Path
) -> None:
    async with arena(tmp_path, seed=67) as ring:
        await with_stores(ring, 600)
        does(ring, tmp_path)
        done, noticed = await goes_on(ring)
        verdict = await ring.verdict(f"local store {what}", done)
    assert verdict.ok, verdict
    assert noticed or does is delete


async def test_a_local_store_of_another_run_is_made_again(tmp_path: Path) -> None:
    async with arena(tmp_path / "other", seed=71) as other:
        await with_stores(other, 800)
        shutil.copytree(folder(other), tmp_path / "kept")
    async with arena(tmp_path / "own", seed=73) as ring:
        await with_stores(ring, 600)
        put_back(ring, tmp_path / "kept")
        done, noticed = await goes_on(ring)
        verdict = await ring.verdict("local store of another run", done)
    assert verdict.ok, verdict
    assert noticed == PARTITIONS


async def test_a_local_store_from_an_earlier_day_is_brought_up_to_date(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=79) as ring:
        await with_stores(ring, 400)
        shutil.copytree(folder(ring), tmp_path / "kept")
        await with_stores(ring, 600)
        put_back(ring, tmp_path / "kept")
        done, noticed = await goes_on(ring)
        verdict = await ring.verdict("local store from earlier", done)
    assert verdict.ok, verdict
    assert not noticed, "what the changelog continues need not be made again"


async def test_a_local_store_that_is_damaged_under_a_running_worker_costs_nothing(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=83) as ring:
        await with_stores(ring, 600)
        ring.worker()
        await ring.ready(ring.workers[-1])
        overwrite_tables(ring, tmp_path)
        ring.allow(PER_SECOND * 2)
        await asyncio.sleep(4)
        done = "the worker stayed"
        if not ring.workers[-1].alive:
            assert ring.workers[-1].running.returncode == BROKEN
            done = f"exit code {BROKEN}, then {(await goes_on(ring))[0]}"
        verdict = await ring.verdict("local store overwritten while running", done)
    assert verdict.ok, verdict
