"""`cx up`: Kafka, Redis, the topics and one worker in the foreground, until Ctrl-C."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cli.logs import quieten
from cli.stopping import be_deaf, stoppable
from ops.embedded.stack import Stack
from ops.local import Local
from streams.settings import Settings

if TYPE_CHECKING:
    from typing import Literal, NoReturn

LOOK_S: Final = 0.2


@click.command(name="up")
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".cx"),
    show_default=True,
    help="Folder of the data, kept between runs.",
)
@click.option("--brokers", type=click.Choice(["1", "3"]), default="1", show_default=True, help="Kafka brokers.")
@click.option("--kafka-port", type=click.IntRange(1, 65_535), help="Port of the first broker; a free one by default.")
@click.option("--redis-port", type=click.IntRange(1, 65_535), help="Port of Redis; a free one by default.")
@click.option("--infra-only", is_flag=True, help="Kafka, Redis and topics only: run `cx worker` yourself.")
@click.option("--clock", type=click.Choice(["owner", "external"]), help="Who writes ticks: workers, or a producer.")
def command(
    *,
    root: Path,
    brokers: str,
    kafka_port: int | None,
    redis_port: int | None,
    infra_only: bool,
    clock: Literal["owner", "external"] | None,
) -> None:
    """Run Kafka, Redis, the topics and one worker here until Ctrl-C.

    The data is kept under the folder of --root and found again by the next run. Exit codes: 0 stopped when asked,
    1 Kafka or Redis could not be started or ended, otherwise that of a worker that ended.
    """
    quieten()
    stack = Stack(root, brokers=int(brokers), kafka_port=kafka_port, redis_port=redis_port, notify=click.echo)
    workers = 0 if infra_only else 1
    local = Local(stack, Settings(), brokers=int(brokers), workers=workers, clock=clock, notify=click.echo)
    with stoppable():
        try:
            _run(local, root)
        except KeyboardInterrupt:
            click.echo("stopping")
        finally:
            be_deaf()
            local.stop()


def _run(local: Local, root: Path) -> NoReturn:
    click.echo("Kafka and Redis are starting")
    local.start()
    click.echo(_addresses(local, root))
    while True:
        for line in local.news():
            click.echo(line)
        local.check()
        time.sleep(LOOK_S)


def _addresses(local: Local, root: Path) -> str:
    """Return the block that says what is where, and what to type elsewhere."""
    bootstrap, redis = local.stack.bootstrap, local.stack.redis_url
    worker = "one, starting" if local.workers else "none: run `cx worker` where the two lines below are set"
    metrics = "".join(f"\n  metrics  http://{one.metrics}/metrics" for one in local.workers)
    return f"""
  Kafka    {bootstrap}
  Redis    {redis}
  data     {root}    logs  {root / "logs"}
  worker   {worker}{metrics}

For other terminals:
  export CX_KAFKA__BOOTSTRAP={bootstrap}
  export CX_REDIS__URL={redis}

Ctrl-C stops everything; the data stays.
"""
