"""The service: what all routes share, opened with the server and closed with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request

if TYPE_CHECKING:
    from cx.rules import Rules
    from ops.codes import Locker
    from serving.access import Access
    from serving.producer import Producer
    from serving.profiles import Profiles
    from serving.waiting import Waiting


@dataclass(slots=True)
class Service:
    """What a route may use."""

    rules: Rules
    profiles: Profiles
    producer: Producer
    waiting: Waiting
    access: Access
    locker: Locker

    async def open(self) -> None:
        """Connect to nothing: what is away at the beginning may be there when it is wanted."""
        self.access.open()

    async def close(self) -> None:
        """Let go of everything."""
        await self.access.close()
        await self.waiting.close()
        await self.producer.close()
        await self.profiles.redis.close()


def service_of(request: Request) -> Service:
    """Return the service of the server that a *request* came to; a dependency of FastAPI."""
    service: Service = request.app.state.service
    return service
