"""`cx policy`: check a policy, say what it does, or print the JSON Schema of its file; needs no server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console

from cli.screen.parts import plain
from cli.screen.policy import HASH_SHOWN, picture
from schemas import contract
from schemas.errors import CxError
from schemas.policy_file import PolicyError, policy_hash, read_policy
from streams.settings import Settings, policy_path, presets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.screen.money import Lang
    from schemas.policy import Policy

STDIN: Final = "-"


class NoPolicyError(CxError):
    """A policy that cannot be read; the text is one line for a person."""


@click.group(name="policy")
def command() -> None:
    """Check a policy, or say what it does.

    FILE has an ending or a folder in its name, a bare word is a PRESET that comes along, - is standard input.
    """


@command.command()
@click.argument("names", nargs=-1, required=True, metavar="FILE|PRESET...")
def check(names: Sequence[str]) -> None:
    """Validate policies, and name every fault.

    A good one is told in one line, a bad one in a line for each fault. Exit code 1 when any is bad or cannot be read.
    """
    bad = False
    for name in names:
        try:
            policy = load(name)
        except (PolicyError, NoPolicyError) as error:
            bad = True
            click.echo(str(error))
        else:
            found = f"ok, programme {policy.programme}, hash {policy_hash(policy)[:HASH_SHOWN]}"
            click.echo(f"{_called(name)}: {found}")
    if bad:
        sys.exit(1)


@command.command()
def schema() -> None:
    """Print the JSON Schema of the file, for editors.

    It is the same as docs/contract/policy.schema.json.
    """
    click.echo(contract.text_of(contract.policy_schema()), nl=False)


@command.command()
@click.argument("name", required=False, metavar="[FILE|PRESET]")
@click.option("--json", "as_json", is_flag=True, help="Print the policy as JSON, with every default filled in.")
@click.option("--lang", type=click.Choice(["en", "vi"]), default="en", show_default=True, help="Language to say it in.")
def show(name: str | None, *, as_json: bool, lang: Lang) -> None:
    """Say in plain sentences what a policy does.

    By default it is the one that the settings name.
    """
    policy = load(str(Settings().policy) if name is None else name)
    if as_json:
        click.echo(policy.model_dump_json(indent=2))
    else:
        Console().print(picture(policy, lang))


def load(name: str) -> Policy:
    """Return the policy that *name* stands for.

    Raises:
        NoPolicyError: there is no such file or preset, or it cannot be read.
        PolicyError: it is not a policy.
    """
    called = _called(name)
    try:
        if name == STDIN:
            return read_policy(click.get_binary_stream("stdin"), called)
        with policy_path(Path(name)).open("rb") as file:
            return read_policy(file, called)
    except PolicyError as error:  # a key may hold anything
        raise PolicyError(called, [plain(complaint) for complaint in error.complaints]) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        message = f"{called}: cannot be read ({reason}); presets: {', '.join(presets())}"
        raise NoPolicyError(message) from error
    except ValueError as error:  # no such preset
        message = f"{called}: {error}"
        raise NoPolicyError(message) from error


def file_of(name: str) -> str:
    """Return the file in which the policy *name* stands, `-` for standard input; a preset stands in one as well."""
    try:
        return name if name == STDIN else str(policy_path(Path(name)))
    except ValueError:  # no such preset: whoever reads it will say so
        return name


def _called(name: str) -> str:
    return "standard input" if name == STDIN else plain(click.format_filename(name))
