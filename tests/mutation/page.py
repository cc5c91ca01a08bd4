"""The page about mutants that no test notices, `docs/mutants.md`, made of what a run of mutmut has left in `mutants/`.

Run it as `python -m tests.mutation.page`, as `make mutants` does. The reason why a mutant may live is written into the
page by hand, and stays there for as long as that mutant lives.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version

from tests.house.tree import ROOT

PAGE = ROOT / "docs" / "mutants.md"
MADE = ROOT / "mutants"
UNKNOWN = "?"
BECAME = ("noticed", "endless", "alive", "not tried")
# What pytest, or the signal that ended it, has returned to mutmut; all else was noticed.
ALIVE, ENDLESS = {0, 5, 33}, {-24, 24, 36, 152, 255}
WORD = re.compile(r"\w+|\s+|[<>=!+*/-]=|\W")
REASON, SURVIVOR = re.compile(r"### (.+)"), re.compile(r"- (`[^`]+` · `.+`)")
INTRODUCTION = """# Mutants

`make mutants` writes this page. mutmut changes one thing at a time in the modules below, such as `<` to `<=` or a name
to None, and runs the tests that come by it: those of `tests/cx`, the examples of [rules.md](rules.md), and the
comparison with the reference, all with few examples where they make their own. A mutant with which all of them pass is
the same program in other words, or shows a missing test. Each that lives is listed under the reason why it may, its
change in ⟦brackets⟧; one without a reason fails `make mutants`. The reasons are written by hand and stay while the
mutant lives.

Endless are those that had to be ended from outside, which is noticed too; a test that only takes too long has failed.
Those not tried are left of a run that was ended; `make mutants` goes on with them. mutmut does not look into
dataclasses, such as those of `cx/periods.py`.

"""
TABLE = """
| module | mutants | noticed | endless | alive | not tried |
|---|---:|---:|---:|---:|---:|
"""


def known(page: str) -> dict[str, str]:
    """Return the reasons that *page* gives, by mutant."""
    reasons, reason = {}, UNKNOWN
    for line in page.splitlines():
        if title := REASON.fullmatch(line):
            reason = title[1]
        elif mutant := SURVIVOR.fullmatch(line):
            reasons[mutant[1]] = reason
    return reasons


def mutation(diff: str) -> str:
    """Return in one line the statement that a unified *diff* changes, and what is changed in it."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    was, now = (
        WORD.findall(" ".join(" ".join(line[1:] for line in lines if line.startswith(sign)).split())) for sign in "-+"
    )
    begin = _alike(was, now)
    tail = _alike(was[begin:][::-1], now[begin:][::-1])
    changed = f"⟦{''.join(was[begin : len(was) - tail]).strip()} → {''.join(now[begin : len(now) - tail]).strip()}⟧"
    return "".join([*was[:begin], changed, *was[len(was) - tail :]])


def _alike(one: list[str], other: list[str]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def function(mutant: str) -> str:
    """Return the function that mutmut's name of a mutant speaks of: `x_settle`, or `xǁCalendarǁday` in a class."""
    name = mutant.rpartition("__mutmut_")[0].rpartition(".")[2]
    return name.removeprefix("x").removeprefix("_").removeprefix("ǁ").replace("ǁ", ".")


def page_of(run: str, outcomes: dict[str, Counter[str]], alive: dict[str, list[str]], reasons: dict[str, str]) -> str:
    """Return the page: of which *run*, what became of the mutants of each module, and why those that live may."""
    rows = [*((f"`{module}`", counts) for module, counts in outcomes.items()), ("all", _sum(outcomes.values()))]
    table = [
        f"| {name} | {counts.total()} | " + " | ".join(str(counts[became]) for became in BECAME) + " |"
        for name, counts in rows
    ]
    lists = [f"\n## `{module}`\n{_grouped(mutants, reasons)}" for module, mutants in alive.items() if mutants]
    return INTRODUCTION + run + "\n" + TABLE + "\n".join([*table, *lists]) + "\n"


def _grouped(mutants: list[str], reasons: dict[str, str]) -> str:
    groups: dict[str, list[str]] = {}
    for mutant in dict.fromkeys(mutants):
        groups.setdefault(reasons.get(mutant, UNKNOWN), []).append(f"- {mutant}")
    return "\n".join("\n".join([f"\n### {reason}", *group]) for reason, group in groups.items())


def _sum(counts: Iterable[Counter[str]]) -> Counter[str]:
    return sum(counts, Counter())


def outcome(code: int | None) -> str:
    """Return what became of a mutant by the exit code of its tests, None where there was none yet."""
    if code is None:
        return "not tried"
    return "alive" if code in ALIVE else "endless" if code in ENDLESS else "noticed"


def main() -> None:
    """Write the page; exit with 1 where a mutant lives without a reason, or where the run was not finished."""
    from mutmut.__main__ import get_diff_for_mutant  # noqa: PLC0415  # its import sets up a run

    outcomes: dict[str, Counter[str]] = {}
    alive: dict[str, list[str]] = {}
    for path in sorted(MADE.rglob("*.meta")):
        module = path.relative_to(MADE).as_posix().removesuffix(".meta")
        codes = json.loads(path.read_text("utf-8"))["exit_code_by_key"]
        outcomes[module] = Counter(map(outcome, codes.values()))
        living = [name for name, code in codes.items() if outcome(code) == "alive"]
        alive[module] = [f"`{function(one)}` · `{mutation(get_diff_for_mutant(one))}`" for one in living]
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    run = f"{datetime.now(UTC):%Y-%m-%d}, {machine}, mutmut {version('mutmut')}."
    page = page_of(run, outcomes, alive, known(PAGE.read_text("utf-8")) if PAGE.exists() else {})
    PAGE.write_text(page, "utf-8")
    if unknown := [mutant for mutant, reason in known(page).items() if reason == UNKNOWN]:
        sys.exit("\n".join([f"Mutants that live without a reason in {PAGE.relative_to(ROOT)}:", *unknown]))
    if waiting := _sum(outcomes.values())["not tried"]:
        sys.exit(f"{waiting} mutants have not been tried yet; `make mutants` goes on with them.")


if __name__ == "__main__":
    main()
