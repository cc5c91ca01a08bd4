"""The sender: one delivery, tried once, with a time limit; redirects are an answer, and not followed."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

import httpcore
import orjson

from ops.webhooks.addresses import AddressError, Guard, check_url
from ops.webhooks.signing import headers, opened
from schemas.envelope import STRUCTURED

if TYPE_CHECKING:
    from typing import Any

    from ops.codes import Locker
    from schemas.webhooks import Subscription
    from streams.settings import WebhookSettings

CONNECTIONS_MAX: Final = 64
_GOOD: Final = range(200, 300)
_GONE: Final = 410
_FAILURES: Final = (AddressError, TimeoutError, OSError, httpcore.NetworkError, httpcore.ProtocolError)


class Outcome(StrEnum):
    """What became of one try."""

    DELIVERED = "delivered"
    FAILED = "failed"  # try again
    GONE = "gone"  # never again


class Sender:
    """Sends, over connections that it keeps for a while."""

    def __init__(self, settings: WebhookSettings, locker: Locker) -> None:
        """Send as *settings* say; *locker* opens the secrets."""
        self._settings, self._locker = settings, locker
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=CONNECTIONS_MAX,
            keepalive_expiry=5.0,
            network_backend=Guard(inside=settings.inside),
        )

    async def __aenter__(self) -> Self:
        """Connect when something is to be sent."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close what is open."""
        await self._pool.aclose()

    async def send(self, to: Subscription, event: dict[str, Any]) -> tuple[Outcome, str]:
        """Send *event* once; return what became of it, and in a word why.

        Raises:
            NoKeyError, SealError: the secrets cannot be opened.
        """
        body, now = orjson.dumps(event), datetime.now(UTC)
        signed = headers(opened(self._locker, to, now), event["id"], now, body)
        told = {"content-type": STRUCTURED.decode(), "user-agent": "cxstream", **signed}
        try:
            check_url(to.url, inside=self._settings.inside)
            async with asyncio.timeout(self._settings.timeout_s):
                status = await self._post(to.url, told, body)
        except _FAILURES as error:
            return Outcome.FAILED, type(error).__name__
        if status in _GOOD:
            return Outcome.DELIVERED, str(status)
        return Outcome.GONE if status == _GONE else Outcome.FAILED, str(status)

    async def _post(self, url: str, told: dict[str, str], body: bytes) -> int:
        """Return the answer's status; of what else it says nothing is read."""
        async with self._pool.stream("POST", url, headers=list(told.items()), content=body) as response:
            return int(response.status)
