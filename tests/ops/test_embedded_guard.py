"""The guard: whatever ends the owner, the guarded program ends too."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.embedded.errors import StartError
from ops.embedded.process import Child, spawn_guarded
from tests.ops.embedded_pids import all_go, is_gone

SLEEPER = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
)
FORKING = ("sh", "-c", "sleep 600 & echo helper $!; wait")
OWNER = """
import os, signal, subprocess, sys, time
from ops.embedded.process import spawn_guarded
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what it starts in the background ignore it
guard, pid, leash = spawn_guarded({command!r}, grace_seconds={grace}, stdout=subprocess.PIPE)
guard.stdout.readline()
helper = os.fork() if {forks} else 1
if helper:
    print(pid, guard.pid, helper, flush=True)
time.sleep(600)
"""


class Owner:
    """A process of its own that guards a program."""

    def __init__(self, command: tuple[str, ...], *, grace: float = 20.0, forks: bool = False) -> None:
        script = OWNER.format(command=command, grace=grace, forks=forks)
        self.process = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        self.child, self.guard, self.helper = map(int, self.process.stdout.readline().split())

    def end(self) -> None:
        """Clear away what the test left."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def owners() -> Iterator[list[Owner]]:
    made: list[Owner] = []
    yield made
    for owner in made:
        owner.end()


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    sleeper = Child("Sleeper", SLEEPER, log_path=tmp_path / "log", cwd=tmp_path, grace_seconds=20)
    yield sleeper
    sleeper.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_program_ends_when_its_owner_does(number: signal.Signals, owners: list[Owner]) -> None:
    owners.append(owner := Owner(SLEEPER))
    assert not is_gone(owner.child)
    owner.process.send_signal(number)
    assert all_go(owner.child, owner.guard)


def test_a_program_that_ignores_the_request_is_killed_after_the_grace(owners: list[Owner]) -> None:
    owners.append(owner := Owner(STUBBORN, grace=0.3))
    owner.process.kill()
    assert all_go(owner.child, owner.guard)


def test_a_paused_program_ends_in_order_too(owners: list[Owner]) -> None:
    owners.append(owner := Owner(SLEEPER, grace=600))
    os.kill(owner.child, signal.SIGSTOP)
    owner.process.kill()
    assert all_go(owner.child, owner.guard)


def test_a_fork_of_the_owner_that_lives_on_does_not_keep_the_program(owners: list[Owner]) -> None:
    owners.append(owner := Owner(SLEEPER, forks=True))
    try:
        owner.process.kill()
        assert all_go(owner.child, owner.guard)
        assert not is_gone(owner.helper)
    finally:
        os.kill(owner.helper, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_the_program_ends_when_its_guard_is_killed(owners: list[Owner]) -> None:
    owners.append(owner := Owner(SLEEPER))
    os.kill(owner.guard, signal.SIGKILL)
    assert all_go(owner.child)


def test_what_the_program_started_itself_ends_with_it(tmp_path: Path) -> None:
    guard, _, leash = spawn_guarded(FORKING, grace_seconds=20, cwd=tmp_path, stdout=subprocess.PIPE)
    with guard:
        assert guard.stdout is not None
        helper = int(guard.stdout.readline().split()[1])
        os.close(leash)
        assert all_go(helper)


def test_the_terminal_of_the_owner_cannot_reach_the_program(child: Child) -> None:
    child.start()
    assert child.pid is not None
    assert os.getsid(child.pid) != os.getsid(0)


@pytest.mark.parametrize(("code", "seen"), [("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)])
def test_the_guard_ends_as_its_program_did(code: str, seen: int, tmp_path: Path) -> None:
    guard, _, leash = spawn_guarded([sys.executable, "-c", code], grace_seconds=1, cwd=tmp_path)
    assert guard.wait() == seen
    os.close(leash)


def test_a_command_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"^/no/such/program cannot run: No such file or directory$"):
        spawn_guarded(["/no/such/program"], grace_seconds=1, cwd=tmp_path)


def test_a_child_that_was_killed_or_stopped_did_not_die_and_can_start_again(child: Child) -> None:
    for end in (child.kill, child.stop):
        child.start()
        first = child.pid
        end()
        assert (child.running, child.died, child.pid) == (False, False, None)
        child.start()
        assert child.pid not in {first, None}


def test_a_child_that_ended_by_itself_died(child: Child) -> None:
    child.start()
    assert child.pid is not None
    assert not child.died
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait(60) == 128 + signal.SIGKILL
    assert child.died
