"""`cx demo`: a system of its own on lifelike traffic, watched, judged by an independent reader, and a till at last."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console, Group
from rich.live import Live

from cli import till
from cli.generate import Duration
from cli.giving import Giving, fill
from cli.logs import quieten
from cli.screen import outcome as outcomes
from cli.screen.demo import line, picture
from cli.screen.svg import svg
from cli.stockroom import Stockroom, as_yaml, gifts_of, with_desk
from cli.stopping import be_deaf, stoppable
from cli.watch import Watch
from cli.worker import load_rules
from cx.rules import compile_policy
from ops.embedded.root import Root
from ops.embedded.stack import Stack
from ops.gifts.facts import FILE as GIFTS_FILE
from ops.gifts.facts import Facts
from ops.gifts.reading import read_on
from ops.local import Local
from ops.traffic.options import Options
from ops.traffic.programme import Programme
from schemas.errors import CxError
from streams.loop import Loop
from streams.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from cli.giving import Sent
    from cli.screen.demo import Snapshot
    from cli.watch import Outcome
    from cx.rules import Rules

MARK: Final = "emptied-by-cx-demo"
LOCKS: Final = frozenset({"lock", "children"})
READY_S: Final = 90.0
LOOK_S: Final = 0.1
TICK_S: Final = 1.0  # wall seconds between ticks, as an owner of partitions writes them
LINE_EVERY_S: Final = 5.0
EXIT_INTERRUPTED: Final = 130
POLICY: Final = "policy.yaml"  # in the folder of the data: that of the settings, with its gifts from the desk
EVENTS_A_GIFT: Final = 6  # in so many events about one gift is owed


class DemoError(CxError):
    """The demo cannot be run; the text is one line for a person."""


@click.command(name="demo")
@click.option("--seconds", type=click.FloatRange(1), default=60.0, show_default=True, help="Length of the traffic.")
@click.option("--rate", type=click.FloatRange(1), default=200.0, show_default=True, help="Events a second.")
@click.option("--customers", type=click.IntRange(1), default=2_000, show_default=True, help="How many customers.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, other lives.")
@click.option("--span", type=Duration(), default="400d", show_default=True, help="Simulated time that goes by.")
@click.option("--workers", type=click.IntRange(1, 12), default=1, show_default=True, help="How many workers.")
@click.option("--brokers", type=click.Choice(["1", "3"]), default="1", show_default=True, help="Kafka brokers.")
@click.option("--json", "as_json", is_flag=True, help="End with one line of JSON.")
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".cx/demo"),
    show_default=True,
    help="Folder of the data: emptied first, kept afterwards.",
)
@click.option(
    "--save-screen", type=click.Path(dir_okay=False, path_type=Path), help="Draw the end of the run into this SVG file."
)
def command(
    *,
    seconds: float,
    rate: float,
    customers: int,
    seed: int,
    span: timedelta,
    workers: int,
    brokers: str,
    as_json: bool,
    root: Path,
    save_screen: Path | None,
) -> None:
    """Run Kafka, Redis and a worker on lifelike traffic, and watch events become tiers and rewards.

    At the end somebody pays at a till, by the API. Exit codes: 0 every event is accounted for, 1 not so, 130
    interrupted, otherwise that of a worker that ended.
    """
    quieten()
    settings = Settings()
    policy = load_rules(settings).policy
    desk = bool(gifts_of(policy))
    programme = Programme.of(policy)
    if desk:  # then customers hear of their gifts before they do something with them
        programme = replace(programme, birthdays=())
        policy = with_desk(policy)
        settings = settings.model_copy(update={"policy": (root / POLICY).absolute()})
    options = Options(
        now=datetime.now(UTC),
        seconds=seconds,
        rate=rate,
        customers=customers,
        seed=seed,
        span=span,
        tick_every=span / seconds * TICK_S,
        programme=programme,
    )
    console = Console()
    stack = Stack(root, brokers=int(brokers), notify=click.echo)
    local = Local(stack, settings, brokers=int(brokers), workers=workers, desk=desk, api=True, clock="external")
    with stoppable():
        try:
            result = _run(local, options, compile_policy(policy), console)
            figures = (result.verdict, result.p50_ms, result.p99_ms, result.events_per_second)
            text = outcomes.as_text(*figures)
            console.print(text)
            console.print(till.as_text(asyncio.run(till.play(local)), policy.currency), soft_wrap=True)
        except KeyboardInterrupt:
            click.echo("stopping", err=True)
            sys.exit(EXIT_INTERRUPTED)
        finally:
            be_deaf()
            local.stop()
    if save_screen:
        save_screen.parent.mkdir(parents=True, exist_ok=True)
        save_screen.write_text(svg(Group(picture(result.last), text), "make demo"), encoding="utf-8")
    setting = f"CX_POLICY={root / POLICY} " if desk else ""
    click.echo(f"\nLook closer: {setting}cx up --root {root}, and beside it: cx customer {_someone(result)}")
    if desk:
        click.echo("How the gifts were used: cx report gifts")
    if as_json:
        click.echo(outcomes.as_json(*figures))
    sys.exit(0 if result.verdict.ok else 1)


def _run(local: Local, options: Options, rules: Rules, console: Console) -> Outcome:
    """Start everything on an empty folder, and run the traffic."""
    status = console.status("") if console.is_terminal else None
    say = status.update if status else click.echo
    with status or nullcontext():
        say("Kafka and Redis are starting")
        empty(local.stack.root)
        if rules.policy.gifts_from == "desk":
            (local.stack.root / POLICY).write_text(as_yaml(rules.policy), encoding="utf-8")
        local.start()
        say("the worker is starting")
        later = None
        if local.desks:
            stock = Stockroom(rules.policy, min(options.customers, options.total // EVENTS_A_GIFT), options.seed)
            later = asyncio.run(fill(local.settings, rules, stock, options.start_ms))
        _await_workers(local)
    run = partial(_watched, local, replace(options, now=datetime.now(UTC)), rules, later)
    if not console.is_terminal:
        return _on_a_loop(run(_lines()))
    with Live(console=console, auto_refresh=False) as live:
        return _on_a_loop(run(lambda shown: live.update(picture(shown), refresh=True)))


def _on_a_loop(outcome: Coroutine[None, None, Outcome]) -> Outcome:
    """Run on the loop that workers use as well: producing and reading then leave more of the machine to them."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(outcome)


