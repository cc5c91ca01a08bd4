"""`cx customer`: one customer as the read model has them."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import orjson
from redis.exceptions import RedisError
from rich.console import Console

from cli.here import settings_here
from cli.screen.customer import picture
from schemas.base import CUSTOMER_ID_BYTES_MAX
from schemas.errors import CxError
from streams.access import of_redis
from streams.readmodel import connect, read_customer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cli.screen.money import Lang
    from streams.settings import RedisSettings


class StoredError(CxError):
    """What is stored cannot be shown; the text is one line for a person."""


@click.command(name="customer")
@click.argument("customer")
@click.option("--json", "as_json", is_flag=True, help="Print the profile as it is stored.")
@click.option("--lang", type=click.Choice(["en", "vi"]), default="en", show_default=True, help="Language to say it in.")
def command(customer: str, *, as_json: bool, lang: Lang) -> None:
    """Show the profile of CUSTOMER from Redis: tier, progress, CX level, dimensions, rewards and why.

    Exit code 1 when there is no such customer or Redis does not answer, 78 when it does not let us in.
    """
    check(customer)
    redis = settings_here().redis
    profile = asyncio.run(read(redis, customer))
    if profile is None:
        click.echo(f"{customer}: no such customer in the read model (Redis at {redis.address})", err=True)
        sys.exit(1)
    if as_json:
        click.echo(profile)
        return
    with as_stored():
        drawn = picture(orjson.loads(profile), lang)
    Console().print(drawn)


@contextmanager
def as_stored() -> Iterator[None]:
    """Say in one line that what the read model holds is not what we read and draw, in whatever way."""
    try:
        yield
    except (LookupError, ValueError, TypeError, AttributeError):
        message = "what the read model has of this customer is damaged, or of another version"
        raise StoredError(message) from None


def check(customer: str) -> None:
    """End with exit code 1 where *customer* cannot be an id at all."""
    try:
        size = len(customer.encode())
    except UnicodeEncodeError:
        size = 0
    if not 1 <= size <= CUSTOMER_ID_BYTES_MAX:
        click.echo(f"no such customer: an id is 1 to {CUSTOMER_ID_BYTES_MAX} bytes of UTF-8", err=True)
        sys.exit(1)


async def read(settings: RedisSettings, customer: str) -> bytes | None:
    """Return the rendered profile of *customer*; None for one never seen.

    Raises:
        AwayError: Redis does not answer.
        RefusedError: it does not let us in.
        StoredError: it has no profile of them, but something else.
    """
    found = await look_up(settings, customer)
    with as_stored():
        return None if found is None else bytes(found[b"profile"])


async def look_up(settings: RedisSettings, customer: str) -> Mapping[bytes, bytes] | None:
    """Return all that the read model has of *customer*; None for one never seen.

    Raises:
        AwayError: Redis does not answer.
        RefusedError: it does not let us in.
    """
    client = connect(settings)
    try:
        return await read_customer(client, customer)
    except (RedisError, OSError) as error:
        raise of_redis(error, settings) from error
    finally:
        await client.aclose()
