"""`cx worker`: one worker, joined to the cluster that the settings name."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

import click

from cli.logs import set_up
from cli.preflight import end_with, faults_for
from cx.rules import compile_policy
from ops.endpoint import serve
from ops.metrics import PrometheusMeter, process_registry
from schemas.policy_file import PolicyError, read_policy
from schemas.topics import Lane
from streams import admin
from streams.access import AwayError, ask_kafka, ask_redis
from streams.meter import SILENT
from streams.settings import EXIT_CONFIG, Settings, presets

if TYPE_CHECKING:
    from cx.rules import Rules
    from streams.meter import Meter

log = logging.getLogger(__name__)


@click.command(name="worker")
def command() -> None:
    """Run one worker until Ctrl-C or SIGTERM.

    Exit codes: 0 stopped when asked, 1 Kafka did not answer at the start, 70 a promise could not be kept, 78 settings,
    policy or topics are wrong.
    """
    settings = Settings()
    set_up(settings.log_level)
    rules = load_rules(settings)
    end_with(asyncio.run(faults_for(settings, {Lane.CUSTOMERS})))
    run(settings, rules)


async def faults_of(settings: Settings) -> list[str]:
    """Return what is wrong with the topics, once Kafka and Redis have let us in; for who only reads profiles."""
    await ask_kafka(settings.kafka)
    try:
        await ask_redis(settings.redis, settings.app, Lane.CUSTOMERS)
    except AwayError as error:
        # Profiles wait for Redis, as they do when it goes away later.
        log.warning("read model is away", extra={"reason": str(error)})
    return await admin.check(settings)


def load_rules(settings: Settings) -> Rules:
    """Read the policy that the settings name; where it cannot be used, end the process with 78, one line a fault."""
    try:
        with settings.policy.open("rb") as file:
            return compile_policy(read_policy(file, str(settings.policy)))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        click.echo(f"cx: policy {settings.policy} cannot be read ({reason}); presets: {', '.join(presets())}", err=True)
    except PolicyError as error:
        click.echo(f"cx: {error}", err=True)
    sys.exit(EXIT_CONFIG)


def metered(settings: Settings, lane: str) -> Meter:
    """Return what *lane* tells its figures to; they are served where the settings say so."""
    if settings.metrics is None:
        return SILENT
    registry = process_registry()
    meter = PrometheusMeter(lane, registry, stuck_s=settings.stuck_seconds)
    serve(settings.metrics, registry, meter.pulse)
    return meter


def run(settings: Settings, rules: Rules, *, desk: bool = False) -> None:
    """Run the Faust worker in this process, or the gift desk's; never returns."""
    from streams.loop import Policy  # noqa: PLC0415

    # Before anything makes an event loop.
    asyncio.set_event_loop_policy(Policy())
    from faust import Worker  # noqa: PLC0415

    from agents.app import LANE, build_app, build_desk  # noqa: PLC0415

    settings.data.mkdir(parents=True, exist_ok=True)
    if desk:
        app = build_desk(settings, rules, metered(settings, Lane.GIFTS))
    else:
        app = build_app(settings, rules, metered(settings, LANE))
    worker = Worker(app, loglevel=None, logfile=None, redirect_stdouts=False, quiet=True, override_logging=False)
    worker.execute_from_commandline()
