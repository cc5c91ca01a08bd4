"""`cx journey`: the map of a customer's journey; from files, or the read model."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import click
from rich.console import Console

from cli.customer import as_stored
from cli.screen.journey import picture
from cli.why import looked_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.screen.money import Lang


@click.command(name="journey")
@click.argument("customer")
@click.option("--events", multiple=True, metavar="EVENTS.jsonl", help="Fold these; else the read model is asked.")
@click.option("--policy", metavar="FILE|PRESET", help="The programme; by default that of the settings.")
@click.option("--at", metavar="TIME", help="As of this instant; by default of the newest event.")
@click.option("--lang", type=click.Choice(["en", "vi"]), default="en", show_default=True, help="Language to say it in.")
def command(customer: str, *, events: Sequence[str], policy: str | None, at: str | None, lang: Lang) -> None:
    """Draw where CUSTOMER met the brand: stages by people, product and digital, with counts, moods and alerts.

    With --events from files as `cx replay` reads them, else from the read model in Redis. Exit code 1 when there is no
    such customer, 2 when a file, the policy or an option cannot be used.
    """
    known, rules = looked_up(customer, events, policy, at)
    with nullcontext() if events else as_stored():
        drawn = picture(known, rules.policy.time_zone, lang)
    Console().print(drawn)
