"""`cx desk`: one gift desk, joined to the cluster that the settings name."""

from __future__ import annotations

import asyncio

import click

from cli.logs import set_up
from cli.preflight import end_with, faults_for
from cli.worker import load_rules, run
from schemas.topics import Lane
from streams.settings import Settings


@click.command(name="desk")
def command() -> None:
    """Run one gift desk until Ctrl-C or SIGTERM: it answers requests for gifts, from stock and within budgets.

    A second one takes over where the first fails. Exit codes are those of cx worker.
    """
    settings = Settings()
    set_up(settings.log_level)
    rules = load_rules(settings)
    end_with(asyncio.run(faults_for(settings, {Lane.GIFTS})))
    run(settings, rules, desk=True)
