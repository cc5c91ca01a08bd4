"""`cx customer`: one customer as the read model has them."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from redis.exceptions import RedisError
from rich.console import Console

from cli.here import settings_here
from cli.offline import OptionError, rules_of
from cli.screen.customer import picture
from cx.state import Customer, StateFormatError, canonical, decode
from cx.view import profile_of
from schemas.base import CUSTOMER_ID_BYTES_MAX
from schemas.errors import CxError
from streams.access import of_redis
from streams.readmodel import Stored, connect, read_customer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.screen.money import Lang
    from cx.rules import Rules
    from streams.settings import RedisSettings


class StoredError(CxError):
    """What is stored cannot be shown; the text is one line for a person."""


@click.command(name="customer")
@click.argument("customer")
@click.option("--json", "as_json", is_flag=True, help="Print the profile as it is, in canonical JSON.")
@click.option("--policy", metavar="FILE|PRESET", help="The programme; by default that of the settings.")
@click.option("--lang", type=click.Choice(["en", "vi"]), default="en", show_default=True, help="Language to say it in.")
def command(customer: str, *, as_json: bool, policy: str | None, lang: Lang) -> None:
    """Show the profile of CUSTOMER from Redis: tier, progress, CX level, dimensions, rewards and why.

    Exit code 1 when there is no such customer or Redis does not answer, 2 when the policy cannot be used or is not
    the one that decided, 78 when Redis does not let us in.
    """
    check(customer)
    settings = settings_here()
    redis, rules = settings.redis, rules_of(policy or str(settings.policy))
    stored = asyncio.run(look_up(redis, customer))
    if stored is None:
        click.echo(f"{customer}: no such customer in the read model (Redis at {redis.address})", err=True)
        sys.exit(1)
    with as_stored():
        profile = profile_of(decided(stored, rules), stored.as_of, rules)
    if as_json:
        click.echo(canonical(profile))
    else:
        Console().print(picture(profile, lang))


@contextmanager
def as_stored() -> Iterator[None]:
    """Say in one line that what the read model holds is not what we read and draw, in whatever way."""
    try:
        yield
    except (StateFormatError, LookupError, ValueError, TypeError, AttributeError):
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


def decided(stored: Stored, rules: Rules) -> Customer:
    """Return the customer that is *stored*, decided by *rules*.

    Raises:
        StateFormatError: it is damaged, or of another version.
        OptionError: another policy decided, and by this one nothing can be said.
    """
    customer = decode(stored.state)
    if customer.policy != rules.hash:
        message = "the policy at hand is not the one that decided on this customer: name that one with --policy"
        raise OptionError(message)
    return customer


async def look_up(settings: RedisSettings, customer: str) -> Stored | None:
    """Return what the read model has of *customer*; None for one never seen.

    Raises:
        AwayError: Redis does not answer.
        RefusedError: it does not let us in.
        StoredError: it has something else there.
    """
    client = connect(settings)
    try:
        with as_stored():
            return await read_customer(client, customer)
    except (RedisError, OSError) as error:
        raise of_redis(error, settings) from error
    finally:
        await client.aclose()
