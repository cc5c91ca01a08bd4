"""Waits for processes to be gone; shared by the tests of the guard and of the stack."""

import os
import time
from pathlib import Path

PATIENCE_SECONDS = 60.0  # a bound against hanging, not a promise of speed


def is_gone(pid: int) -> bool:
    """Whether no such process runs; one that only waits for its parent to take notice counts as gone."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            return stat.read_text().rpartition(")")[2].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def all_go(*pids: int) -> bool:
    """Wait until all of *pids* are gone; False when one stays."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not all(is_gone(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
