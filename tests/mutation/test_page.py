"""The page about mutants: what it says of each that lives, and that a reason stays with it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.mutation.page import PAGE, UNKNOWN, function, known, mutation, outcome, page_of

DIFF = """--- cx/points.py
+++ cx/points.py
@@ -1,3 +1,3 @@
 def settle():
-    if silent or 0 < last < today:
+    if silent or 0 < last <= today:
         break
"""
LIVES = "`settle` · `if silent or 0 < last ⟦< → <=⟧ today:`"
COUNTS = {"cx/points.py": Counter({"alive": 1, "noticed": 8, "endless": 2, "not tried": 1})}


def test_a_mutant_is_told_by_its_function_and_its_change() -> None:
    assert f"`{function('cx.points.x_settle__mutmut_37')}` · `{mutation(DIFF)}`" == LIVES


@pytest.mark.parametrize(
    ("mutant", "name"),
    [("cx.tiers.x__kept__mutmut_1", "_kept"), ("cx.calendar.xǁCalendarǁday__mutmut_2", "Calendar.day")],
)
def test_a_function_is_called_what_it_is_called_in_its_module(mutant: str, name: str) -> None:
    assert function(mutant) == name


def test_a_statement_of_several_lines_is_written_in_one() -> None:
    assert mutation("--- a\n+++ b\n-    f(\n-        1,\n-    )\n+    f(\n+        2,\n+    )\n") == "f( ⟦1 → 2⟧, )"


@pytest.mark.parametrize(
    ("code", "became"), [(0, "alive"), (1, "noticed"), (-24, "endless"), (33, "alive"), (None, "not tried")]
)
def test_what_became_of_a_mutant_follows_from_the_exit_code_of_its_tests(code: int | None, became: str) -> None:
    assert outcome(code) == became


def test_a_reason_stays_with_its_mutant_and_a_new_one_has_none() -> None:
    page = page_of("today.", COUNTS, {"cx/points.py": [LIVES]}, {})
    assert known(page) == {LIVES: UNKNOWN}
    assert "| all | 12 | 8 | 2 | 1 | 1 |" in page

    told = known(page.replace("### ?", "### No lot ends today."))
    assert known(page_of("today.", COUNTS, {"cx/points.py": [LIVES]}, told)) == {LIVES: "No lot ends today."}
    assert known(page_of("today.", COUNTS, {"cx/points.py": []}, told)) == {}


def test_mutants_that_live_for_the_same_reason_stand_under_it_together() -> None:
    one, two, three = (f"`settle` · `⟦{n} → None⟧`" for n in range(3))
    page = page_of(
        "today.", COUNTS, {"cx/points.py": [one, two, three]}, {one: "Twice.", two: "Once.", three: "Twice."}
    )
    assert page.endswith(f"\n### Twice.\n- {one}\n- {three}\n\n### Once.\n- {two}\n")


def test_no_mutant_lives_without_a_reason() -> None:
    assert [mutant for mutant, reason in known(Path(PAGE).read_text("utf-8")).items() if reason == UNKNOWN] == []
