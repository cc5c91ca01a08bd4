"""`cx policy` as a person types it: what is good, what is wrong with the rest, and what a programme does in words."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from rich.console import Console

from cli.main import group, main
from cli.screen.money import Lang, money
from cli.screen.policy import HASH_SHOWN, picture
from cli.screen.tongue import GROUPS, HELPS, SEVERITIES, SIGNALS, STAGES
from cx import journey
from cx.words import MEASURES
from schemas import contract
from schemas.care import Severity
from schemas.policy import CarePolicy, LevelMeasure, Policy, Signal
from schemas.policy_file import parse_policy, policy_hash
from streams.settings import PRESETS, presets

LANGS: tuple[Lang, ...] = ("en", "vi")
GOOD = """\
programme: corner-shop
currency: VND
tiers:
  ladder:
    - {name: member}
    - {name: silver, enter: {spend: 3000000}}
"""
BAD = GOOD.replace("VND", "vnd").replace("spend", "spent")
COMPLAINTS = (
    "{}: line 2: currency: String should match pattern '^[A-Z]{{3}}$'\n"
    "{}: line 6: tiers.ladder[1].enter.spent: is not a known key; allowed here: all, any, brand, emotion, interaction,"
    " level, open_cases, open_detractor_cases, orders, points, product, service, spend, visits\n"
)


@pytest.fixture(autouse=True)
def _settings_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CX_CONFIG", os.devnull)
    monkeypatch.delenv("CX_POLICY", raising=False)


@pytest.fixture
def good(tmp_path: Path) -> str:
    (tmp_path / "good.yaml").write_text(GOOD, "utf-8")
    return str(tmp_path / "good.yaml")


@pytest.fixture
def bad(tmp_path: Path) -> str:
    (tmp_path / "bad.yaml").write_text(BAD, "utf-8")
    return str(tmp_path / "bad.yaml")


def cx(*arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(group, ["policy", *arguments], input=stdin)


def preset(name: str) -> Policy:
    return parse_policy((PRESETS / f"{name}.yaml").read_text("utf-8"))


def told(policy: Policy, lang: Lang = "en", width: int = 400) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(picture(policy, lang))
    text = console.file
    assert isinstance(text, io.StringIO)
    return text.getvalue()


def words(text: str) -> str:
    """Return *text* as if it stood on one line, without the frame."""
    return " ".join(text.replace("│", " ").split())


def test_a_good_file_is_one_line_with_its_programme_and_hash(good: str) -> None:
    said = cx("check", good)

    line = f"{good}: ok, programme corner-shop, hash {policy_hash(parse_policy(GOOD))[:12]}\n"
    assert (said.exit_code, said.output) == (0, line)


def test_every_preset_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = cx("check", *presets())

    assert said.exit_code == 0
    assert [line.split(", hash")[0] for line in said.output.splitlines()] == [
        "airline-style: ok, programme airline-style",
        "cafe-visits: ok, programme cafe-visits",
        "minimal: ok, programme corner-shop",
        "retail-vn: ok, programme retail-vn",
    ]


def test_a_bad_file_is_a_line_a_fault(bad: str) -> None:
    said = cx("check", bad)

    assert (said.exit_code, said.output) == (1, COMPLAINTS.format(bad, bad))


def test_each_file_is_judged_and_one_bad_one_decides_the_exit_code(good: str, bad: str) -> None:
    said = cx("check", good, bad, "minimal")

    assert said.exit_code == 1
    assert [line.split(": ")[0] for line in said.output.splitlines()] == [good, bad, bad, "minimal"]


def test_a_dash_is_standard_input() -> None:
    said = cx("check", "-", stdin=GOOD)
    assert (said.exit_code, said.output.split(", hash")[0]) == (0, "standard input: ok, programme corner-shop")

    said = cx("check", "-", stdin=BAD)
    assert (said.exit_code, said.output) == (1, COMPLAINTS.format("standard input", "standard input"))


def test_what_cannot_be_read_is_one_line(tmp_path: Path, good: str) -> None:
    (tmp_path / "latin.yaml").write_bytes("programme: Mỹ".encode("utf-16"))
    ready = "airline-style, cafe-visits, minimal, retail-vn"
    tail = f"presets: {ready}\n"
    for name, line in (
        (f"{tmp_path}/none.yaml", f"{tmp_path}/none.yaml: cannot be read (No such file or directory); {tail}"),
        (f"{tmp_path}/", f"{tmp_path}/: cannot be read (Is a directory); {tail}"),
        (f"{tmp_path}/latin.yaml", f"{tmp_path}/latin.yaml: cannot be read (it is not UTF-8); {tail}"),
        (
            "retial",
            f"retial: there is no preset retial, but {ready}; a file is named with its ending\n",
        ),
    ):
        said = cx("check", name, good)

        assert said.exit_code == 1
        assert said.output.startswith(line)
        assert said.output.count("\n") == 2

    said = cx("check", "-", stdin=b"\xff")
    assert (said.exit_code, said.output.split(";")[0]) == (1, "standard input: cannot be read (it is not UTF-8)")


def test_no_more_of_a_file_is_read_than_a_policy_may_have() -> None:
    said = cx("check", "/dev/zero")
    assert (said.exit_code, said.output) == (1, "/dev/zero: larger than 262144 bytes\n")


def test_a_check_of_nothing_is_no_check() -> None:
    assert cx("check").exit_code == 2


def test_no_name_key_or_benefit_can_paint_the_terminal() -> None:
    painted = GOOD.replace("{name: member}", r'{name: member, benefits: ["[red]free\e[2J"]}')

    said = cx("check", "-", stdin=GOOD + '"\\a\\n": 1\n').output  # click's runner lets a bell through, unlike an escape
    assert "\a" not in said
    assert said.count("\n") == 1
    assert "\a" not in cx("check", "\a.yaml").output
    assert "\x1b" not in cx("show", "-", stdin=painted).output
    assert "[red]free" in cx("show", "-", stdin=painted).output


def test_the_schema_that_is_printed_is_the_committed_one() -> None:
    said = cx("schema")

    assert said.exit_code == 0
    assert said.output == (contract.FOLDER / "policy.schema.json").read_text("utf-8")
    found = json.loads(said.output)
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert found["title"] == "Policy of a loyalty programme"
    assert "$id" not in found
    Draft202012Validator.check_schema(found)


@pytest.mark.parametrize("name", presets())
def test_the_schema_takes_the_presets_with_and_without_their_defaults(name: str) -> None:
    validator = Draft202012Validator(contract.policy_schema())

    # An editor takes a date for what it is written as.
    validator.validate(
        json.loads(json.dumps(yaml.safe_load((PRESETS / f"{name}.yaml").read_text("utf-8")), default=str))
    )
    validator.validate(json.loads(cx("show", name, "--json").output))


@pytest.mark.parametrize("slip", [("spend", "spent"), ("VND", "vnd"), ("3000000", "-1"), ("programme", "program")])
def test_the_schema_refuses_a_slip(slip: tuple[str, str]) -> None:
    validator = Draft202012Validator(contract.policy_schema())

    assert validator.is_valid(yaml.safe_load(GOOD))
    assert not validator.is_valid(yaml.safe_load(GOOD.replace(*slip)))


@pytest.mark.parametrize("name", presets())
def test_a_preset_tells_an_editor_where_the_schema_is(name: str) -> None:
    first = (PRESETS / f"{name}.yaml").read_text("utf-8").splitlines()[0]
    mark, _, place = first.partition("=")

    assert mark == "# yaml-language-server: $schema"
    assert (PRESETS / place).resolve() == contract.FOLDER / "policy.schema.json"


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("name", presets())
def test_every_tier_benefit_and_reward_is_told_in_both_languages(name: str, lang: Lang) -> None:
    said = cx("show", name, "--lang", lang)
    policy = preset(name)
    names = [rung.name for rung in policy.tiers.ladder] + [rule.id for rule in policy.rewards]
    benefits = [benefit for rung in policy.tiers.ladder for benefit in rung.benefits]

    assert said.exit_code == 0
    assert [word for word in [*names, *benefits] if word not in said.output] == []


def test_what_the_programme_does_is_told_in_english() -> None:
    text = words(cx("show", "retail-vn").output)

    for sentence in (
        "Amounts are in VND. Days are those of Asia/Ho_Chi_Minh.",
        "Everybody begins as member. member from the start",
        "silver from 3,000,000 VND",
        "The last 365 days count, today included.",
        "Nobody rises while they are dissatisfied and have a case open.",
        "Goods count towards a tier, tax and shipping do not. Goods of the category gift-cards do not count.",
        "What is paid with points or gift cards does not count.",
        "for silver, once a calendar year: 1 e-voucher card of 50,000 VND, Highlands Coffee, valid for 60 days",
        "2 multi-brand cards of 500,000 VND each",
        "1 informed discovery channels at least 1 (involvement) questions that ended without a case at least 50%, kept",
        "Whoever lacks it stays on level 1. 2 answered cases answered in time at least 80%, kept from 50%,",
        "buys in their own rhythm, kept without, or nothing known yet (emotion)",
        "open cases past their time without an answer at most 0, kept up to 1 (effort)",
        "one of these: - rise of the latest NPS answer at least 2, kept from 0 (perception) - NPS answers of 9 or 10",
        "urgent 2 hours, high 8 hours, normal 24 hours, low 48 hours",
        "Emotion CSAT as scored (weight 3), complaint 10 (weight 3)",
        "Events may come up to 30 days late, and from clocks up to 10 minutes fast.",
        "An order can be refunded for 90 days.",
    ):
        assert sentence in text


def test_what_the_programme_does_is_told_in_vietnamese() -> None:
    text = words(cx("show", "retail-vn", "--lang", "vi").output)

    for sentence in (
        "Số tiền tính bằng VND. Ngày tính theo múi giờ Asia/Ho_Chi_Minh.",
        "Ai cũng bắt đầu từ hạng member.",
        "silver từ 3.000.000 đ",
        "Xét 365 ngày gần nhất, kể cả hôm nay.",
        "Khách đang không hài lòng mà còn yêu cầu hỗ trợ chưa xử lý xong thì chưa được lên hạng.",
        "Tiền hàng được tính để xét hạng; thuế và phí giao hàng thì không.",
        "Phần trả bằng điểm hoặc thẻ quà tặng không được tính.",
        "khi đạt hạng silver, mỗi năm dương lịch một lần: 1 thẻ e-voucher trị giá 50.000 đ, Highlands Coffee, hạn dùng",
        "2 thẻ multi-brand, mỗi thẻ trị giá 500.000 đ",
        "tỷ lệ yêu cầu trả lời đúng hạn tối thiểu 80%, giữ cấp nếu còn từ 50%, hoặc chưa có dữ liệu",
        "Khách chưa đạt thì ở lại cấp 1.",
        "mua đúng nhịp riêng, sau đó không cần để giữ cấp, hoặc chưa có dữ liệu",
        "một trong các điều kiện sau: - mức tăng của điểm NPS gần nhất tối thiểu 2, giữ cấp nếu còn từ 0",
        "khẩn cấp 2 giờ, cao 8 giờ, bình thường 24 giờ, thấp 48 giờ",
        "Đơn hàng được hoàn tiền trong vòng 90 ngày.",
    ):
        assert sentence in text


def test_what_a_programme_leaves_out_is_told_as_well() -> None:
    spend = "spend: {tax: true, shipping: true, excluded_payments: []}\n"
    text = words(told(parse_policy(GOOD + "levels: []\nscores: {contributions: []}\n" + spend)))

    for sentence in (
        "Nothing holds a promotion back.",
        "Everybody begins on level 1, informed. There is no other.",
        "Emotion nothing moves it",
        "Rewards There are none.",
        "Goods, tax and shipping count towards a tier. How an order is paid makes no difference.",
    ):
        assert sentence in text


def places(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield each value that is no container, with its path."""
    if not isinstance(value, dict | list):
        yield at, value
        return
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        yield from places(part, (*at, key))


