"""The picture of a customer: what a person can read off it, from profiles that the rules themselves make."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from cli.customer import command
from cli.policy import load
from cli.screen.customer import picture
from cli.screen.money import Lang
from cx.rules import compile_policy
from cx.state import Customer, canonical, encode
from cx.view import profile_of
from streams.readmodel import Stored
from tests.spec import GUARDED, at, bought, feedback, given, opened, refunded, reward, rules, touched

START = at("2026-03-01T10:00")
DAY = 86_400_000_000


@pytest.fixture(autouse=True)
def _in_vietnam(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Ho_Chi_Minh")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def drawn(profile: dict[str, Any], width: int = 100, lang: Lang = "en") -> str:
    console = Console(width=width, file=StringIO(), color_system=None)
    console.print(picture(profile, lang))
    text = console.file
    assert isinstance(text, StringIO)
    return text.getvalue()


def test_it_shows_tier_dates_and_what_is_missing_for_the_next() -> None:
    text = drawn(given(bought(START, 3_000)).profile)

    assert "lan" in text
    assert "SILVER  since 2026-03-01, at least until 2027-03-01 if nothing happens" in text
    assert "██████████████████░░░░░░░░░░░░ 2,000 VND to gold" in text


def test_amounts_have_the_fraction_of_their_currency() -> None:
    profile = given(bought(START, 2_950)).profile | {"currency": "USD"}

    assert "20.50 USD to gold" in drawn(profile)


def test_at_the_top_nothing_is_missing() -> None:
    assert "the highest tier" in drawn(given(bought(START, 9_000)).profile)


def test_a_promotion_that_is_held_back_is_said() -> None:
    story = given(
        opened(START), feedback(START + 1, "nps", 1, case="k1"), bought(START + 2, 9_000), by=rules(tiers=GUARDED)
    )

    assert "silver is earned but held back: open detractor case" in drawn(story.profile)


def test_it_shows_the_level_and_what_the_next_one_needs() -> None:
    text = drawn(given(bought(START), by=rules(levels=None)).profile)

    assert "1 informed ●○○○○  since 2026-03-01" in text
    assert "for 2 answered: discovery channels at least 1 (now 0)" in text
    assert "involvement 1/2 · effort 1/1 · resolution 2/2  " in text


def test_it_shows_points_where_there_are_any() -> None:
    some = {"balance": 6_499, "pending": 60, "next_expiry": {"last_day": "2026-03-31", "points": 1_235}}
    profile = given(bought(START)).profile

    assert "Points" not in drawn(profile)
    assert "Points      6,499 to spend, 60 cannot be spent yet, 1,235 until 2026-03-31" in drawn(
        profile | {"points": profile["points"] | some}
    )
    assert "Points      5 owed  " in drawn(profile | {"points": profile["points"] | {"balance": -5}})


def test_it_shows_five_dimensions_by_their_full_names() -> None:
    text = drawn(given(bought(START)).profile)

    assert all(name in text for name in ("Emotion", "Interaction", "Service", "Product", "Brand"))


def test_it_shows_rewards_with_what_became_of_them_and_history_in_sentences() -> None:
    story = given(bought(START, 2_000), refunded(START + DAY), by=rules(rewards=[reward("gift", "silver")]))
    text = drawn(story.profile)

    assert "2026-03-01  gift  for silver  revoked" in text
    assert "2026-03-01 10:00  member → silver: a purchase reached the threshold" in text
    assert "2026-03-02 10:00  silver → member: a refund took spend away" in text
    assert text.index("silver → member") < text.index("member → silver")


def test_it_shows_the_journey_in_a_line_and_what_calls_for_care() -> None:
    by = rules(care=None)
    story = given(opened(START), opened(START + 1, "k2", channel="chat"), feedback(START + 2, "csat", 5), by=by)
    text = drawn(story.profile)

    assert "Journey     3 contacts; the last, 2026-03-01 10:00: use, product; 1 seam in 90 days" in text
    assert "2026-03-01  Asked on delivery over chat, after having asked over phone." in text
    answered = drawn(story.when(touched(START + 3, "use", "care", accepted=True)).profile)
    assert ("Asked on" in answered, "1 alert answered in the last 90 days" in answered) == (False, True)


def test_all_of_it_is_said_in_vietnamese_too() -> None:
    by = rules(care=None, levels=None, tiers=GUARDED, rewards=[reward("gift", "silver")])
    story = given(
        *(bought(START, 2_000), opened(START + DAY), opened(START + DAY + 1, "k2", channel="chat")),
        *(feedback(START + DAY + 2, "nps", 1, case="k1"), bought(START + 2 * DAY, 5, "o2")),
        by=by,
    )
    points = story.profile["points"] | {"balance": 1_499, "next_expiry": {"last_day": "2026-03-31", "points": 1_235}}
    text = drawn(story.profile | {"points": points}, lang="vi")

    for part in (
        "gặp lần đầu 01/03/2026 · 5 sự kiện · 2 yêu cầu còn mở · vi",
        "Hạng        SILVER  từ 01/03/2026, ít nhất đến 01/03/2027 nếu không có phát sinh",
        "còn 2.995 đ để lên gold",
        "Điểm        1.499 dùng được, 1.235 hết hạn sau 31/03/2026",
        "Cấp CX      1 được thông tin ●○○○○",
        "để lên 2 được phản hồi: số kênh tìm hiểu tối thiểu 1 (hiện tại 0)",
        "mức độ tham gia 1/2",
        "Thương hiệu ",
        "Hành trình  5 lần gặp; lần cuối, 03/03/2026 10:00: mua hàng, kênh số qua web; 1 lần",
        "phải hỏi lại ở kênh khác trong 90 ngày",
        "02/03/2026  Khách hỏi về delivery qua chat sau khi đã hỏi qua tổng đài.",
        "01/03/2026  gift  cho silver  đã tặng  ",
        "01/03/2026 10:00  member → silver: một lần mua đã đủ điều kiện",
        "tính đến 03/03/2026 10:00",
    ):
        assert part in text


def test_the_command_takes_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    by = compile_policy(load("retail-vn"))
    story = given(bought(START, 5), by=by)

    async def look_up(*_: object) -> Stored:
        return Stored(1, encode(story.customer, by.lateness), START)

    monkeypatch.setattr("cli.customer.look_up", look_up)

    assert "Hạng chưa thay đổi lần nào." in CliRunner().invoke(command, ["lan", "--lang", "vi"]).output
    assert "No tier change yet." in CliRunner().invoke(command, ["lan"]).output
    said = CliRunner().invoke(command, ["lan", "--json"]).output
    assert said.encode() == canonical(profile_of(story.customer, START, by)) + b"\n"


def test_a_customer_never_seen_can_be_drawn() -> None:
    text = drawn(profile_of(Customer("mai"), START, rules()))

    assert "MEMBER" in text
    assert "No tier change yet." in text


def test_waiting_events_and_open_cases_are_said() -> None:
    text = drawn(given(bought(START), refunded(START, "o9"), opened(START)).profile)

    assert "3 events · 1 waiting for what they refer to · 1 open case " in text


def test_a_narrow_terminal_gets_a_narrow_picture() -> None:
    assert max(map(len, drawn(given(bought(START)).profile, width=60).splitlines())) <= 60


def test_an_id_cannot_paint_the_terminal() -> None:
    text = drawn(given(bought(START)).profile | {"customer_id": "[red]x[/red]\x1b[2J"})

    assert "[red]x[/red]" in text
    assert "\x1b" not in text


def test_in_a_narrow_terminal_words_wrap_below_themselves() -> None:
    lines = drawn(given(bought(START, 3_000)).profile, width=60).splitlines()
    tier = next(number for number, line in enumerate(lines) if "SILVER" in line)

    assert lines[tier].index("SILVER") == len("│  Tier        ")
    assert lines[tier + 1].startswith("│              ")
    assert "happens" in lines[tier + 1]
