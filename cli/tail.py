"""`cx tail`: outputs as they come, read committed, one line each."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

import click
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from cli.here import settings_here
from cli.logs import quieten
from cli.policy import load
from cli.screen import lines
from cli.stopping import stoppable
from schemas.errors import CxError
from schemas.topics import TOPICS
from streams.access import ask_kafka

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from aiokafka import ConsumerRecord

    from streams.settings import Settings

FETCH_WAIT_MS: Final = 50
POLL_MS: Final = 500
NAMES: Final = tuple(name for name, topic in TOPICS.items() if topic.is_output and topic.lane == "customers")
PREFIX: Final = "cx."


class TailError(CxError):
    """The topics cannot be read; the text is one line for a person."""


class Output(click.ParamType):
    """The name of an output topic; `cx.` may be left out."""

    name = "topic"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Complete the name, or say which there are."""
        found = value if value.startswith(PREFIX) else PREFIX + value
        if found not in NAMES:
            self.fail(f"{value} is no output topic; there are: {', '.join(NAMES)}", param, ctx)
        return found


@click.command(name="tail")
@click.argument("topics", nargs=-1, type=Output(), metavar="[TOPIC]...")
@click.option("--from-start", is_flag=True, help="Begin with the first record, not with what comes from now on.")
@click.option("--limit", type=click.IntRange(1), help="End after so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(*, topics: Sequence[str], from_start: bool, limit: int | None, as_json: bool) -> None:
    """Show the outputs of TOPICs, by default of all: time, customer, and what happened in a sentence.

    Dead letters are shown by reason, field and position, never by what is in them; amounts are in the currency of the
    policy that the settings name. Ctrl-C ends.
    """
    quieten()
    settings = settings_here()
    tell = lines.as_json if as_json else in_currency_of(settings)
    with stoppable(), contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(_tail(settings, topics or NAMES, tell, from_start=from_start, limit=limit))
        except BrokenPipeError:
            # Whoever read us has enough, as `head` does; what is still buffered must not raise again at the exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def in_currency_of(settings: Settings) -> lines.Tell:
    """Return what tells an output in a sentence, amounts in the currency of the policy that *settings* name.

    Raises:
        NoPolicyError: there is none.
        PolicyError: it is not one.
    """
    return partial(lines.as_text, currency=load(str(settings.policy)).currency)


async def _tail(
    settings: Settings, topics: Sequence[str], tell: lines.Tell, *, from_start: bool, limit: int | None
) -> None:
    shown = 0
    async for record in follow(settings, topics, from_start=from_start):
        click.echo(tell(record))
        shown += 1
        if shown == limit:
            return


async def follow(
    settings: Settings, topics: Sequence[str], *, from_start: bool
) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
    """Yield the committed records of *topics*, in the order of their timestamps as far as they come together.

    Raises:
        AwayError: Kafka does not answer.
        RefusedError: it does not let us in.
        TailError: it stopped to answer, or the topics are missing.
    """
    await ask_kafka(settings.kafka)
    consumer = AIOKafkaConsumer(
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        **settings.kafka.client_options(),
    )
    try:
        await consumer.start()
        places = [TopicPartition(topic, number) for topic in topics for number in range(settings.partitions)]
        consumer.assign(places)
        await (consumer.seek_to_beginning(*places) if from_start else consumer.seek_to_end(*places))
        while True:
            batches = await consumer.getmany(timeout_ms=POLL_MS)
            for record in sorted((one for batch in batches.values() for one in batch), key=lambda one: one.timestamp):
                yield record
    except (KafkaError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        message = f"Kafka at {settings.kafka.bootstrap} does not answer as it should ({type(error).__name__})"
        raise TailError(message) from error
    finally:
        await consumer.stop()
