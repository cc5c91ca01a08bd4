"""`cx journey` as a person types it, and how alerts are said wherever they are shown, in two languages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import group
from cx.calendar import DAY, HOUR
from tests.events import buys, event, file_of, ticks
from tests.spec import at

MARCH = at("2026-03-01T10:00")
STORY = [
    event("touchpoint.recorded", MARCH, stage="discover", group="digital", channel="social", intent="information"),
    buys(MARCH + HOUR, 3_000_000, "DH-1", channel="store"),
    event("case.opened", MARCH + 2 * HOUR, "k1", case_id="K1", channel="email", topic="delivery"),
    event("case.opened", MARCH + 3 * HOUR, "k2", case_id="K2", channel="phone", topic="delivery", priority="urgent"),
    event("feedback.submitted", MARCH + 4 * HOUR, "f", instrument="csat", score=1, case_id="K2", touchpoint="people"),
    ticks(MARCH + DAY),
]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CX_CONFIG", os.devnull)
    monkeypatch.delenv("CX_POLICY", raising=False)
    monkeypatch.chdir(tmp_path)


def cx(verb: str, *arguments: str, customer: str = "lan") -> Result:
    events = file_of(Path("e"), *STORY)
    return CliRunner().invoke(group, [verb, customer, "--events", events, "--policy", "retail-vn", *arguments])


def flat(picture: str) -> str:
    """Return a picture's words as if they stood on one line without a frame."""
    return " ".join(picture.replace("│", " ").split())


def test_the_map_has_stages_across_and_groups_down() -> None:
    said = cx("journey")
    rows = [line.strip("│ ") for line in said.output.splitlines()]

    assert said.exit_code == 0
    assert rows[1].split() == ["discover", "consider", "purchase", "use", "support", "advocate"]
    assert [row.split() for row in rows if row.startswith(("People", "Product", "Digital"))] == [
        ["People", "·", "·", "1", "·", "3", "·"],
        ["Product", "·", "·", "·", "·", "·", "·"],
        ["Digital", "1", "·", "·", "·", "·", "·"],
    ]
    assert "store phone 01 Mar 26 01 Mar 26 ░░░░░ 0" in flat(said.output)
    assert "cửa hàng tổng đài 01/03/26 01/03/26 ░░░░░ 0" in flat(cx("journey", "--lang", "vi").output)


@pytest.mark.parametrize("verb", ["journey", "why"])
@pytest.mark.parametrize(
    ("lang", "sentences"),
    [
        (
            "en",
            (
                "Asked on delivery over phone, after having asked over email. May help: one agent for both, apology.",
                "Case K2 on delivery (urgent) has had no answer in 2 hours. May help: answer now, call back.",
                "The emotion score fell from 50 to 29 since",
            ),
        ),
        (
            "vi",
            (
                "Khách hỏi về delivery qua tổng đài sau khi đã hỏi qua email.",
                "Nên: giao cho một người lo cả hai, xin lỗi.",
                "Yêu cầu K2 về delivery (ưu tiên khẩn cấp) chưa được trả lời trong 2 giờ. Nên: trả lời ngay, gọi lại.",
                "Điểm cảm xúc giảm từ 50 xuống 29 kể từ 01/03/2026.",
            ),
        ),
    ],
)
def test_what_calls_for_care_is_told_in_sentences(verb: str, lang: str, sentences: tuple[str, ...]) -> None:
    text = flat(cx(verb, "--lang", lang).output)
    assert [sentence for sentence in sentences if sentence not in text] == []


def test_it_shows_the_journey_as_of_an_instant() -> None:
    text = flat(cx("journey", "--at", "2026-03-01T11:30:00+07:00").output)
    assert ("store" in text, "phone" in text, "Care" in text) == (True, False, False)


def test_somebody_unknown_and_a_policy_that_cannot_be_used_are_one_line() -> None:
    assert (cx("journey", customer="mai").exit_code, cx("journey", "--at", "soon").exit_code) == (1, 1)
    assert cx("journey", customer="mai").output == "mai: no such customer in e\n"


@pytest.mark.parametrize("width", [80, 120])
def test_the_map_fits_a_plain_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = cx("journey", "--lang", "vi").output.splitlines()

    assert max(map(len, lines)) == min(width, 92)
    assert not [line for line in lines if "…" in line]
