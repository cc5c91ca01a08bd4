"""`cx why` as a loyalty manager reads it: what counted, what changed, what is missing, until when; in two languages."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from cli import customer, why
from cli.main import group
from cli.screen.why import picture
from cx.state import encode
from cx.view import profile_of
from streams.readmodel import Stored
from streams.settings import presets
from tests.commands import typed
from tests.events import buys, event, file_of, redeems, refunds, ticks
from tests.spec import Spec, at, bought, given, rules

MARCH = at("2026-03-01T10:00")
DAY = 86_400_000_000
LADDER = [
    {"name": "member"},
    {"name": "silver", "enter": {"spend": 1_000}, "keep": {"spend": 500}},
    {"name": "gold", "enter": {"any": [{"spend": 5_000}, {"orders": 8}]}},
]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CX_CONFIG", os.devnull)
    monkeypatch.delenv("CX_POLICY", raising=False)
    monkeypatch.chdir(tmp_path)


def cx(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["why", *arguments])


def told(*events: dict[str, Any], lang: str = "en", at: str = "", tiers: Any = None, **parts: Any) -> str:
    """Return what is said of Lan, on one line."""
    policy = {"programme": "test", "currency": "VND", "tiers": {"ladder": LADDER} | (tiers or {})} | parts
    Path("p.yaml").write_text(json.dumps(policy), "utf-8")
    options = ("--at", at) if at else ()
    said = cx("lan", "--events", file_of(Path("e"), *events), "--policy", "p.yaml", "--lang", lang, *options)
    assert said.exit_code == 0
    return flat(said.output)


def flat(picture: str) -> str:
    """Return a picture's words as if they stood on one line without a frame."""
    return " ".join(picture.replace("│", " ").split())


STORY = [
    event("customer.imported", MARCH - 2 * DAY, days=[{"day": "2026-02-01", "spend": 700, "orders": 2}]),
    buys(MARCH, 400, "DH-1"),
    buys(MARCH + DAY, 1_234, "DH-2"),
]


def test_it_says_what_counted_what_changed_last_and_what_is_missing() -> None:
    text = told(*STORY)
    for sentence in (
        "The tier is silver, since 1 Mar 2026. It takes 1,000 VND, and 500 VND to keep it.",
        "From 3 Mar 2025 to 2 Mar 2026 there are 2,334 VND in 4 orders.",
        "It changed last on 1 Mar 2026, 10:00, from member to silver: a purchase reached it (order DH-1).",
        "others 1 Feb 2026: 700 VND, 2 orders DH-1 1 Mar 2026: 400 VND DH-2 2 Mar 2026: 1,234 VND",
        "To reach gold It takes 5,000 VND or 8 orders. Still missing: 4 orders. Every order counts for 365 days.",
        "held to the end of 1 Mar 2027; then member follows. Missing by then to keep it: 500 VND.",
        "Level 1, informed, since 27 Feb 2026. Missing for level 2, answered: discovery channels at least 1 (now 0).",
        "as of 2 Mar 2026, 10:00",
    ):
        assert sentence in text


def test_it_says_the_same_in_vietnamese() -> None:
    text = told(*STORY, lang="vi")
    for sentence in (
        "Hạng hiện tại là silver, từ ngày 01/03/2026. Hạng này cần 1.000 đ; để giữ hạng cần 500 đ.",
        "Từ 03/03/2025 đến 02/03/2026 có 2.334 đ với 4 đơn hàng.",
        "10:00 ngày 01/03/2026, từ member sang silver: một lần mua đã đủ điều kiện (đơn DH-1).",
        "các đơn khác 01/02/2026: 700 đ, 2 đơn hàng",
        "Để lên hạng gold Cần 5.000 đ hoặc 8 đơn hàng. Còn thiếu: 4 đơn hàng.",
        "hạng được giữ đến hết ngày 01/03/2027, sau đó là member. Để giữ hạng, đến lúc đó cần thêm: 500 đ.",
        "Cấp 1 (được thông tin), từ ngày 27/02/2026. Để lên cấp 2 (được phản hồi) còn thiếu:",
        "tính đến 10:00 ngày 02/03/2026",
    ):
        assert sentence in text


