"""The machine as the doctor sees it: whether the data folder can be written, and has room."""

from __future__ import annotations

import shutil
import tempfile
from typing import TYPE_CHECKING, Final

from ops.doctor.finding import Finding, fault, ok, warning

if TYPE_CHECKING:
    from pathlib import Path

AREA: Final = "disk"
FREE_BYTES: Final = 1 << 30  # a million customers of typical size take four times as much


def examine(folder: Path) -> list[Finding]:
    """Return whether the data can be kept in *folder*, which is made if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            file.write(b"-")
            file.flush()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return [fault(AREA, f"nothing can be kept in CX_DATA, {folder}: {error.strerror or type(error).__name__}")]
    return [room(folder, free)]


def room(folder: Path, free: int) -> Finding:
    """Return whether so many *free* bytes are enough."""
    if free < FREE_BYTES:
        return warning(
            AREA, f"{free / 1e6:,.0f} MB are free for CX_DATA, {folder}: a store that fills it ends the worker"
        )
    return ok(AREA, f"{free / 1e9:,.1f} GB are free for CX_DATA, {folder}")
