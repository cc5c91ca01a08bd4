"""The policy: bounds on both sides, and parts that have to fit each other."""

import json
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from schemas.policy import MEASURE_RANGES, LevelMeasure, Policy

LEAST: dict[str, Any] = {"programme": "p", "currency": "VND", "tiers": {"ladder": [{"name": "member"}]}}
GIFT: dict[str, Any] = {"id": "g", "brand": "b", "face_value": 1}


def ladder(*rungs: dict[str, Any] | None) -> dict[str, Any]:
    """Return a ladder whose rungs ask for *rungs*, above the first."""
    return {
        "tiers": {"ladder": [{"name": "r0"}, *({"name": f"r{n}", "enter": enter} for n, enter in enumerate(rungs, 1))]}
    }


def policy(change: dict[str, Any] | None = None) -> Policy:
    return Policy.model_validate_json(json.dumps(LEAST | (change or {})))


def fault(change: dict[str, Any]) -> str:
    """Return where and why *change* is refused."""
    with pytest.raises(ValidationError) as caught:
        policy(change)
    first = caught.value.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def at_path(path: str, value: object) -> dict[str, Any]:
    """Return a change that sets the dotted *path* under parts that are otherwise least."""
    parts: dict[str, Any] = {
        "tiers": {"ladder": [{"name": "member"}, {"name": "silver", "enter": {"spend": 1}}]},
        "scores": {"contributions": [{"when": "nps", "dimension": "brand", "value": 1}]},
        "levels": [{"level": 2, "all": [{"measure": "orders", "reach": 1}]}],
        "rewards": [{"id": "r", "when": {"tier_reached": "silver"}, "gift": GIFT}],
    }
    parts = json.loads(json.dumps(LEAST | parts))
    here: Any = parts
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in way:
        here = here.setdefault(step, {}) if isinstance(here, dict) else here[step]
    here[last] = value
    return parts


@pytest.mark.parametrize(
    ("path", "least", "most"),
    [
        ("clock.lateness_days", 1, 90),
        ("clock.future_minutes", 0, 1_440),
        ("clock.refund_days", 1, 400),
        ("clock.recent_max", 10, 10_000),
        ("tiers.window.rolling_days", 1, 1_100),
        ("tiers.ladder.1.enter.spend", 1, 10**12),
        ("tiers.ladder.1.enter.orders", 0, 10**6),
        ("scores.half_life_days", 1, 3_650),
        ("scores.prior.value", 0, 100),
        ("scores.prior.weight", 1, 1_000),
        ("scores.contributions.0.value", 0, 100),
        ("scores.contributions.0.weight", 1, 100),
        ("sla_hours.low", 1, 720),
        ("sla_hours.normal", 1, 720),
        ("sla_hours.high", 1, 720),
        ("sla_hours.urgent", 1, 720),
        ("rhythm.factor_pct", 100, 2_000),
        ("rhythm.least_gaps", 1, 8),
        ("care.seam_days", 1, 90),
        ("care.case_reopened.times", 1, 10),
        ("care.dimension_falls.points", 1, 100),
        ("care.dimension_falls.days", 1, 90),
        ("care.points_expiring.least", 1, 10**9),
        ("care.points_expiring.days", 1, 60),
        ("care.tier_at_risk.days", 1, 90),
        ("levels.0.level", 1, 2),
        ("levels.0.all.0.reach", -(10**6), 10**6),
        ("rewards.0.quantity", 1, 20),
        ("rewards.0.gift.face_value", 0, 10**12),
        ("rewards.0.gift.valid_days", 1, 1_100),
    ],
)
def test_each_number_has_its_bounds(path: str, least: int, most: int) -> None:
    policy(at_path(path, least))
    policy(at_path(path, most))
    for beyond in (least - 1, most + 1, str(least), float(least), True, None):
        if beyond is None and path.endswith((".spend", ".orders")):
            continue
        with pytest.raises(ValidationError):
            policy(at_path(path, beyond))


