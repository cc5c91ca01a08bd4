"""The arena: one stack, one stream of traffic, real workers to break, and a verdict at the end."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaProducer

from agents.customers import CustomerFold
from cli.worker import load_rules
from ops.audit import verdict as auditing
from ops.audit.reader import Audit
from ops.embedded.brokers import PLAIN, Extras
from ops.embedded.stack import Stack
from ops.traffic.generator import generate
from ops.traffic.kafka import KafkaSink
from ops.traffic.options import Options
from streams import admin
from streams.settings import KafkaSettings, RedisSettings, Settings
from tests.faults.flow import PER_SECOND, Flow
from tests.faults.judge import Verdict, judge
from tests.faults.logs import read_logs
from tests.faults.onlooker import Onlooker
from tests.faults.subject import Subject
from tests.faults.table import BROKEN, ROWS, Row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ops.audit.ledger import Ledger
    from ops.traffic.manifest import Manifest
    from tests.faults.reference import Position

NOW: Final = datetime(2026, 3, 31, 17, 0, tzinfo=UTC)
PARTITIONS: Final = 4
DRAINED_S: Final = 120.0
SHOWN_S: Final = 30.0
HIT_S: Final = 90.0
CLOSED_S: Final = 5.0
WORKER: Final = ("-m", "cli", "worker")
ARMED: Final = ("tests.faults.armed",)


class Arena(Onlooker):
    """One scenario."""

    def __init__(self, stack: Stack, settings: Settings, folder: Path, options: Options, *, session_s: float) -> None:
        """Take what `arena` below has started."""
        self.fold = CustomerFold(load_rules(settings))
        super().__init__(settings, self.fold.topics)
        self.stack, self.folder = stack, folder
        self.audited = True
        self.closed: frozenset[str] = frozenset()  # topics that nobody writes to any more, nor reads
        self.repeats = False  # whether the generator's records may be there twice, as Kafka went away under it
        self.never_committed = 0  # customers that Redis was seen to show in such a state, over all looks at it
        self.abandoned: frozenset[Position] = frozenset()  # records seen open when the only worker had died
        self.workers: list[Subject] = []
        self._options, self._session_s = options, session_s
        self._flow: Flow | None = None
        self._sending: asyncio.Task[Manifest] | None = None

    # Workers

    def worker(self, *command: str) -> Subject:
        """Start a worker; without *command* the real one."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        settings = {
            "KAFKA__BOOTSTRAP": self.settings.kafka.bootstrap,
            "KAFKA__SESSION_TIMEOUT_S": str(self._session_s),
            "REDIS__URL": self.settings.redis.url,
            "PARTITIONS": str(PARTITIONS),
            "CLOCK": self.settings.clock,
            "DATA": str(self.settings.data),
        }
        made = Subject(log, command or WORKER, **settings).start()
        self.workers.append(made)
        return made

    async def ready(self, worker: Subject, times: int = 1) -> Subject:
        """Wait until *worker* has opened its partitions *times* times."""
        await asyncio.to_thread(worker.until_ready, times)
        return worker

    async def killed_at(self, point: str, passes: int, *script: str) -> Subject:
        """Run a worker until it has killed itself at *point*, under traffic."""
        worker = await self.reaches(self.worker("-m", *(script or ARMED), point, str(passes)))
        assert await self.exits(worker) == -signal.SIGKILL, worker.text()[-3000:]
        assert worker.met == f"SIGKILL at {point}"
        return worker

    async def reaches(self, worker: Subject) -> Subject:
        """Let traffic come, bit by bit, until *worker* says that its failpoint is reached."""
        async with asyncio.timeout(HIT_S):
            while not worker.met:
                assert worker.alive, worker.text()[-3000:]
                assert self._sending is not None
                assert not self._sending.done(), "the traffic ran out before"
                if worker.opened:
                    self.allow(PER_SECOND / 10)
                await asyncio.sleep(0.1)
        return worker

    async def kill(self, worker: Subject) -> None:
        """End *worker* by SIGKILL."""
        await asyncio.to_thread(worker.kill)

    async def stop(self, worker: Subject) -> int:
        """Ask *worker* to stop, and return its exit code."""
        return await asyncio.to_thread(worker.stop)

    async def exits(self, worker: Subject) -> int:
        """Return the exit code of a *worker* that ends by itself."""
        return await asyncio.to_thread(worker.exit_code)

    # Traffic

    def allow(self, records: float) -> None:
        """Let *records* more of the traffic come, at `PER_SECOND`."""
        assert self._flow is not None
        self._flow.allow(records)

    def start(self) -> None:
        """Make the traffic ready; it waits for `allow`."""
        self._sending = asyncio.create_task(self._send())

    async def _send(self) -> Manifest:
        async with KafkaSink(self.settings.kafka.client_options()) as sink:
            self._flow = Flow(sink)
            return await generate(self._options, self._flow)

    async def until_flowing(self) -> None:
        """Wait until the traffic is ready."""
        assert self._sending is not None
        while self._flow is None:
            assert not self._sending.done(), self._sending.exception()
            await asyncio.sleep(0.01)

    async def change_of_mind(self) -> None:
        """Leave records of an aborted transaction, and its marker, at the end of every input topic."""
        async with self.undecided(*(topic for topic in self.topics if topic not in self.closed)):
            pass

    @asynccontextmanager
    async def undecided(self, *topics: str) -> AsyncIterator[None]:
        """Hold a transaction open on all partitions of *topics*, and abort it in the end."""
        producer = AIOKafkaProducer(transactional_id="undecided", **self.settings.kafka.client_options())
        await producer.start()
        try:
            await producer.begin_transaction()
            for topic in topics:
                for number in range(PARTITIONS):
                    await producer.send(topic, b"{}", key=b"undecided", partition=number)
            await producer.flush()
            yield
            await producer.abort_transaction()
        finally:
            await producer.stop()

    # The end

    async def drained(self) -> None:
        """Let all the traffic come, and wait until workers have committed it to the last control record."""
        assert self._sending is not None
        self.allow(float("inf"))
        await self._sending
        await self.change_of_mind()
        await self.settled()

    async def settled(self) -> None:
        """Wait until what has come so far is committed; gives up late, so that the verdict shows what is missing."""
        deadline = time.monotonic() + DRAINED_S
        while await self.lag():
            if time.monotonic() > deadline:
                return
            assert any(worker.alive for worker in self.workers), self.workers[-1].text()[-3000:]
            await asyncio.sleep(0.3)

    async def shown(self) -> None:
        """Wait, up to `SHOWN_S`, until Redis shows what the changelog ends with."""
        deadline = time.monotonic() + SHOWN_S
        while time.monotonic() < deadline:
            if not await self.behind():
                return
            await asyncio.sleep(0.5)

    async def verdict(self, scenario: str, done: str, *, times: int = 1, broken: bool = False) -> Verdict:
        """Let the rest of the traffic through, stop the workers, judge, and add a row to the table.

        *times* says how often what the scenario is about has happened.
        """
        await self.drained()
        await self.shown()
        for worker in self.workers:
            if worker.alive:
                assert await self.stop(worker) == 0, worker.text()[-3000:]
        found = judge(await read_logs(self.settings, self.topics), self.fold, PARTITIONS, await self._audit())
        found = replace(found, redis=found.redis + self.never_committed)
        (BROKEN if broken else ROWS).append(Row(scenario, times, done, found))
        return found

    async def _audit(self) -> int:
        """Return how many faults the audit finds against what the generator says that it sent."""
        if not self.audited:
            return 0
        assert self._sending is not None
        async with Audit(self.settings) as audit:
            lag = await audit.lag()
            complete = await audit.read_to_end(DRAINED_S)
            sent = self._sending.result()
            if self.repeats:
                sent = with_repeats(sent, audit.ledger)
            return (not complete) + len(auditing.judge(audit.ledger, sent, lag).faults)

    async def close(self) -> None:
        """End what still runs."""
        for worker in self.workers:
            if worker.alive:
                worker.signal(signal.SIGCONT)
                worker.kill()
        if self._sending is not None:
            self._sending.cancel()
            # For a while: a producer waits for ever to be rid of what a broken Kafka does not take.
            await asyncio.wait({self._sending}, timeout=CLOSED_S)


