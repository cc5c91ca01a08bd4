"""`cx report`: what managers want to know of all customers together, from what `cx aggregate` has counted."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import orjson
from rich.console import Console

from cli.here import kept_here, settings_here
from cli.offline import OptionError
from cli.screen.gift_usage import lines, page, tables
from cli.screen.report import Move, move, picture
from cli.worker import load_rules
from cx.calendar import iso_day, iso_week, micros
from cx.rules import DIMENSIONS
from ops.aggregates.reading import LEVELS, report
from ops.aggregates.store import FILE as AGGREGATES_FILE
from ops.aggregates.weeks import monday
from ops.gifts.facts import FILE as GIFTS_FILE
from ops.gifts.facts import Facts
from ops.gifts.reading import read_on
from ops.gifts.usage import usage
from streams.access import AwayError, ask_kafka

if TYPE_CHECKING:
    from cli.screen.money import Lang
    from ops.aggregates.reading import By, Report, Row
    from ops.gifts.usage import By as ByGift
    from streams.settings import Settings

_WEEKS: Final = 8  # shown by default one under another
_DIGITS: Final = 2
_EPOCH, _LAST = date(1970, 1, 2), date(9999, 1, 1)  # beyond them some zone has no such instant
_HEAD: Final = ("week", "first_day", "store", "channel", "customers", "customers_move")


@click.group(name="report")
def command() -> None:
    """Tell managers where customers stand, and how gifts are used; see `cx report cx --help`."""


@command.command(name="cx")
@click.option("--from", "first", metavar="WEEK|DAY", help="First week, such as 2026-W10, or a day of it.")
@click.option("--to", "last", metavar="WEEK|DAY", help="Last week; by default that of the newest event.")
@click.option(
    "--by",
    type=click.Choice(["week", "store", "channel", "all"]),
    default="week",
    show_default=True,
    help="Also by store, by channel, or by both of them, in each week.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print lines of CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with scores by bands of ten.")
@click.option("--lang", type=click.Choice(["en", "vi"]), default="en", show_default=True, help="Language of the table.")
def cx(*, first: str | None, last: str | None, by: By, as_csv: bool, as_json: bool, lang: Lang) -> None:
    """Show CX levels and dimension scores by week, and what moved against the week before.

    A customer counts once in each week in which something happened, where they bought or were met last, and as they
    stood after the last of it. Without --from the newest week is shown, --by week the last eight. Exit code 2 when an
    option is of no use, 70 when nothing has been counted.
    """
    until = None if last is None else week_from("--to", last)
    begin = None if first is None else week_from("--from", first)
    found = report(kept_here(AGGREGATES_FILE), begin, until, by, weeks=_WEEKS if by == "week" else 1)
    if as_json:
        click.echo(orjson.dumps(_as_data(found)))
    elif as_csv:
        click.echo(_as_csv(found), nl=False)
    else:
        console = Console()
        console.print(picture(found, by, lang, console.width))


@command.command(name="gifts")
@click.option("--from", "first", metavar="DAY", help="First local day, such as 2026-03-01; by default the very first.")
@click.option("--to", "last", metavar="DAY", help="Last local day; by default today.")
@click.option(
    "--by",
    type=click.Choice(["month", "tier", "gift", "brand"]),
    default="month",
    show_default=True,
    help="One row for each.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print lines of CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with charts into this file."
)
def gifts(*, first: str | None, last: str | None, by: ByGift, as_csv: bool, as_json: bool, html: Path | None) -> None:
    """Show how gifts are used: offered, chosen, issued, redeemed, and what they cost.

    Reads what the topics have had since the last time into a file of the data folder, which can be deleted: it is
    made anew. Where no Kafka is named and none runs, the file tells of the one that ran here. Liability is the face
    value of what could still be used at the end. Exit codes: 1 Kafka does not answer, 2 an option is of no use.
    """
    begin = _EPOCH.toordinal() if first is None else day_from("--from", first)
    until = day_from("--to", last) if last is not None else None
    settings = settings_here()
    rules = load_rules(settings)
    now = micros(datetime.now(UTC))
    until = rules.calendar.day(now) if until is None else until
    if begin > until:
        message = f"--from: {first} is after the last day, {iso_day(until)}"
        raise OptionError(message)
    file = settings.data / GIFTS_FILE if runs(settings) else None
    with Facts(file or kept_here(GIFTS_FILE)) as facts:
        if file:
            asyncio.run(read_on(settings.kafka, facts))
        found = usage(facts.by_reward(), by, begin, until, rules.calendar)
    rows, currency = {name: one.as_data() for name, one in found.items()}, rules.policy.currency
    if html is not None:
        html.write_text(page(rows, by, f"Gifts by {by}, until {iso_day(until)}", currency), encoding="utf-8")
    if as_json:
        click.echo(orjson.dumps([{by: name, **row} for name, row in rows.items()]))
    elif as_csv:
        click.echo(lines(rows, by), nl=False)
    elif html is None:
        console = Console()
        for part in tables(rows, by, currency, console.width):
            console.print(part)
            console.print()


def runs(settings: Settings) -> bool:
    """Tell whether Kafka answers; where not, something must be left of one that ran here.

    Raises:
        AwayError: it does not, and was named, or nothing is left.
    """
    try:
        asyncio.run(ask_kafka(settings.kafka))
    except AwayError:
        if settings.kafka.model_fields_set or not kept_here(GIFTS_FILE).is_file():
            raise
        click.echo("Kafka does not run here: this is as it was when it did.", err=True)
        return False
    return True


def day_from(option: str, text: str) -> int:
    """Return the ordinal of the day that an option names.

    Raises:
        OptionError: it names none.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not _EPOCH <= day < _LAST:
        message = f"{option} {text}: is no day such as 2026-03-02"
        raise OptionError(message)
    return day.toordinal()


