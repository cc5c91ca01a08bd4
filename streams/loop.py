"""The event loop of a worker: uvloop's, but what is closed over TLS is closed."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import uvloop

# Uvloop lets a closed connection wait half a minute for the other side's goodbye, and misses it every third time when
# records are still on their way (its issue 471): a rebalance would take as long. What we sent is acknowledged by then.
TLS_CLOSE_S: Final = 0.2


class Loop(uvloop.Loop):
    """Gives up soon on the goodbye of a TLS connection."""

    async def create_connection(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401  # passed on as they come
        """Connect as uvloop does."""
        if options.get("ssl"):
            options.setdefault("ssl_shutdown_timeout", TLS_CLOSE_S)
        return await super().create_connection(*arguments, **options)


class Policy(asyncio.DefaultEventLoopPolicy):
    """Makes such loops, for every thread: Faust's consumer has one of its own."""

    def new_event_loop(self) -> Loop:
        """Return a loop that is not set anywhere yet."""
        return Loop()
