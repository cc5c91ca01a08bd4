"""A real worker that says so and kills or freezes itself at a failpoint: `armed POINT PASSES [SIGNAL]`."""

from __future__ import annotations

import os
import signal
import sys
from unittest.mock import patch

from cli.main import main
from streams import failpoints

_kill = os.kill


def run(point: str, passes: int, number: signal.Signals) -> None:
    """Run `cx worker` until it has passed *point* so often, then send it *number*; only once, if it lives on."""
    met: list[str] = []

    def say_and_kill(pid: int, _: int) -> None:
        if not met:
            met.append(point)
            # Straight to the file: nothing may be left in a buffer that dies with us.
            os.write(sys.stderr.fileno(), f"{number.name} at {point}\n".encode())
            _kill(pid, number)

    failpoints.arm(point, passes)
    sys.argv = ["cx", "worker"]
    with patch("os.kill", say_and_kill):
        main()


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]), signal.Signals[(sys.argv[3:] or ["SIGKILL"])[0]])