def test_amounts_have_the_fraction_of_their_currency_and_days_are_those_of_the_programme() -> None:
    text = told(
        buys(at("2026-03-01T01:00", "UTC"), 123_456, currency="USD"), currency="USD", time_zone="America/New_York"
    )
    assert "there are 1,234.56 USD in 1 order" in text
    assert "changed last on 28 Feb 2026, 20:00" in text


def test_more_orders_than_can_be_read_are_summed_up() -> None:
    text = told(*(buys(MARCH + number * DAY, 1_000, f"DH-{number}") for number in range(11)))
    assert "others 1 Mar 2026 to 3 Mar 2026: 3,000 VND, 3 orders DH-3 4 Mar 2026: 1,000 VND" in text


def test_a_word_of_a_person_is_told_with_its_reason_and_its_end() -> None:
    word = event("tier.overridden", MARCH + DAY, tier="silver", until="2026-04-01T00:00:00+07:00", reason="goodwill")
    text = told(buys(MARCH, 6_000), word)
    assert "p7 set it to silver, to the end of 31 Mar 2026 (goodwill). That is less than had been reached." in text
    assert "Nothing of it is missing. A person's word holds it down." in text
    assert "If nothing more happens it is held to the end of 31 Mar 2026; then gold follows." in text
    text = told(word | {"data": word["data"] | {"until": None}})
    assert "p7 set it to silver, for good (goodwill)." in text
    assert "To keep silver Time alone does not take it." in text


def test_a_tier_brought_along_is_told_as_such() -> None:
    text = told(event("customer.imported", MARCH, tier="silver", tier_until="2026-06-30"))
    assert "It was brought along from another system, to the end of 30 Jun 2026." in text
    assert "from member to silver: it was brought along from another system." in text


def test_why_a_tier_fell_is_told_as_a_loss() -> None:
    brought = event("customer.imported", MARCH, tier="silver", tier_until="2026-06-30")
    assert "from silver to member: a tier given for a while ended." in told(brought, at="2026-07-02T00:00:00+07:00")
    endless = event("customer.imported", MARCH, tier="silver")
    assert "silver to member: what was brought along from another system is not enough for it." in told(endless)
    calm = [{"name": "member"}, {"name": "silver", "enter": {"spend": 1_000, "open_cases": {"at_most": 0}}}]
    case = [buys(MARCH, 1_000), event("case.opened", MARCH + 1)]
    assert "from silver to member: a support case stands against it." in told(*case, tiers={"ladder": calm})
    solved = [*case, event("case.resolved", MARCH + 2)]
    assert "from member to silver: a support case does not hold it back" in told(*solved, tiers={"ladder": calm})


def test_a_guard_that_holds_back_is_told() -> None:
    bad = event("feedback.submitted", MARCH, instrument="nps", score=1)
    opened = event("case.opened", MARCH - 1)
    text = told(opened, bad, buys(MARCH + 1, 1_000), tiers={"no_promotion_while": ["open-detractor-case"]})
    assert (
        "To reach silver It takes 1,000 VND. All of it is there, but it is held back: "
        "Nobody rises while they are dissatisfied and have a case open." in text
    )


def test_a_period_and_its_respite_are_told() -> None:
    story = [buys(MARCH, 2_000), buys(at("2026-04-05T10:00"), 100, "o2")]
    tiers = {"window": {"calendar": "quarter"}, "downgrade": {"grace_days": 10}}
    text = told(*story, tiers=tiers)
    assert "From 1 Apr 2026 to 5 Apr 2026 there are 100 VND in 1 order." in text
    assert "Still missing: 7 orders. What is bought by 30 Jun 2026 counts." in text
    text = told(*story, tiers=tiers, at="2026-07-05T10:00:00+07:00")
    assert (
        "Since 1 Jul 2026 there has been too little for it, and a respite runs, in which the period before counts as "
        "well. "
        "If nothing more happens it is held to the end of 10 Jul 2026; then member follows. "
        "Missing by then to keep it: 400 VND." in text
    )
    text = told(buys(MARCH, 2_000), tiers=tiers)
    assert "It is held to the end of 31 Mar 2026, and what there is so far keeps it then as well." in text