async def _watched(
    local: Local, options: Options, rules: Rules, later: list[Sent] | None, show: Callable[[Snapshot], None]
) -> Outcome:
    giving = None if later is None else Giving(local.settings, rules, later, options.seed)
    outcome = await Watch(local, options, [rung.name for rung in rules.rungs], show, giving).run()
    if giving:
        with Facts(local.settings.data / GIFTS_FILE) as facts:
            await read_on(local.settings.kafka, facts)
    return outcome


def empty(root: Path) -> None:
    """Empty the folder of an earlier demo, or mark a new one as a demo's.

    Raises:
        DemoError: the folder holds something else.
        EmbeddedError: a stack runs on it, or it cannot be written.
    """
    mark = root / MARK
    if root.exists() and any(root.iterdir()) and not mark.exists():
        message = f"{root} holds data that is no demo's, and a demo empties its folder: name another one"
        raise DemoError(message)
    held = Root(root)
    held.open()
    try:
        for found in root.iterdir():
            if found.name in LOCKS or found == mark:
                continue
            if found.is_dir() and not found.is_symlink():
                shutil.rmtree(found)
            else:
                found.unlink()
        mark.write_text("Each `cx demo` empties this folder.\n")
    except OSError as error:
        raise held.explain(error) from error
    finally:
        held.close()


def _await_workers(local: Local) -> None:
    deadline = time.monotonic() + READY_S
    while not all(worker.ready for worker in local.workers + local.apis):  # the gift desk may take a moment longer
        local.news()
        local.check()
        if time.monotonic() > deadline:
            message = f"the workers are not ready after {READY_S:.0f} s (logs: {local.stack.root / 'logs'})"
            raise DemoError(message)
        time.sleep(LOOK_S)


def _lines() -> Callable[[Snapshot], None]:
    """Return what shows a snapshot as a line every few seconds."""
    due = 0.0

    def show(shown: Snapshot) -> None:
        nonlocal due
        if shown.seconds >= due:
            click.echo(line(shown))
            due = shown.seconds + LINE_EVERY_S

    return show


def _someone(result: Outcome) -> str:
    """Return a customer whose page is worth a look: whose tier changed last, else the busiest."""
    changed = [news.customer for news in result.last.news if news.type.startswith("tier.")]
    customers = result.manifest.customers
    return changed[-1] if changed else max(customers, key=lambda name: customers[name])
