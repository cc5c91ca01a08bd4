"""The event loop of a worker: uvloop's, but what is closed is closed, over TLS, and for who writes on."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import uvloop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Uvloop lets a closed connection wait half a minute for the other side's goodbye, and misses it every third time when
# records are still on their way (its issue 471): a rebalance would take as long. What we sent is acknowledged by then.
TLS_CLOSE_S: Final = 0.2


class Loop(uvloop.Loop):
    """Gives up soon on the goodbye of a TLS connection, and tells writers of a lost one in words that they know."""

    async def create_connection(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401  # passed on as they come
        """Connect as uvloop does."""
        if options.get("ssl"):
            options.setdefault("ssl_shutdown_timeout", TLS_CLOSE_S)
        transport, protocol = await super().create_connection(*arguments, **options)
        return Transport(transport), protocol


class Transport:
    """One of uvloop's, whose writer hears of a lost connection as of asyncio: by an `OSError`.

    For the moment until the reader hears of it too, uvloop has a RuntimeError, which clients take for a fault of their
    own: aiokafka's task that renews the metadata died of it, and all that waits for metadata then waits for ever.
    """

    def __init__(self, transport: Any) -> None:  # noqa: ANN401  # uvloop has no types for it
        """Stand before *transport*."""
        self._transport = transport

    def write(self, data: bytes) -> None:
        """Write *data*.

        Raises:
            ConnectionResetError: the connection is lost.
        """
        with _lost_is_lost():
            self._transport.write(data)

    def writelines(self, data: Iterable[bytes]) -> None:
        """Write all of *data*.

        Raises:
            ConnectionResetError: the connection is lost.
        """
        with _lost_is_lost():
            self._transport.writelines(data)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # all else as it is
        """Return what uvloop's transport has under *name*."""
        return getattr(self._transport, name)


@contextmanager
def _lost_is_lost() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise ConnectionResetError from error


class Policy(asyncio.DefaultEventLoopPolicy):
    """Makes such loops, for every thread: Faust's consumer has one of its own."""

    def new_event_loop(self) -> Loop:
        """Return a loop that is not set anywhere yet."""
        return Loop()
