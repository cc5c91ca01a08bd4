"""Workers and who counts, as child processes: settings as environment, logs in plain words, how they ended."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Final

from ops.embedded import logs
from ops.embedded.process import SIGNALLED, Child, ending
from schemas.errors import CxError
from streams.settings import KafkaSettings, RedisSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from ops.embedded.stack import Stack
    from streams.settings import Settings

# `-P`, because a folder called `cli` where a person happens to stand must not be taken for ours.
COMMAND: Final = (sys.executable, "-P", "-m", "cli")
SERVE: Final = "serve"
PROMPT: Final = ("worker", "desk", SERVE)
BEHIND: Final = ("nice", "-n", "10")  # before the verbs that may wait while workers decide
UNUSED: Final = {"codes", "vendor"}  # of the settings, by workers; only the API shows codes
GRACE_S: Final = 12.0  # to commit what is in flight and leave the group
REASON_LENGTH_MAX: Final = 300

_LINE = re.compile(r"^\d{4}-\d\d-\d\d \S+ (?P<level>[A-Z]+) \S+ (?P<text>.*)$")
_SAID = re.compile(r"^(?:cx: |\d{4}-\d\d-\d\d \S+ CRITICAL \S+ )(.*)$")
_UNCAUGHT = re.compile(r"^((?:[\w.]+(?:Error|Exception))\b.*)$")
# What a line begins with, a fact that must be there and not 0, and what it means to a person; the first that fits.
_WORDS: Final = (
    ("recovering ", "records_max", "reading its state back: {records} of {records_max} offsets"),
    ("recovered ", "records", "state is back: {records} records"),
    ("partitions opened", "partitions", "ready: {partitions} partitions"),
    ("partitions opened", "", "waits for partitions"),
    ("partitions closed", "partitions", "gave {partitions} partitions back"),
    ("recovery is stuck", "", "recovery is stuck, see its log"),
    ("offsets are part of an open transaction", "", "waits for an open transaction to end, see its log"),
    ("an earlier transaction is still being ended", "", "waits for Kafka to end a transaction, see its log"),
    ("a coordinator is not ready", "", "waits for a coordinator of Kafka's, see its log"),
    ("a topic does not exist", "", "waits for a topic that is not there, see its log"),
    ("a partition has no leader", "", "waits for a partition without a leader, see its log"),
    ("Kafka is away", "", "waits for Kafka, see its log"),
    ("Kafka is not ready", "", "waits for Kafka, see its log"),
    ("read model is away", "", "Redis does not answer; customers wait, events go on"),
    ("read model is back", "", "Redis is back"),
)
_FACT = re.compile(r"\b(\w+)=(\d+(?:\.\d+)?)(?!\S)")


class WorkerDiedError(CxError):
    """A worker ended although nobody asked it to; `exit_code` is its own."""

    def __init__(self, message: str, exit_code: int) -> None:
        """Say in one line how it ended, why, and where its log is."""
        super().__init__(message)
        self.exit_code = exit_code


def settings_for(stack: Stack, base: Settings, *, brokers: int, clock: str | None = None) -> Settings:
    """Return *base* pointed at a running embedded *stack*; what *base* says about other servers is left out.

    Args:
        base: The person's own settings: policy, application name, log level.
        brokers: Of the stack; every topic gets as many replicas.
        clock: Who writes ticks, if not as *base* says.
    """
    found: dict[str, Any] = {
        "kafka": KafkaSettings(bootstrap=stack.bootstrap, replication=brokers),
        "redis": RedisSettings(url=stack.redis_url),
        "data": stack.root,
    }
    if clock is not None:
        found["clock"] = clock
    return base.model_copy(update=found)


def environment(settings: Settings, verb: str = "worker") -> dict[str, str]:
    """Return our environment with exactly *settings* in it, so that neither a variable nor a file adds to them.

    What *verb* has no use for is left out: keys of gift codes mostly, and how a vendor is spoken to.
    """
    bare = {name: value for name, value in os.environ.items() if not name.startswith("CX_")}
    used = settings.model_dump(mode="json", exclude_none=True, exclude=UNUSED)
    if verb == SERVE:
        keys = {"keys": settings.codes.keys, "identity": settings.codes.identity}
        used["codes"] = {name: key.get_secret_value() for name, key in keys.items() if key.get_secret_value()}
    return bare | {"CX_CONFIG": os.devnull} | _variables("CX_", used)


def _variables(prefix: str, values: Mapping[str, object]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _variables(f"{prefix}{name.upper()}__", value)
        else:
            found[prefix + name.upper()] = str(value)
    return found


class Worker:
    """One `cx worker`, or another verb that runs for ever, under a guard: it ends with us, whatever ends us."""

    def __init__(
        self, settings: Settings, logs_folder: Path, cwd: Path, number: int = 1, *, verb: str = "worker"
    ) -> None:
        """Describe the worker; nothing starts yet.

        Args:
            cwd: Where paths in *settings*, such as the policy's, begin.
            number: From 1, where several run side by side.
        """
        self.name = f"{verb} {number}" if number > 1 else verb
        self.log_path = logs_folder / (f"{verb}-{number}.log" if number > 1 else f"{verb}.log")
        self.child = Child(
            self.name,
            (*COMMAND, verb) if verb in PROMPT else (*BEHIND, *COMMAND, verb),
            log_path=self.log_path,
            cwd=cwd,
            grace_seconds=GRACE_S,
            environment=environment(settings, verb),
        )
        self.metrics = settings.metrics
        self.ready = False
        self._began_at = self._read_to = 0

    def launch(self) -> None:
        """Start without waiting until it is ready; `news` tells."""
        self.ready = False
        self._began_at = self._read_to = logs.prepare(self.log_path)
        self.child.launch()

    def news(self) -> list[str]:
        """Return what the log has told since the last call, in plain words; updates `ready`."""
        said = []
        for line in self._new_lines():
            found = _LINE.match(line)
            if found is None:
                continue
            text = found["text"]
            facts = {name: float(value) for name, value in _FACT.findall(text)}
            if text.startswith("partitions opened"):
                self.ready = facts.get("partitions", 0) > 0
            elif text.startswith("Uvicorn running"):
                self.ready = True
            elif text.startswith("partitions closed"):
                self.ready = False
            if words := _words(text, facts):
                said.append(words)
        return said

    def check(self) -> None:
        """Make sure that the worker still runs.

        Raises:
            WorkerDiedError: it does not.
        """
        if not self.child.died:
            return
        code = self.child.wait(0) or 0
        why = "" if code > SIGNALLED else _why(self.log_path, self._began_at)
        message = f"{self.name} {ending(code)}{why and f': {why}'} (log: {self.log_path})"
        # One that ended by itself with 0 has not been asked to, and so has failed as well.
        raise WorkerDiedError(message, code or SIGNALLED - 1)

    def _new_lines(self) -> list[str]:
        try:
            with self.log_path.open("rb") as log:
                log.seek(self._read_to)
                whole, end, _ = log.read().rpartition(b"\n")
        except OSError:
            return []
        self._read_to += len(whole) + len(end)
        return whole.decode(errors="replace").splitlines()


def _words(text: str, facts: Mapping[str, float]) -> str:
    """Return what a line of a worker's log means to a person; empty for what only a developer wants to know."""
    count = {name: f"{int(value):,}" for name, value in facts.items()}
    for begins, wanted, words in _WORDS:
        if text.startswith(begins) and (not wanted or facts.get(wanted)):
            return words.format(**count)
    return ""


def _why(log_path: Path, began_at: int) -> str:
    """Return the last thing that a log gives as a reason after the offset *began_at*, without its time."""
    try:
        lines = log_path.read_bytes()[began_at:].decode(errors="replace").splitlines()
    except OSError:
        return ""
    # Best said by the command itself or by the lane; else by whatever nobody caught, whose name ends its traceback.
    for wanted in (_SAID, _UNCAUGHT):
        for line in reversed(lines):
            if found := wanted.match(line):
                return found[1][:REASON_LENGTH_MAX]
    return ""
