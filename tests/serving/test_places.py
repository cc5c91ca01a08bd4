"""Places as a word: read back whole, and refused where it is another's or none."""

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import INT64_MAX
from serving.places import PlacesError, places_of, read_word, word_of
from streams.transactions import partition_of

TOPICS = ("cx.rewards", "cx.points")
PLACES = places_of(TOPICS, 3)


@given(st.lists(st.integers(0, INT64_MAX), min_size=len(PLACES), max_size=len(PLACES)))
def test_a_word_is_read_back_whole(numbers: list[int]) -> None:
    offsets = dict(zip(PLACES, numbers, strict=True))
    assert read_word(PLACES, word_of(offsets)) == offsets


def test_a_word_of_all_output_topics_is_short_enough_for_a_header() -> None:
    places = places_of([f"topic-{number}" for number in range(5)], 12)
    assert len(word_of(dict.fromkeys(places, 10**9))) < 450


def test_places_are_in_the_order_of_topics_and_numbers() -> None:
    assert (
        tuple(TopicPartition(topic, number) for topic in ("cx.points", "cx.rewards") for number in range(3)) == PLACES
    )


def test_of_a_customer_only_their_partition_counts() -> None:
    for name in ("lan", "kh-000001", "Đặng"):
        assert places_of(["cx.rewards"], 12, name) == (TopicPartition("cx.rewards", partition_of(name.encode(), 12)),)


@pytest.mark.parametrize(
    "others", [places_of(TOPICS, 4), places_of(TOPICS[:1], 6), places_of(TOPICS, 3, "lan"), places_of(TOPICS[:1], 3)]
)
def test_a_word_of_other_places_is_refused(others: tuple[TopicPartition, ...]) -> None:
    with pytest.raises(PlacesError):
        read_word(PLACES, word_of(dict.fromkeys(others, 7)))


@pytest.mark.parametrize("cut", range(8))
def test_a_word_that_is_cut_or_changed_is_refused(cut: int) -> None:
    word = word_of(dict.fromkeys(PLACES, 7))
    with pytest.raises(PlacesError):
        read_word(PLACES, word[:cut])
    with pytest.raises(PlacesError):
        read_word(PLACES, word + "A" * (cut + 2))


@pytest.mark.parametrize("word", ["", "=", "é", "a b", "\0", "A" * 100_000, word_of(dict.fromkeys(PLACES, 2**63))])
def test_what_is_no_word_is_refused_and_not_repeated(word: str) -> None:
    with pytest.raises(PlacesError, match="not one of this stream"):
        read_word(PLACES, word)
