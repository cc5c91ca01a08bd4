"""`cx webhooks`: who is told of what over HTTP, and the process that tells them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import click
from aiokafka.errors import KafkaError

from cli.here import settings_here
from cli.logs import quieten, set_up
from cli.preflight import end_with, faults_of
from cli.stopping import stoppable
from ops.codes import Locker
from ops.webhooks.addresses import AddressError, check_url
from ops.webhooks.channel import reader
from ops.webhooks.delivery import Delivery
from ops.webhooks.registry import SUBSCRIPTIONS_MAX, registry
from ops.webhooks.signing import new_secret, sealed
from schemas.outputs import TOPIC_OF
from schemas.webhooks import Subscription
from streams.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ops.webhooks.registry import Registry

SECRETS_MAX: Final = 4
OVERLAP_HOURS: Final = 24.0


@click.group(name="webhooks")
def command() -> None:
    """Tell endpoints of yours what happens, signed after Standard Webhooks."""


@command.command(name="run")
def run() -> None:
    """Deliver until Ctrl-C or SIGTERM; a second one stands by.

    It needs CX_CODES__KEYS, by which secrets are sealed. CX_WEBHOOKS__INSIDE=true lets endpoints be in private networks
    and without TLS. Exit codes: 0 stopped when asked, 1 Kafka did not answer, 78 settings or topics are wrong.
    """
    settings = Settings()
    set_up(settings.log_level)
    locker = Locker(settings.codes)
    _ = locker.key_id  # says what is missing
    with stoppable():
        try:
            end_with(asyncio.run(faults_of(settings)))
            asyncio.run(_run(settings, locker))
        except KeyboardInterrupt:
            return
        except KafkaError as error:
            message = f"Kafka at {settings.kafka.bootstrap} does not answer as it should ({type(error).__name__})"
            raise click.ClickException(message) from error


async def _run(settings: Settings, locker: Locker) -> None:
    await Delivery(settings, locker).run()


@command.command(name="add")
@click.argument("url")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Tell of this type only; may be given again.")
def add(url: str, types: tuple[str, ...]) -> None:
    """Tell URL what happens from now on; print the secret that its signatures are checked with, this once."""
    settings = _settings()
    try:
        check_url(url, inside=settings.webhooks.inside)
    except AddressError as error:
        raise click.BadParameter(str(error), param_hint="URL") from None
    if unknown := sorted(set(types) - TOPIC_OF.keys()):
        message = f"no event has it: {', '.join(unknown)}; there are {', '.join(sorted(TOPIC_OF))}"
        raise click.BadParameter(message, param_hint="--type")
    locker, name, secret = Locker(settings.codes), str(uuid4()), new_secret()
    secrets = (sealed(locker, name, secret),)
    subscription = Subscription(id=name, url=url, types=types, secrets=secrets, created=datetime.now(UTC))

    async def put(known: Registry) -> None:
        if len(known.subscriptions) >= SUBSCRIPTIONS_MAX:
            message = f"there are {SUBSCRIPTIONS_MAX} webhooks, and that is as many as there may be"
            raise click.ClickException(message)
        consumer = reader(settings.kafka, settings.app, subscription, settings.partitions)
        try:  # It begins now, whenever it is first delivered to.
            await consumer.start()
            ends = await consumer.end_offsets(consumer.assignment())
            await consumer.commit(ends)
        finally:
            await consumer.stop()
        await known.put(subscription)

    _with_registry(settings, put)
    click.echo(f"{name}\n{secret}")


@command.command(name="list")
def list_() -> None:
    """Show the webhooks: id, whether it is delivered to, types, address."""

    async def show(known: Registry) -> None:
        for one in sorted(known.subscriptions.values(), key=lambda one: one.created):
            waiting = sum(retry.subscription == one.id for retry in known.retries.values())
            state = one.disabled or (f"{waiting} to be tried again" if waiting else "active")
            click.echo(f"{one.id}  {state}  {','.join(one.types) or 'all'}  {one.url}")

    _with_registry(_settings(), show)


@command.command(name="rotate")
@click.argument("name", metavar="ID")
@click.option("--overlap", default=OVERLAP_HOURS, type=click.FloatRange(0, 720), help="Hours that the old one holds.")
def rotate(name: str, overlap: float) -> None:
    """Print a new secret; for a day deliveries are signed by the old one as well."""
    settings, secret, now = _settings(), new_secret(), datetime.now(UTC)

    async def change(known: Registry) -> None:
        found = known.find(name)
        until = now + timedelta(hours=overlap)
        old = [
            one.model_copy(update={"until": min(one.until or until, until)})
            for one in found.secrets
            if one.until is None or now < one.until
        ]
        secrets = (sealed(Locker(settings.codes), found.id, secret), *old)[:SECRETS_MAX]
        await known.put(found.model_copy(update={"secrets": secrets}))

    _with_registry(settings, change)
    click.echo(secret)


@command.command(name="remove")
@click.argument("name", metavar="ID")
def remove(name: str) -> None:
    """Tell it nothing more, neither what is new nor what waits to be tried again."""

    async def forget(known: Registry) -> None:
        await known.remove(known.find(name).id)

    _with_registry(_settings(), forget)


def _settings() -> Settings:
    quieten()
    return settings_here()


def _with_registry(settings: Settings, act: Callable[[Registry], Awaitable[None]]) -> None:
    async def run_it() -> None:
        async with registry(settings.kafka) as known:
            await act(known)

    end_with(asyncio.run(faults_of(settings)))
    asyncio.run(run_it())