def test_a_refund_that_took_the_tier_is_told() -> None:
    text = told(buys(MARCH, 1_000), refunds(MARCH + DAY))
    assert "The tier is member, since 2 Mar 2026. Everybody begins with it." in text
    assert "from silver to member: a refund took away what it rested on. To reach" in text, "and no order is left"


def test_the_highest_and_the_lowest_tier_have_nothing_to_say_on_one_side() -> None:
    assert "There is no higher tier." in told(buys(MARCH, 9_000))
    assert "To keep" not in told(buys(MARCH, 9))


def test_measures_beside_sums_are_told() -> None:
    ladder = [
        {"name": "member"},
        {"name": "gold", "enter": {"visits": 3, "level": 3, "emotion": 80, "open_cases": {"at_most": 0}}},
    ]
    text = told(event("case.opened", MARCH), buys(MARCH, 9, channel="store"), tiers={"ladder": ladder})
    assert "others" not in text
    assert "there are 9 VND in 1 order, 1 visit, CX level 1, a score of 50 in emotion and 1 open case." in text
    assert "Still missing: 2 visits, 2 CX levels, 30 more in the emotion score and 1 open case less." in text


# When


def test_points_are_told_in_a_line() -> None:
    earns: dict[str, Any] = {"points": {"rates": [{"per": 1}], "pending_days": 2, "expiry": {"after_months": 1}}}
    three = (buys(MARCH - 4 * DAY, 1, "DH-0"), buys(MARCH - 3 * DAY, 1_234, "DH-1"), buys(MARCH, 60, "DH-2"))
    spent = (*three[:2], redeems(MARCH, 1_235, "r1"), refunds(MARCH + DAY, "DH-0"))

    assert "Points 1,235 points can be spent, 60 cannot yet. 1,235 of them run out after 31 Mar 2026. CX" in told(
        *three, **earns
    )
    assert (
        "Điểm thưởng Có 1.235 điểm dùng được, 60 điểm còn chờ. Trong đó 1.235 điểm hết hạn sau ngày 31/03/2026."
        in told(*three, lang="vi", **earns)
    )
    assert "Points 1 point is owed: more was spent than is left. CX" in told(*spent, **earns)
    assert "Khách đang nợ 1 điểm do đã dùng quá số còn lại." in told(*spent, lang="vi", **earns)
    assert "Points 0 points can be spent. CX" in told(event("customer.enrolled", MARCH), **earns)
    assert "Points" not in told(*three), "a programme without any does not speak of them"


def test_what_happened_after_the_instant_is_left_out_with_its_ticks() -> None:
    story = [buys(MARCH, 1_000), ticks(MARCH + 3 * DAY), buys(MARCH + 2 * DAY, 5_000, "o2")]
    assert "The tier is silver" in told(*story, at="2026-03-03T09:59:59+07:00")
    assert "as of 3 Mar 2026, 09:59" in told(*story, at="2026-03-03T09:59:59+07:00")
    assert "The tier is gold" in told(*story, at="2026-03-03T10:00:00+07:00")
    assert "The tier is member" in told(*story, at="2027-03-04T00:00:00+07:00")


# From the read model


def stored_of(story: Spec) -> Stored:
    """Return what the read model has of the customer of *story*."""
    as_of = max(story.clock, story.customer.head.reached)
    return Stored(story.customer.version, encode(story.customer, story.rules.lateness), as_of)


def looked_up(found: Stored | None) -> Callable[..., Awaitable[Stored | None]]:
    """Return what looks up *found*, whoever is asked for."""

    async def look_up(*_: Any) -> Stored | None:
        return found

    return look_up


def shown(monkeypatch: pytest.MonkeyPatch, story: Spec, *options: str) -> Result:
    """Return what is said of a customer that the read model has, by a policy like that of *story*."""
    monkeypatch.setattr(why, "look_up", looked_up(stored_of(story)))
    Path("p.yaml").write_text(story.rules.policy.model_dump_json(), "utf-8")
    return cx("lan", *(options or ("--policy", "p.yaml")))


