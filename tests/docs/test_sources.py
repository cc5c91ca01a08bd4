"""`docs/sources.md` names code and tests that are there, and every rule of `docs/rules.md` its source."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.docs.stories import sections
from tests.house.tree import ROOT

TEXT = (ROOT / "docs" / "sources.md").read_text("utf-8")
RULES = (ROOT / "docs" / "rules.md").read_text("utf-8")
NAMED = re.compile(r"(?:`([\w.]+)` in )?`(\w+/[^`]*)`")
LINK = re.compile(r"\(sources\.md#([^)]+)\)")
WHY_NOT = ("not done: ", "not yet: ")


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Yield statement, source, code and test of each row of the tables that map statements."""
    body = TEXT[TEXT.index("## Statement by statement") : TEXT.index("## Standards")]
    for line in body.splitlines():
        cells = tuple(cell.strip() for cell in line.strip("|").split("|"))
        if line.startswith("|") and cells[0] not in ("statement", "rule", "---"):
            statement, source, code, test = cells
            yield statement, source, code, test


def anchors() -> set[str]:
    """Return what a link may name: the headings of the page."""
    headings = re.findall(r"^###? (.+)$", TEXT, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_what_is_named_is_there() -> None:
    named = NAMED.findall(TEXT)
    absent = [place for _, place in named if not (ROOT / place).exists()]
    empty = [word for word, place in named if word and word not in (ROOT / place).read_text("utf-8")]

    assert len(named) > 100
    assert (absent, empty) == ([], [])


def test_every_statement_has_code_and_a_test_or_says_why_not() -> None:
    bare = [
        statement
        for statement, _, code, test in rows()
        if not code.startswith(WHY_NOT) and not (NAMED.search(code) and NAMED.search(test))
    ]

    assert bare == []
    assert {place.split("/")[0] for *_, test in rows() for _, place in NAMED.findall(test)} == {"tests"}


def test_all_five_documents_have_their_say() -> None:
    cited = {name for _, source, *_ in rows() for name in re.findall(r"\b00\d\b", source)}

    assert cited == {"000", "001", "002", "003", "004"}


def test_every_rule_names_its_source() -> None:
    rules = [part.partition("\n")[::2] for part in re.split(r"^### ", RULES, flags=re.MULTILINE)[1:]]
    named = {heading: set(LINK.findall(text)) for heading, text in rules}

    assert named.keys() == sections()
    assert [heading for heading, found in named.items() if not found or not found <= anchors()] == []
