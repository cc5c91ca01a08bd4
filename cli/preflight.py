"""What is looked at before anything runs: whether Kafka lets us in, and whether the topics are as they should be."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from streams import admin
from streams.access import ask_kafka
from streams.settings import EXIT_CONFIG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.settings import Settings


async def faults_of(settings: Settings) -> list[str]:
    """Return what is wrong with the topics, once Kafka has let us in."""
    await ask_kafka(settings.kafka)
    return await admin.check(settings)


def end_with(faults: Sequence[str]) -> None:
    """Say *faults*, a line each, and end the process with 78; where there are none, return."""
    for fault in faults:
        click.echo(f"cx: {fault}", err=True)
    if faults:
        sys.exit(EXIT_CONFIG)
