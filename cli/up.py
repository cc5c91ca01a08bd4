"""`cx up`: Kafka, Redis, the topics, one worker, the API and, where gifts come from it, the gift desk, until Ctrl-C."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cli.logs import quieten
from cli.stopping import be_deaf, stoppable
from ops.embedded.stack import Stack
from ops.local import Local
from schemas.policy_file import PolicyError, read_policy
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
    """Run Kafka, Redis, the topics, one worker and the API here until Ctrl-C.

    A gift desk runs beside it where the policy says that gifts come from one. The data is kept under the folder of
    --root and found again by the next run. Exit codes: 0 stopped when asked, 1 Kafka or Redis could not be started or
    ended, otherwise that of a worker that ended.
    """
    quieten()
    stack = Stack(root, brokers=int(brokers), kafka_port=kafka_port, redis_port=redis_port, notify=click.echo)
    workers, settings = 0 if infra_only else 1, Settings()
    desk = bool(workers) and has_desk(settings)
    local = Local(
        stack, settings, brokers=int(brokers), workers=workers, desk=desk, api=True, clock=clock, notify=click.echo
    )
    with stoppable():
        try:
            _run(local, root)
        except KeyboardInterrupt:
            click.echo("stopping")
        finally:
            be_deaf()
            local.stop()


def has_desk(settings: Settings) -> bool:
    """Tell whether the policy wants gifts from the desk; what is wrong with it the worker says."""
    try:
        with settings.policy.open("rb") as file:
            return read_policy(file, str(settings.policy)).gifts_from == "desk"
    except (OSError, UnicodeDecodeError, PolicyError):
        return False


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
    desk = "\n  desk     one, starting; `cx gifts import` fills it" if local.desks else ""
    api = f"\n  API      http://{local.settings.api.listen}; `cx token create` lets somebody in" if local.apis else ""
    return f"""
  Kafka    {bootstrap}
  Redis    {redis}
  data     {root}    logs  {root / "logs"}
  worker   {worker}{metrics}{desk}{api}

For other terminals:
  export CX_KAFKA__BOOTSTRAP={bootstrap}
  export CX_REDIS__URL={redis}

Ctrl-C stops everything; the data stays.
"""
