"""`cx topics`: make the topics of the contract, or say what is wrong with them."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from cli.here import settings_here
from cli.logs import quieten
from streams import admin
from streams.access import ask_kafka
from streams.settings import EXIT_CONFIG

if TYPE_CHECKING:
    from streams.settings import Settings


@click.group(name="topics")
def command() -> None:
    """Make or check the topics."""


@command.command()
def create() -> None:
    """Create the topics that are missing; exit code 78 when Kafka does not let us in."""
    quieten()
    made = asyncio.run(_create(settings_here()))
    for name in made:
        click.echo(f"created {name}")
    click.echo(f"{len(made)} topics created")


@command.command()
def check() -> None:
    """Compare the topics with the contract; exit code 78 when something differs, or Kafka does not let us in."""
    quieten()
    faults = asyncio.run(_check(settings_here()))
    for fault in faults:
        click.echo(fault)
    if faults:
        sys.exit(EXIT_CONFIG)
    click.echo("all topics are as they should be")


async def _create(settings: Settings) -> list[str]:
    await ask_kafka(settings.kafka)
    return await admin.create(settings)


async def _check(settings: Settings) -> list[str]:
    await ask_kafka(settings.kafka)
    return await admin.check(settings)
