"""`cx doctor`: what is looked at before a worker starts, and more, told in plain words."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.here import settings_here
from cli.logs import quieten
from cli.preflight import examine
from cli.screen.parts import plain
from cx.rules import compile_policy
from ops.doctor.finding import Finding, Grade, fault, ok
from schemas.policy_file import PolicyError, read_policy
from schemas.topics import Lane
from streams.access import AwayError, RefusedError
from streams.admin import TopicsError
from streams.settings import EXIT_CONFIG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.settings import Settings

EXIT_AWAY: Final = 1
_COLOURS: Final = {Grade.OK: "green", Grade.UNKNOWN: "bright_black", Grade.WARNING: "yellow", Grade.FAULT: "bold red"}


@click.command(name="doctor")
@click.option("--desk", is_flag=True, help="Look at what a gift desk needs as well.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, desk: bool, as_json: bool) -> None:
    """Look at Kafka, Redis, clocks, disk and policy, and say what is wrong.

    Changes nothing. A fault would break a promise, and no worker starts with it; a warning works, and somebody should
    know. Exit codes: 0 no fault, 1 Kafka or Redis does not answer, 78 there is a fault.
    """
    quieten()
    settings = settings_here()
    lanes = (Lane.CUSTOMERS, Lane.GIFTS) if desk else (Lane.CUSTOMERS,)
    found, away = asyncio.run(_all(settings, lanes))
    found = sorted(found, key=lambda one: list(Grade).index(one.grade), reverse=True)
    if as_json:
        click.echo(orjson.dumps([{"area": area, "grade": grade.value, "text": text} for area, grade, text in found]))
    else:
        Console().print(_table(found))
    if any(one.grade is Grade.FAULT for one in found):
        sys.exit(EXIT_AWAY if away else EXIT_CONFIG)


async def _all(settings: Settings, lanes: Sequence[Lane]) -> tuple[list[Finding], bool]:
    """Return all findings, and whether the faults among them are servers that do not answer."""
    found = [policy(settings)]
    try:
        found += await examine(settings, lanes, wholly=True)
    except AwayError as error:
        found.append(fault("kafka", str(error)))
        return found, found[0].grade is Grade.OK
    except RefusedError as error:
        found.append(fault("kafka", str(error)))
    except TopicsError as error:
        found.append(fault("topics", str(error)))
        return found, found[0].grade is Grade.OK
    return found, False


def policy(settings: Settings) -> Finding:
    """Return whether the policy can be used."""
    try:
        with settings.policy.open("rb") as file:
            compile_policy(read_policy(file, str(settings.policy)))
    except PolicyError as error:
        return fault("policy", str(error).splitlines()[0])
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        return fault("policy", f"policy {settings.policy} cannot be read ({reason})")
    return ok("policy", f"policy {settings.policy.name} can be used")


def _table(found: Sequence[Finding]) -> Table:
    drawn = Table(box=None, show_header=False, pad_edge=False)
    drawn.add_column(no_wrap=True)
    drawn.add_column(no_wrap=True)
    drawn.add_column(overflow="fold")
    for area, grade, text in found:
        drawn.add_row(Text(grade.value, _COLOURS[grade]), area, plain(text))
    return drawn
