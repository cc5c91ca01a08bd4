"""A guard: runs one command and ends it as soon as its owner is gone, however that happened.

Started by `process.Child` as a script, without site packages, so that it costs little and imports nothing of ours:
`guard.py WATCH_FD TELL_FD GRACE_SECONDS COMMAND...`. The owner holds the other end of WATCH_FD's pipe and never
writes to it; the kernel closes it even after kill -9, and that end of file is the signal.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

OWNER_CHECK_SECONDS = 1.0  # a process forked by the owner may keep the pipe open; a changed parent tells as well


def die_with_guard() -> None:
    """Ask Linux to kill the child when the guard itself is killed; runs in the child before it becomes the command."""
    with contextlib.suppress(ImportError):  # a Python may be built without it
        import ctypes  # noqa: PLC0415 - only Linux needs it

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)


def end(child: subprocess.Popen[bytes], grace_seconds: float) -> None:
    """Terminate *child*, and kill it when it has not ended after *grace_seconds*."""
    child.terminate()
    child.send_signal(signal.SIGCONT)  # a paused child could not react to the first signal
    try:
        child.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def wait(child: subprocess.Popen[bytes], watch: int) -> None:
    """Return when *child* has ended, the owner is gone or someone asks the guard to stop."""
    owner = os.getppid()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ask)
    while child.poll() is None and not asked and os.getppid() == owner:
        ready, _, _ = select.select([watch, woken], [], [], OWNER_CHECK_SECONDS)
        if watch in ready:
            return
        if woken in ready:
            os.read(woken, 4096)


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code, or 128 plus the signal that ended it."""
    watch, tell = int(arguments[0]), int(arguments[1])
    grace_seconds, command = float(arguments[2]), arguments[3:]
    try:
        # A process group of its own, so that what the command forks (Redis rewriting its file) can be ended with it.
        child = subprocess.Popen(
            command,
            process_group=0,
            preexec_fn=die_with_guard if sys.platform == "linux" else None,  # noqa: PLW1509 - the guard has no threads
        )
    except OSError as error:
        os.write(tell, f"cannot run: {error.strerror}\n".encode())
        return 127
    with contextlib.suppress(BrokenPipeError):  # the owner may be gone already; `wait` sees that
        os.write(tell, f"{child.pid}\n".encode())
    os.close(tell)
    wait(child, watch)
    if child.poll() is None:
        end(child, grace_seconds)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
