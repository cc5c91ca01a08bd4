"""`cx lag`: how far behind consumer groups are, asked of Kafka and of no worker."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import click
import orjson
from rich.console import Console
from rich.live import Live
from rich.text import Text

from cli.here import settings_here
from cli.logs import quieten
from cli.screen.lag import table
from cli.stopping import stoppable
from ops.lag.looker import LagError, Looker
from streams.access import ask_kafka

if TYPE_CHECKING:
    from ops.lag.groups import GroupLag
    from streams.settings import Settings

STALLED_AFTER_S: Final = 10.0  # while watching; many commits of a worker that works


@click.command(name="lag")
@click.option("--group", "groups", multiple=True, help="Look at this group, and not at ours; may be given again.")
@click.option("--partitions", is_flag=True, help="Show every partition, and not only those that lag.")
@click.option("--watch", is_flag=True, help="Go on until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --watch a line for each look.")
@click.option(
    "--over",
    type=click.FloatRange(0.0, 600.0),
    default=3.0,
    show_default=True,
    help="Seconds between two looks: what has records and does not move meanwhile is called stalled.",
)
def command(*, groups: tuple[str, ...], partitions: bool, watch: bool, as_json: bool, over: float) -> None:
    """Show how far behind workers, gift desks and vendor agents are: messages, seconds, who should read them.

    Works without any worker: Kafka alone is asked. Where nothing waits one look is enough; else a second one, after
    --over seconds, tells what moves. Exit code 1 when Kafka does not answer, 78 when it does not let us in.
    """
    quieten()
    settings = settings_here()
    asyncio.run(ask_kafka(settings.kafka))
    if not watch:
        found = asyncio.run(_look(settings, groups, over))
        if as_json:
            click.echo(_json(found))
        else:
            Console().print(table(found, partitions=partitions))
        return
    with stoppable():
        try:
            asyncio.run(_watch(settings, groups, over, partitions=partitions, as_json=as_json))
        except KeyboardInterrupt:
            return


async def _look(settings: Settings, groups: tuple[str, ...], over: float) -> list[GroupLag]:
    async with Looker(settings.kafka, settings.app, groups=groups, stalled_after_s=over) as looker:
        found = await looker.look()
        if over and any(group.messages for group in found):
            await asyncio.sleep(over)
            found = await looker.look()
        return found


async def _watch(settings: Settings, groups: tuple[str, ...], over: float, *, partitions: bool, as_json: bool) -> None:
    after = max(STALLED_AFTER_S, over)
    with Live(auto_refresh=False, console=Console(quiet=as_json)) as live:
        async with Looker(settings.kafka, settings.app, groups=groups, stalled_after_s=after) as looker:
            while True:
                began = time.monotonic()
                try:
                    found = await looker.look()
                except LagError as error:
                    if as_json:
                        click.echo(orjson.dumps({"error": str(error)}))
                    live.update(Text(str(error), "red"), refresh=True)
                else:
                    if as_json:
                        click.echo(_json(found))
                    live.update(table(found, partitions=partitions), refresh=True)
                await asyncio.sleep(max(over - (time.monotonic() - began), 0.2))


def _json(groups: list[GroupLag]) -> bytes:
    return orjson.dumps([group.as_data() for group in groups])
