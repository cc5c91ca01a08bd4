"""A listener: what it holds, how much of it, and what it knows to have sent."""

import asyncio

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from serving import feed
from serving.feed import Listener, Told, Wish, read

PLACE = TopicPartition("cx.rewards", 0)
ALL = Wish(frozenset({"reward.issued", "reward.offered"}))


def told(offset: int, kind: str = "reward.issued", customer: str = "lan") -> Told:
    return Told(PLACE, offset, kind, customer, "{}")


async def taken(listener: Listener) -> list[int]:
    found = []
    while event := await listener.next(0.01):
        found.append(event.offset)
    return found


async def test_what_is_offered_comes_in_order_and_then_nothing_for_a_while() -> None:
    listener = Listener(ALL, {PLACE: 0})
    for offset in (0, 2, 5):
        listener.offer(told(offset))

    assert await taken(listener) == [0, 2, 5]
    assert not listener.is_over


async def test_who_waits_is_woken() -> None:
    listener = Listener(ALL, {PLACE: 0})
    waiting = asyncio.create_task(listener.next(30))
    await asyncio.sleep(0)
    listener.offer(told(3))

    assert await waiting == told(3)


@pytest.mark.parametrize(
    ("wish", "fits"),
    [
        (Wish(frozenset({"reward.issued"})), [0, 1]),
        (Wish(frozenset({"reward.issued"}), "lan"), [0]),
        (Wish(frozenset({"reward.offered"}), "mai"), []),
    ],
)
async def test_only_what_is_wanted_is_held(wish: Wish, fits: list[int]) -> None:
    listener = Listener(wish, {PLACE: 0})
    listener.offer(told(0))
    listener.offer(told(1, customer="mai"))
    listener.offer(told(2, kind="reward.expired"))

    assert await taken(listener) == fits


@pytest.mark.parametrize(("count", "lost"), [(3, False), (4, True)])
async def test_too_much_is_cut_behind_what_fits(count: int, lost: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001  # a column
    monkeypatch.setattr(feed, "WAITING_MAX", 3)
    listener = Listener(ALL, {PLACE: 0})
    for offset in range(count):
        listener.offer(told(offset))
    assert listener.is_lost is lost
    assert not listener.is_over, "what fits is still to be sent"

    assert await taken(listener) == [0, 1, 2]
    listener.offer(told(count))
    assert await taken(listener) == ([] if lost else [count])
    assert listener.is_over is lost


def test_what_was_sent_before_is_not_sent_again() -> None:
    listener = Listener(ALL, {PLACE: 7})

    assert [listener.took(told(offset)) for offset in (6, 7, 7, 9, 8)] == [False, True, False, True, False]
    assert listener.offsets == {PLACE: 10}


def test_what_is_not_wanted_moves_the_place_on_and_is_not_sent() -> None:
    listener = Listener(ALL, {PLACE: 7})

    assert not listener.took(told(7, kind="reward.expired"))
    assert listener.offsets == {PLACE: 8}


@pytest.mark.parametrize("value", [None, b"", b"[]", b"7", b"{", b"\xff", b'{"type": "hold.placed"}', b'{"type": 1}'])
def test_what_is_no_event_of_its_topic_is_let_pass(value: bytes | None) -> None:
    record = ConsumerRecord("cx.rewards", 0, 3, 0, 0, b"lan", value, None, 3, 0, ())

    assert list(read(PLACE, [record])) == []


def test_an_event_is_told_on_one_line_however_it_was_written() -> None:
    value = b'{\n "type": "reward.issued",\r\n "data": {"brand": "a\\nb"}}'
    record = ConsumerRecord("cx.rewards", 0, 3, 0, 0, "Đặng".encode(), value, None, 3, 0, ())

    (event,) = read(PLACE, [record])
    assert (event.offset, event.customer) == (3, "Đặng")
    assert not {"\n", "\r"} & set(event.text)
