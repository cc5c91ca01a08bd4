"""The read model in Redis: each customer's encoded state, written after the commit. Imports no Faust.

Keys: `cx:customer:{id}`, a hash of `version`, `state`, `as_of` (the instant of which it tells, in microseconds) and
`source`, by which an older state is known; `cx:position:{app}:{lane}:{partition}`, up to where a partition was written,
and from which changelog, so that what a crash cut off is noticed and repaired; and receipts, under keys of the fold's
choice (streams/receipts.py). streams/scripts.py has the texts of the first two. What a customer looks like is for
whoever reads to make of the state. Customers have no lane in their key: lanes that show the same ones need a database
each.
"""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams.backlog import Backlog, Claim
from streams.meter import SILENT
from streams.receipts import Receipts
from streams.receipts import write as write_receipts
from streams.scripts import ADVANCE, MARK, NOWHERE, UNKNOWN, WRITE, Position, read_position

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from streams.backlog import Waiting
    from streams.effects import Receipt, View
    from streams.meter import Meter
    from streams.settings import RedisSettings

log = logging.getLogger(__name__)

BATCH_MAX = 500
RETRY_S = 0.5
ANSWER_S = 1.0  # what a Redis that hangs may add to a failover


def customer_key(customer: str) -> str:
    """Return the key of a customer's hash."""
    return f"cx:customer:{customer}"


def position_key(app: str, lane: str, partition: int) -> str:
    """Return the key of a partition's position."""
    return f"cx:position:{app}:{lane}:{partition}"


def connect(settings: RedisSettings) -> Redis:
    """Return a client; nothing is sent yet."""
    client: Redis = Redis.from_url(settings.url, **settings.client_options())
    return client


