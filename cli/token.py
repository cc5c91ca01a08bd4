"""`cx token`: who may call the API, for what and until when."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from cli.generate import Duration
from cli.here import settings_here
from cli.logs import set_up
from schemas.errors import CxError
from serving import audit
from serving.profiles import Breaker, RedisAwayError
from serving.tokens import SCOPES, Tokens, UnknownTokenError, made
from streams.readmodel import connect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from serving.tokens import Scope

OPERATOR = "operator"  # in the audit log
Result = TypeVar("Result")


class TokenError(CxError):
    """The tokens cannot be reached, or there is no such one; the text is one line for a person."""


@click.group(name="token")
def command() -> None:
    """Make, list, rotate and take back the bearer tokens of `cx serve`, of which Redis has digests."""
    set_up("info")


@command.command(name="create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(SCOPES), help="What it allows.")
@click.option("--expires", type=Duration(), default="90d", show_default=True, help="How long it is taken.")
@click.option("--customer", help="Let it speak for this customer only.")
@click.option("--source", "sources", multiple=True, help="Let it write events of these sources only.")
def create(
    *, name: str, scopes: tuple[Scope, ...], expires: timedelta, customer: str | None, sources: tuple[str, ...]
) -> None:
    """Make a token called NAME, and print it: it is shown this once."""
    now = datetime.now(UTC)
    try:
        token, bearer = made(
            name, tuple(dict.fromkeys(scopes)), now=now, expires=now + expires, customer=customer, sources=sources
        )
    except (ValidationError, OverflowError):
        message = "a name has 1 to 64 characters, a customer id up to 64 bytes, a source up to 256 characters"
        raise TokenError(message) from None
    _with_tokens(lambda tokens: tokens.keep(token))
    audit.note("token.created", OPERATOR, token.id)
    click.echo(bearer)


@command.command(name="list")
def show() -> None:
    """List all tokens: name, scopes, for whom, and until when; never a secret."""
    table = Table("id", "name", "scopes", "customer", "sources", "expires")
    for one in _with_tokens(lambda tokens: tokens.all()):
        until = f"{one.expires:%Y-%m-%d %H:%M} UTC"
        table.add_row(one.id, one.name, " ".join(one.scopes), one.customer or "", " ".join(one.sources), until)
    Console().print(table)


@command.command(name="revoke")
@click.argument("token_id", metavar="ID")
def revoke(token_id: str) -> None:
    """Take a token back: within ten seconds no server takes it any more."""
    _with_tokens(lambda tokens: tokens.revoke(token_id))
    audit.note("token.revoked", OPERATOR, token_id)


@command.command(name="rotate")
@click.argument("token_id", metavar="ID")
@click.option("--keep", type=Duration(), default="1h", show_default=True, help="How long the old one is taken yet.")
@click.option("--expires", type=Duration(), help="How long the new one is taken; by default as long as it was.")
def rotate(*, token_id: str, keep: timedelta, expires: timedelta | None) -> None:
    """Give a token a new secret, and print it; its holder changes over while the old one still works."""
    now = datetime.now(UTC)
    _, bearer = _with_tokens(
        lambda tokens: tokens.rotate(token_id, until=now + keep, expires=now + expires if expires else None)
    )
    audit.note("token.rotated", OPERATOR, token_id)
    click.echo(bearer)


def _with_tokens(work: Callable[[Tokens], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        redis = Breaker(connect(settings_here().redis))
        try:
            return await work(Tokens(redis))
        finally:
            await redis.close()

    try:
        return asyncio.run(run())
    except RedisAwayError:
        message = "Redis does not answer, or does not let us in"
        raise TokenError(message) from None
    except UnknownTokenError:
        message = "there is no such token"
        raise TokenError(message) from None
