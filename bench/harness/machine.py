"""What the machine and the software under it are: a figure without them says nothing."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ops.embedded.errors import EmbeddedError
from ops.embedded.jars import kafka_version
from ops.embedded.java import find_java, java_version

PACKAGES = ("aiokafka", "bytewax", "confluent-kafka", "faust-streaming", "orjson", "quixstreams", "rocksdict", "uvloop")


def describe() -> dict[str, Any]:
    """Return the facts that a reader needs to compare; nothing that names a machine or a person."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {re.split(r'[-+]', platform.release())[0]}",
        "python": platform.python_version(),
        "kafka": kafka_version(),
        "java": _java(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def sentence(facts: dict[str, Any]) -> str:
    """Return *facts* as one line for a page."""
    packages = ", ".join(f"{name} {number}" for name, number in facts["packages"].items())
    return (
        f"{facts['cpu']}, {facts['cores']} cores for everything (broker, contestant, observer), "
        f"{facts['memory_gib']} GiB; {facts['system']}; Python {facts['python']}, Kafka {facts['kafka']}, "
        f"Java {facts['java']}; {packages}."
    )


def load() -> float:
    """Return what the machine has to do beside us: processes running or waiting, mean of a minute."""
    return round(os.getloadavg()[0], 2)


def cpu_s(pid: int | None) -> float | None:
    """Return the processor time that process *pid* has used, in seconds; None where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # in user and in system mode


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _java() -> int | None:
    try:
        return java_version(find_java())
    except EmbeddedError:
        return None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
