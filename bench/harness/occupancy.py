"""The memory of a worker that holds all customers: at each moment of its life, in a process of its own each time."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from bench.harness.contest import ROOT
from bench.harness.memory import PARTS, part
from ops.embedded.process import Child

if TYPE_CHECKING:
    from bench.harness.memory import Sample

RUN_S_MAX = 400.0  # the soak's time comes on top
MOMENTS: Final = {
    "recovered": "just recovered",
    "cold": "store opened, cold",
    "hot": "caches full, hot",
    "redis_away": "hot, Redis away",
    "kafka_away": "hot, Kafka away",
}


class Soak(NamedTuple):
    """Resident bytes while events were *taken* in, and how many of them were *folded*: took effect."""

    taken: int
    folded: int
    samples: list[Sample]

    @property
    def fifths(self) -> list[float]:
        """Resident bytes in each fifth of the time, as far as there are samples."""
        return [rss for number in range(PARTS) if (rss := part(self.samples, number)) is not None]


class Occupancy(NamedTuple):
    """Resident bytes of a worker that holds so many *customers*.

    Attributes:
        empty: Before it opened a store.
        moments: At each of `MOMENTS`.
        cached: How many customers its full caches hold.
        waiting: How many customers it lets wait at most, by the moment at which it does.
        soak: What became of it at work, if it was put to work.
    """

    customers: int
    empty: int
    moments: dict[str, int]
    cached: int
    waiting: dict[str, int]
    soak: Soak | None = None


def occupancy(lives: Path, folder: Path, customers: int, soak_s: float = 0.0) -> Occupancy:
    """Let workers hold *customers* made of *lives*, one of them at work for *soak_s* seconds.

    Raises:
        EmbeddedError: a process ended without telling.
    """
    with tempfile.TemporaryDirectory(dir=folder) as name:
        own = Path(name)
        taken = {how: told_by(lives, how, own, customers, soak_s if how == "hot" else 0.0) for how in MOMENTS}
    hot = taken["hot"]
    soak = Soak(hot["taken"], hot["folded"], [(at, rss) for at, rss in hot["samples"]]) if soak_s else None
    moments = {how: one["rss_bytes"] for how, one in taken.items()}
    waiting = {how: one["waiting"] for how, one in taken.items() if "waiting" in one}
    return Occupancy(customers, taken["recovered"]["empty_bytes"], moments, hot["cached"], waiting, soak)


def told_by(lives: Path, how: str, folder: Path, customers: int, soak_s: float = 0.0) -> dict[str, Any]:
    """Run `bench.harness.holding` and return what it took.

    Raises:
        EmbeddedError: it ended without telling.
    """
    to = folder / "taken"
    told = ["--folder", str(folder / "stores"), "--customers", str(customers), "--seconds", str(soak_s)]
    command = [sys.executable, "-m", "bench.harness.holding", how, str(lives), *told, "--to", str(to)]
    child = Child("the holder", command, log_path=folder / "holder.log", cwd=ROOT, grace_seconds=5)
    child.launch()
    try:
        if child.wait(RUN_S_MAX + soak_s) != 0:
            what = f"did not tell what it takes ({how})"
            raise child.failure(what)
        taken: dict[str, Any] = orjson.loads(to.read_bytes())
    finally:
        child.stop()
    return taken
