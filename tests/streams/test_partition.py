"""The state of one partition number: deadlines in order, its own record, bounded cache."""

import pytest

from cx.state import NEVER
from streams.partition import OWN_KEY, HotCache, Partition, PartitionFormatError, read_own


def value(deadline: int, body: bytes = b"x") -> bytes:
    return deadline.to_bytes(8) + body


def partition() -> Partition:
    return Partition(3, 12, {})


def test_keys_come_due_earliest_first_and_the_deadline_itself_counts() -> None:
    state = partition()
    for key, deadline in ((b"late", 30), (b"early", 10), (b"middle", 20)):
        state.put(key, value(deadline))
    assert state.due(20, 10) == [b"early", b"middle"]
    assert state.due(9, 10) == []


def test_a_key_stays_due_until_it_is_put_with_a_later_deadline() -> None:
    state = partition()
    state.put(b"a", value(10))
    assert state.due(10, 10) == [b"a"]
    assert state.due(10, 10) == [b"a"]
    state.put(b"a", value(11))
    assert state.due(10, 10) == []
    assert state.due(11, 10) == [b"a"]


def test_a_key_is_due_once_however_often_its_deadline_went_to_and_fro() -> None:
    state = partition()
    for deadline in (10, 20, 10, 20, 10):
        state.put(b"a", value(deadline))
    assert state.due(100, 10) == [b"a"]


def test_no_more_keys_are_due_than_asked_for() -> None:
    state = partition()
    for number in range(10):
        state.put(f"{number}".encode(), value(number))
    assert state.due(100, 4) == [b"0", b"1", b"2", b"3"]


def test_a_key_without_deadline_or_forgotten_is_never_due() -> None:
    state = partition()
    state.put(b"calm", value(NEVER))
    state.put(b"gone", value(5))
    state.put(b"gone", None)
    assert state.due(NEVER - 1, 10) == []
    assert len(state) == 1


def test_stale_entries_do_not_pile_up_in_the_index() -> None:
    state = partition()
    for deadline in range(10_000):
        state.put(b"a", value(deadline))
    assert len(state._heap) < 1_100  # noqa: SLF001  # its size is the promise
    assert state.due(20_000, 10) == [b"a"]


def test_the_own_record_brings_tick_and_policy_back() -> None:
    before = partition()
    before.tick = 77
    after = partition()
    after.recover(OWN_KEY, before.own_record("hash"))
    after.recover(b"lan", value(5))
    assert (after.tick, after.policy, len(after)) == (77, "hash", 1)


def test_a_tombstone_in_the_changelog_forgets_the_key() -> None:
    state = partition()
    state.recover(b"lan", value(5))
    state.recover(b"lan", None)
    assert state.encoded(b"lan") is None


@pytest.mark.parametrize("record", [b"", b"\xff", b"\x93\x02\x01\xa1a"])
def test_an_own_record_of_another_format_or_damaged_is_refused(record: bytes) -> None:
    with pytest.raises(PartitionFormatError):
        read_own(record)


def test_the_cache_drops_what_was_put_least_lately() -> None:
    cache = HotCache(2)
    cache[b"a"], cache[b"b"] = 1, 2
    cache[b"a"] = 3
    cache[b"c"] = 4
    assert dict(cache) == {b"a": 3, b"c": 4}
