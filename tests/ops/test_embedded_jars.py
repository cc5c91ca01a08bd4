"""Kafka's jars: fetched once, checked always. The repository is a web server of the test's own."""

import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ops.embedded import jars
from ops.embedded.errors import CorruptDownloadError, DiskFullError, DownloadError
from ops.embedded.jars import Jar, class_path, read_lock

CONTENT = {"alpha": b"the first jar" * 1000, "beta": b"the second" * 2000}
WANTED = tuple(
    Jar("org.example.cx", name, "1.0", hashlib.sha256(content).hexdigest(), len(content))
    for name, content in CONTENT.items()
)


class Repository:
    """A Maven repository on 127.0.0.1 whose answers a test may spoil."""

    def __init__(self) -> None:
        self.files = {f"/org/example/cx/{name}/1.0/{name}-1.0.jar": content for name, content in CONTENT.items()}
        self.asked: list[str] = []
        repository = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if not self.path.endswith(".sha1"):
                    repository.asked.append(self.path)
                content = repository.files.get(self.path)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_arguments: object) -> None:
                """Keep the test's output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def repository() -> Iterator[Repository]:
    running = Repository()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def no_waiting_and_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "BACKOFF_SECONDS", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def resolve(cache: Path, url: str, said: list[str] | None = None) -> tuple[Path, ...]:
    notify = (said if said is not None else []).append
    return class_path(notify, jars=WANTED, cache=cache, repositories={"only": url})


def kept(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.rglob("*") if path.is_file())


def test_files_are_fetched_once_and_then_need_no_network(repository: Repository, tmp_path: Path) -> None:
    said: list[str] = []
    first = resolve(tmp_path, repository.url, said)
    assert [path.read_bytes() for path in first] == list(CONTENT.values())
    assert said == [f"Downloading Apache Kafka {jars.kafka_version()}, once: 2 files, 0 MB"]
    assert resolve(tmp_path, "http://127.0.0.1:9", said) == first
    assert len(repository.asked) == len(said) + 1 == 2


def test_a_file_damaged_in_the_cache_is_fetched_again(repository: Repository, tmp_path: Path) -> None:
    damaged = resolve(tmp_path, repository.url)[0]
    damaged.write_bytes(b"x" + damaged.read_bytes()[1:])
    repository.asked.clear()
    assert resolve(tmp_path, repository.url)[0].read_bytes() == CONTENT["alpha"]
    assert repository.asked == ["/org/example/cx/alpha/1.0/alpha-1.0.jar"]


def test_a_file_damaged_in_the_cache_is_not_used_without_network(repository: Repository, tmp_path: Path) -> None:
    damaged = resolve(tmp_path, repository.url)[0]
    damaged.write_bytes(b"x" + damaged.read_bytes()[1:])
    with pytest.raises(DownloadError, match=r"^alpha-1\.0\.jar of Kafka could not be downloaded"):
        resolve(tmp_path, "http://127.0.0.1:9")


@pytest.mark.parametrize("arrived", [b"<html>log in to this network first</html>", CONTENT["alpha"][:-1], b""])
def test_a_damaged_download_is_refused_in_one_line_and_not_kept(
    arrived: bytes, repository: Repository, tmp_path: Path
) -> None:
    path = "/org/example/cx/alpha/1.0/alpha-1.0.jar"
    repository.files[path] = arrived
    with pytest.raises(CorruptDownloadError, match=r"^alpha-1\.0\.jar of Kafka arrived damaged 3 times") as refusal:
        resolve(tmp_path, repository.url)
    assert "\n" not in str(refusal.value)
    assert repository.asked.count(path) == jars.ATTEMPTS
    assert "alpha-1.0.jar" not in kept(tmp_path)


def test_no_network_is_told_in_one_line_without_an_address(tmp_path: Path) -> None:
    with pytest.raises(DownloadError) as refusal:
        resolve(tmp_path, "http://127.0.0.1:9")
    assert str(refusal.value) == (
        "alpha-1.0.jar of Kafka could not be downloaded (ConnectionError); the first start needs the network once"
    )
    assert kept(tmp_path) == []


def test_a_file_that_no_repository_has_is_named(repository: Repository, tmp_path: Path) -> None:
    del repository.files["/org/example/cx/beta/1.0/beta-1.0.jar"]
    with pytest.raises(DownloadError, match=r"^beta-1\.0\.jar of Kafka is in none of the repositories"):
        resolve(tmp_path, repository.url)


def test_a_full_disk_is_told_in_one_line(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path, _target: Path) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DiskFullError, match=r"^no space left for Kafka's files in .* and start again$"):
        resolve(tmp_path, repository.url)


def test_a_cache_that_cannot_be_written_is_told_in_one_line(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match=r"^Kafka's files cannot be kept in .*/file/cache: Not a directory$"):
        resolve(tmp_path / "file" / "cache", repository.url)


def test_the_lock_file_names_one_kafka_its_tools_and_a_way_to_log() -> None:
    lock = read_lock()
    names = {jar.artifact for jar in lock}
    assert {"kafka_2.13", "kafka-clients", "kafka-tools", "slf4j-simple"} <= names
    assert len(names) == len(lock)
    # A bill of material among the wanted jars once lowered half of Kafka to another version.
    assert {jar.version for jar in lock if jar.group == "org.apache.kafka"} == {jars.kafka_version()}
    assert all(len(jar.sha256) == 64 and jar.byte_count > 0 for jar in lock)
