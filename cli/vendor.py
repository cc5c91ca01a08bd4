"""`cx vendor`: the agent of one vendor, which has gifts made that the desk has ordered."""

from __future__ import annotations

import asyncio
from random import SystemRandom

import click

from cli.logs import set_up
from cli.preflight import end_with, faults_of
from cli.stopping import stoppable
from ops.codes import Locker
from ops.endpoint import serve
from ops.metrics import process_registry
from ops.metrics_beside import Ordered
from ops.vendors.agent import Agent
from ops.vendors.http import HttpVendor
from ops.vendors.patience import Patience
from streams.settings import Settings


@click.command(name="vendor")
def command() -> None:
    """Have gifts made by one vendor, by HTTP, until Ctrl-C or SIGTERM.

    CX_VENDOR__NAME says for which vendor of the catalogue, CX_VENDOR__URL where it is asked. Codes are encrypted
    before they go to Kafka, as by cx gifts import, and so it needs CX_CODES__KEYS and CX_CODES__IDENTITY. Several of
    one name share the work. Exit codes: 0 stopped when asked, 1 Kafka did not answer, 78 settings or topics are wrong.
    """
    settings = Settings()
    set_up(settings.log_level)
    locker = Locker(settings.codes)
    locker.check()
    faults = [] if settings.vendor.url and settings.vendor.name else ["set CX_VENDOR__NAME and CX_VENDOR__URL"]
    with stoppable():
        try:
            faults += [] if faults else asyncio.run(faults_of(settings))
            if not faults:
                asyncio.run(_run(settings, locker))
        except KeyboardInterrupt:
            return
    end_with(faults)


async def _run(settings: Settings, locker: Locker) -> None:
    patience = Patience(HttpVendor(settings.vendor), settings.vendor, SystemRandom())
    figures = None
    if settings.metrics is not None:
        registry = process_registry()
        figures = Ordered(settings.vendor.name, registry)
        serve(settings.metrics, registry, figures.pulse)
    await Agent(settings, patience, locker, figures).run()
