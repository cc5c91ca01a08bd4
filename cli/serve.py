"""`cx serve`: the API for tills, web shops and apps."""

from __future__ import annotations

import asyncio
import logging
import socket
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
from serving.access import Access
from serving.app import build
from serving.feed import Feed
from serving.limits import per_second
from serving.producer import Producer
from serving.profiles import Breaker, Profiles
from serving.service import Service
from serving.tokens import Tokens
from serving.waiting import Waiting
from streams.readmodel import connect
from streams.settings import Settings

if TYPE_CHECKING:
    from cx.rules import Rules

log = logging.getLogger(__name__)

STOP_S: Final = 5
CONNECTIONS_MAX: Final = 2_000  # of more, callers are told to come again
IDLE_S: Final = 15


@click.command(name="serve")
def command() -> None:
    """Answer HTTP until Ctrl-C or SIGTERM; CX_API__LISTEN says where.

    Exit codes: 0 stopped when asked, 1 Kafka did not answer at the start, 78 settings, policy or topics are wrong; so
    is listening on other than loopback without TLS.
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
    api = settings.api
    feed = Feed(settings.kafka.client_options(), settings.partitions)
    config = uvicorn.Config(
        build(service(settings, rules), feed, is_tls=api.is_tls),
        host=api.host,
        port=api.port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,  # ours, which quotes nothing
        access_log=False,  # paths have customers in them
        server_header=False,
        ws="none",
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=IDLE_S,
        ssl_certfile=api.cert_file,
        ssl_keyfile=api.key_file,
        timeout_graceful_shutdown=STOP_S,
    )
    log.info("api listens", extra={"at": api.listen})
    Server(config, feed).run()


class Server(uvicorn.Server):
    """A server that sends those away who follow events before it waits for others to be answered."""

    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        """Run by *config*."""
        super().__init__(config)
        self._feed = feed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        self._feed.close()
        await super().shutdown(sockets)


def service(settings: Settings, rules: Rules) -> Service:
    """Return what the API works with, by *settings*."""
    redis = connect(settings.redis)
    redis.set_retry(Retry(NoBackoff(), 1))  # for a connection that went stale; a till has no time for more
    breaker = Breaker(redis)
    producer = Producer(settings.kafka.client_options())
    access = Access(Tokens(breaker), per_second(breaker, settings.api.calls_per_second))
    return Service(rules, Profiles(breaker, rules), producer, Waiting(breaker), access, Locker(settings.codes))
