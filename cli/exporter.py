"""`cx exporter`: lag for Prometheus, in a process of its own that outlives workers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import click

from cli.here import settings_here
from cli.logs import quieten, set_up
from cli.stopping import stoppable
from ops.endpoint import Health, serve
from ops.exporter import LagCollector, poll
from ops.lag.looker import Looker
from ops.metrics import process_registry

if TYPE_CHECKING:
    from streams.settings import Settings

ADDRESS: Final = "127.0.0.1:9309"


class _Health(Health):
    """Live while it runs; ready while Kafka answers."""

    def __init__(self, collector: LagCollector) -> None:
        self._collector = collector

    def ill(self) -> str:
        return ""

    def unready(self) -> str:
        return "" if self._collector.is_up() else "Kafka does not answer"


@click.command(name="exporter")
@click.option("--every", type=click.FloatRange(1.0, 300.0), default=5.0, show_default=True, help="Seconds.")
@click.option("--cluster", default="default", show_default=True, help="The label cluster_name of every figure.")
@click.option("--group", "groups", multiple=True, help="Look at this group, and not at ours; may be given again.")
@click.option(
    "--stalled-after",
    type=click.FloatRange(1.0, 3600.0),
    default=30.0,
    show_default=True,
    help="Seconds after which a partition that has records and does not move is called stalled.",
)
def command(*, every: float, cluster: str, groups: tuple[str, ...], stalled_after: float) -> None:
    """Tell Prometheus how far behind consumer groups are, until Ctrl-C or SIGTERM.

    Asks Kafka alone, and goes on asking while it is away. Answers on CX_METRICS, or on 127.0.0.1:9309; the names are
    those of kafka-lag-exporter, so that its Grafana boards work. Exit code 1 when nobody can listen there.
    """
    settings = settings_here()
    set_up(settings.log_level)
    quieten()
    registry = process_registry()
    collector = LagCollector(cluster)
    registry.register(collector)
    serve(settings.metrics or ADDRESS, registry, _Health(collector))
    with stoppable():
        try:
            asyncio.run(_run(settings, collector, groups, every, stalled_after))
        except KeyboardInterrupt:
            return


async def _run(
    settings: Settings, collector: LagCollector, groups: tuple[str, ...], every: float, stalled_after: float
) -> None:
    async with Looker(settings.kafka, settings.app, groups=groups, stalled_after_s=stalled_after) as looker:
        await poll(looker, collector, every)
