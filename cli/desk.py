"""`cx desk`: one gift desk, joined to the cluster that the settings name."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from cli.logs import set_up
from cli.worker import load_rules, run
from streams import admin
from streams.access import ask_kafka
from streams.settings import EXIT_CONFIG, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command(name="desk")
def command() -> None:
    """Run one gift desk until Ctrl-C or SIGTERM: it answers requests for gifts, from stock and within budgets.

    A second one takes over where the first fails. Exit codes are those of cx worker.
    """
    settings = Settings()
    set_up(settings.log_level)
    rules = load_rules(settings)
    faults = asyncio.run(_faults_of(settings))
    for fault in faults:
        click.echo(f"cx: {fault}", err=True)
    if faults:
        sys.exit(EXIT_CONFIG)
    run(settings, rules, desk=True)


async def _faults_of(settings: Settings) -> Sequence[str]:
    await ask_kafka(settings.kafka)
    return await admin.check(settings)
