"""Workers that come, go, freeze and change version: numbers move, nothing is lost or written twice."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from redis.asyncio import Redis

from streams.failpoints import AFTER_FOLD, IN_TRANSACTION, OFFSETS_SENT
from streams.lane import REMIND_S
from streams.readmodel import customer_key
from streams.transactions import partition_of
from tests.faults.arena import ARMED, NOW, PARTITIONS, Arena, arena
from tests.faults.flow import PER_SECOND
from tests.faults.logs import read_redis, read_topics
from tests.faults.neighbour import COUNTS, LANE, VISITS
from tests.faults.subject import Subject
from tests.faults.upgraded import BOOTH, KIOSK, UpgradedFold
from tests.integration.worker import READY

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

GIVEN_UP_S = 30
FROZEN_S = 14  # beyond the session and the transaction's 10 s
REJOIN_S = 5  # instead of a minute, to see in time what a worker does that is back at work
HANDOVER_S = 3.0
FAILOVER_S = 12.0
ROUNDS = 3
VISITORS = 100
WATCHED = ("-m", "tests.faults.watched")
UPGRADED = ("-m", "tests.faults.upgraded")
NEIGHBOUR = ("-m", "tests.faults.neighbour")
HESITANT = ("-m", "tests.faults.hesitant")


async def busy(ring: Arena, seconds: float) -> None:
    """Let traffic come for so long."""
    for _ in range(int(seconds * 2)):
        ring.allow(PER_SECOND / 8)
        await asyncio.sleep(0.5)


async def test_workers_are_added_and_removed_under_traffic(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=11) as ring:
        first = await ring.ready(ring.worker())
        await busy(ring, 2)
        second = await ring.ready(ring.worker())
        await busy(ring, 2)
        third = await ring.ready(ring.worker())
        await busy(ring, 2)
        assert await ring.stop(first) == 0
        await busy(ring, 2)
        assert await ring.stop(third) == 0
        await busy(ring, 2)
        assert second.alive
        await ring.ready(ring.worker())
        verdict = await ring.verdict(
            "workers added and removed", "1, 2, 3, 2, 1, 2 workers; each left by SIGTERM", times=5
        )
    assert verdict.ok, verdict


async def test_a_worker_that_had_no_partition_takes_one_over_and_folds_nothing_twice(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=107) as ring:
        workers = [await ring.ready(ring.worker(*HESITANT)) for _ in range(PARTITIONS)]
        for _ in range(ROUNDS):
            spare = await ring.ready(ring.worker(*HESITANT))
            assert "partitions opened partitions=0" in spare.text()
            stopping = asyncio.create_task(ring.stop(workers.pop(0)))
            await busy(ring, 8)
            assert await stopping == 0
            workers.append(await ring.ready(spare, 2))
        verdict = await ring.verdict("spare worker", "SIGTERM of one of five; the fifth had no partition", times=ROUNDS)
    assert verdict.ok, verdict


@pytest.mark.parametrize("point", ["", AFTER_FOLD, IN_TRANSACTION, OFFSETS_SENT])
async def test_a_frozen_worker_that_wakes_up_replaced_adds_nothing(point: str, tmp_path: Path) -> None:
    async with arena(tmp_path, seed=13) as ring:
        frozen = ring.worker("-m", *ARMED, point, "30", "SIGSTOP", str(REJOIN_S)) if point else ring.worker()
        await ring.ready(frozen)
        other = await ring.ready(ring.worker())
        if point:
            await ring.reaches(frozen)
        else:
            await busy(ring, 2)
            frozen.signal(signal.SIGSTOP)
        had, opened = other.opened, frozen.opened
        records = len(await ring.open_records())
        assert records or point in {"", AFTER_FOLD}
        await busy(ring, FROZEN_S)
        assert other.opened > had, "nobody took over"
        frozen.signal(signal.SIGCONT)
        await busy(ring, REJOIN_S + 5)
        assert frozen.alive, frozen.text()[-3000:]
        assert frozen.opened > opened, frozen.text()[-3000:]
        done = f"{FROZEN_S} s, {records} records open then; joined again"
        verdict = await ring.verdict(f"SIGSTOP of one of two at {point or 'any moment'}", done)
    assert verdict.ok, verdict


async def test_a_frozen_worker_that_nobody_replaced_goes_on_where_it_was(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=17) as ring:
        worker = await ring.ready(ring.worker("-m", *ARMED, IN_TRANSACTION, "30", "SIGSTOP"))
        await ring.reaches(worker)
        await asyncio.sleep(FROZEN_S)
        async with asyncio.timeout(GIVEN_UP_S):  # Kafka looks for transactions to give up now and then
            while await ring.open_records():  # noqa: ASYNC110  # Kafka has no event for it
                await asyncio.sleep(0.5)
        worker.signal(signal.SIGCONT)
        await busy(ring, 8)
        await ring.ready(worker, 2)
        verdict = await ring.verdict(
            "SIGSTOP of the only one in a transaction", f"{FROZEN_S} s, nobody took over; joined again"
        )
    assert verdict.ok, verdict


async def test_a_worker_that_does_not_hear_that_its_group_has_forgotten_it_joins_again(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=101) as ring:
        worker = await ring.ready(ring.worker("-m", "tests.faults.forgotten"))
        await busy(ring, 8)
        await busy(ring, REMIND_S)
        await ring.ready(worker, 2)
        verdict = await ring.verdict("worker forgotten by its group", "its client heard nothing of it; joined again")
    assert verdict.ok, verdict


async def test_a_rolling_upgrade_whose_workers_read_one_topic_more(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=19) as ring:
        await with_topics(ring, KIOSK)
        old = await ring.ready(ring.worker())
        other = await ring.ready(ring.worker())
        sent = await visit(ring, KIOSK, 0)
        await busy(ring, 2)
        new = ring.worker(*UPGRADED, KIOSK)
        await shared(ring, old, other, new)
        sent += await visit(ring, KIOSK, 1)
        await busy(ring, 5)
        assert await ring.stop(old) == 0
        await shared(ring, other, new)
        sent += await visit(ring, KIOSK, 2)
        await busy(ring, 4)
        newer = ring.worker(*UPGRADED, KIOSK)
        await shared(ring, other, new, newer)
        assert await ring.stop(other) == 0
        await shared(ring, new, newer)
        verdict = await ring.verdict(
            "rolling upgrade",
            f"two workers replaced by two that read `{KIOSK}` as well, {sent} records in it; all at work at all times",
        )
    assert verdict.ok, verdict


async def test_a_rolling_upgrade_whose_workers_read_another_topic_instead(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=103) as ring:
        await with_topics(ring, KIOSK, BOOTH)
        old = await ring.ready(ring.worker(*UPGRADED, KIOSK))
        other = await ring.ready(ring.worker(*UPGRADED, KIOSK))
        sent = await visit(ring, KIOSK, 0)
        await busy(ring, 2)
        await ring.settled()
        ring.closed = frozenset({KIOSK})
        new = ring.worker(*UPGRADED, BOOTH)
        await shared(ring, old, other, new)
        sent += await visit(ring, BOOTH, 1)
        await busy(ring, 4)
        assert await ring.stop(old) == 0
        newer = ring.worker(*UPGRADED, BOOTH)
        await shared(ring, other, new, newer)
        sent += await visit(ring, BOOTH, 2)
        await busy(ring, 2)
        assert await ring.stop(other) == 0
        await shared(ring, new, newer)
        verdict = await ring.verdict(
            "topic replaced",
            f"two workers that read `{KIOSK}` replaced by two that read `{BOOTH}`, {sent} records in them; all at work",
        )
    assert verdict.ok, verdict


async def test_two_lanes_of_one_app_do_not_disturb_each_other(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=107) as ring:
        await made(ring, VISITS, COUNTS)
        await made(ring, f"{ring.settings.app}-{LANE}-changelog", **{"cleanup.policy": "compact"})
        first = await ring.ready(ring.worker())
        beside = await ring.ready(ring.worker(*NEIGHBOUR))
        for number in range(2):
            await visit(ring, VISITS, number)
            await busy(ring, 2)
        await ring.ready(ring.worker(*NEIGHBOUR))
        await ring.kill(beside)
        await visit(ring, VISITS, 2)
        await busy(ring, 5)
        await ring.ready(ring.worker())
        assert await ring.stop(first) == 0
        await visit(ring, VISITS, 3)
        await busy(ring, 2)
        async with asyncio.timeout(GIVEN_UP_S):
            while len(found := await visitors(ring, visits=4)) < VISITORS:  # noqa: ASYNC110  # Redis has no event for it
                await asyncio.sleep(0.5)
        async with Redis.from_url(ring.settings.redis.url) as redis:
            await redis.delete(*(customer_key(one.decode()) for one in found))  # they are no customers
        verdict = await ring.verdict(
            "two lanes of one app", "a worker of each replaced by another of its lane", times=2
        )
        told = defaultdict[bytes | None, list[bytes]](list)
        for records in (await read_topics(ring.settings, [COUNTS])).values():
            for record in records:
                told[record.key].append(record.value)
    assert verdict.ok, verdict
    assert (len(told), *set(map(tuple, told.values()))) == (VISITORS, (b"1", b"2", b"3", b"4"))


async def visitors(ring: Arena, visits: int) -> list[bytes]:
    """Return the visitors that Redis shows with so many *visits*."""
    shown = await read_redis(ring.settings)
    return [key for key, (version, _) in shown.items() if key.startswith(b"kiosk-") and version == visits]


async def shared(ring: Arena, *workers: Subject) -> None:
    """Wait until the *workers* have all partitions among them; each has had some whenever any were dealt."""
    async with asyncio.timeout(GIVEN_UP_S):
        while not all(has := [opened(worker) for worker in workers]) or sum(last[-1] for last in has) != PARTITIONS:
            assert all(worker.alive for worker in workers), [worker.text()[-3000:] for worker in workers]
            ring.allow(PER_SECOND / 8)
            await asyncio.sleep(0.5)
    assert all(count for counts in has for count in counts), has


def opened(worker: Subject) -> list[int]:
    """Return how many partitions *worker* has opened, each time that it did."""
    return [int(count) for count in re.findall(rf"{READY} .*partitions=(\d+)", worker.text())]


async def test_a_producer_that_cannot_decide_holds_time_back_and_nothing_else(tmp_path: Path) -> None:
    async with arena(tmp_path, seed=97) as ring:
        await ring.ready(ring.worker())
        for topic in ("cx.purchases", "cx.support"):
            async with ring.undecided(topic):
                await busy(ring, 5)
        verdict = await ring.verdict(
            "input held back", "5 s by somebody else's open transaction, then aborted", times=2
        )
    assert verdict.ok, verdict


async def made(ring: Arena, *topics: str, **configs: str) -> None:
    admin = AIOKafkaAdminClient(**ring.settings.kafka.client_options())
    await admin.start()
    forever = {"retention.ms": "-1", "segment.ms": str(10**14), **configs}
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1, topic_configs=forever) for topic in topics])
    await admin.close()


async def with_topics(ring: Arena, *topics: str) -> None:
    """Make *topics* that some versions read, and judge by them."""
    await made(ring, *topics)
    ring.fold = UpgradedFold(ring.fold.rules, *topics)
    ring.topics = ring.fold.topics
    ring.audited = False  # the generator knows nothing of them


async def visit(ring: Arena, topic: str, number: int) -> int:
    """Send contacts of customers whom nobody else speaks of; return how many."""
    producer = AIOKafkaProducer(**ring.settings.kafka.client_options())
    await producer.start()
    try:
        for visitor in range(VISITORS):
            subject = f"kiosk-{visitor}"
            contact = {"stage": "consider", "group": "digital", "channel": "store", "intent": "information"}
            event = {
                "specversion": "1.0",
                "id": f"{subject}-{number}",
                "source": "/kiosk",
                "type": "touchpoint.recorded",
                "time": NOW.isoformat(),
                "subject": subject,
                "data": contact,
            }
            key = subject.encode()
            place = partition_of(key, PARTITIONS)
            await producer.send(
                topic, orjson.dumps(event), key=key, partition=place, timestamp_ms=int(NOW.timestamp() * 1_000)
            )
    finally:
        await producer.stop()
    return VISITORS


async def test_a_graceful_stop_hands_over_within_3_s_and_replays_nothing(tmp_path: Path) -> None:
    took: list[float] = []
    async with arena(tmp_path, seed=23, session_s=6.0) as ring:
        leaving = await ring.ready(ring.worker(*WATCHED))
        staying = await ring.ready(ring.worker(*WATCHED))
        await ring.ready(leaving, 2)
        for _ in range(ROUNDS):
            await busy(ring, 3)
            opened, asked_at = staying.opened, time.time()
            stopping = asyncio.create_task(ring.stop(leaving))
            await busy(ring, 5)
            assert await stopping == 0
            await ring.ready(staying, opened + 1)
            took.append(await first_commits(ring, opened_at(staying)) - asked_at)
            leaving, staying = staying, await ring.ready(ring.worker(*WATCHED))
            await ring.ready(leaving, opened + 2)
        verdict = await ring.verdict(
            "graceful stop", f"SIGTERM of one of two, all partitions committed again after {said(took)}", times=ROUNDS
        )
        folded = Counter(line for worker in ring.workers for line in folds(worker))
    assert verdict.ok, verdict
    assert len(folded) > 1_000
    assert [place for place, count in folded.items() if count > 1] == []
    assert max(took) <= HANDOVER_S, took


async def test_failover_after_kill_9_takes_at_most_12_s(tmp_path: Path) -> None:
    took: list[float] = []
    async with arena(tmp_path, seed=29, session_s=6.0) as ring:
        dying = await ring.ready(ring.worker())
        staying = await ring.ready(ring.worker())
        await ring.ready(dying, 2)
        for _ in range(ROUNDS):
            await busy(ring, 3)
            killed_at = time.time()
            await ring.kill(dying)
            await busy(ring, FAILOVER_S + 1)
            took.append(await first_commits(ring, killed_at) - killed_at)
            opened = staying.opened
            dying, staying = staying, await ring.ready(ring.worker())
            await ring.ready(dying, opened + 1)
        verdict = await ring.verdict(
            "failover", f"kill -9 of one of two, all partitions committed again after {said(took)}", times=ROUNDS
        )
    assert verdict.ok, verdict
    assert max(took) <= FAILOVER_S, took


def said(seconds: list[float]) -> str:
    return ", ".join(f"{one:.1f} s" for one in seconds)


def opened_at(worker: Subject) -> float:
    """Return the wall instant, in seconds, at which *worker* said last that it has opened partitions."""
    found = re.findall(rf"(\d{{4}}-\S+ \S+) INFO \S+ {READY}", worker.text())
    return datetime.strptime(found[-1], "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()


async def first_commits(ring: Arena, since: float) -> float:
    """Return the wall instant by which every partition has committed something since *since*."""
    commits = await ring.commits()
    assert len(commits) == PARTITIONS
    return max(next(at for at in instants if at >= since) for instants in commits.values())


def folds(worker: Subject) -> list[tuple[str, int, int]]:
    """Return the input records that *worker* has folded, by topic, partition and offset."""
    lines = [line.split()[-4:] for line in worker.text().splitlines() if "folded cx." in line]
    return [
        (topic, int(number), offset)
        for topic, number, first, last in lines
        for offset in range(int(first), int(last) + 1)
    ]
