"""`cx` as processes of their own: output line by line, descendants, end; and the wait for a whole system."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

from ops.local import Local
from tests.ops.embedded_pids import all_go

DEADLINE_S = 90.0


class Command:
    """`cx` with *arguments*, started on entering and surely ended on leaving."""

    def __init__(self, *arguments: str, **settings: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("CX_")}
        self.environment = clean | {f"CX_{name}": value for name, value in settings.items()}
        self.arguments = arguments
        self.lines: list[str] = []

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cli", *self.arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join(DEADLINE_S)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip("\n"))

    def until(self, part: str) -> str:
        """Wait for a line with *part* in it, and return it."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            found = next((line for line in self.lines if part in line), None)
            if found is not None:
                return found
            ended = self.process.poll() is not None and not self.reader.is_alive()
            assert not ended, f"ended with {self.process.returncode}: {self.lines}"
            assert time.monotonic() < deadline, f"no line with {part!r}: {self.lines}"
            time.sleep(0.05)

    def descendant(self, part: str) -> int:
        """Return the process id of the descendant whose guard's command ends with *part*.

        Its own command tells less: Faust gives its process another name where the library for that is installed.
        """
        (guard,) = [
            pid for pid in descendants(self.process.pid) if "guard.py" in _command(pid) and _command(pid).endswith(part)
        ]
        (found,) = descendants(guard)
        return found

    def ends(self, number: signal.Signals | None = None) -> int:
        """Send a signal, if one is given; return the exit code once the command and all its descendants are gone."""
        family = descendants(self.process.pid)
        assert family or number is None
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        self.reader.join(DEADLINE_S)
        assert all_go(*family), "a process outlived the command"
        return code


def descendants(pid: int) -> set[int]:
    """Return the process ids of all children of *pid*, and theirs."""
    if Path("/proc/self/stat").exists():
        stats = [stat for folder in Path("/proc").iterdir() if folder.name.isdigit() and (stat := _stat(folder))]
    else:
        told = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True)
        stats = [(int(line.split()[0]), int(line.split()[1])) for line in told.stdout.splitlines()]
    found: set[int] = set()
    parents = {pid}
    while parents := {child for child, parent in stats if parent in parents} - found:
        found |= parents
    return found


def _command(pid: int) -> str:
    if Path("/proc/self/cmdline").exists():
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    told = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def _stat(folder: Path) -> tuple[int, int] | None:
    try:
        return int(folder.name), int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def until_ready(local: Local) -> None:
    """Wait until the workers of a system on this machine are at work."""
    deadline = time.monotonic() + DEADLINE_S
    while not local.ready:
        local.news()
        local.check()
        assert time.monotonic() < deadline
        time.sleep(0.05)