def others(value: Any, choices: set[str]) -> list[Any]:
    """Return values that may stand where *value* does."""
    match value:
        case bool():
            return [not value]
        case None:
            return [0, 1, 5]
        case int():
            return [value + 1, value - 1]
        case _:
            return [*sorted(choices - {value}), f"{value}x", "USD", "Asia/Tokyo", "en", "gold"]


def altered(data: dict[str, Any], at: tuple[str | int, ...], value: Any) -> Policy | None:
    changed: Any = json.loads(json.dumps(data))
    *way, last = at
    part = changed
    for key in way:
        part = part[key]
    part[last] = value
    try:
        return Policy.model_validate_json(json.dumps(changed))
    except ValidationError:
        return None


def unhashed(policy: Policy, lang: Lang) -> str:
    """Return what is told of *policy*, but for its hash, in which every difference shows."""
    return told(policy, lang).replace(policy_hash(policy)[:HASH_SHOWN], "")


@pytest.mark.parametrize("lang", LANGS)
def test_nothing_in_a_policy_goes_untold(lang: Lang) -> None:
    """Whatever is changed, what is said changes; a new part of the policy needs its words in cli/screen."""
    data = json.loads(preset("retail-vn").model_dump_json())
    # One of each is enough of what is said alike.
    data["scores"]["contributions"], data["rewards"] = data["scores"]["contributions"][:2], data["rewards"][:1]
    data["levels"] = [{**rule, "all": rule["all"][:2]} for rule in data["levels"]]
    airline, cafe = (json.loads(preset(name).model_dump_json()) for name in ("airline-style", "cafe-visits"))
    data["tiers"]["ladder"] += airline["tiers"]["ladder"][1:2] + airline["tiers"]["ladder"][3:]
    data["tiers"]["ladder"][-2]["name"] = "sapphire"
    data["tiers"]["ladder"][-2]["enter"] |= {"spend": 40_000_000, "open_cases": {"at_most": 1}}
    data["tiers"]["ladder"][-1]["enter"] = {"spend": 50_000_000, "level": 2, "emotion": 60, "points": 7}
    data["tiers"]["downgrade"] |= {"grace_days": 7, "stay_days": 9}
    data["exchange_rates"] = airline["exchange_rates"]
    data["care"]["silent"]["tiers"] = ["silver"]
    rate = {"points": 2, "per": 5, "tiers": ["silver"], "categories": ["tea"], "channels": ["app"]}
    data["points"] = cafe["points"] | {"rates": [rate | {"first": "2026-01-01", "last": "2026-12-31"}]}
    gift = data["rewards"][0]["gift"]
    extras = {
        "choose_days": 5,
        "unchosen": "none",
        "limit": {"times": 2, "days": 30},
        "cooldown_days": 10,
        "remind_days": 3,
    }
    choices_of = [gift | {"id": "tea", "tiers": ["silver"], "segments": ["loyal"]}, gift | {"id": "cake"}]
    whens: list[dict[str, Any]] = [
        {"level_reached": 2}, {"birthday": True}, {"recovery": True}, {"promoter_refers": True},
        {"streak": {"orders": 3, "within": "month"}}, {"redemption": {"points": 500}},
    ]  # fmt: skip
    data["rewards"] += [
        {"id": f"more-{number}", "when": when, "every": "occasion" if number > 1 else "year"}
        | ({"gift": gift} if number else {"choices": choices_of} | extras)
        for number, when in enumerate(whens)
    ]
    data["gifts_from"] = "desk"
    data["rewards"][-1] |= {"fallbacks": ["tea", "cake"], "wait_days": 14}
    data["segments"] = [{"id": "loyal", "recency_days": 30, "orders": 3, "spend": 1_000_000}, {"id": "rest"}]
    data["velocity"] = [{"id": "burst", "counts": "orders", "more_than": 5, "within_hours": 24}]
    choices = {
        choice
        for part in contract.policy_schema()["$defs"].values()
        for shape in part.get("properties", {}).values()
        for choice in [*shape.get("enum", ()), *shape.get("items", {}).get("enum", ())]
    }
    before = unhashed(Policy.model_validate_json(json.dumps(data)), lang)
    untold = []
    for at, value in places(data):
        valid = [found for other in others(value, choices) if (found := altered(data, at, other))]
        if valid and all(unhashed(policy, lang) == before for policy in valid):
            untold.append(at)

    assert untold == []


