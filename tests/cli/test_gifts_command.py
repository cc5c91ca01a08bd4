"""`cx gifts import` as a person types it: three kinds of spreadsheets become events, and no code is told to anybody."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ops.codes import Locker
from schemas.desk import TOPIC_OF, parse
from streams.settings import CodeSettings
from tests.commands import Said, typed
from tests.events import read
from tests.schemas.samples import written

if TYPE_CHECKING:
    from collections.abc import Callable

    Cx = Callable[..., "Said"]

KEYS = {"CX_CODES__KEYS": f"2026:{b64encode(bytes(32)).decode()}", "CX_CODES__IDENTITY": b64encode(b"i" * 32).decode()}
GIFTS = "gift_id,brand,face_value,cost,valid_days,returns\ncoffee,Highlands,50000,45000,30,no\ncake,Paris,60000,,,\n"
CAMPAIGNS = (
    "line 2: name is not known to the policy; there are apology, birthday, committed, diamond-welcome, friends, "
    "gold-welcome, silver-welcome, six-months"
)
BEYOND = "line 2: valid_until is not written as it should be"  # no calendar knows the day after
CODES = "gift_id;code;valid_until;give_until\ncoffee;SECRET-ONE-1;2126-12-31;\ncake;SECRET-TWO-2;;2126-06-30\n"


@pytest.fixture
def cx(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Cx:
    """What writes a file `c.csv` and imports it in an empty folder, with keys for codes."""
    monkeypatch.setenv("CX_CONFIG", os.devnull)
    monkeypatch.delenv("CX_POLICY", raising=False)
    monkeypatch.chdir(tmp_path)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)

    def run(text: str, *arguments: str) -> Said:
        Path("c.csv").write_text(text, encoding="utf-8")
        return typed(monkeypatch, capfd, "gifts", "import", "c.csv", *arguments)

    return run


def events(cx: Cx, text: str, *arguments: str) -> list[dict[str, Any]]:
    """Return the events of a file that is good, which the desk takes."""
    said = cx(text, "--out", "o", *arguments)
    assert (said.returncode, said.stdout) == (0, ""), said.stderr
    found = read(Path("o"))
    for event in found:
        parse(TOPIC_OF[event["type"]], event["subject"].encode(), written(event))
    return found


def test_a_row_of_gifts_becomes_a_listing(cx: Cx) -> None:
    coffee, cake = events(cx, GIFTS)

    assert (coffee["type"], coffee["subject"], coffee["source"]) == ("gift.listed", "retail-vn", "/cx/gifts")
    assert coffee["data"] == {
        "gift_id": "coffee",
        "brand": "Highlands",
        "face_value": 50_000,
        "currency": "VND",
        "cost": 45_000,
        "valid_days": 30,
        "returns": False,
    }
    assert cake["data"] == {"gift_id": "cake", "brand": "Paris", "face_value": 60_000, "currency": "VND"}


def test_a_row_of_budgets_becomes_a_budget(cx: Cx) -> None:
    found = events(cx, "scope,name,day,month,total\nprogramme,,1000,,\ntier,gold,,,5\n")

    assert [event["data"] for event in found] == [
        {"scope": "programme", "currency": "VND", "day": 1_000},
        {"scope": "tier", "name": "gold", "currency": "VND", "total": 5},
    ]


def test_a_code_leaves_masked_and_sealed_and_its_days_are_local(cx: Cx) -> None:
    one, two = events(cx, CODES)
    locker = Locker(CodeSettings(keys=KEYS["CX_CODES__KEYS"], identity=KEYS["CX_CODES__IDENTITY"]))

    assert "SECRET" not in Path("o").read_text("utf-8")
    assert (one["data"]["masked"], one["data"]["key_id"]) == ("••••E-1", "2026")
    assert (one["data"]["valid_until"], two["data"]["give_until"]) == ("2126-12-31T17:00:00Z", "2126-06-30T17:00:00Z")
    assert "valid_until" not in two["data"]
    sealed = b64decode(one["data"]["ciphertext"])
    assert locker.open("retail-vn", "coffee", "2026", sealed) == "SECRET-ONE-1"


def test_the_same_code_has_the_same_id_again_and_looks_different(cx: Cx) -> None:
    first, again = events(cx, CODES)[0], events(cx, CODES)[0]

    assert (first["id"], first["data"]["code_id"]) == (again["id"], again["data"]["code_id"])
    assert first["data"]["ciphertext"] != again["data"]["ciphertext"]


def test_bad_rows_are_told_without_what_stands_in_them_and_the_rest_goes_on(cx: Cx) -> None:
    said = cx(
        f"{CODES}coffee;SECRET-ONE-1;;\ncoffee;;;\n;SECRET-3;;\ncoffee;SECRET-4;soon;\ntea;{'S' * 513};;\n",
        "--out",
        "o",
    )

    assert said.returncode == 1
    assert said.stderr.split("\n")[-7:-1] == [
        "line 4: code stands twice",
        "line 5: code is missing",
        "line 6: gift_id is missing",
        "line 7: valid_until is not written as it should be",
        "line 8: code is too long",
        "2 codes, 5 bad rows",
    ]
    assert "SECRET" not in said.stderr
    assert len(read(Path("o"))) == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GIFTS + "coffee,Other,1,,,\n", "line 4: gift_id stands twice"),
        (GIFTS + "tea,,1,,,\n", "line 4: brand is missing"),
        (GIFTS + "tea,T,many,,,\n", "line 4: face_value is no whole number"),
        (GIFTS + "tea,T,0,,,\n", "line 4: face_value is too small"),
        (GIFTS + "tea,T,1,,,maybe\n", "line 4: returns is neither yes nor no"),
        ("gift_id,brand,face_value,currency\ntea,T,1,USD\n", "line 2: currency is not that of the programme"),
        ("scope,name\nshop,x\n", "line 2: scope is not one of those that there are"),
        ("scope,name\ntier,\n", "line 2: scope has no name where one is needed, or one for the programme"),
        ("scope,name\ntier,gold\ntier,silver\ntier,gold\n", "line 4: scope stands twice"),
        ("scope,name\ntier,glod\n", "line 2: name is not known to the policy; there are diamond, gold, member, silver"),
        ("scope,name\ncampaign,nope\n", CAMPAIGNS),
        ("gift_id,code,valid_until\ncoffee,SECRET-ONE-1,2020-01-01\n", "line 2: valid_until is over already"),
        ("gift_id,code,give_until\ncoffee,SECRET-ONE-1,2020-01-01\n", "line 2: give_until is over already"),
        ("gift_id,code,valid_until\ncoffee,SECRET-ONE-1,9999-12-31\n", BEYOND),
    ],
)
def test_what_is_wrong_with_a_row_is_told_in_words(cx: Cx, text: str, complaint: str) -> None:
    said = cx(text, "--out", "o")

    assert said.returncode == 1
    assert said.stderr.split("\n")[-3] == complaint


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("coffee,SECRET-1\n", "the first line names no code and no scope and no brand"),
        ("gift_id,code,pin\n", "column 'pin' is not known; columns are gift_id, code, valid_until, give_until"),
        ("gift_id,code,code\n", "no column stands twice"),
    ],
)
def test_a_file_of_another_kind_is_refused(cx: Cx, text: str, complaint: str) -> None:
    said = cx(text, "--out", "o")

    assert said.returncode == 2
    assert complaint in said.stderr
    assert "SECRET" not in said.stderr


@pytest.mark.parametrize("missing", KEYS)
def test_codes_need_keys_and_gifts_do_not(cx: Cx, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(missing)
    assert len(events(cx, GIFTS)) == 2
    said = cx(CODES, "--out", "o")

    assert said.returncode == 78
    assert missing in said.stderr
