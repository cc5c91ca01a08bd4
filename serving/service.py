"""The service: what all routes share, opened with the server and closed with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request

if TYPE_CHECKING:
    from cx.rules import Rules
    from serving.profiles import Profiles


@dataclass(slots=True)
class Service:
    """What a route may use."""

    rules: Rules
    profiles: Profiles

    async def open(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """Let go of everything."""
        await self.profiles.redis.close()


def service_of(request: Request) -> Service:
    """Return the service of the server that a *request* came to; a dependency of FastAPI."""
    service: Service = request.app.state.service
    return service