def test_every_measure_and_signal_has_its_words() -> None:
    assert set(MEASURES) == set(get_args(LevelMeasure))
    assert set(SIGNALS) == set(get_args(Signal))


def test_every_stage_group_and_severity_and_what_may_help_has_its_words() -> None:
    assert (tuple(STAGES), tuple(GROUPS)) == (journey.STAGES, journey.GROUPS)
    assert set(SEVERITIES) == set(get_args(Severity))
    helps = {word for alert in CarePolicy().model_dump().values() if isinstance(alert, dict) for word in alert["help"]}
    assert helps <= set(HELPS)


@pytest.mark.parametrize(
    ("lang", "sentences"),
    [
        ("en", ("time takes the tier within 20 days; told once in so many (urgent)", "flowers-by-hand")),
        ("vi", ("sẽ mất hạng trong vòng 20 ngày; mỗi 20 ngày chỉ báo một lần (khẩn cấp)", "đã tắt")),
    ],
)
def test_alerts_are_told_in_numbers_and_words_of_the_policys_own(lang: Lang, sentences: tuple[str, ...]) -> None:
    care = {"tier_at_risk": {"days": 20, "severity": "urgent", "help": ["flowers-by-hand"]}, "seam": {"enabled": False}}
    policy = Policy.model_validate_json(json.dumps(yaml.safe_load(GOOD) | {"care": care}))
    text = words(told(policy, lang))
    assert [sentence for sentence in sentences if sentence not in text] == []