@pytest.mark.parametrize(
    ("path", "good", "bad"),
    [
        ("programme", ["a", "corner-shop", "a" + "1" * 31], ["", "A", "1a", "a_b", "a" * 33]),
        ("currency", ["VND", "EUR"], ["vnd", "VN", "VNDD", ""]),
        ("time_zone", ["UTC", "Europe/Berlin"], ["", "Mars/Base", "../UTC", "/etc/localtime", "Asia"]),
        ("locale", ["vi", "vi-VN"], ["VI", "vi_VN", "vie", ""]),
        ("format", [1], [0, 2, "1"]),
        ("tiers.ladder.1.name", ["silver"], ["", "Silver", "member"]),
        ("tiers.ladder.1.benefits", [["x" * 200], []], [["x" * 201], "x"]),
        ("tiers.no_promotion_while", [[], ["open-detractor-case"]], [["rain"], "open-detractor-case"]),
        ("spend.excluded_payments", [[], ["points"]], [["money"], ["cash"]]),
        ("scores.contributions.0.when", ["purchase", "referral"], ["sneeze", ""]),
        ("scores.contributions.0.dimension", ["service"], ["price"]),
        ("scores.contributions.0.value", ["score"], ["half"]),
        ("care.silent.severity", ["info", "warning", "urgent"], ["grave", ""]),
        ("care.first_response.severity.low", ["urgent"], ["grave", None]),
        ("care.seam.help", [[], ["call", "say-hello"] * 5], [["Call us"], ["call"] * 11, "call"]),
        ("care.silent.tiers", [[], ["silver", "member"]], [["gold"], ["silver", "gold"]]),
        ("levels.0.all.0.measure", ["advocacy"], ["luck"]),
        ("levels.0.all.0.unknown", ["holds", "fails"], ["maybe"]),
        ("levels.0.all.0.criterion", ["effort"], ["mood"]),
        ("levels.0.all", [], [[], [{"measure": "orders", "reach": 1}] * 2]),
        ("rewards.0.every", ["year", "ever"], ["day"]),
        ("rewards.0.when.tier_reached", ["silver"], ["gold", "member"]),
        ("rewards.0.gift.brand", ["x" * 64], ["", "x" * 65]),
    ],
)
def test_each_word_is_one_of_those_allowed(path: str, good: list[object], bad: list[object]) -> None:
    for value in good:
        policy(at_path(path, value))
    for value in bad:
        with pytest.raises(ValidationError):
            policy(at_path(path, value))


@pytest.mark.parametrize("path", ["tier", "clock.latenes_days", "tiers.ladder.1.enter.spent", "rewards.0.gift.colour"])
def test_a_key_that_nobody_knows_is_refused(path: str) -> None:
    assert "Extra inputs are not permitted" in fault(at_path(path, 1))


@pytest.mark.parametrize(
    "rungs",
    [
        [{"spend": 1}],
        [{"spend": 1}, {"spend": 2}],
        [{"spend": 1}, {"spend": 1, "orders": 1}],
        [{"orders": 1}, {"orders": 1, "spend": 1}],
    ],
)
def test_each_rung_asks_for_more_than_the_one_below(rungs: list[dict[str, int]]) -> None:
    policy(ladder(*rungs))


@pytest.mark.parametrize(
    "rungs",
    [
        [{"spend": 0}],
        [{"spend": 2}, {"spend": 2}],
        [{"open_cases": {"at_most": 1}}, {"open_cases": {"at_most": 1}}],
        [{"open_cases": {"at_most": 1}}, {"open_cases": {"at_most": 2}}],
        [{"open_cases": {"at_most": 1}}, {"spend": 5}],
        [{"spend": 2}, {"spend": 1}],
        [{"spend": 2}, {"orders": 5}],
        [{"spend": 2, "orders": 2}, {"spend": 3, "orders": 1}],
        [{"spend": 2}, {"spend": 2, "orders": 0}],
    ],
)
def test_a_rung_that_asks_for_no_more_is_refused(rungs: list[dict[str, int]]) -> None:
    assert "must ask for more than rung" in fault(ladder(*rungs))


TWO_WAYS: dict[str, Any] = {"any": [{"spend": 5}, {"orders": 3}]}


