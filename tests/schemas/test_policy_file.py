"""The policy file: YAML without surprises, complaints that name line, path and what is allowed, and its hash."""

from pathlib import Path

import pytest

from cx.rules import compile_policy
from schemas.policy import Policy
from schemas.policy_file import BYTES_MAX, DEPTH_MAX, PolicyError, first_hash, parse_policy, policy_hash

READY = sorted((Path(__file__).parents[2] / "policies").glob("*.yaml"))
TEXT = """\
programme: corner-shop
currency: VND
tiers:
  ladder:
    - {name: member}
    - {name: silver, enter: {spend: 3000000}}
"""


def complaints(text: str) -> tuple[str, ...]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "p.yaml")
    assert str(caught.value) == "\n".join(f"p.yaml: {complaint}" for complaint in caught.value.complaints)
    return caught.value.complaints


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_every_ready_policy_is_read_and_can_be_folded_with(path: Path) -> None:
    policy = parse_policy(path.read_text("utf-8"), path.name)

    assert compile_policy(policy).hash == policy_hash(policy)
    assert policy.programme


def test_there_are_a_minimal_and_a_complete_policy() -> None:
    assert {path.stem for path in READY} >= {"minimal", "retail-vn"}
    assert len((READY[0].parent / "minimal.yaml").read_text("utf-8").splitlines()) <= 10


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (TEXT.replace("3000000", "-1"), "line 6: tiers.ladder[1].enter.spend: Input should be greater than or equal"),
        (TEXT.replace("3000000", "'3000000'"), "line 6: tiers.ladder[1].enter.spend: Input should be a valid integer"),
        (TEXT.replace("3000000", "3000000.0"), "line 6: tiers.ladder[1].enter.spend: Input should be a valid integer"),
        (TEXT.replace("3000000", "2026-01-01"), "line 6: tiers.ladder[1].enter.spend: Input should be a valid integer"),
        (TEXT.replace("VND", "vnd"), "line 2: currency: String should match pattern '^[A-Z]{3}$'"),
        (TEXT.replace("spend", "spent"),
         "line 6: tiers.ladder[1].enter.spent: is not a known key; allowed here: all, any, brand, emotion,"),
        (TEXT.replace("3000000", "{at_most: x}"), "line 6: tiers.ladder[1].enter.spend.at_most: Input should be"),
        (TEXT.replace("3000000", "{at_mots: 1}"),
         "line 6: tiers.ladder[1].enter.spend.at_mots: is not a known key; allowed here: at_most"),
        (TEXT.replace("spend: 3000000", "any: [{spend: 1}, {visits: -1}]"),
         "line 6: tiers.ladder[1].enter.any[1].visits: Input should be greater than or equal to 0"),
        (TEXT.replace("name: silver", "nom: silver"), "line 6: tiers.ladder[1].name: Field required"),
        (TEXT + "time_zone: Mars/Base\n",
         "line 7: time_zone: is not a time zone of the IANA database, such as Asia/Ho_Chi_Minh"),
        (TEXT + "scores: {contributions: [{when: nps, dimension: price, value: score}]}\n",
         "line 7: scores.contributions[0].dimension: Input should be 'emotion', 'interaction', 'service', 'product'"),
        (TEXT + "rewards: [{id: r, when: {tier_reached: gold}, gift: {id: g, brand: b, face_value: 1}}]\n",
         "line 7: rewards[0].when.tier_reached: is no tier that can be reached; allowed: silver"),
        (TEXT.replace("3000000", "0"), "line 6: tiers.ladder[1]: rung silver must ask for more than rung member"),
        (TEXT + "sla_hours:\n  normal: 0\n", "line 8: sla_hours.normal: Input should be greater than or equal to 1"),
        (TEXT + "tiers: {}\n", "line 7: tiers: stands twice; each key is allowed once"),
        (TEXT.replace("3000000", "1, spend: 2"),
         "line 6: tiers.ladder[1].enter.spend: stands twice; each key is allowed once"),
        (TEXT + "? [a]\n: 1\n", "line 7: the policy: a key is a plain word"),
        (TEXT + 'clock: {"\\ud800": 1}\n', "line 7: clock: a key is a plain word"),
        (TEXT.replace("{spend: 3000000}", ""),
         "line 6: tiers.ladder[1].enter: Input should be an object; its keys may be: all, any, brand, emotion,"),
        (TEXT + "points: {rates: [{per: 10, first: }]}\n", "line 7: points.rates[0].first: String should match"),
        (TEXT + "tax:\n", "line 7: tax: is not a known key"),
        (TEXT + "spend:\n  tax:\n", "line 8: spend.tax: Input should be a valid boolean"),
        (TEXT + "spend:\n  excluded_categories:\n    -\n",
         "line 9: spend.excluded_categories[0]: Input should be a valid string"),
        *[(TEXT.replace("3000000", f"{number}, orders: 5"),
           "line 6: tiers.ladder[1].enter.spend: Input should be a valid integer")
          for number in ("", ".inf", "-.INF", ".nan", "1e999", "0100", "0x10", "1:30", "0b1", "9" * 5_000)],
        (TEXT.replace("3000000", "9" * 30), "line 6: tiers.ladder[1].enter.spend: Input should be less than or equal"),
        (TEXT + "points: {rates: [{per: 10, last: 2026-02-30}]}\n",
         "line 7: points.rates[0].last: Input should be a valid date or datetime, day value is outside expected range"),
        ("a: [1\nb: 2", "line 2: expected ',' or ']', but got ':'"),
        ("", "line 1: programme: Field required"),
        ("just words", "line 1: the policy: Input should be an object"),
    ],
)  # fmt: skip
def test_a_complaint_names_line_path_and_what_is_allowed(text: str, complaint: str) -> None:
    assert any(line.startswith(complaint) for line in complaints(text))


