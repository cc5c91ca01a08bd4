"""Who runs the simple fold, how each is started, and how its changelog is read."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import orjson

from bench.harness.java import build

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.harness.job import Guarantee, Store


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to run the job.

    Attributes:
        name: In figures: `{name}_per_second`.
        label: In tables and charts.
        command: How to start it; empty where it cannot be run, and then *absent* says why.
        changelog: Name of its changelog, with `{app}` and `{source}` in it; empty where it keeps none.
        makes_changelog: Whether it creates the changelog by itself.
        decode: From key and value of a changelog record to customer and state; None for a record that is neither.
        keeps_offsets: Whether its group's committed offsets stand at the end when it has stopped.
        slow: Whether it gets fewer events, so that a round does not take minutes.
        earlier_per_second: What it did before this bench was made, on two cores of an AMD EPYC at 400,000 events. Less
            than 85 % of it on such a machine is taken for a fault of the bench until explained.
    """

    name: str
    label: str
    guarantee: Guarantee
    store: Store
    command: tuple[str, ...]
    changelog: str = ""
    makes_changelog: bool = False
    decode: Callable[[bytes, bytes], tuple[str, dict[str, Any]] | None] | None = None
    keeps_offsets: bool = True
    slow: bool = False
    earlier_per_second: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    absent: str = ""

    def changelog_of(self, app: str, source: str) -> str:
        """Return the name of its changelog in the run of a group on a source topic."""
        return self.changelog.format(app=app, source=source)


def everyone() -> tuple[Contestant, ...]:
    """Return all contestants; Java's is built, or absent with a reason."""
    return (*_ours(), *_bare_loops(), *_quix(), *_kafka_streams(), _bytewax(), _plain_faust())


def _ours() -> tuple[Contestant, ...]:
    ours = Contestant(
        "ours",
        "cxstream's lane, in Faust",
        "exactly-once",
        "disk",
        _python("ours"),
        changelog="{app}-simple-changelog",
        decode=_ours_record,
    )
    metered = {"BENCH_METERED": "1"}
    return ours, replace(ours, name="ours_metered", label="cxstream's lane, with metrics", environment=metered)


def _bare_loops() -> tuple[Contestant, ...]:
    bare = Contestant(
        "bare_loop",
        "bare aiokafka loop",
        "exactly-once",
        "memory",
        _python("bare_loop"),
        changelog="{app}-changelog",
        decode=_record,
        earlier_per_second=35_200,
    )
    stored = replace(
        bare, name="bare_loop_store", label="bare aiokafka loop, RocksDB", store="disk", earlier_per_second=None
    )
    return bare, stored, replace(bare, name="bare_loop_at_least_once", guarantee="at-least-once")


def _quix() -> tuple[Contestant, ...]:
    here = find_spec("quixstreams") is not None
    quix = Contestant(
        "quix",
        "Quix Streams, commit 0.1 s",
        "exactly-once",
        "disk",
        _python("quix") if here else (),
        changelog="changelog__{app}--{source}--default",
        makes_changelog=True,
        decode=_quix_record,
        absent="" if here else "Quix Streams is not installed",
    )
    seldom = replace(quix, name="quix_commit_1s", label="Quix Streams, commit 1 s", environment={"BENCH_COMMIT_S": "1"})
    loose = replace(
        quix,
        name="quix_at_least_once",
        label="Quix Streams, commit 5 s",
        guarantee="at-least-once",
        earlier_per_second=24_000,
    )
    return quix, seldom, loose


def _kafka_streams() -> tuple[Contestant, ...]:
    built = build()
    streams = Contestant(
        "kafka_streams",
        "Kafka Streams (Java), commit 0.1 s",
        "exactly-once",
        "disk",
        built.command,
        changelog="{app}-customers-changelog",
        makes_changelog=True,
        decode=_record,
        earlier_per_second=28_900,
        absent=built.reason,
    )
    loose = replace(streams, name="kafka_streams_at_least_once", guarantee="at-least-once", earlier_per_second=33_600)
    seldom = replace(
        loose,
        name="kafka_streams_at_least_once_commit_30s",
        label="Kafka Streams (Java), commit 30 s",
        earlier_per_second=53_400,
        environment={"BENCH_COMMIT_MS": "30000"},
    )
    return streams, loose, seldom


def _bytewax() -> Contestant:
    here = find_spec("bytewax") is not None
    return Contestant(
        "bytewax",
        "Bytewax, no changelog",
        "at-least-once",
        "memory",
        _python("bytewax_flow") if here else (),
        keeps_offsets=False,
        earlier_per_second=30_000,
        absent="" if here else "Bytewax has no wheel for this Python",
    )


def _plain_faust() -> Contestant:
    return Contestant(
        "plain_faust",
        "plain Faust",
        "at-least-once",
        "memory",
        _python("plain_faust"),
        changelog="{app}-customers-changelog",
        makes_changelog=True,
        decode=_faust_record,
        slow=True,
        earlier_per_second=2_500,
    )


def _python(module: str) -> tuple[str, ...]:
    return sys.executable, "-m", f"bench.peers.{module}"


def _record(key: bytes, value: bytes) -> tuple[str, dict[str, Any]]:
    return key.decode(), orjson.loads(value)


def _ours_record(key: bytes, value: bytes) -> tuple[str, dict[str, Any]] | None:
    if key.startswith(b"\x00"):
        return None  # the partition's record of itself
    return key.decode(), orjson.loads(value[8:])  # behind the deadline that every state begins with


def _faust_record(key: bytes, value: bytes) -> tuple[str, dict[str, Any]]:
    return orjson.loads(key), orjson.loads(value)


def _quix_record(key: bytes, value: bytes) -> tuple[str, dict[str, Any]]:
    # A changelog key is the message's key, then that of the state within it.
    return key.partition(b"|")[0].decode(), orjson.loads(value)
