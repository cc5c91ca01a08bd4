"""`cx import` as a person types it: rows become events, and what is bad is told without a word of what stands there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from schemas.inputs import parse_line
from tests.commands import Said, typed
from tests.events import read
from tests.house.tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    Cx = Callable[..., "Said"]

HEAD = "customer_id,joined,tier,tier_since,tier_until,currency,lots,days\n"
LOTS, DAYS = "12:2025-11-02:2026-11-30;3:2026-01-15", "2026-01-15:890:2:1;2026-01-16:7"
FULL = f"lan,2021-05-17,gold,2025-11-02,2026-12-31,VND,{LOTS},{DAYS}\n"
AT = ("--at", "2026-03-01T00:00:00+07:00")


@pytest.fixture
def cx(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Cx:
    """What writes a file `c.csv` and imports it in an empty folder."""
    monkeypatch.setenv("CX_CONFIG", os.devnull)
    monkeypatch.delenv("CX_POLICY", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(text: str | bytes, *arguments: str, file: str = "c.csv") -> Said:
        Path("c.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        return typed(monkeypatch, capfd, "import", file, *arguments)

    return run


def events(cx: Cx, text: str | bytes, *arguments: str) -> list[dict[str, Any]]:
    """Return the events of a file that is good."""
    said = cx(text, "--out", "o", *AT, *arguments)
    assert (said.returncode, said.stdout) == (0, "")
    return read(Path("o"))


def test_a_row_becomes_the_event_of_moving_in(cx: Cx) -> None:
    [event] = events(cx, HEAD + FULL)
    assert {name: event[name] for name in ("type", "subject", "time", "source")} == {
        "type": "customer.imported", "subject": "lan", "time": "2026-02-28T17:00:00Z", "source": "/cx/import",
    }  # fmt: skip
    assert event["data"] == {
        "joined": "2021-05-17",
        "tier": "gold",
        "tier_since": "2025-11-02",
        "tier_until": "2026-12-31",
        "currency": "VND",
        "lots": [
            {"points": 12, "earned": "2025-11-02", "expires": "2026-11-30"},
            {"points": 3, "earned": "2026-01-15"},
        ],
        "days": [{"day": "2026-01-15", "spend": 890, "orders": 2, "visits": 1}, {"day": "2026-01-16", "spend": 7}],
    }
    parse_line(json.dumps(event).encode())


def test_what_is_left_empty_is_left_out_and_the_currency_is_the_programmes(cx: Cx) -> None:
    assert [event["data"] for event in events(cx, "customer_id,tier,lots\nlan,,\n\nmai,gold, \n")] == [
        {"currency": "VND"},
        {"currency": "VND", "tier": "gold"},
    ]
    assert events(cx, "customer_id\nlan\n", "--policy", "airline-style")[0]["data"] == {"currency": "EUR"}


def test_ids_are_the_same_again_for_the_same_customer_and_programme(cx: Cx) -> None:
    first = events(cx, "customer_id\nlan\nmai\n")
    assert events(cx, HEAD + FULL)[0]["id"] == first[0]["id"]
    others = events(cx, "customer_id\nlan\n", "--policy", "minimal")
    assert len({event["id"] for event in first + others}) == 3


@pytest.mark.parametrize(
    "text",
    [
        '\ufeffcustomer_id;lots\r\nlan;"1:2025-01-01;2:2025-01-02"\r\n',
        "lots\tcustomer_id\n1:2025-01-01;2:2025-01-02;\tlan\n",
        'customer_id,lots\n"lan","1:2025-01-01;2:2025-01-02"',
    ],
)
def test_spreadsheets_differ_in_how_they_write(cx: Cx, text: str) -> None:
    [event] = events(cx, text)
    assert (event["subject"], len(event["data"]["lots"])) == ("lan", 2)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (",2021-01-01,,,,,,", "customer_id is missing"),
        ("{},17.5.2021,,,,,,", "joined is not written as it should be"),
        ("{},2021-02-30,,,,,,", "joined is no day"),
        ("{},,platin,,,,,", "tier is no tier of the programme"),
        ("{},,,,,vnd,,", "currency is not written as it should be"),
        ("{},,,,,XTS,,", "currency is not in the programme's table"),
        ("{},,,,,,1:2025-01-01;1.5:2025-01-01,", "lots.2.points is no whole number"),
        ("{},,,,,,0:2025-01-01,", "lots.1.points is too small"),
        ("{},,,,,,99999999999999999999:2025-01-01,", "lots.1.points is no whole number"),
        ("{},,,,,,5,", "lots.1.earned is missing"),
        ("{},,,,,,1:2025-01-01:2026-01-01:7,", "lots.1 has more than points:earned:expires"),
        ("{},,,,,,,2025-01-01:-4", "days.1.spend is too small"),
        ("{},,,,,,,2025-01-01:1000000000001", "days.1.spend is too large"),
        ("{},,,,,,,2026-03-01:1;2026-03-02:1", "days lie in the future"),
        ("{},,,,,,,:5", "days.1.day is missing"),
        ("{},,,,", "5 cells under 8 columns"),
        ("{}", "1 cell under 8 columns"),
        ("first,,,,,,,", "customer_id stands twice"),
        ("{}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,,,,,,,", "customer_id is too long"),
        ('{},"2025-01-01"x,,,,,,', "is no CSV; do its quotes match"),
    ],
)
def test_a_bad_row_is_told_by_line_and_field_and_the_rest_goes_on(cx: Cx, row: str, fault: str) -> None:
    said = cx(HEAD + "first,,,,,,,\n\n" + row.format("Nguyen-0912345678") + "\nlast,,,,,,,\n", "--out", "o", *AT)

    assert said.returncode == 1
    assert said.stderr.splitlines()[0] == f"line 4: {fault}"
    assert "0912345678" not in said.stderr
    assert [event["subject"] for event in read(Path("o"))] == ["first", "last"]


def test_a_row_is_named_by_the_line_on_which_it_begins(cx: Cx) -> None:
    said = cx('customer_id,tier\n"a\nb",gold\nc,platin\n"d\n",none\n', "--out", "o", *AT)
    assert said.stderr.splitlines()[:2] == [
        "line 4: tier is no tier of the programme",
        "line 5: tier is no tier of the programme; the row ends on line 6",
    ]


@pytest.mark.parametrize(
    ("rows", "bad", "taken"),
    [
        ('"a,gold\nb,gold\n"c",gold\n', [2], ["b", "c"]),
        ('a,"gold\nb,gold\nc,gold\n', [2], ["b", "c"]),
        ('"a,gold\nb,gold"\nc,gold\n', [2, 3], ["c"]),
        ('"a,gold\n"b",gold\n"c,gold\nd,gold\n', [2, 4], ["b", "d"]),
        ('a,"gold\n"x\n\nb,"\ngold"\n', [2, 3], ["b"]),
    ],
)
def test_a_quote_that_stays_open_takes_no_other_row_with_it(
    cx: Cx, rows: str, bad: list[int], taken: list[str]
) -> None:
    said = cx("customer_id,tier\n" + rows, "--out", "o", *AT)

    assert [line for line in said.stderr.splitlines() if line.startswith("line")] == [
        f"line {number}: is no CSV; do its quotes match" for number in bad
    ]
    assert [event["subject"] for event in read(Path("o"))] == taken


def test_the_summary_says_as_of_when_they_move_in(cx: Cx) -> None:
    said = cx("customer_id,tier\nlan,gold\nmai,none\n", "--out", "-", *AT)
    assert said.stderr.splitlines()[1] == "1 customer, 1 bad row, as of 2026-02-28T17:00:00Z"
    assert json.loads(said.stdout)["subject"] == "lan"


def test_they_move_in_now_if_nothing_else_is_said(cx: Cx) -> None:
    cx("customer_id\nlan\n", "--out", "first")
    at = read(Path("first"))[0]["time"]
    cx("customer_id\nlan\n", "--out", "again", "--at", at)
    assert Path("again").read_bytes() == Path("first").read_bytes()


def test_the_example_of_the_docs_is_good(cx: Cx) -> None:
    assert len(events(cx, (ROOT / "docs" / "customers.csv").read_bytes())) == 3


@pytest.mark.parametrize(
    ("text", "arguments", "line"),
    [
        ("", ("--out", "o"), "the first line names no customer_id; columns are customer_id, joined,"),
        ("0912345678,gold\n", ("--out", "o"), "the first line names no customer_id; columns are customer_id, joined,"),
        ("customer_id,teir\n", ("--out", "o"), "column 'teir' is not known; columns are customer_id, joined,"),
        ("customer_id,tier,tier\n", ("--out", "o"), "no column stands twice; columns are customer_id,"),
        (b"customer_id\n\xff\n", ("--out", "o"), "c.csv: cannot be read (it is not UTF-8)"),
        ("customer_id\n", ("--out", "c.csv"), "c.csv: is read, and cannot be written at the same time"),
        ("customer_id\n", ("--out", "p.yaml", "--policy", "p.yaml"), "p.yaml: is read, and cannot be written at the"),
        ("customer_id\nlan\n", ("--out", "/dev/full"), "/dev/full: cannot be written (No space left on device)"),
        ("customer_id\n", ("--out", "o", "--at", "now"), "--at: 'now' is no instant"),
        ("customer_id\n", ("--out", "o", "--policy", "none.yaml"), "none.yaml: cannot be read"),
        ("customer_id\n", ("--at", "2020-01-01T00:00:00Z"), "--at: a worker takes what is up to 30 days late, or 10"),
        ("customer_id\n", ("--at", "2999-01-01T00:00:00Z"), "--at: a worker takes what is up to 30 days late, or 10"),
    ],
)
def test_what_cannot_be_used_is_one_line(cx: Cx, text: str | bytes, arguments: tuple[str, ...], line: str) -> None:
    Path("p.yaml").write_bytes((ROOT / "policies" / "minimal.yaml").read_bytes())
    said = cx(text, *arguments)
    assert (said.returncode, said.stdout, said.stderr.count("\n")) == (2, "", 1)
    assert said.stderr.startswith(f"cx: {line}")


def test_a_file_that_is_not_there_is_one_line(cx: Cx) -> None:
    said = cx("", "--out", "o", file="none.csv")
    assert (said.returncode, said.stderr) == (2, "cx: none.csv: cannot be read (No such file or directory)\n")
