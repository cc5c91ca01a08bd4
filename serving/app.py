"""The API as an ASGI application: its routes, its errors, and its OpenAPI document."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from schemas.answers import Basket, Choice, Redemption
from serving import checkout, customers, events, health, rewards
from serving.bodies import schemas_of
from serving.paths import RawPath
from serving.problems import Problem, install

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from serving.service import Service

VERSION: Final = "1"
_DESCRIPTION: Final = (
    "Tiers, points and rewards for tills, web shops and apps. Ids in a path are percent-encoded, slashes too. "
    "Errors are problems as RFC 9457 has them."
)


def build(service: Service) -> FastAPI:
    """Return the application, which opens and closes *service*."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        await service.open()
        app.state.is_ready = True
        try:
            yield
        finally:
            app.state.is_ready = False
            await service.close()

    # No pages of documentation: these would load their scripts from somewhere else.
    app = FastAPI(title="cxstream", version=VERSION, lifespan=life, docs_url=None, redoc_url=None)
    app.state.service, app.state.is_ready = service, False
    install(app)
    app.include_router(health.router)
    app.include_router(customers.router)
    app.include_router(checkout.router)
    app.include_router(events.router)
    app.include_router(rewards.router)
    app.add_middleware(RawPath)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # as FastAPI wants it to be done
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with our problems in the place of FastAPI's own error."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas |= schemas_of(Problem, Basket, Choice, Redemption)
        app.openapi_schema = document
    return app.openapi_schema
