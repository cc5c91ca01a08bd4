"""An open-loop generator of HTTP calls: each is due at an instant, and its latency counts from there.

`wrk`, `oha` and the like wait for answers before they ask again, so that a server that stands still is asked less; and
a purchase needs an id of its own each time. So this sends what is due whether the one before is answered or not, over
connections that are kept, with as little work a call as Python allows.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from bench.harness.figures import percentile

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTIONS = 128
LATE_S_MAX = 30.0
CUT_OFF = 0  # in the place of a status, where the connection ended without an answer
SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


class Answered(NamedTuple):
    """What became of the measured calls of one phase.

    Attributes:
        figures: p50, p99 and p99.9 of the latencies in milliseconds, counted from when a call was due.
        late_p99_ms: Of it, until it was sent.
        statuses: How often each status came.
    """

    figures: dict[str, float]
    late_p99_ms: float
    statuses: dict[int, int]


class Connection:
    """One kept connection, with one call on it at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Call over these."""
        self._reader, self._writer = reader, writer

    async def call(self, request: bytes) -> int:
        """Send *request*, read the whole answer, and return its status."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((line for line in lines if line.startswith(b"content-length:")), b":0").split(b":")[1]
        await self._reader.readexactly(int(length))
        return int(lines[0].split()[1])

    async def close(self) -> None:
        """End."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


class Phase(NamedTuple):
    """How calls come: so many a second, warm ones first, then those that are measured."""

    rate: int
    warm_s: int
    measured_s: int


async def drive(host: str, port: int, phase: Phase, request: Callable[[int], bytes]) -> Answered:
    """Send what *request* says for 0, 1, … at the rate of *phase*, and return what became of the measured ones.

    Raises:
        TimeoutError: what was sent is not answered long after.
    """
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(Connection(*await asyncio.open_connection(host, port)))
    took, late, statuses = list[float](), list[float](), Counter[int]()
    start = time.perf_counter() + 0.1
    warm, count = phase.rate * phase.warm_s, phase.rate * (phase.warm_s + phase.measured_s)

    async def one(number: int, due: float) -> None:
        connection = await free.get()
        sent = time.perf_counter()
        try:
            status = await connection.call(request(number))
        except (OSError, asyncio.IncompleteReadError):
            await connection.close()
            connection, status = Connection(*await asyncio.open_connection(host, port)), CUT_OFF
        done = time.perf_counter()
        free.put_nowait(connection)
        if number >= warm:
            took.append((done - due) * 1_000)
            late.append((sent - due) * 1_000)
            statuses[status] += 1

    async with asyncio.timeout(phase.warm_s + phase.measured_s + LATE_S_MAX), asyncio.TaskGroup() as calls:
        for number in range(count):
            due = start + number / phase.rate
            if (left := due - time.perf_counter()) > 0:
                await asyncio.sleep(left)
            calls.create_task(one(number, due))
    while not free.empty():
        await free.get_nowait().close()
    ordered = sorted(took)
    figures = {name: percentile(ordered, share) for name, share in SHARES.items()}
    return Answered(figures, percentile(sorted(late), SHARES["p99"]), dict(statuses))


def written(method: str, path: str, bearer: str, body: bytes = b"", kind: str = "application/json") -> bytes:
    """Return a request as it goes over the wire."""
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {bearer}\r\n"
    content = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{head}{content}\r\n".encode() + body
