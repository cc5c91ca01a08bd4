"""The read model on a real Redis: newest wins, nothing waits for it, and it is whole again after an absence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from ops.embedded.stack import Stack
from streams import backlog, readmodel
from streams.effects import Receipt, View, forgotten
from streams.readmodel import ReadModel, Stored, connect, customer_key, position_key, read_customer
from streams.settings import RedisSettings

PATIENCE_S = 20.0
LANE = "customers"
OURS, OTHERS = "0123456789abcdef", "fedcba9876543210"


def view(key: str, version: int) -> View:
    return View(key, version, f"state-{version}".encode(), version * 1_000)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    made = connect(RedisSettings(url=redis_url))
    yield made
    await made.aclose()


@pytest.fixture
async def model(redis_url: str, unique: str) -> AsyncIterator[ReadModel]:
    async with opened(redis_url, unique, OURS) as made:
        yield made


@asynccontextmanager
async def opened(redis_url: str, app: str, incarnation: str, lane: str = LANE) -> AsyncIterator[ReadModel]:
    """Show three partitions of a changelog of *incarnation*."""
    made = ReadModel(connect(RedisSettings(url=redis_url, timeout_s=0.5)), app, lane)
    await made.positions(range(3))
    await made.take_over(dict.fromkeys(range(3), incarnation))
    made.start()
    try:
        yield made
    finally:
        await made.stop()


async def mend(model: ReadModel, partition: int, offset: int, *views: View) -> None:
    assert await model.mending(partition)
    model.push(partition, offset, views, whole=False)
    model.mended(partition, offset, model.soiled(partition))
    await drained(model)


async def drained(model: ReadModel) -> None:
    await asyncio.wait_for(model.drained(), PATIENCE_S)


async def position(model: ReadModel, partition: int) -> int:
    return (await model.positions([partition]))[partition]


async def test_a_view_is_written_whole_and_the_position_after_it(model: ReadModel, client: Redis, unique: str) -> None:
    assert await position(model, 2) == -1
    model.push(2, 41, [view(unique, 1)])
    await drained(model)
    assert await read_customer(client, unique) == Stored(1, b"state-1", 1_000)
    assert await client.hget(customer_key(unique), "source") == f"{OURS}:41".encode()
    assert await position(model, 2) == 41


async def test_an_older_state_never_replaces_a_newer_one(model: ReadModel, client: Redis, unique: str) -> None:
    for version, wins in ((5, 5), (4, 5), (5, 5), (10, 10), (9, 10)):
        model.push(0, version, [view(unique, version)])
        await drained(model)
        assert await read_customer(client, unique) == Stored(wins, f"state-{wins}".encode(), wins * 1_000)


async def test_a_customer_never_seen_is_nobody(client: Redis, unique: str) -> None:
    assert await read_customer(client, unique) is None


async def test_of_many_versions_that_wait_only_the_newest_is_written(
    model: ReadModel, client: Redis, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = model._write, []  # noqa: SLF001  # to see what is sent

    async def watched(**arguments: Any) -> Any:
        written.append(arguments["args"])
        return await write(**arguments)

    monkeypatch.setattr(model, "_write", watched)
    for version in range(1, 101):
        model.push(0, version, [view(unique, version)])
    await drained(model)
    assert written == [[1, OURS, 1, 100, 100, 100_000, b"state-100"]]
    assert await client.hget(customer_key(unique), "version") == b"100"


@pytest.mark.parametrize(
    "found",
    [{"version": 1}, {"version": 1, "state": "s"}, {"version": "one", "state": "s", "as_of": 1}, {"as_of": 1}],
)
async def test_what_was_not_written_by_this_version_is_not_read(client: Redis, unique: str, found: Any) -> None:
    await client.hset(customer_key(unique), mapping=found)
    with pytest.raises(ValueError, match=r"missing|invalid"):
        await read_customer(client, unique)


def receipt(name: str, value: bytes, field: str = "one") -> Receipt:
    return Receipt(f"cx:decision:test:{name}", field, value, 60)


async def test_a_receipt_is_written_for_a_while_and_what_was_said_first_stays_said(
    model: ReadModel, client: Redis, unique: str
) -> None:
    model.answer([receipt(unique, b"applied")])
    model.answer([receipt(unique, b"duplicate"), receipt(unique, b"refused", "two")])
    await drained(model)
    key = receipt(unique, b"").key
    assert await client.hgetall(key) == {b"one": b"applied", b"two": b"refused"}
    assert 0 < await client.ttl(key) <= 60


async def test_whoever_finds_a_receipt_finds_the_view_behind_it(model: ReadModel, client: Redis, unique: str) -> None:
    key = receipt(unique, b"").key
    model.push(0, 1, [view(unique, 1)])
    model.answer([receipt(unique, b"applied")])
    async with asyncio.timeout(PATIENCE_S):
        while not await client.exists(key):
            continue
    assert await read_customer(client, unique) == Stored(1, b"state-1", 1_000)


async def test_a_receipt_that_redis_refuses_holds_no_view_up(model: ReadModel, client: Redis, unique: str) -> None:
    await client.set(receipt(unique, b"").key, "something else")
    model.answer([receipt(unique, b"applied")])
    model.push(2, 41, [view(unique, 1)])
    await drained(model)
    assert await position(model, 2) == 41
    assert await client.get(receipt(unique, b"").key) == b"something else"


async def test_redis_away_holds_nobody_up_and_is_caught_up_with_when_it_is_back(tmp_path: Path) -> None:
    with Stack(tmp_path) as stack:
        async with opened(stack.redis_url, "cx", OURS) as model:
            model.push(0, 1, [view("lan", 1)])
            await drained(model)
            await asyncio.to_thread(stack.redis.kill)
            for version in range(2, 50):
                model.push(0, version, [view("lan", version), view("mai", version)])
            model.answer([receipt("lan", b"applied")])
            assert await position(model, 0) == -1
            await asyncio.to_thread(stack.redis.start)
            await drained(model)
            for partition in model.dirty():  # a killed Redis may have lost its last second: that is noticed, and mended
                await mend(model, partition, 49, view("lan", 49), view("mai", 49))
            client = connect(RedisSettings(url=stack.redis_url))
            for name in ("lan", "mai"):
                assert await read_customer(client, name) == Stored(49, b"state-49", 49_000)
            assert await position(model, 0) == 49
            assert await client.hgetall(receipt("lan", b"").key) == {b"one": b"applied"}
            await client.aclose()


async def test_a_redis_that_hangs_is_waited_for_once_however_many_partitions_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        model = ReadModel(connect(RedisSettings(url=f"redis://127.0.0.1:{port}/0", timeout_s=60)), "cx", LANE)
        monkeypatch.setattr(readmodel, "ANSWER_S", 0.1)
        told = await asyncio.wait_for(model.positions(range(100)), PATIENCE_S / 4)
        assert told == dict.fromkeys(range(100), -1)
        await model.stop()


async def test_a_backlog_past_its_bound_marks_the_partition_and_tells_no_position(
    model: ReadModel, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "VIEWS_MAX", 1)
    model.push(1, 2, [view(unique, 1)])
    model.push(0, 1, [view(f"{unique}-other", 1)])
    await drained(model)
    assert (await position(model, 0), await position(model, 1)) == (-1, 2)
    assert model.dirty() == {0}
    model.push(0, 5, [])
    await drained(model)
    assert await position(model, 0) == -1  # what was dropped is still missing
    model.mended(0, 5, model.soiled(0) - 1)
    assert model.dirty() == {0}  # more got lost while it was mended
    model.mended(0, 5, model.soiled(0))
    await drained(model)
    assert (model.dirty(), await position(model, 0)) == (set(), 5)


async def test_what_redis_has_lost_is_noticed_with_the_next_commit(
    model: ReadModel, client: Redis, unique: str
) -> None:
    model.push(0, 7, [view(unique, 1)])
    await drained(model)
    await client.delete(customer_key(unique), position_key(unique, LANE, 0))
    model.push(0, 8, [view(f"{unique}-other", 1)])
    await drained(model)
    assert model.dirty() == {0}
    assert await position(model, 0) == -1


async def test_what_redis_loses_before_the_first_commit_of_a_new_owner_is_noticed(
    model: ReadModel, client: Redis, unique: str
) -> None:
    await client.mset({position_key(unique, LANE, 0): f"{OURS}:1:7"})
    assert await model.positions([0]) == {0: 7}
    assert await model.take_over({0: OURS}) == set()
    await client.delete(position_key(unique, LANE, 0))
    model.push(0, 8, [view(unique, 1)])
    await drained(model)
    assert model.dirty() == {0}


async def test_what_redis_loses_between_a_view_and_its_position_is_noticed(
    model: ReadModel, client: Redis, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = model._write  # noqa: SLF001  # the moment between the two is not to be had from outside

    async def loses(**arguments: Any) -> None:
        await write(**arguments)
        await client.delete(customer_key(unique), position_key(unique, LANE, 0))

    monkeypatch.setattr(model, "_write", loses)
    model.push(0, 7, [view(unique, 1)])
    await drained(model)
    assert model.dirty() == {0}


async def test_whoever_waits_for_a_push_waits_for_no_other(
    model: ReadModel, client: Redis, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, offsets = model._write, count(1)  # noqa: SLF001  # so that there is always something that waits

    async def under_load(**arguments: Any) -> None:
        await write(**arguments)
        model.push(1, next(offsets), [view(f"{unique}-other", 1)])

    monkeypatch.setattr(model, "_write", under_load)
    ticket = model.push(0, 7, [view(unique, 1)], whole=False)
    await asyncio.wait_for(model.written(ticket), PATIENCE_S)
    assert await read_customer(client, unique) is not None


async def test_a_predecessor_that_wrote_on_is_no_loss(model: ReadModel, client: Redis, unique: str) -> None:
    assert await position(model, 0) == -1
    for reached, offset in ((6, 7), (9, 9)):
        await client.mset({position_key(unique, LANE, 0): f"{OURS}:1:{reached}"})
        model.push(0, 7, [view(unique, 1)])
        await drained(model)
        assert (model.dirty(), await position(model, 0)) == (set(), offset)


async def test_what_redis_loses_while_it_is_mended_is_noticed_too(model: ReadModel, client: Redis, unique: str) -> None:
    model.push(0, 7, [view(unique, 1)])
    await drained(model)
    model.soil(0)
    assert await model.mending(0)
    soiled = model.soiled(0)
    model.push(0, 7, [view(unique, 1)], whole=False)
    await drained(model)
    assert await position(model, 0) == -1  # whoever takes the partition over now knows that it is not whole
    await client.delete(customer_key(unique), position_key(unique, LANE, 0))
    model.mended(0, 7, soiled)
    await drained(model)
    assert (model.dirty(), await position(model, 0)) == ({0}, -1)

    await mend(model, 0, 7, view(unique, 1))
    assert (model.dirty(), await position(model, 0)) == (set(), 7)


async def test_what_is_no_customer_in_the_place_of_one_holds_nobody_up(
    model: ReadModel, client: Redis, unique: str, caplog: pytest.LogCaptureFixture
) -> None:
    await client.set(customer_key(unique), "mine")
    model.push(0, 1, [view(unique, 1), view(f"{unique}-other", 1)])
    await drained(model)
    for name in (unique, f"{unique}-other"):
        assert await client.hget(customer_key(name), "state") == b"state-1"
    assert "in the place of customers" in caplog.text
    assert unique not in caplog.text


async def test_what_is_no_position_in_the_place_of_one_is_mended_as_a_loss_is(
    model: ReadModel, client: Redis, unique: str
) -> None:
    await client.delete(position_key(unique, LANE, 0))
    await client.rpush(position_key(unique, LANE, 0), "mine")
    assert await position(model, 0) == -1
    model.push(0, 2, [])
    await drained(model)
    assert model.dirty() == {0}
    await mend(model, 0, 2)
    assert (model.dirty(), await position(model, 0)) == (set(), 2)


async def test_whatever_fails_is_said_and_mended_and_ends_nothing(
    model: ReadModel, unique: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write = model._write  # noqa: SLF001  # to break it

    async def fail(**arguments: Any) -> None:
        monkeypatch.setattr(model, "_write", write)
        raise ZeroDivisionError(arguments)

    monkeypatch.setattr(readmodel, "RETRY_S", 0.01)
    monkeypatch.setattr(model, "_write", fail)
    model.push(0, 1, [view(unique, 1)], whole=False)
    model.push(1, 1, [])
    await drained(model)
    assert model.dirty() == {0, 1}
    assert "ZeroDivisionError" in str(vars(caplog.records[-1]))
    assert unique not in str(vars(caplog.records[-1]))
    for partition in (0, 1):
        await mend(model, partition, 1, view(unique, 1))
    assert [model.dirty(), await position(model, 0), await position(model, 1)] == [set(), 1, 1]


async def test_what_is_forgotten_is_gone_and_begins_anew_when_it_comes_back(
    model: ReadModel, client: Redis, unique: str
) -> None:
    for offset, shown in ((1, view(unique, 50)), (3, forgotten(unique.encode())), (2, forgotten(unique.encode()))):
        model.push(0, offset, [shown])
        await drained(model)
    assert await read_customer(client, unique) is None
    model.push(0, 4, [view(unique, 1)])
    await drained(model)
    model.push(0, 3, [forgotten(unique.encode())])  # late
    await drained(model)
    assert await client.hget(customer_key(unique), "version") == b"1"
    model.push(0, 5, [view(unique, 51)])
    model.push(0, 6, [forgotten(unique.encode())])
    model.push(0, 7, [view(unique, 1)])  # all of it while nothing could be written
    await drained(model)
    assert await client.hget(customer_key(unique), "state") == b"state-1"


async def test_what_another_changelog_has_left_counts_for_nothing_and_gives_way(
    model: ReadModel, client: Redis, redis_url: str, unique: str
) -> None:
    model.push(0, 1_000, [view(unique, 50), view(f"{unique}-other", 50)])
    await drained(model)
    async with opened(redis_url, unique, OTHERS) as successor:
        await successor.positions(range(3))
        successor.push(0, 2, [view(unique, 1)])
        await drained(successor)
        assert await client.hget(customer_key(unique), "version") == b"1"
        assert (successor.dirty(), await position(successor, 0)) == (set(), 2)


async def test_a_worker_of_a_changelog_that_was_replaced_shows_nothing_any_more(
    model: ReadModel, client: Redis, redis_url: str, unique: str
) -> None:
    model.push(0, 1_000, [view(unique, 50)])
    await drained(model)
    async with opened(redis_url, unique, OTHERS) as successor:
        successor.push(0, 2, [view(unique, 1)])
        await drained(successor)
        for shown in (view(unique, 51), forgotten(unique.encode())):
            model.push(0, 1_001, [shown])
            await drained(model)
        assert await client.hget(customer_key(unique), "version") == b"1"
        assert model.dirty() == {0}
        assert not await model.mending(0)
        successor.push(0, 3, [])
        await drained(successor)
        assert (successor.dirty(), await position(successor, 0)) == (set(), 3)
        # Had it not heard of the other one, because Redis was away when they were opened, this one would come round.
        await client.mset({position_key(unique, LANE, 0): f"{OURS}:1:1001"})
        successor.push(0, 4, [])
        await drained(successor)
        assert successor.dirty() == {0}
        await mend(successor, 0, 4, view(unique, 2))
        assert await client.hget(customer_key(unique), "version") == b"2"


async def test_who_opens_a_partition_is_told_whether_another_changelog_is_shown(
    model: ReadModel, client: Redis, unique: str
) -> None:
    await client.mset({position_key(unique, LANE, 0): f"{OTHERS}:1:7", position_key(unique, LANE, 1): "8"})
    assert await model.positions(range(3)) == {0: 7, 1: -1, 2: -1}
    assert await model.take_over(dict.fromkeys(range(3), OURS)) == {0}
    assert await model.positions(range(3)) == {0: -1, 1: -1, 2: -1}


async def test_what_a_version_left_that_named_no_changelog_is_written_anew(
    model: ReadModel, client: Redis, unique: str
) -> None:
    await client.hset(customer_key(unique), mapping={"version": 50, "profile": "{}", "state": "s"})
    model.push(0, 1, [view(unique, 1)])
    await drained(model)
    assert await client.hget(customer_key(unique), "version") == b"1"


async def test_two_lanes_of_one_app_show_each_for_itself(
    model: ReadModel, client: Redis, redis_url: str, unique: str
) -> None:
    async with opened(redis_url, unique, OTHERS, "gifts") as other:
        for offset, (shown, key) in enumerate(((model, unique), (other, f"{unique}-gift")) * 2):
            shown.push(0, offset, [view(key, offset)])
            await drained(shown)
            assert await client.hget(customer_key(key), "version") == b"%d" % offset
            assert shown.dirty() == set()
