"""The usage of gifts for people: a table on the terminal, lines of CSV, and a page of HTML with charts."""

from __future__ import annotations

import csv
import io
from html import escape
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from cli.screen.money import money

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLUMNS: Final = {
    "offered": "offered",
    "chosen": "chosen",
    "issued": "issued",
    "unavailable": "no gift",
    "redeemed": "redeemed",
    "expired": "expired",
    "revoked": "revoked",
    "redemption_pct": "redeemed %",
    "days_to_redeem": "days to use",
    "cost": "cost",
    "liability": "liability",
}
_MONEY: Final = {"cost", "liability"}
_CHARTS: Final = {"issued": "Issued", "redeemed": "Redeemed", "cost": "Cost", "liability": "Liability"}
_STYLE: Final = """
:root { color-scheme: light dark }
body { font: 15px system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem }
main { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .35rem .6rem; border-bottom: 1px solid #8884; text-align: right; white-space: nowrap }
tr > :first-child { text-align: left } h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem }
section { display: grid; grid-template-columns: repeat(auto-fit, minmax(30rem, 1fr)); gap: 0 2rem }
svg { width: 100%; height: auto } text { font-size: 13px; fill: currentColor } rect { fill: #2f81f7 }
"""
_WIDTH, _BAR, _LABEL = 720, 22, 180
_WIDE: Final = 130  # characters, for amounts in đồng


def tables(rows: Mapping[str, dict[str, Any]], by: str, currency: str, width: int) -> list[Table]:
    """Return the table for a terminal of this *width*, in two parts where all of it would not be read there."""
    names = list(COLUMNS)
    parts = (
        [names] if width >= _WIDE else [names[: names.index("redemption_pct")], names[names.index("redemption_pct") :]]
    )
    return [_table(rows, by, currency, part) for part in parts]


def _table(rows: Mapping[str, dict[str, Any]], by: str, currency: str, names: Sequence[str]) -> Table:
    drawn = Table(box=None, header_style="bold")
    drawn.add_column(by)
    for name in names:
        drawn.add_column(COLUMNS[name], justify="right", no_wrap=True)
    for name, row in rows.items():
        drawn.add_row(name or "-", *(_said(key, row[key], currency) for key in names))
    return drawn


def lines(rows: Mapping[str, dict[str, Any]], by: str) -> str:
    """Return a header and a line a group; what there is nothing of is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = list(next(iter(rows.values()), dict.fromkeys(COLUMNS)))
    writer.writerow([by, *names])
    writer.writerows([name, *(row[key] for key in names)] for name, row in rows.items())
    return text.getvalue()


def page(rows: Mapping[str, dict[str, Any]], by: str, title: str, currency: str) -> str:
    """Return a page of its own, which loads nothing from elsewhere."""
    head = "".join(f"<th>{escape(name)}</th>" for name in (by, *COLUMNS.values()))
    body = "".join(
        f"<tr><th>{escape(name) or '-'}</th>"
        + "".join(f"<td>{escape(_said(key, row[key], currency))}</td>" for key in COLUMNS)
        + "</tr>\n"
        for name, row in rows.items()
    )
    charts = "".join(_chart(rows, key, name, currency) for key, name in _CHARTS.items())
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{escape(title)}</h1>\n"
        f"<main><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></main>\n"
        f"<section>\n{charts}</section></body></html>\n"
    )


def _chart(rows: Mapping[str, dict[str, Any]], key: str, title: str, currency: str) -> str:
    most = max((row[key] for row in rows.values()), default=0) or 1
    height = _BAR * len(rows)
    bars = "".join(
        f'<text x="0" y="{_BAR * place + 15}">{escape(name) or "-"}</text>'
        f'<rect x="{_LABEL}" y="{_BAR * place + 3}" height="{_BAR - 6}"'
        f' width="{(_WIDTH - 2 * _LABEL) * max(row[key], 0) / most:.1f}"/>'
        f'<text x="{_LABEL + 6 + (_WIDTH - 2 * _LABEL) * max(row[key], 0) / most:.1f}" y="{_BAR * place + 15}">'
        f"{escape(_said(key, row[key], currency))}</text>"
        for place, (name, row) in enumerate(rows.items())
    )
    drawn = f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">{bars}</svg>'
    return f"<div><h2>{escape(title)}</h2>\n{drawn}</div>\n"


def _said(key: str, value: float | None, currency: str) -> str:
    if value is None:
        return "-"
    return money(int(value), currency, "en") if key in _MONEY else f"{value:,}"