def week_from(option: str, text: str) -> int:
    """Return the week that an option names, by the ordinal of its Monday.

    Raises:
        OptionError: it names none.
    """
    try:
        day = date.fromisoformat(text).toordinal()  # which reads weeks as well
    except ValueError:
        message = f"{option} {text}: is neither a week such as 2026-W10 nor a day such as 2026-03-02"
        raise OptionError(message) from None
    return monday(day)


def _as_data(found: Report) -> dict[str, Any]:
    complete = found.complete
    return {
        "newest": found.newest and iso_week(found.newest),
        "complete_from": complete and iso_week(complete),
        "rows": [_row_as_data(row) for row in found.rows],
    }


def _row_as_data(row: Row) -> dict[str, Any]:
    group, moved = row.group, move(row)
    return {
        "week": iso_week(group.week),
        "first_day": iso_day(group.week),
        "store": group.store,
        "channel": group.channel,
        "customers": group.customers,
        "customers_move": moved.customers,
        "levels": group.levels,
        "level_mean": _rounded(group.mean_level),
        "level_move": _rounded(moved.level),
        "dimensions": {
            name: {
                "mean": _rounded(group.means[place]),
                "move": _rounded(_of(moved, place)),
                "bands": group.bands[place],
            }
            for place, name in enumerate(DIMENSIONS)
        },
    }


def _as_csv(found: Report) -> str:
    """Return a header and a line a row; what there is nothing of is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    levels = [f"level_{level}" for level in range(1, LEVELS + 1)]
    scores = [part for name in DIMENSIONS for part in (name, f"{name}_move")]
    writer.writerow([*_HEAD, *levels, "level_mean", "level_move", *scores])
    for row in map(_row_as_data, found.rows):
        dimensions = [part for one in row["dimensions"].values() for part in (one["mean"], one["move"])]
        writer.writerow(
            [*(row[name] for name in _HEAD), *row["levels"], row["level_mean"], row["level_move"], *dimensions]
        )
    return text.getvalue()


def _of(moved: Move, place: int) -> float | None:
    return None if moved.scores is None else moved.scores[place]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
