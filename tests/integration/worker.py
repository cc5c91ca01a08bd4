"""A real worker process for tests: started, watched through its log, killed by its own id."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

READY = "partitions opened"
DEADLINE_S = 60.0


class Worker:
    """One `cx worker`, with its log in a file."""

    def __init__(self, log: Path, **settings: str) -> None:
        self.log = log
        self.environment = {**os.environ, **{f"CX_{name}": value for name, value in settings.items()}}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from cli.main import main; main()", "worker"],
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self

    def until_ready(self, times: int = 1) -> Self:
        """Wait until partitions were opened *times* times since the log began."""
        deadline = time.monotonic() + DEADLINE_S
        while self.text().count(READY) < times:
            code = self.running.poll()
            assert code is None, f"worker ended with {code}: {self.text()[-2000:]}"
            assert time.monotonic() < deadline, f"worker is not ready: {self.text()[-2000:]}"
            time.sleep(0.05)
        return self

    @property
    def running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    def text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def kill(self) -> None:
        self.running.kill()
        self.running.wait()

    def stop(self) -> int:
        """Ask to stop, and return the exit code."""
        self.running.terminate()
        return self.running.wait(DEADLINE_S)

    def exit_code(self) -> int:
        """Wait for an end that comes by itself."""
        return self.running.wait(DEADLINE_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