def test_null_says_that_a_key_is_left_out() -> None:
    text = TEXT.replace("{spend: 3000000}", "{spend: 3000000, orders: null, visits: ~}")

    assert parse_policy(text) == parse_policy(TEXT)
    assert parse_policy(parse_policy(TEXT).model_dump_json()) == parse_policy(TEXT)


def test_all_faults_are_named_at_once() -> None:
    found = complaints(TEXT.replace("VND", "vnd").replace("3000000", "-1").replace("corner-shop", "Corner Shop"))

    assert [line.split(":")[0] for line in found] == ["line 1", "line 2", "line 6"]


def test_a_list_of_refused_items_is_not_also_called_too_short() -> None:
    assert len(complaints("programme: p\ncurrency: VND\ntiers: {ladder: [{nom: member}]}\n")) == 2
    assert "at least 1 item" in complaints("programme: p\ncurrency: VND\ntiers: {ladder: []}\n")[0]


def test_an_alias_is_refused_because_a_few_expand_to_billions() -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"

    assert complaints(bomb) == ("line 1: b[0]: anchors and aliases are not used in policies",)
    assert complaints(TEXT + "rewards: &r []\nlevels: *r\n")[0].endswith("anchors and aliases are not used in policies")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("!!python/object/apply:os.system [ls]", "Input should be an object"),
        ("programme: !!python/name:os.system", "could not determine a constructor"),
        ("\0", "line 1: a character that YAML does not allow"),
        (TEXT + "# \ud800\n", "line 7: a character that YAML does not allow"),
        ('programme: "\\ud800"', "line 1: programme: is no text; half of a surrogate pair is no character"),
        ("[" * 5_000, f"nested deeper than {DEPTH_MAX} levels"),
        ("- " * (DEPTH_MAX + 2) + "x", f"nested deeper than {DEPTH_MAX} levels"),
        (TEXT + "--- \na: 1\n", "but found another document"),
    ],
)
def test_what_yaml_allows_and_policies_do_not_is_refused_in_one_line(text: str, complaint: str) -> None:
    found = complaints(text)

    assert len(found) == 1
    assert complaint in found[0]


def test_a_policy_has_a_largest_size() -> None:
    filler = "#" * (BYTES_MAX - len(TEXT))
    parse_policy(TEXT + filler)

    assert complaints(TEXT + filler + "#") == (f"larger than {BYTES_MAX} bytes",)
    assert complaints(TEXT + "#" + "đ" * (BYTES_MAX // 2)) == (f"larger than {BYTES_MAX} bytes",)


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\n" + TEXT,
        "tiers: {ladder: [{name: member}, {enter: {spend: 3_000_000}, name: silver}]}\n"
        + "".join(reversed(TEXT.splitlines(keepends=True)[:2])),
        TEXT + "locale: vi\nclock: {lateness_days: 30}\n",
        TEXT.replace("\n", "\r\n"),
    ],
    ids=["comment", "order", "defaults", "line-ends"],
)
def test_the_hash_is_that_of_the_content_whatever_the_text_looks_like(text: str) -> None:
    assert policy_hash(parse_policy(text)) == policy_hash(parse_policy(TEXT))


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("3000000", "3000001"),
        TEXT.replace("corner-shop", "corner-shops"),
        TEXT + "locale: en\n",
        TEXT + "levels: []\n",
        TEXT + "spend: {tax: true}\n",
    ],
)
def test_another_content_has_another_hash(text: str) -> None:
    assert policy_hash(parse_policy(text)) != policy_hash(parse_policy(TEXT))


def test_a_hash_is_a_sha256_in_hex() -> None:
    text = policy_hash(
        Policy.model_validate({"programme": "p", "currency": "VND", "tiers": {"ladder": ({"name": "m"},)}})
    )

    assert len(text) == 64
    assert int(text, 16)


def test_a_policy_with_levels_has_the_hash_that_states_of_format_1_have_of_it() -> None:
    asked = "levels: [{level: 2, all: [{measure: orders, reach: 1}]}]\n"
    assert first_hash(parse_policy(TEXT + asked)) == "2e5381dcd62490d4adf96c952ba8deb757ccd030e8b7f7064a4108a2e5d3124b"
    assert first_hash(parse_policy(TEXT + asked.replace("all", "any"))) is None
