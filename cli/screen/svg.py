"""A picture as an SVG file, in colours of its own and in whatever fixed-width letters the reader's machine has."""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme

if TYPE_CHECKING:
    from rich.console import RenderableType

_WIDTH: Final = 132
_FONT_FACE: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # would fetch letters from the network
_FONT: Final = '"Fira Code", Menlo, Consolas, "DejaVu Sans Mono"'
_NORMAL: Final = "161821 e06c75 82be78 deb85a 61a0e0 be82d2 56b6c2 aaaeba"
_BRIGHT: Final = "767c8e f07882 8cd282 f5c850 78b4fa d696fa 6ed7e6 f0f2f8"


def _colours(hexes: str) -> list[tuple[int, int, int]]:
    """Return colours written as hexadecimal numbers, black to white in the order of terminals."""
    red_green_blue = [bytes.fromhex(one) for one in hexes.split()]
    return [(one[0], one[1], one[2]) for one in red_green_blue]


_THEME: Final = TerminalTheme((22, 24, 33), (214, 216, 224), _colours(_NORMAL), _colours(_BRIGHT))


def svg(content: RenderableType, title: str) -> str:
    """Draw *content* as it looks in a wide terminal; *title* stands above it."""
    console = Console(record=True, width=_WIDTH, file=StringIO(), force_terminal=True, color_system="standard")
    console.print(content)
    drawn = console.export_svg(title=title, theme=_THEME)
    return _FONT_FACE.sub("", drawn).replace("Fira Code,", f"{_FONT},")
