"""The API as an ASGI application: its routes, its errors, and its OpenAPI document."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from schemas.answers import Basket, Choice, Redemption
from schemas.reader import type_of
from serving import checkout, customers, events, follow, health, rewards
from serving.bodies import schemas_of
from serving.guard import Guard
from serving.intake import EVENTS
from serving.paths import RawPath
from serving.problems import Problem, described, install
from serving.stream import Streams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from serving.feed import Feed
    from serving.service import Service

VERSION: Final = "1"
_DESCRIPTION: Final = (
    "Tiers, points and rewards for tills, web shops and apps. Ids in a path are percent-encoded, slashes too. "
    "Errors are problems as RFC 9457 has them."
)


def build(service: Service, feed: Feed | None = None, *, is_tls: bool = False) -> FastAPI:
    """Return the application, which opens and closes *service*, and follows *feed* where there is one.

    Args:
        is_tls: Whether it is reached by TLS.
    """

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        await service.open()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(service.close)
            if feed is not None:
                app.state.streams = Streams(feed)
                await stack.enter_async_context(feed.running())
            app.state.is_ready = True
            try:
                yield
            finally:
                app.state.is_ready = False

    # No pages of documentation: these would load their scripts from somewhere else.
    app = FastAPI(
        title="cxstream", version=VERSION, lifespan=life, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.state.service, app.state.is_ready = service, False
    install(app)
    app.include_router(health.router)
    for router in (customers.router, follow.router, checkout.router, events.router, rewards.router):
        app.include_router(router, responses=described(401, 403, 408, 413, 429, 503))
    app.add_middleware(RawPath)
    app.add_middleware(Guard, is_tls=is_tls)  # before the others, so that its headers are on every answer
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # as FastAPI wants it to be done
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with our problems in the place of FastAPI's own error."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas |= schemas_of(Problem, Basket, Choice, Redemption, *EVENTS)
        refs = {type_of(model): f"#/components/schemas/{model.__name__}" for model in EVENTS}
        discriminator = {"propertyName": "type", "mapping": refs}
        schemas["Event"] = {"oneOf": [{"$ref": ref} for ref in refs.values()], "discriminator": discriminator}
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"] = _refusals(operation) | operation["responses"]
        app.openapi_schema = document
    return app.openapi_schema


def _refusals(operation: dict[str, Any]) -> dict[str, Any]:
    """Return how a call is refused before its route sees it, or by the token that it comes with."""
    statuses = [401, 403, 429, 503] * ("security" in operation) + [408, 413] * ("requestBody" in operation)
    return {str(status): said for status, said in described(*statuses).items()}
