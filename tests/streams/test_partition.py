"""The state of one partition number: what folds see of it, what commits leave, and no deadline is ever lost."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import msgspec
import pytest
from hypothesis import strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from streams.effects import DECODED_FACTOR, NEVER, deadline_of
from streams.partition import (
    FORMAT,
    OWN_KEY,
    HotCache,
    OtherChangelogError,
    Partition,
    PartitionFormatError,
    PartitionRecord,
    read_own,
)
from streams.store import Stores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.store import Store


def value(deadline: int, body: bytes = b"x") -> bytes:
    return deadline.to_bytes(8) + body


def fold(state: Partition, **changed: bytes | None) -> tuple[dict[bytes, bytes | None], bytes]:
    """Put what a fold changed, and return it as a transaction will bring it back."""
    values = {key.encode(): new for key, new in changed.items()}
    for key, new in values.items():
        state.put(key, new)
    return values, state.own_record("hash", 1)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    made = Stores(tmp_path)
    yield made
    made.close()


@pytest.fixture
def store(stores: Stores) -> Store:
    return stores.open(3, 1)


@pytest.fixture
def state(store: Store) -> Iterator[Partition]:
    made = Partition(3, 12, store)
    yield made
    made.close()


# What folds see


def test_keys_come_due_earliest_first_and_the_deadline_itself_counts(state: Partition) -> None:
    state.committed(*fold(state, late=value(30), middle=value(20)), 0)
    fold(state, early=value(10))
    assert state.due(20, 10) == [b"early", b"middle"]
    assert state.due(9, 10) == []


def test_a_key_stays_due_until_it_is_put_with_a_later_deadline(state: Partition) -> None:
    state.committed(*fold(state, a=value(10)), 0)
    assert state.due(10, 10) == [b"a"]
    assert state.due(10, 10) == [b"a"]
    fold(state, a=value(11))
    assert state.due(10, 10) == [], "what is on its way hides what is stored"
    assert state.due(11, 10) == [b"a"]


def test_a_key_is_due_once_however_often_its_deadline_went_to_and_fro(state: Partition) -> None:
    for offset, deadline in enumerate((10, 20, 10, 20, 10)):
        state.committed(*fold(state, a=value(deadline)), offset)
    fold(state, a=value(20))
    assert state.due(100, 10) == [b"a"]


def test_a_deadline_that_was_moved_and_moved_back_is_not_lost(state: Partition) -> None:
    for offset, deadline in enumerate((10, 20, 10)):
        state.encoded(b"a")
        state.committed(*fold(state, a=value(deadline)), offset)
        assert state.due(deadline, 10) == [b"a"]
    state.encoded(b"a")
    for offset, deadline in enumerate((20, 10)):
        state.committed(*fold(state, a=value(deadline)), offset)
    assert state.due(10, 10) == [b"a"]


def test_no_more_keys_are_due_than_asked_for_and_those_on_their_way_have_their_turn(state: Partition) -> None:
    state.committed(*fold(state, b=value(2), d=value(4), f=value(6)), 0)
    fold(state, a=value(1), c=value(3), e=value(5))
    assert state.due(100, 4) == [b"a", b"b", b"c", b"d"]


def test_a_key_without_deadline_or_forgotten_is_never_due(state: Partition, store: Store) -> None:
    state.committed(*fold(state, calm=value(NEVER), gone=value(5), going=value(6)), 0)
    state.committed(*fold(state, gone=None), 1)
    fold(state, going=None)
    assert state.due(NEVER - 1, 10) == []
    assert list(state.keys()) == [b"calm"]
    assert list(store.due(NEVER)) == [(6, b"going")]


def test_an_entry_of_which_nobody_remembers_that_it_is_out_of_date_is_found_out_and_removed(
    stores: Stores, store: Store
) -> None:
    state = Partition(3, 12, store)
    state.committed(*fold(state, a=value(10), b=value(11)), 0)
    state.close()
    store = stores.open(3, 1)
    state = Partition(3, 12, store)  # as after a start: nothing is remembered
    state.committed(*fold(state, a=value(20), b=None), 1)
    assert list(store.due(100)) == [(10, b"a"), (11, b"b"), (20, b"a")]
    assert state.due(15, 10) == []
    assert list(store.due(100)) == [(20, b"a")]
    assert state.due(20, 10) == [b"a"]
    state.close()


def test_where_a_key_was_read_before_its_old_deadline_goes_at_once(stores: Stores, store: Store) -> None:
    state = Partition(3, 12, store)
    state.committed(*fold(state, a=value(10)), 0)
    state.close()
    store = stores.open(3, 1)
    state = Partition(3, 12, store)
    assert state.encoded(b"a") == value(10)
    state.committed(*fold(state, a=value(20)), 1)
    assert list(store.due(100)) == [(20, b"a")]
    state.close()


def test_keys_are_those_that_are_stored_or_on_their_way_each_once(state: Partition) -> None:
    state.committed(*fold(state, stored=value(1), both=value(1), gone=value(1)), 0)
    fold(state, both=value(2), new=value(2), gone=None)
    assert sorted(state.keys()) == [b"both", b"new", b"stored"]


def test_keys_can_be_gone_through_while_commits_go_on(state: Partition) -> None:
    coming = fold(state, a=value(1), b=value(1), c=value(1))
    keys = state.keys()
    first = next(keys)
    state.committed(*coming, 0)
    state.committed(*fold(state, b=None), 1)
    assert {first, *keys} >= {b"a", b"c"}, "b may be found or not"


# What commits leave


def test_a_commit_lets_go_of_a_value_unless_a_newer_one_is_on_its_way(state: Partition) -> None:
    first = fold(state, a=value(1), b=value(1))
    second = fold(state, a=value(2))
    state.committed(*first, 0)
    assert state.encoded(b"a") == value(2)
    state.committed(*second, 1)
    assert state.encoded(b"a") == value(2)


def test_a_key_forgotten_twice_with_a_value_in_between_stays_forgotten(state: Partition) -> None:
    folds = [fold(state, a=None), fold(state, a=value(1)), fold(state, a=None)]
    for offset, one in enumerate(folds):
        state.committed(*one, offset)
        assert state.encoded(b"a") is None, f"after commit {offset}"
        assert list(state.keys()) == []
        assert state.due(100, 10) == []


def test_what_is_committed_is_kept_in_the_store_and_not_in_memory(state: Partition) -> None:
    for offset in range(100):
        state.committed(*fold(state, a=value(offset), b=None), offset)
    assert not state._pending  # noqa: SLF001  # its size is the promise
    coming = fold(state, a=value(1))
    for offset in range(100, 200):
        before, coming = coming, fold(state, **{f"{offset}": value(1)})
        state.committed(*before, offset)
    assert len(state._pending) == 1, "what is on its way"  # noqa: SLF001


def test_what_is_not_committed_is_gone_with_the_process(stores: Stores, store: Store) -> None:
    state = Partition(3, 12, store)
    state.tick = 5
    state.committed(*fold(state, a=value(1)), 7)
    state.tick = 6
    fold(state, a=value(2), b=value(2))
    state.close()

    state = Partition(3, 12, stores.open(3, 1))
    assert (state.encoded(b"a"), state.encoded(b"b"), state.tick) == (value(1), None, 5)
    assert state.covered is not None
    assert state.covered[0] == 7
    assert read_own(state.covered[1]).tick == 5
    state.close()


def test_a_commit_lets_nothing_go_that_was_put_after_its_own_record(state: Partition) -> None:
    coming = fold(state, a=value(1))
    state.put(b"b", value(2))
    state.committed(*coming, 0)
    assert state.encoded(b"b") == value(2)


def test_a_commit_without_own_record_moves_no_mark(state: Partition) -> None:
    state.committed(*fold(state, a=value(1)), 7)
    state.committed({}, None, 9)
    assert state.covered is not None
    assert state.covered[0] == 7


# The partition's own record


def test_the_own_record_brings_tick_policy_format_and_incarnation_back(state: Partition, stores: Stores) -> None:
    state.tick = 77
    own = state.own_record("hash", 4)
    after = Partition(5, 12, stores.open(5, 1))
    after.recover([(0, b"lan", value(5)), (1, OWN_KEY, own), (2, b"mai", value(6))])
    assert (after.tick, after.policy, after.state_format, after.incarnation) == (77, "hash", 4, state.incarnation)
    assert list(after.keys()) == [b"lan", b"mai"]
    assert after.covered == (1, own)
    after.close()


def test_an_incarnation_is_drawn_once_and_is_nobody_elses(state: Partition, stores: Stores) -> None:
    other = Partition(4, 12, stores.open(4, 1))
    named = {state.known_by(), other.known_by()}
    drawn = {read_own(one.own_record("hash", 1)).incarnation for one in (state, state, other)}
    assert (len(drawn), drawn) == (2, named)
    other.close()


def test_a_changelog_of_another_incarnation_is_refused_and_can_be_taken_after_a_reset(state: Partition) -> None:
    state.committed(*fold(state, a=value(1)), 7)
    foreign = msgspec.msgpack.encode(PartitionRecord(FORMAT, 3, "hash", "another", 1))
    with pytest.raises(OtherChangelogError):
        state.recover([(8, b"b", value(1)), (9, OWN_KEY, foreign)])
    state.reset()
    assert (list(state.keys()), state.covered, state.tick, state.due(100, 10)) == ([], None, 0, [])
    state.recover([(7, b"a", value(1)), (8, b"b", value(1)), (9, OWN_KEY, foreign)])
    assert (list(state.keys()), state.incarnation, state.due(100, 10)) == ([b"a", b"b"], "another", [b"a", b"b"])


def test_a_tombstone_in_the_changelog_forgets_the_key(state: Partition) -> None:
    state.recover([(0, b"lan", value(5)), (1, b"mai", value(5)), (2, b"lan", None), (3, OWN_KEY, None)])
    assert state.encoded(b"lan") is None
    assert list(state.keys()) == [b"mai"]
    assert state.due(5, 10) == [b"mai"]


@pytest.mark.parametrize(
    "record",
    [b"", b"\xff", b"\x93\x02\x01\xa1a", msgspec.msgpack.encode(PartitionRecord(FORMAT + 1, 1, "hash", "i", 1))],
)
def test_an_own_record_of_another_format_or_damaged_is_refused(record: bytes) -> None:
    with pytest.raises(PartitionFormatError):
        read_own(record)


# Decoded states


def test_the_cache_drops_what_was_put_least_lately_once_it_holds_too_many_bytes() -> None:
    cache = HotCache(DECODED_FACTOR * 300)
    for key, size in ((b"a", 100), (b"b", 100), (b"c", 100), (b"a", 100), (b"d", 150)):
        cache.put(key, key.decode(), size)
    assert {key: cache.get(key) for key in (b"a", b"b", b"c", b"d")} == {b"a": "a", b"b": None, b"c": None, b"d": "d"}
    assert (b"a" in cache, b"b" in cache, len(cache)) == (True, False, 2)


def test_the_cache_counts_a_key_once_however_often_it_is_put_or_dropped() -> None:
    cache = HotCache(DECODED_FACTOR * 100)
    for size in range(1, 91):
        cache.put(b"a", size, size)
        cache.put(b"b", size, 1)
        cache.drop(b"b")
        cache.drop(b"b")
    cache.put(b"c", "c", 10)
    assert (cache.get(b"a"), cache.get(b"c"), len(cache)) == (90, "c", 2)
    cache.put(b"d", "d", 1)
    assert (cache.get(b"a"), len(cache)) == (None, 2)


def test_a_state_larger_than_the_cache_is_held_alone() -> None:
    cache = HotCache(10)
    cache.put(b"a", "a", 5)
    cache.put(b"b", "b", 1_000)
    assert (cache.get(b"a"), cache.get(b"b")) == (None, "b")


def test_a_key_that_is_forgotten_is_not_held_decoded(state: Partition) -> None:
    state.cache.put(b"a", "decoded", 10)
    state.put(b"a", value(1))
    assert state.cache.get(b"a") == "decoded"
    state.put(b"a", None)
    assert state.cache.get(b"a") is None


# All of it, against a dictionary

KEYS = strategies.sampled_from([b"a", b"b", b"c"])
DEADLINES = strategies.sampled_from([0, 2, 256, NEVER])
CHANGES = strategies.dictionaries(KEYS, strategies.none() | DEADLINES, max_size=3)


class AgainstADictionary(RuleBasedStateMachine):
    """Folds, commits in groups, restarts and recoveries: what is seen is what a dictionary would hold."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.bodies = 0
        self.offset = 0
        self.seen: dict[bytes, bytes] = {}
        self.stored: dict[bytes, bytes] = {}
        self.waiting: list[tuple[dict[bytes, bytes | None], bytes]] = []

    @initialize()
    def begin(self) -> None:
        self.stores = Stores(Path(self.folder.name))
        self.store = self.stores.open(0, 1)
        self.state = Partition(0, 1, self.store)

    def teardown(self) -> None:
        self.every_key_has_its_newest_value()
        self.every_deadline_comes_in_its_turn(NEVER - 1, 10)
        self.store.close()
        self.stores.close()
        self.folder.cleanup()

    def encode(self, deadlines: dict[bytes, int | None]) -> dict[bytes, bytes | None]:
        self.bodies += 1
        body = b"%d" % self.bodies
        return {key: None if at is None else value(at, body) for key, at in deadlines.items()}

    @rule(deadlines=CHANGES)
    def fold(self, deadlines: dict[bytes, int | None]) -> None:
        changed = self.encode(deadlines)
        for key, new in changed.items():
            self.state.put(key, new)
        self.waiting.append((changed, self.state.own_record("hash", 1)))
        take(self.seen, changed)

    @rule(deadlines=CHANGES)
    def fold_and_commit(self, deadlines: dict[bytes, int | None]) -> None:
        self.fold(deadlines)
        self.commit(len(self.waiting))

    @precondition(lambda self: self.waiting)
    @rule(count=strategies.integers(1, 3))
    def commit(self, count: int) -> None:
        group, self.waiting = self.waiting[:count], self.waiting[count:]
        merged: dict[bytes, bytes | None] = {}
        for changed, _ in group:
            merged |= changed
        self.offset += 10
        self.state.committed(merged, group[-1][1], self.offset)
        take(self.stored, merged)

    @rule(key=KEYS)
    def load(self, key: bytes) -> None:
        self.state.encoded(key)

    @rule()
    def forget_what_is_remembered(self) -> None:
        self.state._indexed.clear()  # noqa: SLF001  # as it happens past INDEXED_MAX keys

    @rule(deadlines=CHANGES)
    def start_again(self, deadlines: dict[bytes, int | None]) -> None:
        self.state = Partition(0, 1, self.store)
        changed = self.encode(deadlines)
        self.offset += 10
        self.state.recover([(self.offset, key, new) for key, new in changed.items()])
        self.state.recover([(self.offset + 1, OWN_KEY, self.state.own_record("hash", 1))])
        self.waiting.clear()
        take(self.stored, changed)
        self.seen = dict(self.stored)

    @rule()
    def every_key_has_its_newest_value(self) -> None:
        assert {key: self.state.encoded(key) for key in self.seen} == self.seen
        assert sorted(self.state.keys()) == sorted(self.seen)

    @rule(until=strategies.sampled_from([0, 2, 255, NEVER - 1]), limit=strategies.sampled_from([1, 10]))
    def every_deadline_comes_in_its_turn(self, until: int, limit: int) -> None:
        deadlines = sorted((deadline_of(new), key) for key, new in self.seen.items())
        assert self.state.due(until, limit) == [key for at, key in deadlines if at <= until][:limit]


def take(values: dict[bytes, bytes], changed: dict[bytes, bytes | None]) -> None:
    for key, new in changed.items():
        if new is None:
            values.pop(key, None)
        else:
            values[key] = new


TestAgainstADictionary = AgainstADictionary.TestCase
TestAgainstADictionary.settings = hypothesis.settings(max_examples=40, stateful_step_count=50, deadline=None)
