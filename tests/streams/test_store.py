"""The local store: all or nothing, a consistent past after a crash, and made again where it cannot be trusted."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from rocksdict import Rdict

from streams import store as module
from streams.store import FORMAT, LIFE_S, WRITTEN_OUT_S, Mark, Store, StoreError, Stores
from tests.streams.disk import folder, left_behind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEYS = tuple(f"k{number}".encode() for number in range(8))
WRITES = 100
ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    made = Stores(tmp_path / "stores")
    yield made
    made.close()


@pytest.fixture
def store(stores: Stores) -> Iterator[Store]:
    opened = stores.open(0, 1)
    yield opened
    opened.close()


class Full:
    """What a database is on a full disk."""

    def __init__(self, real: Rdict) -> None:
        self.close = real.close

    def flush(self) -> None:
        raise OSError

    def write(self, *_: object) -> None:
        raise OSError


def write(store: Store, number: int, *, size: int = 8) -> None:
    """Write what a commit of *number* leaves: every value, its deadline and the mark say the same."""
    values = {key: number.to_bytes(8) + random.randbytes(size) for key in KEYS}
    store.write(values, dict.fromkeys(KEYS, (number - 1 if number else None, number)), (number, b"%d" % number))


def content(store: Store) -> tuple[set[int], list[tuple[int, bytes]], int]:
    """Return the numbers that values, index and mark tell."""
    assert store.mark is not None
    values = [store.get(key) for key in store]
    assert None not in values
    return {int.from_bytes((value or b"")[:8]) for value in values}, list(store.due(1 << 62)), store.mark.offset


def written_down(stores: Stores) -> str:
    """Return what RocksDB wrote down of its options last."""
    found = folder(stores).glob("OPTIONS-*")
    return max(found, key=lambda path: int(path.name.removeprefix("OPTIONS-"))).read_text("utf-8")


def filled(stores: Stores, writes: int = 60) -> Store:
    """Return an open store with values of some hundred kilobytes that are written out to its files."""
    store = stores.open(0, 1)
    for number in range(writes):
        values = {b"%d-%d" % (number, each): random.randbytes(500) for each in range(40)}
        store.write(values, dict.fromkeys(values, (None, number)), (number, b"own"))
    store.close()
    return store


def damage(path: Path, where: float) -> None:
    data = bytearray(path.read_bytes())
    at = int(len(data) * where)
    data[at : at + 64] = bytes(byte ^ 0xFF for byte in data[at : at + 64])
    path.write_bytes(data)


def test_values_deadlines_and_mark_go_in_together_and_come_back(stores: Stores) -> None:
    store = stores.open(0, 1)
    write(store, 0)
    write(store, 1)
    store.write({KEYS[0]: None}, {KEYS[0]: (1, None)}, (2, b"2"))
    store.close()

    store = stores.open(0, 1)
    assert content(store) == ({1}, [(1, key) for key in KEYS[1:]], 2)
    assert store.get(KEYS[0]) is None
    assert store.mark is not None
    assert store.mark.own == b"2"
    store.close()


def test_nothing_of_a_write_that_fails_is_there(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    write(store, 0)
    with monkeypatch.context() as patch:
        patch.setattr(store, "_db", Full(store._db))  # noqa: SLF001
        with pytest.raises(StoreError):
            write(store, 9)
    wrong: Any = {KEYS[0]: b"new", KEYS[1]: 5}
    with pytest.raises(ValueError, match="bytes"):
        store.write(wrong, {KEYS[0]: (0, 9)}, (9, b"9"))
    assert content(store) == ({0}, [(0, key) for key in KEYS], 0)


WRITER = """
import sys
from pathlib import Path
from streams import store
from streams.store import Stores
from tests.streams.test_store import write

store.BUFFER_BYTES = 0  # as little as there may be, so that it is written out every other megabyte
store = Stores(Path(sys.argv[1])).open(0, 1)
number = 0
while True:
    write(store, number, size=20_000)
    print(number, flush=True)
    number += 1
