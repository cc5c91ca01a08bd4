"""Kafka's jars: named with their SHA-256 in `kafka.lock`, kept in Maven's local repository, downloaded once."""

import errno
import gc
import hashlib
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import Artifact, MavenContext

from ops.embedded.errors import CorruptDownloadError, DiskFullError, DownloadError

LOCK_PATH = Path(__file__).with_name("kafka.lock")
CONNECTIONS = 8
ATTEMPTS = 3
BACKOFF_SECONDS = 1.0  # doubles with each attempt
TIMEOUT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock file."""

    group: str
    artifact: str
    version: str
    sha256: str
    byte_count: int

    @property
    def filename(self) -> str:
        """The jar's own file name."""
        return f"{self.artifact}-{self.version}.jar"


def read_lock(path: Path = LOCK_PATH) -> tuple[Jar, ...]:
    """Read the jars of Kafka's class path, in its order."""
    return tuple(_jar(line) for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))


def _jar(line: str) -> Jar:
    coordinate, sha256, byte_count = line.split()
    group, artifact, version = coordinate.split(":")
    return Jar(group, artifact, version, sha256, int(byte_count))


def kafka_version() -> str:
    """Return the version of Kafka that the lock file names."""
    return next(jar.version for jar in read_lock() if jar.artifact == "kafka_2.13")


def class_path(
    notify: Callable[[str], None],
    *,
    jars: tuple[Jar, ...] | None = None,
    cache: Path | None = None,
    repositories: dict[str, str] | None = None,
) -> tuple[Path, ...]:
    """Return the files of *jars*, each checked against its hash; fetch those that are missing or damaged.

    Args:
        notify: Gets one line for a person before a download.
        jars: What to return; all of the lock file by default.
        cache: A Maven repository folder; jgo's setting by default (`M2_REPO`, else `~/.m2/repository`).
        repositories: Name to address; Maven Central and those of jgo's settings by default.

    Raises:
        DownloadError: a file is missing here and cannot be fetched.
        CorruptDownloadError: what was fetched is not what the lock file names.
        DiskFullError: there is no room for the files.
    """
    settings = GlobalSettings.load()
    cache = cache or settings.repo_cache
    remote = repositories or {"central": MAVEN_CENTRAL_URL, **settings.repositories}
    here = MavenContext(repo_cache=cache, remote_repos=remote)
    wanted = [(jar, _path(here, jar)) for jar in (jars or read_lock())]
    missing = [(jar, path) for jar, path in wanted if not _is_intact(jar, path)]
    if missing:
        megabytes = sum(jar.byte_count for jar, _ in missing) / 1e6
        notify(f"Downloading Apache Kafka {kafka_version()}, once: {len(missing)} files, {megabytes:.0f} MB")
        try:
            _fetch_all(missing, cache, remote)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                message = f"no space left for Kafka's files in {cache}; free {megabytes:.0f} MB and start again"
                raise DiskFullError(message) from error
            message = f"Kafka's files cannot be kept in {cache}: {error.strerror or type(error).__name__}"
            raise DownloadError(message) from error
    return tuple(path for _, path in wanted)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _artifact(context: MavenContext, jar: Jar) -> Artifact:
    return context.project(jar.group, jar.artifact).at_version(jar.version).artifact()


def _path(context: MavenContext, jar: Jar) -> Path:
    path = _artifact(context, jar).cached_path
    assert path is not None  # noqa: S101 - only a context without a cache has none
    return path


def _is_intact(jar: Jar, path: Path) -> bool:
    try:
        return path.stat().st_size == jar.byte_count and digest(path) == jar.sha256
    except OSError:  # missing, most often; a cache that cannot be used at all shows when it is written
        return False


def _fetch_all(missing: list[tuple[Jar, Path]], cache: Path, remote: dict[str, str]) -> None:
    # jgo writes a download straight to its final place and only warns when its checksum is wrong. So it fetches into
    # a folder beside the cache, and a file moves over only when its hash is right: an interrupted or damaged download
    # never becomes part of the cache, and two first starts at the same time do not disturb each other.
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".cx-", dir=cache) as folder, _no_word_of_open_sockets():
        context = MavenContext(repo_cache=Path(folder), remote_repos=remote, timeout=TIMEOUT_SECONDS)
        pool = ThreadPoolExecutor(CONNECTIONS)
        try:
            for done in [pool.submit(_fetch, context, jar, path) for jar, path in missing]:
                done.result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _no_word_of_open_sockets() -> Iterator[None]:
    # jgo does not close an answer that it did not read to the end; the collector does, and warns of it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            yield
        finally:
            gc.collect()


def _fetch(context: MavenContext, jar: Jar, target: Path) -> None:
    arrived = _path(context, jar)
    for attempt in range(ATTEMPTS):
        last = attempt == ATTEMPTS - 1
        arrived.unlink(missing_ok=True)
        try:
            _artifact(context, jar).resolve()
        except OSError as error:  # every network error of jgo's HTTP client is one
            if error.errno == errno.ENOSPC:
                raise
            if last:
                message = (
                    f"{jar.filename} of Kafka could not be downloaded ({type(error).__name__}); the first start needs "
                    "the network once"
                )
                raise DownloadError(message) from error
        except RuntimeError as error:
            message = f"{jar.filename} of Kafka is in none of the repositories of jgo's settings"
            raise DownloadError(message) from error
        else:
            if _is_intact(jar, arrived):
                target.parent.mkdir(parents=True, exist_ok=True)
                arrived.replace(target)
                return
            if last:
                message = (
                    f"{jar.filename} of Kafka arrived damaged {ATTEMPTS} times (its SHA-256 is not the one in "
                    "kafka.lock); nothing was kept: try again, or check your proxy"
                )
                raise CorruptDownloadError(message)
        time.sleep(BACKOFF_SECONDS * 2**attempt)
