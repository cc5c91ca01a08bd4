"""Receipts that wait: the newest are kept where there is no room for all."""

from streams.effects import Receipt
from streams.receipts import RECEIPTS_MAX, Receipts


def receipts(start: int, count: int) -> list[Receipt]:
    return [Receipt(f"cx:decision:s:{number}", "field", b"", 60) for number in range(start, start + count)]


def test_they_are_taken_once_in_their_order() -> None:
    waiting = Receipts()
    waiting.add(receipts(0, 3))

    assert (len(waiting), waiting.take(), len(waiting)) == (3, receipts(0, 3), 0)


def test_where_there_is_no_room_the_oldest_are_lost() -> None:
    waiting = Receipts()
    waiting.add(receipts(0, RECEIPTS_MAX + 2))

    assert waiting.take() == receipts(2, RECEIPTS_MAX)


def test_what_could_not_be_written_comes_before_what_has_come_since() -> None:
    waiting = Receipts()
    waiting.add(receipts(5, 2))
    waiting.give_back(receipts(0, 5))

    assert waiting.take() == receipts(0, 7)


def test_what_has_come_since_is_not_lost_to_what_could_not_be_written() -> None:
    waiting = Receipts()
    waiting.add(receipts(5, RECEIPTS_MAX - 1))
    waiting.give_back(receipts(0, 5))

    assert waiting.take() == receipts(4, RECEIPTS_MAX)