"""


def test_a_process_that_is_killed_leaves_the_store_as_it_was_at_some_commit(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        told = -1
        for line in process.stdout:
            told = int(line)
            if told >= WRITES:
                process.kill()
                break
        process.wait(DEADLINE_S)

    stores = Stores(tmp_path)
    store = stores.open(0, 1)
    numbers, due, mark = content(store)
    assert numbers == {mark}, "values and mark are of one commit"
    assert due == [(mark, key) for key in KEYS], "and so are the deadlines"
    assert 0 < mark < told, "it was written out now and then, and has no log of its own"
    store.close()
    stores.close()


@pytest.mark.parametrize("every_s", [60, 2_000], ids=["now and then", "hardly ever"])
def test_a_process_that_is_killed_leaves_no_old_mark_however_little_it_wrote(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every_s: int
) -> None:
    begin, store = time.time(), stores.open(0, 1)
    now = begin
    monkeypatch.setattr(time, "time", lambda: now)
    for number in range(2 * int(LIFE_S) // every_s):
        now = begin + number * every_s
        write(store, number)
    left = left_behind(stores, store, tmp_path / "left")
    again = left.open(0, 1)
    assert again.mark is not None
    assert now - again.mark.at <= WRITTEN_OUT_S
    assert len(content(again)[0]) == 1
    for one in (store, again, left):
        one.close()


def test_keys_come_in_the_order_of_their_deadlines_and_the_last_instant_counts(store: Store) -> None:
    store.write({}, {b"late": (None, 300), b"early": (None, 2), b"middle": (None, 255), b"a": (None, 255)}, None)
    assert list(store.due(255)) == [(2, b"early"), (255, b"a"), (255, b"middle")]
    assert list(store.due(254)) == [(2, b"early")]
    assert list(store.due((1 << 63) - 1))[-1] == (300, b"late")


@pytest.mark.parametrize("portion", [1, 100])
def test_keys_are_told_apart_from_deadlines_and_mark_whatever_bytes_they_have(
    store: Store, monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    monkeypatch.setattr(module, "PORTION", portion)
    odd = [b"\x00mark", b"\x00", b"\x01", b"\x02", b"\x03", b"\xff" * 64, b"a", b"a\x00", b"a\x00\x00"]
    store.write(dict.fromkeys(odd, b"value"), dict.fromkeys(odd, (None, 7)), (1, b"own"))
    assert list(store) == sorted(odd)
    assert list(store.due(7)) == [(7, key) for key in sorted(odd)]
    assert [store.get(key) for key in odd] == [b"value"] * len(odd)


def test_more_keys_than_are_read_at_once_are_all_found_in_order(store: Store) -> None:
    count = module.PORTION * 2 + 3
    keys = [b"%06d" % number for number in range(count)]
    store.write(dict.fromkeys(keys, b""), {key: (None, count - at) for at, key in enumerate(keys)}, None)
    assert list(store) == keys
    assert [deadline for deadline, _ in store.due(count)] == list(range(1, count + 1))
    going = iter(store)
    next(going)
    store.write({keys[-1]: None}, {}, None)
    assert list(going) == keys[1:-1], "no more of them than a portion were in memory"


def test_a_store_whose_keys_somebody_is_still_going_through_can_be_closed_and_opened_again(stores: Stores) -> None:
    store = stores.open(0, 1)
    write(store, 0)
    keys, due = iter(store), store.due(10)
    assert (next(keys), next(due)) == (KEYS[0], (0, KEYS[0]))
    store.close()
    again = stores.open(0, 1)
    assert content(again)[0] == {0}
    again.close()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: next(path.glob("MANIFEST-*")).write_bytes(b"\xff" * 100),
        lambda path: next(path.glob("MANIFEST-*")).unlink(),
        lambda path: (path / "CURRENT").write_bytes(b"nothing"),
        lambda path: next(path.glob("*.sst")).unlink(),
        lambda path: damage(next(path.glob("*.sst")), 0),
    ],
    ids=["manifest", "no manifest", "current", "a file is gone", "mark"],
)
def test_a_store_that_cannot_be_opened_is_made_again(stores: Stores, spoil: Callable[[Path], object]) -> None:
    filled(stores)
    spoil(folder(stores))
    store = stores.open(0, 1)
    assert store.mark is None
    assert list(store) == []
    write(store, 3)
    assert content(store)[0] == {3}
    store.close()


def test_damage_is_never_taken_for_a_value_that_is_missing_or_for_the_last_key(stores: Stores, tmp_path: Path) -> None:
    filled(stores)
    keys = {b"%d-%d" % (number, each) for number in range(60) for each in range(40)}
    shutil.copytree(folder(stores), tmp_path / "whole")
    met = set()
    for percent in (*range(5, 95, 10), *range(95, 100)):
        damaged = Stores(tmp_path / f"{percent}")  # with a cache that has none of it yet
        shutil.copytree(tmp_path / "whole", folder(damaged))
        damage(next(folder(damaged).glob("*.sst")), percent / 100)
        store = damaged.open(0, 1)
        reads: dict[str, Callable[[Store], object]] = {
            "keys": lambda store: set(store) == keys,
            "values": lambda store: all(map(store.get, keys)),
            "deadlines": lambda store: {key for _, key in store.due(100)} == keys,
        }
        for name, read in reads.items():
            try:
                assert store.mark is None or read(store), f"{name}, damaged at {percent} %"
            except StoreError:
                met.add(name)
        store.close()
        damaged.close()
    assert met == {"keys", "values", "deadlines"}


def test_a_store_can_be_emptied(store: Store) -> None:
    write(store, 0)
    store.empty()
    assert (store.mark, list(store), list(store.due(100))) == (None, [], [])
    write(store, 1)
    assert content(store)[0] == {1}


def test_while_a_store_is_filled_and_no_longer_old_values_are_left_where_they_are(stores: Stores) -> None:
    def collects() -> bool:
        return "enable_blob_garbage_collection=true" in written_down(stores)

    store = stores.open(0, 1)
    store.fill(on=True)
    assert not collects()
    store.fill(on=False)
    assert collects()
    store.fill(on=True)
    store.empty()
    assert collects()
    store.fill(on=True)
    store.close()
    store = stores.open(0, 1)
    assert collects(), "whoever was broken off while filling leaves nothing of it"
    store.close()


@pytest.mark.parametrize("away_s", [LIFE_S + 60, -3_600], ids=["away for too long", "from the future"])
def test_a_store_whose_age_cannot_be_trusted_is_made_again(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, away_s: float
) -> None:
    store = stores.open(0, 1)
    write(store, 0)
    store.close()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + away_s)
    store = stores.open(0, 1)
    assert (store.mark, list(store)) == (None, [])
    store.close()


def test_a_store_that_was_away_for_a_while_is_kept(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    store = stores.open(0, 1)
    write(store, 0)
    store.close()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + LIFE_S - 60)
    store = stores.open(0, 1)
    assert content(store)[0] == {0}
    store.close()


@pytest.mark.parametrize(
    "mark", [msgspec.msgpack.encode(Mark(FORMAT + 1, 5, b"own", 0.0)), b"\x91\x01", b"\xff"], ids=["newer", "cut", "no"]
)
def test_a_store_of_another_format_is_made_again(stores: Stores, monkeypatch: pytest.MonkeyPatch, mark: bytes) -> None:
    store = stores.open(0, 1)
    write(store, 0)
    with monkeypatch.context() as patch:
        patch.setattr(msgspec.msgpack, "encode", lambda _: mark)
        write(store, 1)
    store.close()
    monkeypatch.setattr(time, "time", lambda: 1.0)
    store = stores.open(0, 1)
    assert (store.mark, list(store)) == (None, [])
    store.close()


def test_values_without_a_mark_are_of_a_recovery_that_did_not_end_and_are_made_again(stores: Stores) -> None:
    store = stores.open(0, 1)
    store.write({b"a": b"value"}, {}, None)
    store.close()
    store = stores.open(0, 1)
    assert list(store) == []
    store.close()


HOLDER = """
import sys
from pathlib import Path
from streams.store import Stores

