"""What every benchmark stands on: a Kafka of its own in a temporary folder, and how its results are given away."""

from __future__ import annotations

import sys
import tempfile
import traceback
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from bench.harness import machine
from bench.harness.cluster import Cluster
from bench.harness.figures import closing_line
from bench.harness.page import publish
from ops.embedded.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bench.harness.figures import Target

PARTITIONS = 4
BROKER_HEAP_MB = 1_024


class Stand(NamedTuple):
    """A running Kafka, and a folder that is removed with it."""

    cluster: Cluster
    folder: Path
    redis_url: str


@contextmanager
def stand() -> Iterator[Stand]:
    """Start Kafka and Redis as a server would run them, and stop them in the end."""
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as folder:
        path = Path(folder)
        with Stack(path / "stack", heap_mb=BROKER_HEAP_MB, jvm="full", notify=say) as stack:
            yield Stand(Cluster(stack.bootstrap, PARTITIONS), path, stack.redis_url)


def facts(*, full: bool, load_before: float, **options: object) -> dict[str, Any]:
    """Return what belongs beside the figures: when, where and how it was measured.

    Args:
        full: Whether it was measured at full length; figures of a trial are shown and go nowhere.
        load_before: What the machine had to do beside us, see `machine.load`.
        options: As given on the command line.
    """
    today = datetime.now(UTC).date().isoformat()
    return {"at": today, **options, "trial": not full, "load_before": load_before, "machine": machine.describe()}


def finish(
    name: str, section: str, figures: Mapping[str, Any], targets: Sequence[Target], chart: str, *, ok: bool
) -> bool:
    """Print a benchmark's section and its line of JSON; write both, and the chart, into the docs if it is no trial.

    Returns:
        *ok*, for `conduct`.
    """
    line = closing_line(name, figures, targets, ok=ok)
    if not figures["trial"]:
        publish(name, section, line, chart)
    print(section)
    print(line)
    return ok


def conduct(name: str, main: Callable[[], bool]) -> NoReturn:
    """Run a benchmark's *main* and exit: with 0 if it is ok, with 1 if not, the last line being JSON in any case."""
    try:
        ok = main()
    except Exception as error:  # noqa: BLE001  # whatever it was, whoever reads the last line is told
        traceback.print_exc()
        ok = False
        print(closing_line(name, {"error": f"{type(error).__name__}: {error}"}, (), ok=ok))
    sys.exit(0 if ok else 1)


def say(line: str) -> None:
    """Tell whoever waits how far it is, apart from the results."""
    print(line, file=sys.stderr, flush=True)
