"""The demo's picture, line and outcome: what is shown, and that nothing jumps."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

import msgspec
import pytest
from rich.console import Console

from cli.screen.demo import News, Snapshot, line, picture
from cli.screen.outcome import as_json, as_text
from cli.screen.svg import svg
from cli.watch import newest
from ops.audit.gifts import Numbers
from ops.audit.verdict import Verdict

LADDER = (("member", 100), ("silver", 50), ("gold", 10), ("diamond", 0))
START = Snapshot(doing="traffic", simulated=None, done=0.0, seconds=0.0, ladder=tuple((name, 0) for name, _ in LADDER))
LATER = replace(
    START,
    simulated=datetime(2026, 3, 4, tzinfo=UTC),
    done=0.5,
    seconds=30.2,
    events_in=9_000,
    per_second=301.4,
    decided=8_890,
    duplicates=90,
    dead_letters=20,
    lag=7,
    p50_ms=12.4,
    p99_ms=80.9,
    tier_changes=321,
    rewards_issued=210,
    alerts=43,
    ladder=LADDER,
    levels=(5, 4, 3, 2, 1),
    news=tuple(
        News("tier.upgraded", f"kh-{number:06}", "member → silver: spent 3,100,000 VND in the window", 1)
        for number in range(30)
    ),
)
VERDICT = Verdict(
    events_in=100, decided=97, duplicates=2, dead_letters=1, tier_changes=5, level_changes=4, rewards_issued=3, lag=0,
    faults=(),
)  # fmt: skip


def drawn(shown: Snapshot, width: int = 120) -> list[str]:
    console = Console(width=width, file=StringIO(), color_system=None)
    console.print(picture(shown))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def test_it_shows_rate_lag_latency_ladder_and_news() -> None:
    text = "\n".join(drawn(LATER))

    for part in ("9,000", "301 /s", "8,890", "12 ms", "81 ms", "04 Mar 2026", "diamond", "3 committed"):
        assert part in text
    assert "kh-000029 member → silver: spent 3,100,000 VND in the window" in text
    assert text.index("kh-000029") < text.index("kh-000028")


def test_it_shows_what_the_gift_desk_did_where_there_is_one() -> None:
    gifts = Numbers(asked=120, issued=100, instead=20, used=60, refused=7, waiting=13)
    shown = replace(LATER, gifts=gifts)
    text = "\n".join(drawn(shown))

    assert "gift desk" not in "\n".join(drawn(LATER))
    for part in ("120 asked for", "100 issued", "20 instead", "60 used", "7 refused", "13 waiting"):
        assert part in text
    assert len(drawn(shown, 80)) == len(drawn(START, 80))
    assert line(shown).endswith("; gifts 100 issued (20 instead of another), 60 used, 7 refused, 13 waiting")
    verdict = msgspec.structs.replace(VERDICT, gifts=gifts)
    assert "gifts asked for 120: 100 issued" in as_text(verdict, 1, 2, 3).plain
    assert "gifts" not in as_text(VERDICT, 1, 2, 3).plain


def test_a_news_of_many_reasons_takes_two_lines() -> None:
    told = "CX level 2 → 4: " + ", ".join(f"reason {number} holds" for number in range(30))
    lines = drawn(replace(LATER, news=(*LATER.news, News("cx-level.changed", "kh-000077", told))))

    assert "◆ kh-000077 CX level 2 → 4: reason 0 holds" in lines[2]
    assert "…" in lines[3]
    assert "kh-000029" in lines[4]


def test_of_each_kind_of_news_the_newest_are_shown_in_turn() -> None:
    told = {kind: [f"{kind} {number}" for number in range(8)] for kind in ("tier", "reward", "cx-level")}

    shown = newest(told)

    assert shown[-4:] == ["tier 6", "reward 7", "cx-level 7", "tier 7"]
    assert newest(told | {"care": ["care 0"]})[-4] == "care 0"


@pytest.mark.parametrize("width", [80, 120, 200])
def test_its_height_never_changes(width: int) -> None:
    much = replace(LATER, events_in=1_234_567, p50_ms=9_998.0, p99_ms=9_999.0, rewards_issued=98_765)
    assert len(drawn(START, width)) == len(drawn(LATER, width)) == len(drawn(much, width))
    assert len(drawn(START, width)) < 24  # the height of a plain terminal
    assert max(map(len, drawn(LATER, width))) <= width


def test_without_a_terminal_it_is_one_line() -> None:
    assert line(LATER) == (
        "   30 s  2026-03-04  9,000 events, 301/s, lag 7, p50 12 ms, p99 81 ms; 321 tier changes, 210 rewards,"
        " 43 alerts"
    )
    assert "lag -, p50 -" in line(START)


def test_the_outcome_as_json_has_these_fields_and_no_others() -> None:
    assert json.loads(as_json(VERDICT, 12.4, 80.9, 298.76)) == {
        "events_in": 100,
        "decided": 97,
        "duplicates": 2,
        "dead_letters": 1,
        "tier_changes": 5,
        "level_changes": 4,
        "rewards_issued": 3,
        "gifts_used": 0,
        "gifts_refused": 0,
        "gifts_waiting": 0,
        "lag": 0,
        "p50_ms": 12.4,
        "p99_ms": 80.9,
        "events_per_second": 298.8,
        "ok": True,
    }
    assert "\n" not in as_json(VERDICT, None, None, 0)


def test_an_outcome_with_faults_is_not_ok_and_names_them() -> None:
    wrong = Verdict(**{name: getattr(VERDICT, name) for name in VERDICT.__struct_fields__} | {"faults": ("a", "b")})

    assert json.loads(as_json(wrong, 1, 2, 3))["ok"] is False
    assert as_text(wrong, 1, 2, 3).plain.endswith("✕ a\n  ✕ b")
    assert "accounted for" not in as_text(wrong, 1, 2, 3).plain
    assert "every one accounted for" in as_text(VERDICT, 1, 2, 3).plain


def test_a_picture_in_a_file_needs_nothing_from_the_network() -> None:
    drawing = svg(picture(LATER), "make demo")

    assert drawing.startswith("<svg")
    assert "kh-000029" in drawing
    assert "url(http" not in drawing
    assert "@font-face" not in drawing
