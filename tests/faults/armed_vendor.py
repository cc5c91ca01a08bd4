"""A real vendor agent that kills itself at a failpoint: `armed_vendor POINT PASSES`, as `armed` does with a worker."""

from __future__ import annotations

import signal
import sys

from tests.faults.armed import run

if __name__ == "__main__":
    point, passes = sys.argv[1:]
    run(point, int(passes), signal.SIGKILL, verb="vendor")