stores = Stores(Path(sys.argv[1]))
print(stores.folder.name, flush=True)
sys.stdin.read()
"""


def test_a_folder_that_another_process_holds_is_left_to_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"0\n"
        ours = Stores(tmp_path)
        assert ours.folder.name == "1"
        other.kill()
        other.wait(DEADLINE_S)
        next_one = Stores(tmp_path)
        assert next_one.folder.name == "0", "the folder of one that was killed is free"
    ours.close()
    next_one.close()


def test_where_every_folder_is_taken_the_worker_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLOTS", 2)
    held = [Stores(tmp_path), Stores(tmp_path)]
    with pytest.raises(StoreError):
        Stores(tmp_path)
    for one in held:
        one.close()


def test_stores_of_several_partitions_do_not_mix(stores: Stores) -> None:
    opened = [stores.open(number, 3) for number in range(3)]
    for number, store in enumerate(opened):
        write(store, number)
    assert [content(store)[2] for store in opened] == [0, 1, 2]
    for store in opened:
        store.close()


def test_stores_that_were_there_before_share_cache_and_buffers_as_well(stores: Stores) -> None:
    for number in (0, 1):
        stores.open(number, 1).close()
    opened = [stores.open(number, 2) for number in (0, 1)]
    write(opened[0], 0, size=100_000)
    opened[0]._db.flush()  # noqa: SLF001
    assert content(opened[0])[0] == {0}
    caches = [store._db.property_int_value("rocksdb.block-cache-usage") for store in opened]  # noqa: SLF001
    assert caches[0] == caches[1], "what one has read counts for both"
    assert f"write_buffer_size={module.BUFFER_BYTES // module.BUFFERS // 2}\n" in written_down(stores)
    for store in opened:
        store.close()


def test_a_store_that_cannot_write_out_lets_go_of_its_files_all_the_same(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores.open(0, 1)
    write(store, 0)
    monkeypatch.setattr(store, "_db", Full(store._db))  # noqa: SLF001
    store.close()
    stores.open(0, 1).close()
