"""The log file of a child process: kept short, and asked why the child failed."""

import re
import shutil
from pathlib import Path

from ops.embedded.errors import DiedError, DiskFullError, EmbeddedError, PortTakenError

SIZE_MAX = 16 * 1024 * 1024  # bytes of a log at the start of its program; beyond, it moves to `….log.1`
TAIL_BYTES = 256 * 1024
REASON_LENGTH_MAX = 300
FULL_BYTES = 1024 * 1024

# What Kafka, the Java runtime and Redis write when something is wrong; a stack trace's frames only say where.
_SPEAKING = re.compile(r"\b(?:ERROR|FATAL|Fatal|[\w.$]*(?:Exception|Error))\b|^\d+:\w .* # |No space left|[Cc]an't")
_FRAME = r"^\s+(?:at |\.\.\. \d+ more)"
_SILENT = re.compile(rf"{_FRAME}|^\d+:\w .* # (?:oO0|Redis version|Configuration|Server init|WARNING)")
_TIME = re.compile(r"^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} |\d+:\w \d\d \w{3} \d{4} [\d:.]+ # )")
_DISK_FULL = "No space left on device"
_PORT_TAKEN = re.compile(r"Address already in use|BindException")


def prepare(path: Path) -> int:
    """Make room for the log of another start; return the offset in bytes at which it will begin."""
    if not path.exists():
        return 0
    size = path.stat().st_size
    if size > SIZE_MAX:
        path.replace(path.with_name(f"{path.name}.1"))
        return 0
    return size


def reason(path: Path, offset: int) -> str:
    """Return the last line after *offset* that tells of a fault, without its time; empty when none does."""
    speaking = (line for line in reversed(_lines(path, offset)) if _SPEAKING.search(line) and not _SILENT.match(line))
    return _TIME.sub("", next(speaking, "")).strip()[:REASON_LENGTH_MAX]


def failure(name: str, path: Path, offset: int, what: str) -> EmbeddedError:
    """Build the error for a program that failed, from what it logged.

    Args:
        name: Of the program, as a person knows it.
        path: Its log file.
        offset: Where the log of its latest start begins, in bytes.
        what: What was seen from outside, such as `ended with exit code 1`.
    """
    text = "\n".join(_lines(path, offset))
    if _DISK_FULL in text or _is_full(path.parent):
        return DiskFullError(f"{name} {what}: no space left on the disk of its data; free some (log: {path})")
    if _PORT_TAKEN.search(text):
        return PortTakenError(f"{name} {what}: another program took its port; start again (log: {path})")
    said = reason(path, offset)
    return DiedError(f"{name} {what}{said and f': {said}'} (log: {path})")


def _is_full(folder: Path) -> bool:
    # Java may not say so: a write to a mapped index file on a full disk ends in an InternalError or a bus error.
    try:
        return shutil.disk_usage(folder).free < FULL_BYTES
    except OSError:
        return False


def _lines(path: Path, offset: int) -> list[str]:
    try:
        with path.open("rb") as log:
            end = log.seek(0, 2)
            log.seek(max(offset, end - TAIL_BYTES))
            return log.read().decode(errors="replace").splitlines()
    except OSError:
        return []
