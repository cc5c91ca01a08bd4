"""Paths with ids in them: an id may hold a slash or anything else, percent-encoded, and is one segment all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from starlette.convertors import Convertor, register_url_convertor

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


CUSTOMER: Final = "/v1/customers/{customer:id}"


class _Id(Convertor[str]):
    """One segment of a path as it was sent, decoded."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        # What is not UTF-8 becomes what no id may hold, so that it is refused and never taken for another one.
        return unquote(value, errors="surrogateescape")

    def to_string(self, value: str) -> str:
        return quote(value, safe="")


register_url_convertor("id", _Id())


class RawPath:
    """Lets routes see the path as it was sent: decoded, as servers hand it on, `a%2Fb` could not be told from `a/b`."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap *app*."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        if scope["type"] == "http":
            scope = {**scope, "path": scope["raw_path"].decode("ascii", "replace")}
        await self._app(scope, receive, send)
