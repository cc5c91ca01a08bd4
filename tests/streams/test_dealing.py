"""Partition numbers are dealt whole, evenly, and move no more than they have to, whoever reads which topics."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streams.dealing import Reader, deal, lanes

TOPICS = ("a", "b", "c", "d")
MEMBERS = tuple("klmnopqrs")
counts = st.integers(1, 24)
topics = st.frozensets(st.sampled_from(TOPICS), min_size=1)
numbers = st.frozensets(st.integers(0, 30))
members = st.lists(st.sampled_from(MEMBERS), min_size=1, unique=True)
groups = st.dictionaries(st.sampled_from(MEMBERS), st.builds(Reader, st.just("x"), topics, numbers), min_size=1)


def dealt(readers: dict[str, Reader], count: int) -> dict[str, dict[str, list[int]]]:
    return deal(readers, dict.fromkeys(frozenset[str]().union(*(reader.topics for reader in readers.values())), count))


def held(readers: dict[str, Reader], count: int) -> dict[str, frozenset[int]]:
    """Return the numbers of each member; those of one that has fewer topics or more are the same of each."""
    found: dict[str, frozenset[int]] = {}
    for member, partitions in dealt(readers, count).items():
        assert partitions.keys() == readers[member].topics
        whole = {tuple(numbers) for numbers in partitions.values()}
        assert len(whole) == 1, "a number is split"
        found[member] = frozenset(*whole)
    return found


def settled(asked: list[str], count: int) -> dict[str, Reader]:
    """Return members that have *count* numbers evenly, those who came first one more than others."""
    return {
        member: Reader("x", frozenset("a"), frozenset(range(place, count, len(asked))))
        for place, member in enumerate(asked)
    }


@given(groups, counts)
def test_each_number_has_one_owner_who_has_it_of_all_topics_that_it_reads(
    readers: dict[str, Reader], count: int
) -> None:
    owners = Counter(number for numbers in held(readers, count).values() for number in numbers)
    assert owners == dict.fromkeys(range(count), 1)


@given(groups, counts)
def test_nobody_has_more_than_one_number_more_than_another_whatever_they_read(
    readers: dict[str, Reader], count: int
) -> None:
    shares = [len(numbers) for numbers in held(readers, count).values()]
    assert max(shares) - min(shares) <= 1


@given(members, counts, st.data())
def test_no_more_numbers_move_than_a_member_that_joins_is_given_or_one_that_leaves_had(
    asked: list[str], count: int, data: st.DataObject
) -> None:
    before = settled(asked, count)
    assert held(before, count) == {member: reader.held for member, reader in before.items()}

    joined = held(before | {"new": Reader("x", data.draw(topics), frozenset())}, count)
    assert all(joined[member] <= reader.held for member, reader in before.items())

    if len(before) > 1:
        left = data.draw(st.sampled_from(sorted(before)))
        stayed = {member: reader for member, reader in before.items() if member != left}
        assert all(held(stayed, count)[member] >= reader.held for member, reader in stayed.items())


def test_a_topic_that_an_old_worker_does_not_read_is_nobodys_for_its_numbers() -> None:
    readers = {
        "old": Reader("x", frozenset("ab"), frozenset({0, 1, 2, 3})),
        "new": Reader("x", frozenset("bc"), frozenset()),
    }
    assert deal(readers, dict.fromkeys("abc", 4)) == {
        "old": {"a": [0, 1], "b": [0, 1]},
        "new": {"b": [2, 3], "c": [2, 3]},
    }


def test_the_number_that_is_over_goes_to_the_worker_that_reads_more() -> None:
    readers = {"k": Reader("x", frozenset("a"), frozenset()), "l": Reader("x", frozenset("ab"), frozenset())}
    assert {member: len(numbers) for member, numbers in held(readers, 3).items()} == {"k": 1, "l": 2}


def test_a_topic_with_fewer_partitions_is_dealt_as_far_as_it_goes() -> None:
    readers = {"k": Reader("x", frozenset("ab"), frozenset({1})), "l": Reader("x", frozenset("ab"), frozenset({0}))}
    assert deal(readers, {"a": 2, "b": 1}) == {"k": {"a": [1], "b": []}, "l": {"a": [0], "b": [0]}}


def test_lanes_are_told_apart_by_their_name_and_the_one_at_work_comes_first() -> None:
    visits, gifts = Reader("visits", frozenset("ab"), frozenset({0})), Reader("gifts", frozenset("bc"), frozenset())
    replaced = Reader("visits", frozenset("d"), frozenset())
    assert lanes({"k": gifts, "l": visits, "m": replaced}) == [{"l": visits, "m": replaced}, {"k": gifts}]


def test_where_a_version_does_not_say_its_lane_all_are_one() -> None:
    readers = {"k": Reader("", frozenset("a"), frozenset()), "l": Reader("visits", frozenset("b"), frozenset())}
    assert lanes(readers) == [readers]
