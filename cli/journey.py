"""`cx journey`: the map of a customer's journey; from files, or the read model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.screen.journey import picture
from cli.why import of_a_customer, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.screen.money import Lang


@click.command(name="journey")
@of_a_customer
def command(customer: str, *, events: Sequence[str], policy: str | None, at: str | None, lang: Lang) -> None:
    """Draw where CUSTOMER met the brand: stages by people, product and digital, with counts, moods and alerts.

    With --events from files as `cx replay` reads them, else from the read model in Redis. Exit code 1 when there is no
    such customer, 2 when a file, the policy or an option cannot be used.
    """
    show(customer, events, policy, at, lambda known, rules: picture(known, rules.policy.time_zone, lang))
