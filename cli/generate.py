"""`cx generate`: produce lifelike traffic, to Kafka or into a file, and say exactly what was produced."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from cli.here import settings_here
from cli.logs import quieten
from cli.offline import rules_of
from cli.overlaps import STANDARD, check_files
from cli.policy import file_of
from ops.traffic.generator import generate
from ops.traffic.kafka import KafkaSink
from ops.traffic.options import Options, duration
from ops.traffic.past import refuse_later_ticks
from ops.traffic.programme import Programme
from ops.traffic.sinks import LineSink
from schemas.errors import CxError
from streams.access import ask_kafka
from streams.settings import KafkaSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.traffic.generator import Progress
    from ops.traffic.manifest import Manifest

BEHIND_MS = 1_000  # from here on the rate asked was not held


class Duration(click.ParamType):
    """A duration such as 400d, 36h, 90m or 30s."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:  # noqa: ANN401  # click's own signature
        """Read it; `OptionsError` says what it should look like."""
        del param, ctx
        return value if isinstance(value, timedelta) else duration(value)


class Instant(click.ParamType):
    """An instant with its offset, as a manifest has it."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401  # click's own signature
        """Read it."""
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            self.fail(f"{value} is no instant such as 2026-03-01T10:00:00+07:00", param, ctx)
        return found


class WriteError(CxError):
    """A file cannot be written; the text is one line for a person."""


@click.command(name="generate")
@click.option("--rate", default=200.0, show_default=True, help="Records a second; 0 for as fast as possible.")
@click.option("--seconds", default=60.0, show_default=True, help="Length of the run.")
@click.option("--events", type=int, help="Number of records; needed with --rate 0, else rate times seconds.")
@click.option("--customers", default=2_000, show_default=True, help="How many customers there are.")
@click.option("--seed", default=1, show_default=True, help="Another seed, other lives.")
@click.option("--now", type=Instant(), help="Where the run stands in time, as a manifest has it: the same bytes again.")
@click.option("--span", type=Duration(), help="Simulated time of the run, such as 400d; it ends now.")
@click.option("--late-share", default=0.02, show_default=True, help="Part that arrives hours to weeks late.")
@click.option("--duplicate-share", default=0.01, show_default=True, help="Part that is sent a second time.")
@click.option("--poison-share", default=0.002, show_default=True, help="Part that belongs in dead letters.")
@click.option("--hot", default=0, show_default=True, help="Customers that exceed 300 events in 30 days.")
@click.option("--tick-every", type=Duration(), help="Simulated time between ticks.")
@click.option("--ticks/--no-ticks", default=None, help="Whether to write ticks; by default with --span or --out.")
@click.option(
    "--policy", metavar="FILE|PRESET", help="Whose gifts customers use, with --span; by default that of the settings."
)
@click.option("--out", type=click.Path(dir_okay=False, allow_dash=True), help="Write lines of JSON here, not to Kafka.")
@click.option("--manifest", type=click.Path(dir_okay=False, allow_dash=True), help="Write what was produced here.")
@click.option("--bootstrap", help="Kafka's bootstrap servers, instead of those of the settings.")
def command(
    *,
    out: str | None,
    manifest: str | None,
    bootstrap: str | None,
    now: datetime | None,
    ticks: bool | None,
    policy: str | None,
    **wanted: Any,  # noqa: ANN401  # what click has read, by the names of `Options`
) -> None:
    """Produce lifelike traffic.

    Without --span events happen now, and a worker writes the ticks; with it, run the worker with `clock: external`.
    Who decides on a run with --span has to do so by the policy that it was made for, else words on gifts and holds are
    of nothing that anybody knows.
    """
    quieten()
    wanted["ticks"] = ticks if ticks is not None else bool(out or wanted["span"])
    programme = _programme(policy) if wanted["span"] or policy is not None else None
    options = Options(now=now or datetime.now(UTC), medium="file" if out else "kafka", programme=programme, **wanted)
    check_files([] if policy is None else [file_of(policy)], [out, manifest])
    show = _show if sys.stderr.isatty() else None
    if manifest and manifest != STANDARD:
        with _told_of(Path(manifest)):
            Path(manifest).touch()  # before anything is produced: afterwards nobody could tell what that was
    with ExitStack() as stack:
        if out:
            stack.enter_context(_told_of(Path(out)))
            file: BinaryIO = sys.stdout.buffer if out == STANDARD else stack.enter_context(Path(out).open("wb"))
            made = asyncio.run(generate(options, LineSink(file), show))
        else:
            kafka = settings_here().kafka
            if bootstrap:
                kafka = KafkaSettings.model_validate(kafka.model_dump() | {"bootstrap": bootstrap})
            made = asyncio.run(_to_kafka(kafka, options, show))
    if manifest == STANDARD:
        click.echo(made.encoded(), nl=False)
    elif manifest:
        with _told_of(Path(manifest)):
            made.write(Path(manifest))
    _report(made)


@contextmanager
def _told_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"{path} cannot be written ({error.strerror or type(error).__name__})"
        raise WriteError(message) from None


def _programme(policy: str | None) -> Programme:
    return Programme.of(rules_of(str(settings_here().policy) if policy is None else policy).policy)


async def _to_kafka(kafka: KafkaSettings, options: Options, show: Progress | None) -> Manifest:
    await ask_kafka(kafka)
    client = kafka.client_options()
    await refuse_later_ticks(client, options)
    async with KafkaSink(client) as sink:
        return await generate(options, sink, show)


def _show(done: int, total: int, at: datetime) -> None:
    click.echo(f"\r{done:,} of {total:,} records, {at:%Y-%m-%d %H:%M} UTC ", nl=done == total, err=True)


def _report(made: Manifest) -> None:
    events = sum(made.events.values())
    click.echo(
        f"{made.records:,} records in {made.seconds:.1f} s: {events:,} events of {len(made.customers):,} customers,"
        f" {made.duplicates:,} duplicates, {sum(made.poison.values()):,} for dead letters; {made.ticks:,} ticks",
        err=True,
    )
    if made.behind_ms >= BEHIND_MS:
        click.echo(f"the rate was not held: up to {made.behind_ms / 1_000:.1f} s behind", err=True)
