"""A real worker that says so and kills or freezes itself at a failpoint: `armed POINT PASSES [SIGNAL [REJOIN_S]]`.

With REJOIN_S it waits for no more than so many seconds to be given partitions again, once it has been replaced.
"""

from __future__ import annotations

import os
import signal
import sys
from unittest.mock import patch

from cli.main import main
from streams import failpoints
from streams.lane import REJOIN_S

_kill = os.kill


def run(point: str, passes: int, number: signal.Signals, rejoin_s: float = REJOIN_S, *, verb: str = "worker") -> None:
    """Run `cx worker`, or another *verb*, until it has passed *point* so often, then send it *number*; only once."""
    met: list[str] = []

    def say_and_kill(pid: int, _: int) -> None:
        if not met:
            met.append(point)
            # Straight to the file: nothing may be left in a buffer that dies with us.
            os.write(sys.stderr.fileno(), f"{number.name} at {point}\n".encode())
            _kill(pid, number)

    failpoints.arm(point, passes)
    sys.argv = ["cx", verb]
    with patch("os.kill", say_and_kill), patch("streams.lane.REJOIN_S", rejoin_s):
        main()


if __name__ == "__main__":
    point, passes, *more = sys.argv[1:]
    run(point, int(passes), signal.Signals[(more or ["SIGKILL"])[0]], *map(float, more[1:]))
