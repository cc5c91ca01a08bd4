"""Access: whose token a call comes with, what it may do, and for whom."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from serving import audit
from serving.problems import ProblemError
from serving.profiles import RedisAwayError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from serving.limits import Limits
    from serving.tokens import Token, Tokens

AGAIN_S: Final = 0.1
SCHEME: Final = HTTPBearer(
    auto_error=False, scheme_name="token", bearerFormat="cx_…", description="A token of `cx token create`."
)
_NONE: Final = "Bearer"
_INVALID: Final = 'Bearer error="invalid_token"'
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(SCHEME)]


class Caller:
    """Who calls, with the right to."""

    def __init__(self, token: Token) -> None:
        """Call with *token*."""
        self.token = token

    @property
    def customer(self) -> str | None:
        """The one customer the token speaks for; None for any."""
        return self.token.customer

    def may(self, scope: str) -> bool:
        """Whether the token has *scope*."""
        return scope in self.token.scopes

    def check_scope(self, scope: str) -> None:
        """Refuse what needs a *scope* that the token has not.

        Raises:
            ProblemError: 403.
        """
        if not self.may(scope):
            audit.refusal(scope, self.token.id)
            raise _scope_missing(scope)

    def check_customer(self, customer: str) -> None:
        """Refuse a *customer* for whom the token does not speak.

        Raises:
            ProblemError: 403.
        """
        if self.token.customer not in {None, customer}:
            audit.refusal("customer", self.token.id)
            raise ProblemError(403, "other-customer", "this token is for another customer")

    def check_source(self, source: str) -> None:
        """Refuse a *source* as which the token may not write.

        Raises:
            ProblemError: 403.
        """
        if self.token.sources and source not in self.token.sources:
            audit.refusal("source", self.token.id)
            raise ProblemError(403, "other-source", "this token may not write events of that source")

    def audit(self, action: str, about: str) -> None:
        """Write down that the caller does *action*; *about* is an id of ours, never a code or a name."""
        audit.note(action, self.token.id, about)


@dataclass(slots=True)
class Access:
    """Knows tokens, and counts their calls."""

    tokens: Tokens
    limits: Limits
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def open(self) -> None:
        """Begin to look after both."""
        self._tasks = [asyncio.create_task(one.run(), name=type(one).__name__) for one in (self.tokens, self.limits)]

    async def close(self) -> None:
        """Do so no more."""
        left = set(self._tasks)
        while left:  # a client of Redis may take a cancellation for a time-out of its own, and go on
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=AGAIN_S)

    async def caller(self, bearer: str) -> Caller:
        """Return who calls with *bearer*, once more.

        Raises:
            ProblemError: 401, nobody we know; 429, too often; 503, it cannot be looked up.
        """
        try:
            token = await self.tokens.known(bearer, datetime.now(UTC))
        except RedisAwayError:
            detail = "tokens cannot be looked up now"
            raise ProblemError(503, "redis-away", detail, headers={"Retry-After": "1"}) from None
        if token is None:
            raise _nobody(_INVALID, "this token is not known, or not any more")
        await self.limits.count(token.id)
        return Caller(token)


def allowed(*scopes: str) -> Callable[..., Awaitable[Caller]]:
    """Return a dependency that lets callers in who have one of *scopes*, as often as their token may."""

    async def enter(request: Request, credentials: Credentials) -> Caller:
        if credentials is None:
            raise _nobody(_NONE, "a bearer token is needed")
        access: Access = request.app.state.service.access
        caller = await access.caller(credentials.credentials)
        if not any(map(caller.may, scopes)):
            audit.refusal(scopes[0], caller.token.id)
            raise _scope_missing(scopes[0])
        return caller

    # What FastAPI asks a dependency for is looked up by name, which it could not do from in here.
    enter.__annotations__ |= {"request": Request, "credentials": Credentials}
    return enter


def _nobody(challenge: str, detail: str) -> ProblemError:
    return ProblemError(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})


def _scope_missing(scope: str) -> ProblemError:
    challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
    return ProblemError(
        403, "scope-missing", f"this needs a token with {scope}", headers={"WWW-Authenticate": challenge}
    )
