"""The read model in Redis: each customer's profile and encoded state, written after the commit. Imports no Faust.

Keys: `cx:customer:{id}`, a hash of `version`, `profile` (JSON) and `state` (encoded); `cx:position:{app}:{partition}`,
the changelog offset up to which a partition was written, so that what a crash cut off is noticed and repaired.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.effects import View
    from streams.settings import RedisSettings

log = logging.getLogger(__name__)

BATCH_MAX = 500
BACKLOG_MAX = 20_000
RETRY_S = 0.5
ANSWER_S = 1.0  # what a Redis that hangs may add to a failover
UNKNOWN = -1

# An older version never replaces a newer one, whoever comes late: a paused worker, a repair, a retry. What is no hash
# is no profile either; left there, it would hold up all that waits with it, now and at every try again.
_WRITE = """
local replaced = 0
for i = 1, #KEYS do
  local at = (i - 1) * 3
  local known = redis.pcall('HGET', KEYS[i], 'version')
  if type(known) == 'table' then
    if not string.find(known.err, 'WRONGTYPE', 1, true) then return known end
    redis.call('DEL', KEYS[i])
    known, replaced = false, replaced + 1
  end
  if not known or tonumber(known) < tonumber(ARGV[at + 1]) then
    redis.call('HSET', KEYS[i], 'version', ARGV[at + 1], 'profile', ARGV[at + 2], 'state', ARGV[at + 3])
  end
