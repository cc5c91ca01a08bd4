"""The purchases: always the same, as large and as uneven as they are said to be."""

from collections import Counter
from itertools import islice

import orjson

from bench.harness.workload import events, records


def test_the_same_events_come_again_and_a_longer_run_goes_on() -> None:
    assert list(events(2_500)) == list(islice(events(3_100), 2_500))
    assert list(events(10, seed=8)) != list(events(10))


def test_serials_count_from_nought() -> None:
    assert [event["serial"] for event in events(1_500)] == list(range(1_500))


def test_a_record_has_some_260_bytes_and_the_key_of_its_customer() -> None:
    some = list(records(5_000))

    assert 255 < sum(len(record.value) for record in some) / len(some) < 270
    assert all(record.key.decode() == orjson.loads(record.value)["customer_id"] for record in some)


def test_some_buy_often_and_nobody_is_most_of_it() -> None:
    customers = [event["customer_id"] for event in events(30_000)]
    often = [count for _, count in Counter(customers).most_common()]

    assert 2_000 < len(set(customers[:3_000])) < 2_400
    assert sum(often[: len(often) // 5]) > len(customers) / 3
    assert often[0] < len(customers) / 100
