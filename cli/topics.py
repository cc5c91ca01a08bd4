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
    """Create the topics that are missing.

    Exit code 78 when what is there then differs from the contract, or Kafka does not let us in.
    """
    quieten()
    settings = settings_here()
    made = asyncio.run(_create(settings))
    for name in made:
        click.echo(f"created {name}")
    click.echo(f"{len(made)} topics created")
    _tell(asyncio.run(_check(settings)))


@command.command()
def check() -> None:
    """Compare the topics with the contract; exit code 78 when something differs, or Kafka does not let us in."""
    quieten()
    _tell(asyncio.run(_check(settings_here())))
    click.echo("all topics are as they should be")


def _tell(faults: list[str]) -> None:
    for fault in faults:
        click.echo(fault)
    if faults:
        sys.exit(EXIT_CONFIG)


async def _create(settings: Settings) -> list[str]:
    await ask_kafka(settings.kafka)
    return await admin.create(settings)


async def _check(settings: Settings) -> list[str]:
    await ask_kafka(settings.kafka)
    return await admin.check(settings)