def test_the_read_models_state_says_as_much_as_the_events(monkeypatch: pytest.MonkeyPatch) -> None:
    story = given(bought(MARCH, 1_000), bought(MARCH + DAY, 4_000, "o2"))
    said = shown(monkeypatch, story)
    assert said.exit_code == 0
    assert "changed last on 2 Mar 2026, 10:00, from silver to gold: a purchase reached it (order o2)." in flat(
        said.output
    )
    back = shown(monkeypatch, story, "--policy", "p.yaml", "--at", "2026-03-01T12:00:00+07:00").output
    assert "The tier is silver" in back
    assert "as of 1 Mar 2026, 12:00" in back
    never = shown(monkeypatch, story, "--policy", "p.yaml", "--at", "2026-02-28T00:00:00Z")
    assert (never.exit_code, never.output) == (1, "lan: no such customer in the read model up to then\n")
    ahead = shown(monkeypatch, story, "--policy", "p.yaml", "--at", "2027-03-02T00:00:00+07:00").output
    assert "The tier is member" in ahead


@pytest.mark.parametrize("verb", ["why", "customer"])
def test_what_another_policy_decided_is_not_told_by_this_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    for module in (why, customer):
        monkeypatch.setattr(module, "look_up", looked_up(stored_of(given(bought(MARCH, 1_000)))))
    said = typed(monkeypatch, capsys, verb, "lan", "--policy", "minimal")
    line = "cx: the policy at hand is not the one that decided on this customer: name that one with --policy\n"
    assert (said.returncode, said.stdout, said.stderr) == (2, "", line)


@pytest.mark.parametrize(
    "state", [b"", b"\x00" * 9 + b"\x02\xc1", b"\x00" * 9 + b"\x02\x90", b"\x00" * 8 + b"\x7f\xff{}"]
)
@pytest.mark.parametrize("verb", ["why", "customer"])
def test_what_cannot_be_what_we_wrote_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str, state: bytes
) -> None:
    for module in (why, customer):
        monkeypatch.setattr(module, "look_up", looked_up(Stored(1, state, MARCH)))
    said = typed(monkeypatch, capsys, verb, "lan")
    line = "cx: what the read model has of this customer is damaged, or of another version\n"
    assert (said.returncode, said.stdout, said.stderr) == (1, "", line)


# What cannot be said


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[Any, str]:
    said = typed(monkeypatch, capsys, "why", *arguments)
    assert said.stdout == ""
    return said.returncode, said.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("mai", "--events", "e"), 1, "mai: no such customer in e\n"),
        (("lan", "--events", "e", "--at", "2026-02-01T00:00:00Z"), 1, "lan: no such customer in e\n"),
        (("bad", "--events", "e"), 1, "bad: no such customer in e, of whom 1 line is refused\n"),
        (("x" * 65, "--events", "e"), 1, "no such customer: an id is 1 to 64 bytes of UTF-8\n"),
        (("lan", "--events", "none"), 2, "cx: none: cannot be read (No such file or directory)\n"),
        (("lan", "--events", "e", "--at", "noon"), 2, "cx: --at: 'noon' is no instant such as"),
        (("lan", "--events", "e", "--policy", "nothing"), 2, "cx: nothing: there is no preset nothing"),
    ],
)
def test_what_cannot_be_said_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    line: str,
) -> None:
    file_of(Path("e"), buys(MARCH), buys(MARCH, currency="XTS", of="bad"))
    found, said = refused(monkeypatch, capsys, *arguments)
    assert (found, said.startswith(line), said.count("\n")) == (code, True, 1)


