"""The data folder of one stack: who uses it, what cluster it holds, and the addresses of the latest run."""

import base64
import errno
import fcntl
import os
import shutil
import time
import uuid
from pathlib import Path
from typing import TypeVar

import msgspec

from ops.embedded.errors import DiskFullError, EmbeddedError, RootInUseError, RootMismatchError, RootUnusableError

FREE_BYTES_MIN = 64 * 1024 * 1024  # Kafka and Redis fail in less clear ways when they start with less
HANDOVER_SECONDS = 40.0  # more than the guards' longest grace
PROBE_SECONDS = 0.5  # how long `running` of another process may hold the lock for its look

T = TypeVar("T")


class Cluster(msgspec.Struct, frozen=True):
    """What the data was formatted for; never changes afterwards."""

    cluster_id: str
    brokers: int


class Addresses(msgspec.Struct, frozen=True):
    """Where the latest run listened, for the next run and for other commands on the same folder."""

    kafka_ports: tuple[int, ...]
    controller_ports: tuple[int, ...]
    redis_port: int

    @property
    def bootstrap(self) -> str:
        """Kafka's bootstrap servers, comma separated."""
        return ",".join(f"127.0.0.1:{port}" for port in self.kafka_ports)

    @property
    def redis_url(self) -> str:
        """Address of Redis."""
        return f"redis://127.0.0.1:{self.redis_port}/0"


def running(root: Path) -> Addresses | None:
    """Return the addresses of the stack that runs on *root* now; None when none does."""
    try:
        descriptor = os.open(root / "lock", os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return Root(root).addresses
    else:
        return None
    finally:
        os.close(descriptor)


class Root:
    """The folder, locked while a stack runs on it.

    Two locks, both gone with the processes that hold them. `lock` is ours alone: it says that a stack runs. The
    guards hold `children` as well, until their children are gone: after a crash of ours the next start waits for it,
    so that two Kafkas never write the same data.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.kafka = self.path / "kafka"
        self.redis = self.path / "redis"
        self.logs = self.path / "logs"
        self._owner: int | None = None
        self._children: int | None = None

    @property
    def children_lock(self) -> int:
        """Descriptor for the guards to hold; only while open."""
        assert self._children is not None  # noqa: S101 - a fault of ours, not of the user
        return self._children

    @property
    def addresses(self) -> Addresses | None:
        """Addresses of the latest run; None before the first, or when the file is from another format."""
        return _load(self.path / "addresses.json", Addresses)

    @property
    def cluster(self) -> Cluster | None:
        """The cluster that the data belongs to; None before it is formatted."""
        return _load(self.path / "cluster.json", Cluster)

    def open(self) -> None:
        """Create the folders and take the locks.

        Raises:
            RootInUseError: a stack runs on this folder, or the remains of one do not end.
            RootUnusableError: the folder cannot be written.
            DiskFullError: there is no room to start.
        """
        try:
            for folder in (self.kafka, self.redis, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
            self._owner = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
            self._children = os.open(self.path / "children", os.O_RDWR | os.O_CREAT, 0o644)
            free_bytes = shutil.disk_usage(self.path).free
        except OSError as error:
            self.close()
            raise self.explain(error) from error
        if not _lock(self._owner, PROBE_SECONDS):
            message = f"{self.path} is in use by another running stack; stop that one, or use another folder"
            self.close()
            raise RootInUseError(message)
        if not _lock(self._children, HANDOVER_SECONDS):
            message = f"{self.path} is still in use by Kafka or Redis of a stack that crashed; end them"
            self.close()
            raise RootInUseError(message)
        if free_bytes < FREE_BYTES_MIN:
            self.close()
            raise self.explain(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    def explain(self, error: OSError) -> EmbeddedError:
        """Say what *error* means, met while writing here."""
        if error.errno == errno.ENOSPC:
            return DiskFullError(
                f"no space left on the disk of {self.path}; free {FREE_BYTES_MIN >> 20} MB and start again"
            )
        return RootUnusableError(f"{self.path} cannot be used for data: {error.strerror or error}")

    def close(self) -> None:
        """Give the folder back."""
        for descriptor in (self._children, self._owner):
            if descriptor is not None:
                os.close(descriptor)
        self._children = self._owner = None

    def claim(self, brokers: int) -> Cluster:
        """Return the cluster of this folder, a new one when there is none.

        Raises:
            RootMismatchError: the data belongs to another number of brokers.
            RootUnusableError: which cluster it belongs to cannot be read.
        """
        cluster = self.cluster
        if cluster is None:
            if (self.path / "cluster.json").exists():
                # A new id would not be that of the folders which are formatted already.
                message = (
                    f"{self.path / 'cluster.json'} cannot be read; use another folder, or the version that made it"
                )
                raise RootUnusableError(message)
            cluster = Cluster(_new_cluster_id(), brokers)
            self._save("cluster.json", cluster)
        if cluster.brokers != brokers:
            message = f"{self.path} holds a Kafka of {cluster.brokers} broker(s), not {brokers}; use another folder"
            raise RootMismatchError(message)
        return cluster

    def remember(self, addresses: Addresses) -> None:
        """Write down where this run listens."""
        self._save("addresses.json", addresses)

    def _save(self, name: str, value: msgspec.Struct) -> None:
        draft = self.path / f"{name}.new"
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
        draft.replace(self.path / name)


def _lock(descriptor: int, patience_seconds: float) -> bool:
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        else:
            return True


def _load(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _new_cluster_id() -> str:
    # Kafka's own form: 16 random bytes in URL-safe base64; a leading dash would read as an option of its tools.
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()).startswith("-"):
        pass
    return text
