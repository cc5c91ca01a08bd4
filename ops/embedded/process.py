"""A child process that cannot outlive us: started through a guard, logging to a file."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from ops.embedded import logs
from ops.embedded.errors import EmbeddedError, StartError

GUARD = Path(__file__).with_name("guard.py")
READY_SECONDS = 90.0  # three brokers on a busy machine of two cores need about fifteen
POLL_SECONDS = 0.05
SIGNALLED = 128  # added by the guard to a signal
KILL_SECONDS = 10.0  # after the grace: how long the kernel may take to tear down a killed process


def spawn_guarded(
    command: Sequence[str],
    *,
    grace_seconds: float,
    cwd: Path | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
    keep_open: tuple[int, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> tuple[subprocess.Popen[bytes], int, int]:
    """Start *command* under a guard in a session of its own, out of reach of the terminal's Ctrl-C.

    Args:
        keep_open: Descriptors that the guard holds until the command is gone; the command itself does not get them.
        environment: Of guard and command; ours by default.

    Returns:
        The guard, whose exit code is the command's; the command's process id; the leash: closing this descriptor,
        or dying, ends the command.

    Raises:
        StartError: the command cannot be executed.
    """
    watch, leash = os.pipe()
    told, tell = os.pipe()
    try:
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), str(watch), str(tell), str(grace_seconds), *command],
            cwd=cwd,
            env=environment,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=(watch, tell, *keep_open),
            start_new_session=True,
        )
    except OSError:
        os.close(leash)
        os.close(told)
        raise
    finally:
        os.close(watch)
        os.close(tell)
    with os.fdopen(told) as answer:
        line = answer.readline().strip()
    if not line.isdigit():
        os.close(leash)
        guard.wait()
        message = f"{command[0]} {line or 'could not be started'}"
        raise StartError(message)
    return guard, int(line), leash


class Child:
    """One long-running program of the stack; can be started again after it ended."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log_path: Path,
        cwd: Path,
        grace_seconds: float,
        keep_open: tuple[int, ...] = (),
        environment: Mapping[str, str] | None = None,
        answers: Callable[[], bool] = lambda: True,
    ) -> None:
        """Describe the program; nothing starts yet.

        Args:
            name: As a person knows it.
            grace_seconds: How long it may take to stop in order.
            keep_open: See `spawn_guarded`, likewise *environment*.
            answers: Asks the program over its own protocol whether it is ready.
        """
        self.name = name
        self.log_path = log_path
        self.answers = answers
        self._command = tuple(command)
        self._cwd = cwd
        self._grace_seconds = grace_seconds
        self._keep_open = keep_open
        self._environment = environment
        self._guard: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._leash: int | None = None
        self._log_offset = 0

    @property
    def running(self) -> bool:
        """Whether the program runs or is paused."""
        return self._guard is not None and self._guard.poll() is None

    @property
    def died(self) -> bool:
        """Whether the program ended although nobody stopped or killed it here."""
        return self._leash is not None and not self.running

    @property
    def pid(self) -> int | None:
        """Process id of the program itself, not of its guard; None when it does not run."""
        return self._pid if self.running else None

    def launch(self) -> None:
        """Start the program without waiting until it is ready."""
        if self.running:
            return
        self._release()
        self._log_offset = logs.prepare(self.log_path)
        with self.log_path.open("ab") as log:
            self._guard, self._pid, self._leash = spawn_guarded(
                self._command,
                grace_seconds=self._grace_seconds,
                cwd=self._cwd,
                stdout=log,
                stderr=log,
                keep_open=self._keep_open,
                environment=self._environment,
            )

    def start(self) -> None:
        """Start the program and wait until it is ready.

        Raises:
            EmbeddedError: it ended or did not answer; its log's own reason is in the message.
        """
        self.launch()
        wait_until_ready([self])

    def wait(self, timeout_seconds: float) -> int | None:
        """Wait for the program's own end; return its exit code, or None when it still runs."""
        if self._guard is None:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._guard.wait(timeout_seconds)
        return self._guard.returncode

    def ask_to_stop(self) -> None:
        """Begin to stop; returns at once, so that several children can stop together."""
        self._release()

    def stop(self) -> None:
        """Stop in order, by force after the grace; returns when the program is gone."""
        self._release()
        if self.wait(self._grace_seconds + KILL_SECONDS) is None:
            self.kill()

    def kill(self) -> None:
        """End the program as a crash would (SIGKILL); returns when it is gone."""
        self._signal(signal.SIGKILL)
        self.wait(KILL_SECONDS)
        self._release()

    def pause(self) -> None:
        """Freeze the program (SIGSTOP): its sockets stay open and nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused program go on."""
        self._signal(signal.SIGCONT)

    def failure(self, what: str) -> EmbeddedError:
        """Build the error that says *what* happened to this program and what its log says about it."""
        return logs.failure(self.name, self.log_path, self._log_offset, what)

    def _signal(self, number: signal.Signals) -> None:
        if (pid := self.pid) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _release(self) -> None:
        if self._leash is not None:
            os.close(self._leash)
            self._leash = None


def ending(code: int) -> str:
    """Say how a program ended, in words that follow its name.

    Args:
        code: Its guard's: the program's exit code, or 128 plus the signal that ended it.
    """
    return f"was ended by signal {code - SIGNALLED}" if code > SIGNALLED else f"ended with exit code {code}"


def wait_until_ready(children: Sequence[Child], timeout_seconds: float = READY_SECONDS) -> None:
    """Return when all of *children* answer.

    Raises:
        EmbeddedError: one ended, or does not answer in time; its log's own reason is in the message.
    """
    deadline = time.monotonic() + timeout_seconds
    waiting = list(children)
    while waiting:
        for child in waiting:
            if (code := child.wait(0)) is not None:
                raise child.failure(ending(code))
        waiting = [child for child in waiting if not child.answers()]
        if waiting and time.monotonic() > deadline:
            what = f"did not answer within {timeout_seconds:.0f} s"
            raise waiting[0].failure(what)
        if waiting:
            time.sleep(POLL_SECONDS)