@pytest.mark.parametrize(
    ("enter", "keep", "fits"),
    [
        ({"spend": 5}, {"spend": 5}, True),
        ({"spend": 5}, {"spend": 6}, False),
        ({"spend": 5}, TWO_WAYS, True),
        ({"spend": 5}, {"any": [{"spend": 6}, {"orders": 3}]}, False),
        ({"spend": 5, "orders": 3}, {"any": [{"spend": 9}, {"orders": 3}]}, True),
        (TWO_WAYS, TWO_WAYS, True),
        (TWO_WAYS, {"any": [{"spend": 4}, {"orders": 3}, {"visits": 9}]}, True),
        (TWO_WAYS, {"any": [{"spend": 6}, {"orders": 4}]}, False),
        (TWO_WAYS, {"spend": 1}, False),
        ({"orders": 3, **TWO_WAYS}, {"orders": 2}, True),
        ({"open_cases": {"at_most": 1}, **TWO_WAYS}, {"open_cases": {"at_most": 0}}, False),
        ({"open_cases": {"at_most": 1}, **TWO_WAYS}, {"open_cases": {"at_most": 1}}, True),
        ({"spend": 5}, {"open_cases": {"at_most": 9}}, False),
    ],
)
@pytest.mark.parametrize("window", [{"rolling_days": 30}, {"calendar": "year"}], ids=["rolling", "calendar"])
def test_whatever_reaches_a_tier_has_to_keep_it(
    enter: dict[str, Any], keep: dict[str, Any], window: dict[str, Any], *, fits: bool
) -> None:
    rung = {"name": "silver", "enter": enter, "keep": keep}
    change = {"tiers": {"ladder": [{"name": "member"}, rung], "window": window}}
    if fits:
        policy(change)
    else:
        assert "keeping a tier cannot be harder" in fault(change)


def test_a_rung_asks_for_something() -> None:
    assert "rung r1 must ask for something" in fault(ladder({}))


def test_the_first_rung_is_everybodys() -> None:
    assert "it takes no thresholds" in fault({"tiers": {"ladder": [{"name": "member", "enter": {"spend": 1}}]}})
    assert "at least 1 item" in fault({"tiers": {"ladder": []}})


@pytest.mark.parametrize(("count", "fits"), [(20, True), (21, False)])
def test_a_ladder_has_at_most_twenty_rungs(count: int, *, fits: bool) -> None:
    change = ladder(*({"spend": n} for n in range(1, count)))
    if fits:
        policy(change)
    else:
        assert "at most 20 items" in fault(change)


@pytest.mark.parametrize(
    ("reach", "keep", "at_most", "fits"),
    [
        (4, 4, False, True),
        (4, 3, False, True),
        (4, 5, False, False),
        (1, 1, True, True),
        (1, 2, True, True),
        (1, 0, True, False),
    ],
)
def test_keeping_a_level_is_never_harder_than_reaching_it(reach: int, keep: int, *, at_most: bool, fits: bool) -> None:
    condition = {"measure": "open_cases", "reach": reach, "keep": keep, "at_most": at_most}
    change = {"levels": [{"level": 2, "all": [condition]}]}
    if fits:
        policy(change)
    else:
        assert "keeping a level cannot be harder" in fault(change)


@pytest.mark.parametrize("measure", get_args(LevelMeasure))
def test_a_level_asks_for_no_more_than_its_measure_can_be(measure: LevelMeasure) -> None:
    least, most = MEASURE_RANGES[measure]
    for reach, at_most, beyond in ((most, False, most + 1), (least, True, least - 1)):
        condition = {"measure": measure, "at_most": at_most}
        policy({"levels": [{"level": 2, "all": [condition | {"reach": reach}]}]})
        refused = fault({"levels": [{"level": 2, "all": [condition | {"reach": beyond}]}]})
        assert "is never" in refused or "Input should be" in refused


@pytest.mark.parametrize(("asked", "fits"), [({"level": 2}, True), ({"level": 3}, False)])
def test_a_tier_asks_for_no_level_that_nobody_reaches(asked: dict[str, int], *, fits: bool) -> None:
    levels = {"levels": [{"level": 2, "all": [{"measure": "orders", "reach": 1}]}]}
    if fits:
        policy(ladder(asked) | levels)
    else:
        assert "that nobody reaches; the highest of levels is 2" in fault(ladder(asked) | levels)
    policy(ladder({"any": [asked, {"spend": 1}]}) | levels)