def test_json_has_every_default_filled_in_and_is_the_same_policy() -> None:
    said = cx("show", "minimal", "--json")
    found = json.loads(said.output)

    assert found["clock"]["lateness_days"] == 30
    assert found["levels"][0]["all"][0]["measure"] == "channels"
    assert cx("check", "-", stdin=said.output).output.endswith(f"hash {policy_hash(preset('minimal'))[:12]}\n")


def test_without_an_argument_it_is_the_policy_that_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads(cx("show", "--json").output)["programme"] == "retail-vn"
    monkeypatch.setenv("CX_POLICY", "minimal")
    assert json.loads(cx("show", "--json").output)["programme"] == "corner-shop"


@pytest.mark.parametrize("lang", LANGS)
def test_a_narrow_terminal_gets_narrow_sentences_and_a_pipe_no_colour(
    lang: Lang, monkeypatch: pytest.MonkeyPatch
) -> None:
    for width in (40, 60, 80):
        monkeypatch.setenv("COLUMNS", str(width))
        said = cx("show", "retail-vn", "--lang", lang).output

        assert max(map(len, said.splitlines())) <= width
        assert "\x1b" not in said
    assert max(map(len, told(preset("retail-vn"), lang).splitlines())) <= 92


def test_a_policy_that_cannot_be_shown_is_said_on_standard_error(
    bad: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["cx", "policy", "show", bad])
    with pytest.raises(SystemExit) as ended:
        main()

    assert (ended.value.code, *capsys.readouterr()) == (1, "", "cx: " + COMPLAINTS.format(bad, bad))


@pytest.mark.parametrize(
    ("value", "currency", "lang", "written"),
    [
        (3_000_000, "VND", "en", "3,000,000 VND"),
        (3_000_000, "VND", "vi", "3.000.000 đ"),
        (123_456, "USD", "en", "1,234.56 USD"),
        (123_456, "USD", "vi", "1.234,56 USD"),
        (123_405, "USD", "en", "1,234.05 USD"),
        (123_400, "USD", "en", "1,234 USD"),
        (1_234_567, "KWD", "en", "1,234.567 KWD"),
    ],
)
def test_an_amount_is_written_with_the_fraction_of_its_currency(
    value: int, currency: str, lang: Lang, written: str
) -> None:
    assert money(value, currency, lang) == written
