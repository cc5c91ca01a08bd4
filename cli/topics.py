"""`cx topics`: make the topics of the contract, or say what is wrong with them."""

from __future__ import annotations

import asyncio
import sys

import click

from cli.here import settings_here
from cli.logs import quieten
from streams import admin
from streams.settings import EXIT_CONFIG


@click.group(name="topics")
def command() -> None:
    """Make or check the topics."""


@command.command()
def create() -> None:
    """Create the topics that are missing."""
    quieten()
    made = asyncio.run(admin.create(settings_here()))
    for name in made:
        click.echo(f"created {name}")
    click.echo(f"{len(made)} topics created")


@command.command()
def check() -> None:
    """Compare the topics with the contract; exit code 78 when something differs."""
    quieten()
    faults = asyncio.run(admin.check(settings_here()))
    for fault in faults:
        click.echo(fault)
    if faults:
        sys.exit(EXIT_CONFIG)
    click.echo("all topics are as they should be")