end
return replaced
"""

# A position moves on only from where it was: had it been compared first and stored after, what was lost in between
# would never show. One that is further than we left it is a predecessor's, who had written all views up to there.
_ADVANCE = """
local lost = {}
for i = 1, #KEYS do
  local stored = redis.call('MGET', KEYS[i])[1]
  if stored and tonumber(stored) >= tonumber(ARGV[2 * i - 1]) then
    redis.call('MSET', KEYS[i], ARGV[2 * i])
  else
    lost[#lost + 1] = i
  end
end
return lost
"""


def customer_key(customer: str) -> str:
    """Return the key of a customer's hash."""
    return f"cx:customer:{customer}"


def position_key(app: str, partition: int) -> str:
    """Return the key of a partition's position."""
    return f"cx:position:{app}:{partition}"


def connect(settings: RedisSettings) -> Redis:
    """Return a client; nothing is sent yet."""
    client: Redis = Redis.from_url(settings.url, **settings.client_options())
    return client


class ReadModel:
    """Writes views to Redis, newest per key, without ever holding the lane up.

    Redis away: views gather, newest per key; past `BACKLOG_MAX` of them a partition is marked dirty, and its views
    are made again from the state once Redis is back.
    """

    def __init__(self, client: Redis, app: str) -> None:
        """Write with *client* for the workers of *app*."""
        self._client = client
        self._app = app
        self._write = client.register_script(_WRITE)
        self._advance = client.register_script(_ADVANCE)
        self._waiting: dict[str, View] = {}
        self._positions: dict[int, int] = {}
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
            log.warning("read model stopped with views unwritten", extra={"views": len(self._waiting)})
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._client.aclose()

    def push(self, partition: int, offset: int | None, views: list[View]) -> int:
        """Take *views* of a partition, complete up to the changelog *offset* where one is given.

        Returns what `written` waits for.
        """
        if len(self._waiting) + len(views) > BACKLOG_MAX:
            self.soil(partition)
        else:
            for view in views:
                self._waiting[view.key] = view
        if offset is not None and partition not in self._dirty:
            self._positions[partition] = offset
        self._pushed += 1
        self._idle.clear()
        self._wake.set()
        return self._pushed

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
            await self._mark([partition])
        except (RedisError, OSError):
            return False
        return True

    def mended(self, partition: int, offset: int, soiled: int) -> None:
        """Take note that all views of *partition* up to the changelog *offset* were pushed again.

        What was found missing after *soiled* times may be of a view that had been pushed already.
        """
        if self.soiled(partition) != soiled:
            return
        self._dirty.pop(partition, None)
        self.push(partition, offset, [])

    async def positions(self, partitions: Sequence[int]) -> dict[int, int]:
        """Return by partition the changelog offset up to which it was written, or -1; also where Redis does not answer.

        Asked when *partitions* are opened: what gets lost from here on is noticed. Nobody folds meanwhile, so a Redis
        that hangs is given `ANSWER_S` for all of them together.
        """
        for partition in partitions:
            self._stored.pop(partition, None)
        try:
            async with asyncio.timeout(ANSWER_S):
                values = await self._client.mget([position_key(self._app, p) for p in partitions])
                found = dict(zip(partitions, values, strict=True))
                self._stored |= {p: int(value) for p, value in found.items() if value is not None}
                await self._mark([p for p, value in found.items() if value is None])
        except (RedisError, OSError):
            log.info("read model does not say what it has, all of these partitions is shown again")
        return {p: self._stored.get(p, UNKNOWN) for p in partitions}

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting or self._positions:
                taken = self._pushed
                try:
                    await self._write_some()
                except (RedisError, OSError) as error:
                    if not self._failing:
                        log.warning("read model is away", extra={"error": type(error).__name__})
                    self._failing = True
                    await asyncio.sleep(RETRY_S)
                except Exception as error:  # noqa: BLE001  # whatever it was: without this task nothing is shown any more
                    # Its text is not told: it may be about a customer.
                    log.error("views could not be written", extra={"error": type(error).__name__})  # noqa: TRY400
                    await asyncio.sleep(RETRY_S)
                else:
                    if self._failing:
                        log.info("read model is back")
                    self._failing = False
                    await self._note_written(taken)
            self._idle.set()
            await self._note_written(self._pushed)

    async def _note_written(self, ticket: int) -> None:
        self._written = ticket
        async with self._moved:
            self._moved.notify_all()

    async def _write_some(self) -> None:
        positions, self._positions = self._positions, {}
        waiting, self._waiting = self._waiting, {}
        views = list(waiting.values())
        try:
            await self._mark([p for p in positions if p not in self._stored])  # Redis was away when we asked
            for start in range(0, len(views), BATCH_MAX):
                keys: list[str] = []
                arguments: list[Any] = []
                for view in views[start : start + BATCH_MAX]:
                    if (profile := _profile(view)) is not None:
                        keys.append(customer_key(view.key))
                        arguments += [view.version, profile, view.state]
                if replaced := await self._write(keys=keys, args=arguments):
                    log.warning("read model had something else in the place of customers", extra={"keys": replaced})
            if positions:
                await self._write_positions(positions)
        except (RedisError, OSError, asyncio.CancelledError):
            self._waiting = waiting | self._waiting  # newer views win over those that could not be written
            self._positions = positions | self._positions
            raise
        except Exception:
            for partition in self._stored.keys() | positions:  # not again as they are: they may fail again
                self.soil(partition)
            raise

    async def _write_positions(self, positions: dict[int, int]) -> None:
        """Store *positions* after the views before them, unless Redis has lost what it had of a partition."""
        moving = [p for p in positions if p not in self._dirty]
        if not moving:
            return
        arguments = [offset for p in moving for offset in (self._stored.get(p, UNKNOWN), positions[p])]
        places = await self._advance(keys=[position_key(self._app, p) for p in moving], args=arguments)
        lost = {moving[place - 1] for place in places}
        self._stored |= {p: positions[p] for p in moving if p not in lost}
        if lost:
            log.warning("read model has lost data", extra={"partitions": len(lost)})
        for partition in lost:
            self.soil(partition)

    async def _mark(self, partitions: Sequence[int]) -> None:
        """Let Redis remember that nothing is known to be written of *partitions*: if it is emptied now, that shows."""
        marks = {position_key(self._app, p): UNKNOWN for p in partitions}
        if marks:
            await self._client.mset(marks)  # a command that it uses already
            self._stored |= dict.fromkeys(partitions, UNKNOWN)


class NoReadModel(ReadModel):
    """For a lane that shows nothing: takes views and forgets them."""

    def __init__(self) -> None:
        """Connect to nothing."""

    def start(self) -> None:
        """Do nothing."""

    async def stop(self, deadline_s: float = 1.0) -> None:
        """Do nothing."""
        del deadline_s

    def push(self, partition: int, offset: int | None, views: list[View]) -> int:
        """Do nothing."""
        del partition, offset, views
        return 0

    async def written(self, ticket: int) -> None:
        """Do nothing."""
        del ticket

    def soil(self, partition: int) -> None:
        """Do nothing."""

    async def mending(self, partition: int) -> bool:
        """Do nothing."""
        del partition
        return True

    def dirty(self) -> set[int]:
        """Return nothing."""
        return set()

    async def positions(self, partitions: Sequence[int]) -> dict[int, int]:
        """Say that everything has been written."""
        return dict.fromkeys(partitions, sys.maxsize)


def _profile(view: View) -> bytes | None:
    """Return the rendered profile, or None where rendering fails: one customer must not hold all others up."""
    try:
        return view.profile()
    except Exception:
        log.exception("profile could not be made")
        return None


async def read_customer(client: Redis, customer: str) -> Mapping[bytes, bytes] | None:
    """Return the hash of one customer (`version`, `profile`, `state`), or None for one never seen."""
    found = cast("dict[bytes, bytes]", await client.hgetall(customer_key(customer)))
    return found or None
