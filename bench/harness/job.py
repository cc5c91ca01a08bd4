"""What a contestant is told: where Kafka is, what to read and write, how sure to be. Crosses by the environment."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

PREFIX = "BENCH_"

Guarantee = Literal["exactly-once", "at-least-once"]
Store = Literal["memory", "disk"]


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one contestant.

    Attributes:
        app: Group, and first part of what the contestant names by itself; new for each run.
        changelog: Topic for its changes of state, where it can be told which.
        partitions: Of each topic.
        every: One output for each serial that this divides.
        folder: For its local state; empty.
    """

    bootstrap: str
    app: str
    source: str
    output: str
    changelog: str
    partitions: int
    every: int
    guarantee: Guarantee
    store: Store
    folder: Path

    @property
    def exactly_once(self) -> bool:
        """Whether every effect has to be there once."""
        return self.guarantee == "exactly-once"

    def environment(self) -> dict[str, str]:
        """Return this job as environment variables."""
        return {PREFIX + name.upper(): str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_environment(cls) -> Self:
        """Read the job that whoever started this process has set."""
        told = {name: os.environ[PREFIX + name.upper()] for name in cls.__dataclass_fields__}
        guarantee: Guarantee = "exactly-once" if told["guarantee"] == "exactly-once" else "at-least-once"
        store: Store = "disk" if told["store"] == "disk" else "memory"
        return cls(
            bootstrap=told["bootstrap"],
            app=told["app"],
            source=told["source"],
            output=told["output"],
            changelog=told["changelog"],
            partitions=int(told["partitions"]),
            every=int(told["every"]),
            guarantee=guarantee,
            store=store,
            folder=Path(told["folder"]),
        )
