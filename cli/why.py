"""`cx why`: why a customer's tier is what it is, what is missing, and until when; from files, or the read model."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click
from rich.console import Console

from cli.customer import as_stored, check, decided, look_up
from cli.events import Log, called, opened
from cli.here import settings_here
from cli.offline import OptionError, instant_of, rules_of
from cli.overlaps import check_files
from cli.screen.parts import plain
from cli.screen.why import picture
from cx.calendar import instant
from cx.replay import replay
from cx.view import told_of
from cx.why import grounds, looked_back

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import RenderableType

    from cli.screen.money import Lang
    from cx.rules import Rules


def of_a_customer(command: Callable[..., None]) -> Callable[..., None]:
    """Let a *command* be asked of one customer: of which events, by which policy, as of when, in which language."""
    for part in (
        click.option(
            "--lang", type=click.Choice(["en", "vi"]), default="en", show_default=True, help="Language to say it in."
        ),
        click.option("--at", metavar="TIME", help="As of this instant; by default of the newest event."),
        click.option("--policy", metavar="FILE|PRESET", help="The programme; by default that of the settings."),
        click.option(
            "--events", multiple=True, metavar="EVENTS.jsonl", help="Fold these; else the read model is asked."
        ),
        click.argument("customer"),
    ):
        command = part(command)
    return command


@click.command(name="why")
@of_a_customer
def command(customer: str, *, events: Sequence[str], policy: str | None, at: str | None, lang: Lang) -> None:
    """Say why the tier of CUSTOMER is what it is, what is missing for the next and to keep it, and until when.

    With --events from files as `cx replay` reads them, else from the read model in Redis. Exit code 1 when there is no
    such customer, 2 when a file, the policy or an option cannot be used.
    """

    def draw(known: Mapping[str, Any], rules: Rules) -> RenderableType:
        return picture(known, rules.policy, lang)

    show(customer, events, policy, at, draw)


def show(
    customer: str,
    events: Sequence[str],
    policy: str | None,
    at: str | None,
    draw: Callable[[Mapping[str, Any], Rules], RenderableType],
) -> None:
    """Print what *draw* makes of what is known of a customer, from files of *events* if there are any, and of *policy*.

    Raises:
        OptionError: the policy or the instant *at* cannot be used.
    """
    check(customer)
    policy = str(settings_here().policy) if policy is None else policy
    check_files([*events, policy], [])
    rules = rules_of(policy)
    end = None if at is None else instant_of("--at", at)
    known = _from_files(customer, events, end, rules) if events else _from_redis(customer, end, rules)
    Console().print(draw(known, rules))


def _from_files(customer: str, names: Sequence[str], end: int | None, rules: Rules) -> Mapping[str, Any]:
    with opened(names) as lines:
        log = Log(lines, rules, until=end)
        end = log.newest() if end is None else end
        found = replay(customer, log.of(customer), log.clock, end, rules)
        where = ", ".join(map(called, names))
        if not found.customer.events_held:
            refused = len(found.letters)
            more = f", of whom {refused} {'line is' if refused == 1 else 'lines are'} refused" if refused else ""
            _unknown(customer, f"{where}{more}")
        at = max(end, log.clock.last, found.customer.head.reached)
        return grounds(found.customer, at, rules) | told_of(found.customer, rules)


def _from_redis(customer: str, end: int | None, rules: Rules) -> Mapping[str, Any]:
    redis = settings_here().redis
    found = asyncio.run(look_up(redis, customer))
    if found is None:
        _unknown(customer, f"the read model (Redis at {redis.address})")
    with as_stored():
        state = decided(found, rules)
    if end is None:
        return grounds(state, found.as_of, rules) | told_of(state, rules)
    then = looked_back(state, end, rules)
    if then is None:
        reach = instant(state.floor).astimezone(rules.calendar.zone).isoformat()
        message = f"--at: the read model reaches back to {reach}; what was before is in the events, see --events"
        raise OptionError(message)
    if not then.head.first_seen:
        _unknown(customer, "the read model up to then")
    return grounds(then, end, rules)


def _unknown(customer: str, where: str) -> NoReturn:
    click.echo(f"{plain(customer)}: no such customer in {where}", err=True)
    sys.exit(1)
