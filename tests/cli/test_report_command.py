"""`cx report cx` as a manager reads it: where customers stand by week, store and channel, and what moved."""

from __future__ import annotations

import csv
import io
import json
import os
from contextlib import closing
from pathlib import Path

import pytest

from cx.calendar import DAY
from cx.state import encode
from ops.aggregates.counting import Counting
from ops.aggregates.store import FILE, Store
from tests.commands import typed
from tests.ops.aggregates import portion
from tests.spec import at, bought, feedback, given, rules, touched

MONDAY = at("2026-03-02T10:00")
WEEK = 7 * DAY
BY = rules(levels=[{"level": 2, "all": [{"measure": "orders", "criterion": "involvement", "reach": 1}]}])
STORE = "Nguyễn Huệ, TP. Hồ Chí Minh"


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CX_CONFIG", os.devnull)
    monkeypatch.delenv("CX_DATA", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def _counted(_here: None) -> None:
    """Three customers in W10, of whom two come again in W11: one to the store, one unhappy on the web."""
    stories = {
        "lan": given(touched(MONDAY), bought(MONDAY + WEEK, channel="store", store=STORE), by=BY),
        "mai": given(bought(MONDAY), feedback(MONDAY + WEEK, "nps", 0, dimension="brand"), by=BY),
        "vy": given(touched(MONDAY, channel="app"), by=BY),
    }
    with closing(Store(Path(".cx"))) as store:
        states = [(name, encode(story.customer, BY.lateness)) for name, story in stories.items()]
        Counting(store, BY, 104).take([portion(*states)])


def said(monkeypatch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str], *options: str) -> str:
    found = typed(monkeypatch, captured, "report", "cx", *options)
    assert (found.returncode, found.stderr) == (0, "")
    return found.stdout


def words(picture: str) -> str:
    """Return a picture's words on one line, without frame and bars."""
    return " ".join(picture.translate({ord("│"): " ", ord("█"): " ", ord("\N{MINUS SIGN}"): "-"}).split())


@pytest.mark.usefixtures("_counted")
def test_a_week_says_how_many_stand_where_and_what_moved(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = words(said(monkeypatch, capsys))

    assert "customers CX level 1 2 3 4 5 emotion interaction service product brand" in text
    assert "2026-W10 2 Mar 3 2 1 0 0 0" in text
    assert "2026-W11 9 Mar 2 -1 0 2 0 0 0" in text
    assert "counted up to 2026-W11" in text
    assert "In full from" not in text


@pytest.mark.usefixtures("_counted")
def test_a_manager_reads_it_in_vietnamese_by_store(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = words(said(monkeypatch, capsys, "--by", "store", "--lang", "vi"))

    assert "CX theo cửa hàng" in text
    assert "2026-W11 09/03 không ở cửa hàng 1 -2 0 1 0 0 0" in text
    assert "Nguyễn Huệ, TP. Hồ Chí Mi… 1 0 1 0 0 0" in text
    assert "tính đến 2026-W11" in text


@pytest.mark.usefixtures("_counted")
def test_csv_and_json_have_every_number(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(said(monkeypatch, capsys, "--csv", "--by", "all", "--from", "2026-03-04"))))
    told = json.loads(said(monkeypatch, capsys, "--json", "--to", "2026-W11"))

    assert [(row["week"], row["store"], row["channel"], row["customers"], row["customers_move"]) for row in rows] == [
        ("2026-W10", "", "app", "1", ""),
        ("2026-W10", "", "web", "2", ""),
        ("2026-W11", "", "web", "1", "-1"),
        ("2026-W11", STORE, "store", "1", ""),
    ]
    assert told["newest"] == "2026-W11"
    assert told["complete_from"] is None
    newest = told["rows"][-1]
    assert (newest["customers"], newest["levels"], newest["level_mean"], newest["level_move"]) == (
        2, [0, 2, 0, 0, 0], 2.0, 0.67
    )  # fmt: skip
    brand = newest["dimensions"]["brand"]
    assert sum(brand["bands"]) == 2
    assert brand["mean"] == float(rows[2]["brand"]) / 2 + float(rows[3]["brand"]) / 2
    assert brand["move"] < 0


@pytest.mark.usefixtures("_counted")
def test_weeks_of_which_nothing_is_known_are_said_to_be_empty(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Nobody is counted in these weeks." in said(monkeypatch, capsys, "--to", "2025-W01")


def test_what_cannot_be_told_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    slip = typed(monkeypatch, capsys, "report", "cx", "--from", "March")
    nothing = typed(monkeypatch, capsys, "report", "cx")

    assert (slip.returncode, nothing.returncode) == (2, 70)
    assert slip.stderr == "cx: --from March: is neither a week such as 2026-W10 nor a day such as 2026-03-02\n"
    assert nothing.stderr == f"cx: there is nothing counted at {Path('.cx') / FILE}: does `cx aggregate` run there?\n"


@pytest.mark.usefixtures("_counted")
def test_the_file_is_that_of_the_folder_that_is_named_or_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = Path(".cx/demo")
    demo.mkdir()
    for file in Path(".cx").glob(f"{FILE}*"):
        file.rename(demo / file.name)
    assert "2026-W11" in said(monkeypatch, capsys)

    monkeypatch.setenv("CX_DATA", "elsewhere")
    assert typed(monkeypatch, capsys, "report", "cx").returncode == 70


@pytest.mark.parametrize("day", ["soon", "2026-02-30", "0001-01-01", "9999-12-31"])
def test_a_report_on_gifts_wants_days(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], day: str
) -> None:
    found = typed(monkeypatch, capsys, "report", "gifts", "--to", day)

    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == f"cx: --to {day}: is no day such as 2026-03-02\n"
