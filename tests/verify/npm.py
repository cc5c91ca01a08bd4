"""A project of Node, installed from its lock into a folder of its own."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

INSTALL_S_MAX = 300


def installed(project: Path, folder: Path) -> Path:
    """Copy *project* to *folder*, and install what its lock names, from wherever npm is told to; return the copy."""
    assert shutil.which("node"), "make verify needs Node 20 or newer, with npm"
    assert shutil.which("npm"), "make verify needs npm"
    copy = folder / project.name
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("node_modules"))
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=INSTALL_S_MAX)
    assert done.returncode == 0, done.stderr[-3000:]
    return copy