@pytest.mark.parametrize(
    ("levels", "fits"),
    [
        ([], True),
        ([2], True),
        ([1], True),
        ([1, 2, 3, 4, 5], True),
        ([1, 3], False),
        ([3], False),
        ([2, 4], False),
        ([3, 2], False),
        ([2, 2], False),
    ],
)
def test_levels_are_listed_from_1_or_2_upwards_without_a_gap(levels: list[int], *, fits: bool) -> None:
    change = {"levels": [{"level": level, "all": [{"measure": "orders", "reach": 1}]} for level in levels]}
    if fits:
        policy(change)
    else:
        assert "from 1 or 2 upwards" in fault(change)


def test_a_level_asks_for_each_measure_once() -> None:
    condition = {"measure": "orders", "reach": 1}

    for asked in (
        {"all": [condition, condition]},
        {"any": [condition, condition]},
        {"all": [condition], "any": [condition]},
    ):
        assert "the same measure twice" in fault({"levels": [{"level": 2} | asked]})


def test_a_level_asks_for_something() -> None:
    condition = {"measure": "orders", "reach": 1}
    for asked in ({"all": [condition]}, {"any": [condition]}):
        policy({"levels": [{"level": 2} | asked]})

    assert "level 2 must ask for something" in fault({"levels": [{"level": 2}]})


def test_rewards_have_ids_of_their_own_and_tiers_of_the_ladder() -> None:
    ladder = {"tiers": {"ladder": [{"name": "member"}, {"name": "silver", "enter": {"spend": 1}}]}}
    reward = {"id": "r", "when": {"tier_reached": "silver"}, "gift": GIFT}

    assert "an id of its own" in fault(ladder | {"rewards": [reward, reward]})
    for tier in ("gold", "member"):
        asked = [reward | {"when": {"tier_reached": tier}}]
        assert "is no tier that can be reached; allowed: silver" in fault(ladder | {"rewards": asked})


@pytest.mark.parametrize("part", [{"fallbacks": ["tea"]}, {"wait_days": 3}])
def test_only_the_gift_desk_has_something_instead_or_lets_wait(part: dict[str, Any]) -> None:
    rewards = {"rewards": [{"id": "r", "when": {"birthday": True}, "gift": GIFT} | part]}

    assert policy(rewards | {"gifts_from": "desk"}).rewards[0].id == "r"
    assert "is only for gifts from the desk" in fault(rewards)


@pytest.mark.parametrize("part", [{"choose_days": 3}, {"unchosen": "none"}])
def test_only_of_several_gifts_one_is_chosen(part: dict[str, Any]) -> None:
    reward = {"id": "r", "when": {"birthday": True}} | part
    several = [GIFT, GIFT | {"id": "tea"}]

    assert policy({"rewards": [reward | {"choices": several}]}).rewards[0].id == "r"
    assert "is only for choices" in fault({"rewards": [reward | {"gift": GIFT}]})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"currency": "VDN"}, "VDN is no currency of ISO 4217; like it are VND"),
        ({"currency": "QQQ"}, "QQQ is no currency of ISO 4217"),
        ({"exchange_rates": {"UDS": {"units": 1, "worth": 1}}}, "UDS is no currency of ISO 4217; like it are"),
    ],
)
def test_a_currency_that_there_is_not_is_a_slip(change: dict[str, Any], said: str) -> None:
    assert said in fault(change)


def test_no_gift_stands_twice_among_the_fallbacks() -> None:
    reward = {"id": "r", "when": {"birthday": True}, "gift": GIFT, "fallbacks": ["tea", "tea"]}

    assert "no gift stands twice" in fault({"gifts_from": "desk", "rewards": [reward]})


def test_silence_counts_on_tiers_of_the_ladder() -> None:
    assert "gold is no tier; allowed: member" in fault({"care": {"silent": {"tiers": ["gold"]}}})


def test_a_policy_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        policy().programme = "other"  # type: ignore[misc]  # that is the point


def test_the_default_levels_are_those_of_the_complete_policy() -> None:
    assert [level.level for level in policy().levels] == [1, 2, 3, 4, 5]