def test_the_read_model_does_not_reach_back_for_ever(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    story = given(
        *(bought(MARCH + number * DAY, 1, f"o{number}") for number in range(20)), by=rules(clock={"recent_max": 10})
    )
    shown(monkeypatch, story)
    code, said = refused(monkeypatch, capsys, "lan", "--policy", "p.yaml", "--at", "2026-03-01T12:00:00+07:00")
    assert (code, said.startswith("cx: --at: the read model reaches back to 2026-03-1")) == (2, True)


@pytest.mark.parametrize("lang", ["en", "vi"])
@pytest.mark.parametrize("name", presets())
def test_every_preset_can_be_explained(name: str, lang: str) -> None:
    story = [event("touchpoint.recorded", MARCH), buys(MARCH, 50_000_000), buys(MARCH + DAY, 9, "o2", channel="store")]
    euros = [one | {"data": one["data"] | {"currency": "EUR"}} for one in story]
    said = cx(
        "lan",
        "--events",
        file_of(Path("e"), *(euros if name == "airline-style" else story)),
        "--policy",
        name,
        "--lang",
        lang,
    )
    assert said.exit_code == 0
    assert max(map(len, said.output.splitlines())) <= 80


def test_scores_and_rewards_are_told_with_the_segment_that_choices_follow() -> None:
    gift = {"id": "coffee", "brand": "Highlands", "face_value": 50_000}
    parts: dict[str, Any] = {
        "rewards": [{"id": "hello", "when": {"tier_reached": "silver"}, "gift": gift}],
        "segments": [{"id": "regular", "orders": 1}],
    }
    english, vietnamese = (told(buys(MARCH, 1_000, "DH-1"), lang=lang, **parts) for lang in ("en", "vi"))

    assert "Scores, of 100: emotion 50, interaction 52, service 50, product 53 and brand 50." in english
    assert "Rewards The segment is regular. 1 Mar 2026 hello, for silver: given (coffee)." in english
    assert "Phần thưởng Nhóm khách hàng: regular. 01/03/2026 hello, cho hạng silver: đã tặng (coffee)." in vietnamese
    assert "Rewards" not in told(buys(MARCH, 1_000, "DH-1"))


def test_of_the_highest_level_no_next_one_is_spoken_of() -> None:
    levels = [{"level": 2, "all": [{"measure": "orders", "reach": 1}]}]

    assert "Of what the levels ask, there are 1 of 1" in told(buys(MARCH, 10, "DH-1"), levels=levels)
    assert "up to the next one" in told(redeems(MARCH, 10, "ask"), levels=levels)


def test_a_gift_that_is_known_is_named_with_what_became_of_it() -> None:
    gifts = [{"id": name, "brand": name, "face_value": 1} for name in ("coffee", "cake")]
    rewards = [{"id": "hello", "when": {"tier_reached": "silver"}, "choose_days": 7, "choices": gifts}]
    by = rules(rewards=rewards)
    story = given(bought(MARCH), by=by)

    def said(at: int) -> str:
        profile = profile_of(story.tick(at).customer, at, by)
        console = Console(file=StringIO(), width=100)
        console.print(picture(profile, by.policy, "vi"))
        assert isinstance(console.file, StringIO)
        return flat(console.file.getvalue())

    assert "hello, cho hạng silver: chờ khách chọn quà (coffee, cake)." in said(MARCH + DAY)
    assert "hello, cho hạng silver: đã tặng (coffee)." in said(MARCH + 8 * DAY)


def test_a_hold_is_told_with_what_it_keeps_back() -> None:
    gift = {"id": "coffee", "brand": "Highlands", "face_value": 50_000}
    parts: dict[str, Any] = {
        "rewards": [{"id": "hello", "when": {"tier_reached": "silver"}, "gift": gift}],
        "velocity": [{"id": "many", "counts": "orders", "more_than": 1, "within_hours": 24}],
    }
    orders = (buys(MARCH, 10, "DH-1"), buys(MARCH + 1, 1_000, "DH-2"))

    assert (
        "Rewards are held back since 1 Mar 2026, 10:00 (many-2026-03-01). 1 Mar 2026 hello, for silver: held back"
        in told(*orders, **parts)
    )
    assert "Đang tạm giữ từ 10:00 ngày 01/03/2026 (many-2026-03-01)." in told(*orders, lang="vi", **parts)
