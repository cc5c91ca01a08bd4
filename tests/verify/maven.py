"""A project of Maven, built in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BUILD_S_MAX = 600
GOALS = ("compile", "dependency:copy-dependencies", "-DincludeScope=runtime")


def built(project: Path, folder: Path) -> list[str]:
    """Copy *project* to *folder* and build it, from wherever Maven is told to; return how Java is called for it."""
    for tool in ("java", "javac", "mvn"):
        assert shutil.which(tool), f"make verify needs {tool}: a JDK of 17 or newer, and Maven"
    copy = folder / project.name
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("target"))
    done = subprocess.run(
        ["mvn", "-q", "-B", *GOALS], cwd=copy, capture_output=True, text=True, check=False, timeout=BUILD_S_MAX
    )
    assert done.returncode == 0, done.stdout[-3000:]
    path = os.pathsep.join((str(copy / "target" / "classes"), str(copy / "target" / "dependency" / "*")))
    return ["java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", path]
