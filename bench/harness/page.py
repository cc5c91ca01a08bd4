"""`docs/benchmarks.md`: each benchmark owns the section between its two markers and leaves the rest alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.harness.figures import Target

DOCS = Path(__file__).parents[2] / "docs"
HEADER = """# Benchmarks

How fast, against what, on which machine. `make bench` measures and writes the sections below, `make bench ONLY=name`
one of them. How they are measured, and how to read them: `bench/README.md`.
"""


class MarkerError(Exception):
    """A section of the page has a beginning without an end, or the other way round."""


def replace_section(page: str, name: str, body: str) -> str:
    """Return *page* with *body* between the markers of *name*; a section that is not there yet goes to the end.

    Raises:
        MarkerError: the markers are damaged; to guess could delete what somebody wrote.
    """
    begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    section = f"{begin}\n{body.strip()}\n{end}"
    counts = page.count(begin), page.count(end)
    if counts == (0, 0):
        return f"{page.rstrip()}\n\n{section}\n"
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if counts != (1, 1) or not found:
        message = f"the markers of section {name} do not match"
        raise MarkerError(message)
    return f"{before}{section}{after}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; all columns but the first are numbers, to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def target_table(targets: Sequence[Target]) -> str:
    """Return targets as a table."""
    met = {True: "yes", False: "no", None: "no figure"}
    rows = [
        [
            target.name.replace("_", " "),
            f"{target.value}",
            f"{'≤' if target.at_most else '≥'} {target.bound:g}",
            met[target.met],
        ]
        for target in targets
    ]
    return table(["target", "value", "bound", "met"], rows)


def publish(name: str, body: str, line: str, chart: str, docs: Path = DOCS) -> None:
    """Write the section of benchmark *name*, its line of JSON, spread out, and its chart as SVG."""
    folder = docs / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_bytes(
        orjson.dumps(orjson.loads(line), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    )
    (folder / f"{name}.svg").write_text(chart, encoding="utf-8")
    path = docs / "benchmarks.md"
    page = path.read_text("utf-8") if path.exists() else HEADER
    path.write_text(replace_section(page, name, body), encoding="utf-8")
