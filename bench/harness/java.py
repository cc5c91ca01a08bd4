"""The Java contestant: built by Maven once, where Java build tools are there."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "peers" / "kafka-streams"
MAIN = "bench.SimpleFold"
BUILD_S_MAX = 600
GOALS = ("compile", "dependency:copy-dependencies", "-DincludeScope=runtime")


@dataclass(frozen=True, slots=True)
class Built:
    """How to run it, or in a line for a person why it cannot be run."""

    command: tuple[str, ...] = ()
    reason: str = ""


def build(project: Path = PROJECT) -> Built:
    """Build the project, which asks the network only the first time."""
    maven, compiler, java = (shutil.which(name) for name in ("mvn", "javac", "java"))
    if not (maven and compiler and java):
        return Built(reason="Java build tools (a JDK of 17 or newer, Maven) are not on this machine")
    try:
        done = subprocess.run(
            [maven, "-q", "-B", *GOALS], cwd=project, capture_output=True, check=False, timeout=BUILD_S_MAX
        )
    except subprocess.TimeoutExpired:
        return Built(reason=f"Maven did not finish within {BUILD_S_MAX} s")
    if done.returncode:
        return Built(
            reason=f"Maven could not build it (exit code {done.returncode}); try `mvn compile` in {project.name}"
        )
    path = os.pathsep.join((str(project / "target" / "classes"), str(project / "target" / "dependency" / "*")))
    return Built((java, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", path, MAIN))