def with_repeats(sent: Manifest, ledger: Ledger) -> Manifest:
    """Return *sent* with as many records there once more as the topics hold beyond it; none may be missing."""
    more = max(ledger.events_in - sent.records, 0)
    reasons = {reason.value: count for reason, count in ledger.reasons().items()}
    poison = {name: max(count, min(reasons.get(name, 0), count + more)) for name, count in sent.poison.items()}
    again = more - sum(poison.values()) + sum(sent.poison.values())
    return replace(sent, records=sent.records + more, duplicates=sent.duplicates + again, poison=poison)


@asynccontextmanager
async def arena(
    folder: Path,
    *,
    seed: int,
    events: int = 3_000,
    customers: int = 1_000,
    session_s: float = 2.0,
    extras: Extras = PLAIN,
    brokers: int = 1,
    replication: int = 1,
) -> AsyncIterator[Arena]:
    """Start a stack below *folder*, make the topics, and have traffic of *events* records ready.

    So few events a customer that most are not heard of again: what is missing is not made good by what comes later.
    With *session_s* below Kafka's own least of 6 s, a worker that was killed is missed sooner.
    """
    properties = {"group.min.session.timeout.ms": "500", **extras.properties}
    stack = Stack(folder / "stack", brokers=brokers, extras=Extras(extras.ports, properties))
    options = Options(
        now=NOW,
        rate=0.0,
        events=events,
        customers=customers,
        seed=seed,
        span=timedelta(days=150),
        tick_every=timedelta(days=150) / (events / 40),
        late_share=0.1,
        duplicate_share=0.05,
        poison_share=0.02,
    )
    await asyncio.to_thread(stack.start)
    try:
        settings = Settings(
            partitions=PARTITIONS,
            clock="external",
            data=folder / "data",
            kafka=KafkaSettings(bootstrap=stack.bootstrap, replication=replication),
            redis=RedisSettings(url=stack.redis_url),
        )
        # Its one segment stays the active one, so that the changelog is not compacted while we read it.
        await admin.create(settings, keep_for_ever=True)
        made = Arena(stack, settings, folder, options, session_s=session_s)
        try:
            await made.change_of_mind()
            made.start()
            await made.until_flowing()
            yield made
        finally:
            await made.close()
    finally:
        await asyncio.to_thread(stack.stop)
