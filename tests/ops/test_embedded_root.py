"""The data folder: one stack at a time, one cluster for ever."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.embedded import root as root_module
from ops.embedded.errors import DiskFullError, RootInUseError, RootMismatchError, RootUnusableError
from ops.embedded.process import spawn_guarded
from ops.embedded.root import Addresses, Root, running
from ops.embedded.stack import Stack

ADDRESSES = Addresses(kafka_ports=(21000, 21002), controller_ports=(21001, 21003), redis_port=21004)
HOLD = """
import sys
from pathlib import Path
from ops.embedded.root import Root
Root(Path(sys.argv[1])).open()
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    mine = Root(tmp_path / "a folder, of mine")
    yield mine
    mine.close()


def test_a_second_stack_on_the_same_folder_is_refused_in_one_line(root: Root) -> None:
    root.open()
    with pytest.raises(RootInUseError) as refusal:
        Root(root.path).open()
    assert str(refusal.value) == (
        f"{root.path} is in use by another running stack; stop that one, or use another folder"
    )


def test_a_stack_in_another_process_holds_the_folder_until_that_process_is_gone(root: Root) -> None:
    command = [sys.executable, "-c", HOLD, str(root.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(RootInUseError):
            root.open()
        other.kill()
    root.open()


def test_a_stack_that_failed_to_start_or_was_closed_gives_the_folder_back(root: Root) -> None:
    root.open()
    root.close()
    other = Root(root.path)
    other.open()
    with pytest.raises(RootInUseError):
        root.open()
    other.close()
    root.open()


def test_the_children_of_a_crashed_stack_hold_the_folder_until_they_are_gone(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(root_module, "HANDOVER_SECONDS", 0.2)
    root.open()
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    guard, _, leash = spawn_guarded(command, grace_seconds=20, keep_open=(root.children_lock,))
    root.close()
    with pytest.raises(RootInUseError, match=r"is still in use by Kafka or Redis of a stack that crashed"):
        root.open()
    os.close(leash)
    guard.wait()
    root.open()


def test_the_cluster_stays_the_same_over_runs(root: Root) -> None:
    root.open()
    first = root.claim(brokers=3)
    assert len(first.cluster_id) == 22
    assert Root(root.path).claim(brokers=3) == first


def test_data_of_another_number_of_brokers_is_refused(root: Root) -> None:
    root.open()
    root.claim(brokers=3)
    with pytest.raises(RootMismatchError, match=r"holds a Kafka of 3 broker\(s\), not 1; use another folder$"):
        root.claim(brokers=1)


def test_a_cluster_that_cannot_be_read_is_not_taken_for_none(root: Root) -> None:
    root.open()
    root.claim(brokers=1)
    (root.path / "cluster.json").write_text('{"of": "a newer version"}')
    with pytest.raises(RootUnusableError, match=r"cluster\.json cannot be read; use another folder, or the version"):
        root.claim(brokers=1)
    assert "newer" in (root.path / "cluster.json").read_text()


def test_other_commands_see_the_addresses_only_while_the_stack_runs(root: Root) -> None:
    assert running(root.path) is None
    root.open()
    root.remember(ADDRESSES)
    assert running(root.path) == ADDRESSES
    assert ADDRESSES.bootstrap == "127.0.0.1:21000,127.0.0.1:21002"
    assert ADDRESSES.redis_url == "redis://127.0.0.1:21004/0"
    root.close()
    assert running(root.path) is None
    assert root.addresses == ADDRESSES


def test_an_unreadable_file_of_addresses_is_as_good_as_none(root: Root) -> None:
    root.open()
    (root.path / "addresses.json").write_text("{")
    assert root.addresses is None


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RootUnusableError, match=r"file/data cannot be used for data: Not a directory$"):
        Root(tmp_path / "file" / "data").open()


def test_too_little_room_is_refused_before_anything_starts(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root_module, "FREE_BYTES_MIN", 1 << 62)
    with pytest.raises(DiskFullError, match=r"^no space left on the disk of .* and start again$"):
        root.open()
    monkeypatch.undo()
    root.open()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
def test_a_disk_that_fills_while_we_write_is_named(tmp_path: Path) -> None:
    (tmp_path / "cluster.json.new").symlink_to("/dev/full")
    with pytest.raises(DiskFullError, match=r"^no space left on the disk of "):
        Stack(tmp_path).start()
    (tmp_path / "cluster.json.new").unlink()
    free_again = Root(tmp_path)
    free_again.open()
    free_again.close()
