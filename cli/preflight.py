"""What is looked at before anything runs: whether Kafka and Redis let us in, and whether they keep what we promise."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import click

from ops.doctor import kafka, machine, redis
from ops.doctor.finding import Finding, Grade, fault, faults, warning
from schemas.topics import Lane
from streams import admin
from streams.access import AwayError, RefusedError, ask_kafka, ask_redis
from streams.settings import EXIT_CONFIG

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from streams.settings import Settings

log = logging.getLogger(__name__)


async def faults_of(settings: Settings) -> list[str]:
    """Return what is wrong with the topics, once Kafka has let us in; for who is in no lane."""
    await ask_kafka(settings.kafka)
    return await admin.check(settings)


async def faults_for(settings: Settings, lanes: Collection[Lane]) -> list[str]:
    """Return what would break a promise to who works in *lanes*; what somebody should know is logged.

    Raises:
        RefusedError: Kafka does not let us in.
        AwayError: Kafka does not answer.
        TopicsError: Kafka refused to tell of the topics.
    """
    found = await examine(settings, lanes)
    if broken := faults(found):
        return broken  # nothing runs: `cx doctor` tells the rest
    for one in found:
        if one.grade is Grade.WARNING:
            log.warning("preflight: %s", one.text, extra={"area": one.area})
        elif one.grade is Grade.UNKNOWN:
            log.info("preflight: %s", one.text, extra={"area": one.area})
    return []


async def examine(settings: Settings, lanes: Collection[Lane], *, wholly: bool = False) -> list[Finding]:
    """Return all there is to say of servers and machine; see `faults_for`.

    Redis is looked at for the customers' lane alone, which shows something there. One that does not let us in ends it,
    unless it is to be done *wholly*.
    """
    await ask_kafka(settings.kafka)
    found: list[Finding] = []
    if Lane.CUSTOMERS in lanes:
        try:
            await ask_redis(settings.redis, settings.app, Lane.CUSTOMERS)
        except AwayError as error:
            # Profiles wait for Redis, as they do when it goes away later.
            found.append(warning(redis.AREA, f"read model is away: {error}"))
        except RefusedError as error:
            found.append(fault(redis.AREA, str(error)))
            if not wholly:
                return found
        else:
            found += await redis.examine(settings.redis)
    found += await kafka.examine(settings, lanes)
    return found + machine.examine(settings.data)


def end_with(texts: Sequence[str]) -> None:
    """Say *texts*, a line each, and end the process with 78; where there are none, return."""
    for text in texts:
        click.echo(f"cx: {text}", err=True)
    if texts:
        sys.exit(EXIT_CONFIG)
