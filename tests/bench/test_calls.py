"""The generator of calls: what is due is sent, latency counts from there, and answers that do not come count too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.harness.calls import CUT_OFF, Phase, drive, written

STALL_S = 0.3


@asynccontextmanager
async def server(stalls_at: int = -1, hangs_up_at: int = -1) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Answer calls; all of them stand still while one stalls."""
    heads: list[bytes] = []
    free = asyncio.Event()
    free.set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.read(65_536):
            number = len(heads)
            heads.append(head)
            if number == hangs_up_at:
                break
            if number == stalls_at:
                free.clear()
                await asyncio.sleep(STALL_S)
                free.set()
            await free.wait()
            status = b"202 Accepted" if number % 2 else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()
        await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], heads


def get(number: int) -> bytes:
    return written("GET", f"/{number}", "cx_a_b")


async def test_all_that_is_due_is_sent_and_warm_calls_are_not_counted() -> None:
    async with server() as (port, heads):
        found = await drive("127.0.0.1", port, Phase(20, 1, 1), get)

    assert len(heads) == 40
    assert sum(found.statuses.values()) == 20
    assert set(found.statuses) == {200, 202}
    assert 0 <= found.figures["p50"] <= found.figures["p99"] <= found.figures["p99.9"]


async def test_a_server_that_stands_still_is_asked_on_and_all_that_waits_counts() -> None:
    async with server(stalls_at=0) as (port, heads):
        found = await drive("127.0.0.1", port, Phase(100, 0, 1), get)

    assert len(heads) == 100
    assert found.figures["p99"] >= STALL_S * 1_000 * 0.9
    assert sum(found.statuses.values()) == 100


async def test_an_answer_that_does_not_come_is_counted_as_none() -> None:
    async with server(hangs_up_at=3) as (port, _):
        found = await drive("127.0.0.1", port, Phase(20, 0, 1), get)

    assert found.statuses[CUT_OFF] == 1
    assert sum(found.statuses.values()) == 20


def test_a_body_is_sent_with_its_length_and_kind() -> None:
    request = written("POST", "/x", "cx_a_b", b"{}", "application/json")

    assert request.startswith(b"POST /x HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer cx_a_b\r\n")
    assert request.endswith(b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
