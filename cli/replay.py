"""`cx replay`: fold events from files, without Kafka, and write what comes of them: outputs, states, dead letters."""

from __future__ import annotations

import base64
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click
import orjson

from cli.events import Log, opened
from cli.linefile import STDOUT, LineFile
from cli.offline import OptionError, answers_of, instant_of, rules_of
from cli.overlaps import check_files
from cli.policy import file_of
from cli.screen.parts import counted
from cx.calendar import instant
from cx.replay import NO_ANSWERS, AnswerError, replay
from cx.state import canonical
from cx.view import state_of
from schemas.dead_letters import dead_letter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.events import Lines
    from cx.replay import Letter
    from cx.rules import Rules

_SHOWN_EVERY: Final = 500  # customers


@click.command(name="replay")
@click.argument("events", nargs=-1, required=True, metavar="EVENTS.jsonl...")
@click.option("--policy", required=True, metavar="FILE|PRESET", help="The programme.")
@click.option("--outputs", metavar="FILE", help="Write what is told here: CloudEvents, one a line, by customer.")
@click.option("--states", metavar="FILE", help="Write the customers' states here, one a line, sorted by id.")
@click.option("--dead-letters", metavar="FILE", help="Write what is refused here, in lines of JSON.")
@click.option(
    "--until", metavar="TIME", help="Let the clock come to this instant in the end; by default to the newest."
)
@click.option("--answers", metavar="FILE", help="Take the answers to requests to spend points from these outputs.")
def command(
    *,
    events: Sequence[str],
    policy: str,
    outputs: str | None,
    states: str | None,
    dead_letters: str | None,
    until: str | None,
    answers: str | None,
) -> None:
    """Fold the CloudEvents of EVENTS, lines of JSON, in the given order; - is standard input.

    `recordedtime`, else `time`, says when an event came, and a tick counts from where it stands. A line that is refused
    goes to the dead letters and changes nothing else. Exit code 2 when a file, the policy or an option is of no use.
    """
    check_files([*events, file_of(policy), answers], [outputs, states, dead_letters])
    rules = rules_of(policy)
    end = None if until is None else instant_of("--until", until)
    known = NO_ANSWERS if answers is None else answers_of(answers)
    with opened(events) as lines, ExitStack() as files:
        log = Log(lines, rules)
        end = max(log.newest() if end is None else end, log.clock.last)
        told, held, refused = (files.enter_context(LineFile(name)) for name in (outputs, states, dead_letters))
        tally = _Tally()
        letters = log.letters.copy()
        customers = log.customers
        for number, customer in enumerate(customers, 1):
            try:
                found = replay(customer, log.of(customer), log.clock, end, rules, answers=known)
            except AnswerError as error:
                file, line = lines.where(error.place)
                message = (
                    f"--answers: grants {counted(error.points, 'point')} to the request in line {line} of {file},"
                    f" which asks for {error.asked:,}"
                )
                raise OptionError(message) from None
            for output in found.outputs:
                told.write(orjson.dumps(output.event))
                tally.outputs[output.event["type"]] += 1
            if found.customer.events_held:
                state = state_of(found.customer, max(end, found.customer.head.reached), rules)
                held.write(canonical(state))
                tally.customers += 1
            letters += found.letters
            tally.events += len(found.taken)
            tally.duplicates += found.duplicates
            _show(number, len(customers))
        for letter in sorted(letters, key=lambda letter: letter.place):
            refused.write(_written(letter, lines))
            tally.letters[letter.reason] += 1
        tally.ticks = log.clock.count
        summary = tally.told(len(lines), end, rules)
    click.echo(summary, err=STDOUT in {outputs, states, dead_letters})


@dataclass(slots=True)
class _Tally:
    """What was counted on the way."""

    events: int = 0
    customers: int = 0
    duplicates: int = 0
    ticks: int = 0
    outputs: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)

    def told(self, lines: int, end: int, rules: Rules) -> str:
        """Return it as some lines for a person."""
        at = f"{instant(end).astimezone(rules.calendar.zone):%Y-%m-%d %H:%M:%S %Z}" if end else "where it was"
        return (
            f"{counted(lines, 'line')}: {counted(self.events, 'event')} of {counted(self.customers, 'customer')},"
            f" {counted(self.duplicates, 'duplicate')}, {counted(self.letters.total(), 'dead letter')},"
            f" {counted(self.ticks, 'tick')}\n"
            f"outputs: {_listed(self.outputs)}\n"
            f"dead letters: {_listed(self.letters)}\n"
            f"programme {rules.policy.programme}, the clock at {at}"
        )


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())) or "none"


def _show(done: int, total: int) -> None:
    if sys.stderr.isatty() and (done == total or done % _SHOWN_EVERY == 0):
        click.echo(f"\r{done:,} of {total:,} customers ", nl=done == total, err=True)


@dataclass(frozen=True, slots=True)
class _Record:
    """A refused line as `schemas.dead_letters` wants to see it: the files are one partition, a place is an offset."""

    topic: str
    offset: int
    key: bytes | None
    value: bytes
    partition: int = 0
    headers: tuple[()] = ()


def _written(letter: Letter, lines: Lines) -> bytes:
    """Return a dead letter as a line of JSON: what `cx.dead-letters` says in headers, key and value, and the line."""
    record = _Record(letter.topic, letter.place, letter.key, lines[letter.place])
    made = dead_letter(record, letter.reason, instant(letter.at), letter.loc, letter.error_type)
    file, line = lines.where(letter.place)
    said: dict[str, Any] = {name.removeprefix("cx-").replace("-", "_"): text.decode() for name, text in made.headers}
    said |= {"partition": 0, "offset": made.offset, "size": made.size, "file": file, "line": line}
    said |= {"key": None if made.key is None else made.key.decode()}
    return orjson.dumps(said | _text(made.value or b""))


def _text(value: bytes) -> dict[str, str]:
    try:
        return {"value": value.decode()}
    except UnicodeDecodeError:
        return {"value_base64": base64.b64encode(value).decode()}
