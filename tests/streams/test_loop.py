"""The event loop of a worker: what a lost connection is to those who write on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from streams.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("write", [lambda writer: writer.write(b"x"), lambda writer: writer.writelines([b"x"])])
def test_who_writes_on_after_a_connection_was_lost_hears_of_an_error_of_the_system(
    write: Callable[[asyncio.StreamWriter], None],
) -> None:
    with asyncio.Runner(loop_factory=Loop) as runner, pytest.raises(ConnectionResetError):
        runner.run(_written_after_the_end(write))


def test_what_is_written_before_arrives() -> None:
    with asyncio.Runner(loop_factory=Loop) as runner:
        assert runner.run(_answer()) == b"ab"


async def _written_after_the_end(write: Callable[[asyncio.StreamWriter], None]) -> None:
    async with await asyncio.start_server(lambda _, writer: writer.transport.abort(), "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert not await reader.read()
        writer.transport.abort()
        await asyncio.sleep(0)  # in which the loop takes the connection away
        write(writer)


async def _answer() -> bytes:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(2))
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"a")
        writer.writelines([b"b"])
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer
