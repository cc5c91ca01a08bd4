"""`cx gifts`: what the gift desk is told by people: its catalogue, its budgets and its codes, from spreadsheets."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from cli.gift_rows import GiftRows
from cli.here import settings_here
from cli.linefile import LineFile
from cli.logs import quieten
from cli.offline import rules_of
from cli.overlaps import check_files
from cli.policy import file_of
from cli.screen.parts import counted
from cli.sheet import Tally, text_of
from cx.calendar import micros
from ops.codes import Locker
from ops.traffic.kafka import silence
from streams.access import ask_kafka

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.settings import KafkaSettings

_WINDOW: Final = 5_000  # records on their way to Kafka
_NOUNS: Final = {"code": "code", "scope": "budget", "brand": "gift"}


@click.group(name="gifts")
def command() -> None:
    """Fill the gift desk."""


@command.command(name="import")
@click.argument("file", metavar="FILE.csv")
@click.option("--policy", metavar="FILE|PRESET", help="The programme; by default that of the settings.")
@click.option("--out", metavar="FILE", help="Write the events here, one a line, - for standard output; not to Kafka.")
def import_(*, file: str, policy: str | None, out: str | None) -> None:
    """Tell the gift desk of the gifts, budgets or codes of FILE, a spreadsheet as CSV; - is standard input.

    The columns say which they are: gift_id, brand, face_value and more for gifts; scope, name, day, month and total for
    budgets; gift_id, code, valid_until and give_until for codes. Codes leave this command masked, and encrypted by the
    first of CX_CODES__KEYS; the same code again brings nothing. Bad rows are told by line and column, and the rest goes
    on. Exit code 1 when any was bad, 2 when the file, the policy or an option cannot be used, 78 without a key.
    """
    quieten()
    settings = settings_here()
    policy = str(settings.policy) if policy is None else policy
    check_files([file, file_of(policy)], [out])
    locker = Locker(settings.codes)
    rows = GiftRows(text_of(file), micros(datetime.now(UTC)), rules_of(policy), locker)
    tally = Tally(rows)
    with click.progressbar(tally, length=len(rows), file=sys.stderr, update_min_steps=100) as running:
        if out is None:
            asyncio.run(_produce(settings.kafka, rows.topic, running))
        else:
            with LineFile(out) as lines:
                for _, value in running:
                    lines.write(value)
    click.echo(f"{counted(tally.good, _NOUNS[rows.kind])}, {counted(tally.bad, 'bad row')}", err=True)
    if tally.bad:
        sys.exit(1)


async def _produce(kafka: KafkaSettings, topic: str, events: Iterable[tuple[str, bytes]]) -> None:
    await ask_kafka(kafka)
    producer = AIOKafkaProducer(
        **kafka.client_options(), enable_idempotence=True, acks="all", compression_type="lz4", linger_ms=5
    )
    try:
        await producer.start()
        sent: list[asyncio.Future[object]] = []
        for programme, value in events:
            sent.append(await producer.send(topic, value, programme.encode()))
            if len(sent) == _WINDOW:
                await asyncio.gather(*sent)
                sent.clear()
        await asyncio.gather(*sent)
    except (KafkaError, OSError) as error:
        raise silence(error) from error
    finally:
        await producer.stop()
