"""The guard before the API: bounds on size and time, and headers that keep browsers safe."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.datastructures import MutableHeaders

from serving.problems import ProblemError, answer, broken

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES_MAX: Final = 1 << 20
BODY_S: Final = 10.0  # for a body to come in
CALL_S: Final = 20.0
STREAMS: Final = frozenset({"/v1/stream"})  # which end when they want to
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
BY_TLS: Final = {"Strict-Transport-Security": "max-age=31536000"}


class Guard:
    """Stands before an application."""

    def __init__(self, app: ASGIApp, *, is_tls: bool = False) -> None:
        """Guard *app*; by TLS, browsers are told to come back by it."""
        self._app = app
        self._headers = HEADERS | (BY_TLS if is_tls else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a call through, within bounds."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_begun = False

        async def send_safely(message: Message) -> None:
            nonlocal is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            body = await _body(receive, dict(scope["headers"]))
        except ProblemError as problem:
            await answer(problem)(scope, receive, send_safely)
            return
        call_s = None if scope["path"] in STREAMS else CALL_S
        try:
            async with asyncio.timeout(call_s):
                await self._app(scope, _again(body, receive), send_safely)
        except TimeoutError:
            if is_begun:
                raise
            late = ProblemError(503, "too-slow", "this took too long", headers={"Retry-After": "1"})
            await answer(late)(scope, receive, send_safely)
        except Exception:  # a fault of ours is answered here as well, so that it has the headers
            if not is_begun:
                await answer(broken())(scope, receive, send_safely)
            raise


async def _body(receive: Receive, headers: dict[bytes, bytes]) -> bytes:
    """Return the whole body.

    Raises:
        ProblemError: 413, it is too large; 408, it does not come.
    """
    stated = headers.get(b"content-length", b"0")
    if not stated.isdigit() or int(stated) > BODY_BYTES_MAX:
        raise _too_large()
    parts, size, is_more = list[bytes](), 0, True
    try:
        async with asyncio.timeout(BODY_S):
            while is_more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    break
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > BODY_BYTES_MAX:
                    raise _too_large()
                is_more = message.get("more_body", False)
    except TimeoutError:
        raise ProblemError(408, "too-slow", "the body did not come in time", headers={"Connection": "close"}) from None
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives the *body* that was received already, and from then on what comes."""
    is_told = False

    async def once() -> Message:
        nonlocal is_told
        if is_told:
            return await receive()
        is_told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


def _too_large() -> ProblemError:
    return ProblemError(413, "too-large", f"a body has at most {BODY_BYTES_MAX} bytes", headers={"Connection": "close"})
