"""A worker under test: `cx worker` itself, or a script of ours around it, started, watched and signalled."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from tests.integration.worker import READY, Worker

if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence

ROOT: Final = Path(__file__).parents[2]


class Subject(Worker):
    """One such worker."""

    def __init__(self, log: Path, command: Sequence[str], **settings: str) -> None:
        super().__init__(log, **settings)
        self.command = command

    def start(self) -> Self:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, *self.command], cwd=ROOT, env=self.environment, stdout=output, stderr=subprocess.STDOUT
            )
        return self

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def met(self) -> str:
        """What it said at its failpoint, such as `SIGKILL at committed`; empty before."""
        found = re.findall(r"(SIG[A-Z]+ at \S+)\n", self.text())
        return str(found[-1]) if found else ""

    @property
    def opened(self) -> int:
        """How often it opened partitions."""
        return self.text().count(READY)

    def signal(self, number: signal.Signals) -> None:
        self.running.send_signal(number)
