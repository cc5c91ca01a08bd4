"""`cx serve`: the API for tills, web shops and apps."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import click
import uvicorn
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cli.logs import set_up
from cli.preflight import end_with
from cli.stopping import stoppable
from cli.worker import faults_of, load_rules
from ops.codes import Locker
from serving.app import build
from serving.producer import Producer
from serving.profiles import Breaker, Profiles
from serving.service import Service
from serving.waiting import Waiting
from streams.readmodel import connect
from streams.settings import Settings

if TYPE_CHECKING:
    from cx.rules import Rules

log = logging.getLogger(__name__)

STOP_S: Final = 5


@click.command(name="serve")
def command() -> None:
    """Answer HTTP until Ctrl-C or SIGTERM; CX_HTTP__LISTEN says where.

    Exit codes: 0 stopped when asked, 1 Kafka did not answer at the start, 78 settings, policy or topics are wrong.
    """
    settings = Settings()
    set_up(settings.log_level)
    rules = load_rules(settings)
    with stoppable():
        try:
            end_with(asyncio.run(faults_of(settings)))
            run(settings, rules)
        except KeyboardInterrupt:
            return


def run(settings: Settings, rules: Rules) -> None:
    """Serve in this process until a signal comes, which is raised again then."""
    host, _, port = settings.http.listen.rpartition(":")
    config = uvicorn.Config(
        build(service(settings, rules)),
        host=host.strip("[]"),
        port=int(port),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,  # ours, which quotes nothing
        access_log=False,  # paths have customers in them
        server_header=False,
        timeout_graceful_shutdown=STOP_S,
    )
    log.info("api listens", extra={"at": settings.http.listen})
    uvicorn.Server(config).run()


def service(settings: Settings, rules: Rules) -> Service:
    """Return what the API works with, by *settings*."""
    redis = connect(settings.redis)
    redis.set_retry(Retry(NoBackoff(), 1))  # for a connection that went stale; a till has no time for more
    breaker = Breaker(redis)
    producer = Producer(settings.kafka.client_options())
    return Service(rules, Profiles(breaker, rules), producer, Waiting(breaker), Locker(settings.codes))
