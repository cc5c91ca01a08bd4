"""The `cx` command: finds its verbs, and turns our own errors into one line and an exit code."""

from __future__ import annotations

import errno
import importlib
import sys
from typing import Final

import click
from pydantic import ValidationError

from schemas.errors import CxError
from streams.settings import EXIT_CONFIG, PREFIX

# One line each, so that `cx --help` imports no verb.
VERBS = {
    "up": "Run Kafka, Redis, the topics, one worker and the API here.",
    "worker": "Run one worker against the cluster that the settings name.",
    "desk": "Run one gift desk: stock, budgets and codes.",
    "serve": "Answer tills, web shops and apps over HTTP.",
    "token": "Make, list and take back tokens of the API.",
    "vendor": "Have gifts made by one vendor, by HTTP.",
    "webhooks": "Tell endpoints over HTTP what happens, signed.",
    "aggregate": "Count customers by week, store and channel, for reports.",
    "doctor": "Look at Kafka, Redis, disk and policy, and say what is wrong.",
    "topics": "Make or check the topics.",
    "policy": "Check a policy, or say what it does.",
    "replay": "Fold events from files, without a server.",
    "import": "Let customers of another system move in.",
    "gifts": "Fill the gift desk: catalogue, budgets, codes.",
    "generate": "Produce lifelike traffic.",
    "demo": "Run everything on lifelike traffic, and watch.",
    "customer": "Show one customer.",
    "journey": "Draw the map of a customer's journey.",
    "why": "Say why a customer's tier is what it is.",
    "report": "Tell managers where customers stand, by week.",
    "tail": "Show outputs as they come.",
    "exporter": "Tell Prometheus how far behind the workers are.",
    "lag": "Show how far behind the workers are, in messages and seconds.",
}

_EXIT_UNWRITTEN: Final = 2
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # standard output mostly: of other files we tell the name
MODULES = {"import": "moving_in"}  # where the verb is a word of Python


class Verbs(click.Group):
    """Loads a verb when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of a first acquaintance."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of the verb *cmd_name*."""
        del ctx
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"cli.{MODULES.get(cmd_name, cmd_name)}").command
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs from the table above."""
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def group() -> None:
    """Customer experience and loyalty on a stream: tiers, CX levels and rewards, explained and exactly once."""


def main() -> None:
    """Run a verb; an error of ours is one line on standard error and an exit code, 1 mostly, 78 for wrong settings."""
    try:
        group(standalone_mode=True)
    except ValidationError as error:
        # Only settings are validated without being caught: what they hold, a password among it, is not repeated.
        for fault in error.errors(include_url=False, include_input=False, include_context=False):
            name, reason = ".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, ")
            if fault["type"] == "extra_forbidden":
                variable = PREFIX + "__".join(map(str, fault["loc"])).upper()
                click.echo(f"cx: there is no setting {name}, neither in a file nor as {variable}", err=True)
            else:
                click.echo(f"cx: setting {name}: {reason}" if name else f"cx: {reason}", err=True)
        sys.exit(EXIT_CONFIG)
    except CxError as error:
        click.echo(f"cx: {error}", err=True)
        sys.exit(getattr(error, "exit_code", 1))
    except OSError as error:
        if error.errno not in _FULL:
            raise
        click.echo(f"cx: what is said cannot be written ({error.strerror})", err=True)
        sys.exit(_EXIT_UNWRITTEN)
