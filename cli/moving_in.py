"""`cx import`: customers of another system, from a spreadsheet, as events: into a file, or to Kafka."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from cli.here import settings_here
from cli.linefile import LineFile
from cli.logs import quieten
from cli.offline import OptionError, instant_of, rules_of
from cli.overlaps import check_files
from cli.policy import file_of
from cli.rows import TYPE, Rows
from cli.screen.parts import counted
from cli.sheet import Tally, text_of
from cx.calendar import micros, rfc3339
from ops.traffic.kafka import KafkaSink
from ops.traffic.records import Arrival, Kind
from schemas.inputs import TOPIC_OF
from streams.access import ask_kafka

if TYPE_CHECKING:
    from cx.rules import Rules
    from streams.settings import KafkaSettings

_MILLI: Final = 1_000


@click.command(name="import")
@click.argument("file", metavar="FILE.csv")
@click.option("--policy", metavar="FILE|PRESET", help="The programme; by default that of the settings.")
@click.option("--at", metavar="TIME", help="When they move in; by default now.")
@click.option("--out", metavar="FILE", help="Write the events here, one a line, - for standard output; not to Kafka.")
def command(*, file: str, policy: str | None, at: str | None, out: str | None) -> None:
    """Let the customers of FILE, a spreadsheet as CSV, move in from another system; - is standard input.

    Each row becomes a `customer.imported`, under an id that is the same again for the same customer and programme, so
    that nobody moves in twice. Bad rows are told by line and column, and the rest goes on. Exit code 1 when any was
    bad, 2 when the file, the policy or an option cannot be used.
    """
    quieten()
    settings = settings_here()
    policy = str(settings.policy) if policy is None else policy
    check_files([file, file_of(policy)], [out])
    rules = rules_of(policy)
    now = micros(datetime.now(UTC))
    moment = now if at is None else instant_of("--at", at)
    tally = Tally(Rows(text_of(file), moment, rules))
    if out is None:
        _check_time(moment, now, rules)
        asyncio.run(_produce(settings.kafka, tally, moment, now))
    else:
        with LineFile(out) as lines:
            for _, value in tally:
                lines.write(value)
    click.echo(
        f"{counted(tally.good, 'customer')}, {counted(tally.bad, 'bad row')}, as of {rfc3339(moment)}",
        err=True,
    )
    if tally.bad:
        sys.exit(1)


def _check_time(at: int, now: int, rules: Rules) -> None:
    """Refuse an instant at which a worker would take nothing."""
    if at < now - rules.lateness or at > now + rules.future:
        clock = rules.policy.clock
        message = (
            f"--at: a worker takes what is up to {clock.lateness_days} days late, or {clock.future_minutes} minutes"
            " from the future; cx import --out writes a file for cx replay"
        )
        raise OptionError(message)


async def _produce(kafka: KafkaSettings, rows: Tally, at: int, now: int) -> None:
    topic = TOPIC_OF[TYPE]
    await ask_kafka(kafka)
    async with KafkaSink(kafka.client_options()) as sink:
        for customer, value in rows:
            key = customer.encode()
            await sink.send(Arrival(topic, key, value, now // _MILLI, Kind.EVENT, TYPE, customer, at // _MILLI))
        await sink.flush()
