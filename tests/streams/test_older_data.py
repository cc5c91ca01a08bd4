"""A data folder saved by the first step of this project: whatever comes later reads it, or makes it again."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from cx.state import decode
from ops.embedded.root import Root
from streams import store
from streams.partition import Partition, read_own
from streams.store import Stores

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder as it was, of one customer; the lock files and RocksDB's own log are left out."""
    with tarfile.open(FIXTURES / "cx-1.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "cx"


def test_the_cluster_and_its_addresses_are_known_again(folder: Path) -> None:
    root = Root(folder)
    assert root.cluster is not None
    assert (root.cluster.brokers, root.claim(1)) == (1, root.cluster)
    assert root.addresses is not None
    assert root.addresses.bootstrap == "127.0.0.1:21000"


def test_a_store_of_format_1_is_read_while_it_is_young(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LIFE_S", float("inf"))
    stores = Stores(folder / "worker" / "cx" / "customers")
    partition = Partition(0, 1, stores.open(0, 1))
    state = partition.encoded(b"lan")
    assert state == (FIXTURES / "state-format-1.bin").read_bytes()
    assert decode(state).id == "lan"
    assert partition.covered is not None
    offset, own = partition.covered
    record = read_own(own)
    assert (offset, record.tick, record.policy, record.state) == (7, 1_772_355_600_000_000, "policy", 1)
    assert (partition.tick, partition.incarnation) == (record.tick, record.incarnation)
    partition.close()
    stores.close()


def test_a_store_of_long_ago_is_made_again(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    stores = Stores(folder / "worker" / "cx" / "customers")
    partition = Partition(0, 1, stores.open(0, 1))
    assert (partition.encoded(b"lan"), partition.covered) == (None, None)
    assert "local store is made again" in caplog.text
    partition.close()
    stores.close()