class ReadModel:
    """Writes views to Redis, newest per key, without ever holding the lane up.

    Redis away: views gather, newest per key; where there is no more room for them a partition is marked dirty, and its
    views are made again from the state once Redis is back.
    """

    def __init__(self, client: Redis, app: str, lane: str, meter: Meter = SILENT) -> None:
        """Write with *client* for the workers of *app* and its *lane*; other lanes have positions of their own."""
        self._meter = meter
        self._client = client
        self._key = partial(position_key, app, lane)
        self._write = client.register_script(WRITE)
        self._advance = client.register_script(ADVANCE)
        self._claim = client.register_script(MARK)
        self._claims: dict[int, Claim] = {}
        self._told: dict[int, Position] = {}  # by Redis, of partitions that are being opened
        self._backlog = Backlog()
        self._receipts = Receipts()
        self._positions: dict[Claim, int] = {}
        self._stored: dict[int, int] = {}  # positions as we know them to be in Redis: with less it has lost something
        self._dirty: dict[int, int] = {}  # partitions of which something is missing, and how often that was found
        self._pushed = self._written = 0  # how often something was pushed, and up to which of these it is written
        self._moved = asyncio.Condition()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self._failing = False

    def start(self) -> None:
        """Begin writing in the background."""
        self._task = asyncio.create_task(self._run(), name="read-model")

    async def stop(self, deadline_s: float = 1.0) -> None:
        """Write what waits, for *deadline_s* at most, and close."""
        try:
            await asyncio.wait_for(self._idle.wait(), deadline_s)
        except TimeoutError:
            log.warning("read model stopped with views unwritten", extra={"views": len(self._backlog)})
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._client.aclose()

    def push(self, partition: int, offset: int, views: Iterable[View], *, whole: bool = True) -> int:
        """Take *views* of a partition, the newest as of the changelog *offset*; *whole* if none is missing up to there.

        Returns what `written` waits for.
        """
        claim = self._claims[partition]
        if not self._backlog.add(claim, offset, views):
            self.soil(partition)
        if whole and partition not in self._dirty:
            self._positions[claim] = offset
        self._pushed += 1
        self._idle.clear()
        self._wake.set()
        return self._pushed

    def answer(self, receipts: Iterable[Receipt]) -> None:
        """Take *receipts* of what is committed, to be written after all views that were pushed before."""
        self._receipts.add(receipts)
        self._idle.clear()
        self._wake.set()

    async def written(self, ticket: int) -> None:
        """Wait until what `push` gave *ticket* for is written, whatever was pushed since."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._written >= ticket)

    async def drained(self) -> None:
        """Wait until everything taken is written."""
        await self._idle.wait()

    def soil(self, partition: int) -> None:
        """Take note that something of *partition* is missing; its position stays as it is until that is mended."""
        self._dirty[partition] = self.soiled(partition) + 1

    def soiled(self, partition: int) -> int:
        """Return how often something of *partition* was found missing since it was whole."""
        return self._dirty.get(partition, 0)

    def dirty(self) -> set[int]:
        """Return the partitions whose views must be made again from their state; none while Redis is away."""
        return set() if self._failing else set(self._dirty)

    async def mending(self, partition: int) -> bool:
        """Put a mark in the place of the position, so that a loss from here on shows; return whether it is there."""
        try:
            return not await self._mark([self._claims[partition]])
        except (RedisError, OSError):
            return False

    def mended(self, partition: int, offset: int, soiled: int) -> None:
        """Take note that all views of *partition* up to the changelog *offset* were pushed again.

        What was found missing after *soiled* times may be of a view that had been pushed already.
        """
        if self.soiled(partition) != soiled:
            return
        self._dirty.pop(partition, None)
        self._meter.mended()
        self.push(partition, offset, [])

    async def positions(self, partitions: Collection[int]) -> dict[int, int]:
        """Return by partition the changelog offset up to which it was written, or -1; also where Redis does not answer.

        Asked when *partitions* are opened, and not to be believed before `take_over` knows of which changelog they are.
        Nobody folds meanwhile, so a Redis that hangs is given `ANSWER_S` for all of them together.
        """
        self._told = {}
        try:
            async with asyncio.timeout(ANSWER_S):
                keys = [self._key(p) for p in partitions]
                values = cast("list[bytes | None]", await self._client.mget(keys))
        except (RedisError, OSError):
            log.info("read model does not say what it has, all of these partitions is shown again")
        else:
            self._told = dict(zip(partitions, map(read_position, values), strict=True))
        return {p: self._told.get(p, NOWHERE).offset for p in partitions}

    async def take_over(self, incarnations: Mapping[int, str]) -> set[int]:
        """Write for these *incarnations* of partitions from now on: what gets lost from here on is noticed.

        Returns the partitions of which `positions` told what another changelog has there: of ours nothing is shown.
        """
        opened = time.time_ns() // 1_000_000
        others = []
        for partition, incarnation in incarnations.items():
            claim = self._claims[partition] = Claim(partition, incarnation, opened)
            self._stored.pop(partition, None)
            self._dirty.pop(partition, None)  # what was missing when we had it before shows in its position
            told = self._told.get(partition)
            if told is not None and told.incarnation == incarnation:
                self._stored[partition] = told.offset
            elif told is not None:
                others.append(claim)
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._mark(others)
        except (RedisError, OSError):
            log.info("read model is away since it said what it has")
        return {claim.partition for claim in others if self._told[claim.partition] != NOWHERE}

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._backlog or self._positions or self._receipts:
                taken, began = self._pushed, time.monotonic()
                try:
                    await self._write_some()
                except (RedisError, OSError) as error:
                    if not self._failing:
                        log.warning("read model is away", extra={"error": type(error).__name__})
                    self._failing = True
                    self._meter.not_written(type(error).__name__, len(self._backlog))
                    await asyncio.sleep(RETRY_S)
                except Exception as error:  # noqa: BLE001  # whatever it was: without this task nothing is shown any more
                    # Its text is not told: it may be about a customer.
                    log.error("views could not be written", extra={"error": type(error).__name__})  # noqa: TRY400
                    self._meter.not_written(type(error).__name__, len(self._backlog))
                    await asyncio.sleep(RETRY_S)
                else:
                    if self._failing:
                        log.info("read model is back")
                    self._failing = False
                    self._meter.wrote(time.monotonic() - began, len(self._backlog))
                    await self._note_written(taken)
            self._idle.set()
            await self._note_written(self._pushed)

    async def _note_written(self, ticket: int) -> None:
        self._written = ticket
        async with self._moved:
            self._moved.notify_all()

    async def _write_some(self) -> None:
        positions, self._positions = self._positions, {}
        # Taken together: the view behind a receipt is among these views, or written.
        views, receipts = self._backlog.take(), self._receipts.take()
        try:
            await self._mark([c for c in positions if c.partition not in self._stored])  # Redis was away when we asked
            for start in range(0, len(views), BATCH_MAX):
                await self._write_views(views[start : start + BATCH_MAX])
            self._backlog.done()
            await write_receipts(self._client, receipts)
            receipts = []
            await self._write_positions(positions)
        except (RedisError, OSError, asyncio.CancelledError):
            self._backlog.give_back()
            self._receipts.give_back(receipts)
            self._positions = positions | self._positions
            raise
        except Exception:
            self._backlog.done()
            for claim in positions.keys() | {one.claim for one in views}:  # not again as they are: they may fail again
                self.soil(claim.partition)
            raise

    async def _write_views(self, views: Iterable[Waiting]) -> None:
        shown: dict[Claim, list[tuple[bytes, Any]]] = {}
        for claim, offset, view in views:
            key = customer_key(view.key).encode(errors="surrogateescape")
            shown.setdefault(claim, []).append((key, (offset, view.version, view.as_of, view.state)))
        keys = [self._key(claim.partition).encode() for claim in shown]
        keys += [key for own in shown.values() for key, _ in own]
        arguments: list[Any] = [len(shown)]
        arguments += [part for claim, own in shown.items() for part in (claim.incarnation, len(own))]
        arguments += [field for own in shown.values() for _, fields in own for field in fields]
        if replaced := await self._write(keys=keys, args=arguments):
            log.warning("read model had something else in the place of customers", extra={"keys": replaced})

    async def _write_positions(self, positions: Mapping[Claim, int]) -> None:
        """Store *positions* after the views before them, unless Redis has lost what it had of a partition."""
        moving = {claim: offset for claim, offset in positions.items() if claim.partition not in self._dirty}
        if not moving:
            return
        arguments: list[Any] = []
        for claim, offset in moving.items():
            arguments += [claim.incarnation, claim.opened, self._stored.get(claim.partition, UNKNOWN), offset]
        claims = list(moving)
        places = await self._advance(keys=[self._key(c.partition) for c in claims], args=arguments)
        lost = {claims[place - 1] for place in places}
        self._stored |= {claim.partition: offset for claim, offset in moving.items() if claim not in lost}
        if lost:
            log.warning("read model has lost data", extra={"partitions": len(lost)})
            self._meter.lost(len(lost))
        for claim in lost:
            self.soil(claim.partition)

    async def _mark(self, claims: Sequence[Claim]) -> set[Claim]:
        """Let Redis remember that we hold the partitions of *claims*; return what a later changelog holds instead."""
        if not claims:
            return set()
        keys = [self._key(claim.partition) for claim in claims]
        places = await self._claim(keys=keys, args=[part for claim in claims for part in claim[1:]])
        refused = {claims[place - 1] for place in places}
        self._stored |= {claim.partition: UNKNOWN for claim in claims if claim not in refused}
        return refused


class NoReadModel:
    """For a lane that shows nothing: forgets views, and lacks none."""

    def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""

    def push(self, partition: int, offset: int, views: Iterable[View], *, whole: bool = True) -> int:
        """Forget *views*."""
        del partition, offset, views, whole
        return 0

    def answer(self, receipts: Iterable[Receipt]) -> None:
        """Forget *receipts*."""
        del receipts

    async def written(self, ticket: int) -> None:
        """Do nothing."""
        del ticket

    def soil(self, partition: int) -> None:
        """Do nothing."""

    def soiled(self, partition: int) -> int:
        """Return that nothing is missing."""
        del partition
        return 0

    def dirty(self) -> set[int]:
        """Return none."""
        return set()

    async def mending(self, partition: int) -> bool:
        """Return that there is nothing to be mended."""
        del partition
        return False

    def mended(self, partition: int, offset: int, soiled: int) -> None:
        """Do nothing."""

    async def positions(self, partitions: Collection[int]) -> dict[int, int]:
        """Return that nothing was written."""
        return dict.fromkeys(partitions, -1)

    async def take_over(self, incarnations: Mapping[int, str]) -> set[int]:
        """Return none."""
        del incarnations
        return set()


class Stored(NamedTuple):
    """What the read model has of a customer: the encoded state, and of which instant it tells, in microseconds."""

    version: int
    state: bytes
    as_of: int


async def read_customer(client: Redis, customer: str) -> Stored | None:
    """Return what there is of one customer, or None for one never seen.

    Raises:
        RedisError: Redis is away, or does not let us in.
        ValueError: what is there was not written by us, or by another version.
    """
    found = cast("list[bytes | None]", await client.hmget(customer_key(customer), "version", "state", "as_of"))
    version, state, as_of = found
    if version is None and state is None and as_of is None:
        return None
    if version is None or state is None or as_of is None:
        message = "a part of the customer is missing"
        raise ValueError(message)
    return Stored(int(version), state, int(as_of))
