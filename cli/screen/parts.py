"""Parts that several pictures share: colours of rungs, bars, amounts and instants."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from rich.text import Text

RUNGS: Final = ("white", "bright_cyan", "bright_yellow", "bright_magenta", "bright_green", "bright_blue")
FULL, EMPTY = "█", "░"
_CONTROL: Final = dict.fromkeys((*range(32), 127, *range(128, 160)), "\N{REPLACEMENT CHARACTER}")


def plain(text: str) -> str:
    """Return *text* without what could steer a terminal: a customer's id may hold anything."""
    return text.translate(_CONTROL)


def colour_of(rung: int) -> str:
    """Return the colour of a rung, counted from the lowest."""
    return RUNGS[rung % len(RUNGS)]


def bar(part: float, width: int, colour: str) -> Text:
    """Return a bar of *width* characters, filled up to *part* of it."""
    filled = round(min(max(part, 0.0), 1.0) * width)
    if part > 0 and not filled:
        filled = 1  # something is not nothing
    return Text.assemble((FULL * filled, colour), (EMPTY * (width - filled), "bright_black"))


def mood_colour(score: int) -> str:
    """Return the colour of a score of 0 to 100."""
    return "bright_green" if score >= 60 else "bright_yellow" if score >= 40 else "bright_red"  # noqa: PLR2004


def local(moment: str | datetime, form: str = "%Y-%m-%d %H:%M") -> str:
    """Return an instant, or its RFC 3339 text, in the time zone of this machine."""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return at.astimezone().strftime(form)


def counted(number: int, what: str) -> str:
    """Return how many of something there are; *what* is its singular, to which an s makes the plural."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def milliseconds(value: float | None) -> str:
    """Return a latency as people read it; a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:,.0f} ms" if value < 10_000 else f"{value / 1_000:,.1f} s"  # noqa: PLR2004
