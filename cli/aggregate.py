"""`cx aggregate`: one process that counts customers by week, store and channel for `cx report`."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from cli.logs import set_up
from cli.stopping import stoppable
from cli.worker import load_rules
from cx.state import StateFormatError
from ops.aggregates.consumer import Consumer
from ops.aggregates.store import EXIT_BROKEN, Store
from ops.endpoint import serve
from ops.metrics import process_registry
from ops.metrics_beside import Counted
from streams.access import ask_kafka
from streams.partition import PartitionFormatError
from streams.settings import Settings

if TYPE_CHECKING:
    from cx.rules import Rules


@click.command(name="aggregate")
def command() -> None:
    """Count customers by week, store and channel, for `cx report cx`, until Ctrl-C or SIGTERM.

    Reads the customers' changelog, and keeps one file in the data folder; one process an app is enough. Exit codes:
    0 stopped when asked, 70 it cannot go on, 78 settings, policy or topics are wrong.
    """
    settings = Settings()
    set_up(settings.log_level)
    rules = load_rules(settings)
    with stoppable():
        try:
            asyncio.run(_count(settings, rules))
        except KeyboardInterrupt:
            return
        except (StateFormatError, PartitionFormatError) as error:
            click.echo(f"cx: the changelog cannot be counted: {error}", err=True)
            sys.exit(EXIT_BROKEN)


async def _count(settings: Settings, rules: Rules) -> NoReturn:
    await ask_kafka(settings.kafka)
    store = Store(settings.data)
    try:
        figures = None
        if settings.metrics is not None:
            registry = process_registry()
            figures = Counted(registry)
            serve(settings.metrics, registry, figures.pulse)
        await Consumer(settings, rules, store, figures).run()
    finally:
        store.close()
