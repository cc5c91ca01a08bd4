"""Decision records: from the record alone the outcome can be worked out again, and from the log its measures."""

from typing import Any
from unittest.mock import Mock

import pytest

from cx import timeline
from cx.calendar import DAY
from cx.moments import AnyMoment, Overridden
from cx.record import DECISIVE_MAX
from tests.cx.recompute import level_of, tier_of
from tests.spec import (
    GUARDED,
    Spec,
    at,
    bought,
    feedback,
    given,
    opened,
    profiled,
    refunded,
    resolved,
    reward,
    rules,
    touched,
)

START = at("2026-03-01T10:00")
FALL = at("2027-03-01T00:00")


def record(story: Spec, place: int = -1) -> dict[str, Any]:
    decision: dict[str, Any] = story.outputs[place].event["data"]["decision"]
    return decision


def test_a_tier_record_says_all_that_led_to_the_tier() -> None:
    assert record(given(bought(START, 600), bought(START + DAY, 900, "o2"))) == {
        "policy": rules().hash,
        "rule": "tier:silver",
        "window": {"first": "2025-03-03", "last": "2026-03-02"},
        "measures": {"spend": 1_500, "orders": 2},
        "ladder": [
            {"name": "member", "enter": ({},), "keep": ({},), "at_most": []},
            {"name": "silver", "enter": ({"spend": 1_000},), "keep": ({"spend": 1_000},), "at_most": []},
            {"name": "gold", "enter": ({"spend": 5_000},), "keep": ({"spend": 5_000},), "at_most": []},
        ],
        "guards": {},
        "standing": {
            "at": "2026-03-02T03:00:00Z",
            "terms": "enter",
            "mode": "to-qualified",
            "held_until": None,
            "given": None,
        },
        "before": "member",
        "after": "silver",
        "decisive": [{"source": "shop", "id": "buy-o1"}, {"source": "shop", "id": "buy-o2"}],
        "rest": None,
        "failed": ["spend >= 5000"],
        "missing": {"spend": 3_500},
        "next_rung": "gold",
        "next_deadline": "2027-02-28T17:00:00Z",
    }


def test_at_the_top_nothing_is_missing() -> None:
    top = record(given(bought(START, 5_000)))

    assert (top["next_rung"], top["missing"], top["failed"]) == (None, {}, [])
    assert top["next_deadline"] == "2027-02-28T17:00:00Z"


def test_on_the_lowest_rung_nothing_is_due() -> None:
    assert record(given(bought(START)).tick(FALL))["next_deadline"] is None


def test_the_window_is_that_of_the_moment_of_decision() -> None:
    assert record(given(bought(START)).tick(FALL + 5 * DAY))["window"] == {"first": "2026-03-02", "last": "2027-03-01"}


def test_a_guard_that_holds_back_is_named() -> None:
    story = given(bought(START), opened(START + 1), feedback(START + 2, score=0), by=rules(tiers=GUARDED))
    story = story.when(bought(START + 3, 9_000, "o2")).when(refunded(START + 4, "o1")).tick(FALL)
    down = record(story)
    assert (down["after"], down["guards"]) == ("member", {"open-detractor-case": False})

    story = given(by=rules(tiers=GUARDED)).when(
        bought(START), opened(START + 1), feedback(START + 2, score=0), bought(START + 3, 9_000, "o2")
    )
    held = record(story)
    assert (held["after"], held["guards"]) == ("silver", {"open-detractor-case": True})
    assert held["failed"] == ["no open-detractor-case"]
    assert tier_of(held) == "silver"


@pytest.mark.parametrize(("count", "rest"), [(DECISIVE_MAX, 0), (DECISIVE_MAX + 1, 1), (DECISIVE_MAX + 5, 5)])
def test_the_newest_orders_are_named_and_the_rest_summed_up(count: int, rest: int) -> None:
    orders = [bought(START + n * DAY, 1, f"o{n}") for n in range(count - 1)]
    last = record(given(*orders, bought(START + (count - 1) * DAY, 1_000, "last")))

    assert last["decisive"][-1]["id"] == "buy-last"
    assert last["decisive"][0]["id"] == f"buy-o{rest}"
    assert len(last["decisive"]) == DECISIVE_MAX
    assert last["rest"] == (
        {"first": "2026-03-01", "last": f"2026-03-{rest:02}", "count": rest, "amount": rest} if rest else None
    )


def test_what_was_refunded_is_not_decisive() -> None:
    story = given(bought(START, 600), bought(START + 1, 600, "o2"), refunded(START + 2), bought(START + 3, 400, "o3"))

    assert [one["id"] for one in record(story)["decisive"]] == ["buy-o2", "buy-o3"]
    assert record(story)["measures"] == {"spend": 1_000, "orders": 2}


def test_orders_that_left_the_window_are_not_counted() -> None:
    short = rules(tiers={"ladder": [{"name": "member"}, {"name": "silver", "enter": {"spend": 1_000}}],
                         "window": {"rolling_days": 10}})  # fmt: skip
    story = given(bought(START, 900), bought(START + 10 * DAY, 1_000, "o2"), by=short)

    assert [one["id"] for one in record(story)["decisive"]] == ["buy-o2"]


def test_an_order_that_adds_nothing_is_counted_with_the_rest() -> None:
    story = given(bought(START, 0, "free"), bought(START + DAY))

    assert record(story)["rest"] == {"first": "2026-03-01", "last": "2026-03-01", "count": 1, "amount": 0}


def test_what_is_only_in_the_base_is_counted_with_the_rest() -> None:
    orders = [bought(START + n * DAY, 10, f"o{n}") for n in range(40)]
    story = given(*orders).tick(START + 65 * DAY).when(touched(START + 65 * DAY))
    assert story.customer.settled == 32

    last = record(story.when(bought(START + 65 * DAY + 1, 1_000, "last")))
    assert [one["id"] for one in last["decisive"]] == [f"buy-o{n}" for n in range(32, 40)] + ["buy-last"]
    assert last["rest"] == {"first": "2026-03-01", "last": "2026-04-01", "count": 32, "amount": 320}
    assert last["measures"] == {"spend": 1_400, "orders": 41}


def test_measures_are_those_that_the_named_and_the_rest_add_up_to() -> None:
    amounts = {f"buy-o{n}": 100 + n for n in range(30)}
    story = given(*(bought(START + n * DAY, 100 + n, f"o{n}") for n in range(30)))
    for output in story.outputs:
        found = output.event["data"]["decision"]
        named = sum(amounts[one["id"]] for one in found["decisive"])
        rest = found["rest"] or {"amount": 0, "count": 0}
        assert found["measures"] == {
            "spend": named + rest["amount"],
            "orders": len(found["decisive"]) + rest["count"],
        }


def test_the_outcome_of_a_tier_follows_from_its_record() -> None:
    story = given(bought(START), bought(START + 1, 4_000, "o2"), refunded(START + 2, "o2")).tick(FALL)

    assert [tier_of(output.event["data"]["decision"]) for output in story.outputs] == [
        "silver",
        "gold",
        "silver",
        "member",
    ]


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"measures": {"spend": 999, "orders": 1}}, "member"),
        ({"measures": {"spend": 5_000, "orders": 1}}, "gold"),
        ({"guards": {"open-detractor-case": True}}, "member"),
    ],
)
def test_another_record_would_have_another_outcome(change: dict[str, Any], outcome: str) -> None:
    assert tier_of(record(given(bought(START))) | change) == outcome


KEEPS: list[dict[str, Any]] = [
    {"name": "member"},
    {"name": "silver", "enter": {"spend": 1_000}, "keep": {"spend": 600}},
    {"name": "gold", "enter": {"spend": 5_000}},
]
YEAR = {"ladder": KEEPS, "window": {"calendar": "year"}}
NEXT = at("2027-03-01T10:00")


def test_at_the_end_of_a_period_the_record_says_what_that_period_brought() -> None:
    story = given(bought(START, 5_000), bought(NEXT, 700, "o2"), by=rules(tiers=YEAR)).tick(at("2028-01-05T12:00"))
    found = record(story)

    assert (found["before"], found["after"], tier_of(found)) == ("gold", "silver", "silver")
    assert found["window"] == {"first": "2027-01-01", "last": "2027-12-31"}
    assert found["measures"] == {"spend": 700, "orders": 1}
    assert (found["decisive"], found["rest"]) == ([{"source": "shop", "id": "buy-o2"}], None)
    ended = "2027-12-31T17:00:00Z"
    assert found["standing"] == {
        "at": ended, "terms": "keep", "mode": "to-qualified", "held_until": ended, "given": None
    }  # fmt: skip
    assert tier_of(found | {"measures": {"spend": 599, "orders": 1}}) == "member"
    assert tier_of(found | {"standing": found["standing"] | {"held_until": "2028-01-01T00:00:00Z"}}) == "gold"
    assert (found["next_rung"], found["missing"]) == ("gold", {"spend": 5_000})


def test_after_days_of_grace_the_record_counts_them_with_the_period_before() -> None:
    by = rules(tiers=YEAR | {"downgrade": {"grace_days": 30, "mode": "one-step"}})
    saving = bought(at("2028-01-30T09:00"), 300, "o3")
    found = record(given(bought(START, 5_000), bought(NEXT, 700, "o2"), saving, by=by).tick(at("2028-02-01T00:00")))

    assert found["window"] == {"first": "2027-01-01", "last": "2028-01-30"}
    assert found["measures"] == {"spend": 1_000, "orders": 2}
    assert (found["standing"]["mode"], found["standing"]["held_until"]) == ("one-step", "2028-01-30T17:00:00Z")
    assert tier_of(found) == found["after"] == "silver"


def test_a_word_is_the_ground_of_the_tier_that_it_sets_and_of_nothing_when_it_is_over() -> None:
    until = START + 30 * DAY
    word = Overridden(START, "desk", "word", tier="gold", until=until, reason="sorry", person="p7")
    story = given(word).tick(until)
    up, down = record(story, 0), record(story)

    assert up["standing"]["given"] == {"tier": "gold", "until": "2026-03-31T03:00:00Z", "way": "set"}
    assert (tier_of(up), up["measures"]["spend"]) == ("gold", 0)
    assert (down["standing"]["given"], down["standing"]["held_until"]) == (None, None)
    assert (down["before"], tier_of(down)) == ("gold", "member")


def test_a_tier_that_a_refund_took_rests_on_what_would_be_without_the_purchase() -> None:
    by = rules(tiers=YEAR, clock={"refund_days": 400})
    story = given(bought(START, 900), bought(START + DAY, 4_100, "o2"), by=by).tick(NEXT)
    found = record(story.when(refunded(NEXT, "o2")))

    assert story.tier == "gold"
    assert (found["before"], found["after"], tier_of(found)) == ("member", "member", "member")
    assert found["window"] == {"first": "2026-01-01", "last": "2026-12-31"}
    assert (found["measures"], found["decisive"]) == ({"spend": 900, "orders": 1}, [{"source": "shop", "id": "buy-o1"}])


def test_a_gift_that_is_taken_while_the_tier_is_held_says_until_when_it_is() -> None:
    by = rules(
        tiers={"ladder": KEEPS, "window": {"rolling_days": 20}, "downgrade": {"grace_days": 90}},
        rewards=[reward("gift", "silver")],
    )
    story = given(bought(START), by=by).tick(START + 30 * DAY)
    assert story.tier == "silver"
    lost = story.when(refunded(START + 31 * DAY))

    assert lost.since(story) == ["tier.downgraded silver member", "reward.revoked gift 2026 1"]
    assert {tier_of(record(lost, place)) for place in (-1, -2)} == {"member"}


def test_two_steps_in_one_batch_are_one_for_the_tier_and_the_last_for_its_rewards() -> None:
    by = rules(rewards=[reward("gift", "silver"), reward("big", "gold")])
    story = given(by=by).when(bought(START), bought(START + 1, 4_000, "o2"))

    assert [(record(story, n)["rule"], record(story, n)["before"]) for n in range(3)] == [
        ("tier:gold", "member"),
        ("reward:gift", "silver"),
        ("reward:big", "silver"),
    ]


@pytest.mark.parametrize(("taken", "folds"), [((), 0), ((bought(START), refunded(START + DAY)), 1)])
def test_only_a_change_since_the_base_makes_a_record_fold_again(
    taken: tuple[AnyMoment, ...], folds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gift = reward("cake", "") | {"when": {"birthday": True}}
    story = given(profiled(START, birthday="05-20"), by=rules(rewards=[gift])).each(*taken)
    counted = Mock(wraps=timeline.fold)
    monkeypatch.setattr("cx.record.timeline", Mock(wraps=timeline, fold=counted))

    assert record(story.tick(at("2026-05-20T00:00")))["after"] == "member"
    assert counted.call_count == folds


def test_a_reward_carries_the_record_of_the_tier_it_is_given_for() -> None:
    story = given(bought(START), by=rules(rewards=[reward("gift", "silver")]))

    assert record(story)["rule"] == "reward:gift"
    assert record(story) | {"rule": "tier:silver"} == record(story, 0)


def test_the_outcome_of_a_level_follows_from_its_record() -> None:
    story = given(
        touched(START, intent="other"),
        bought(START + 1, 1),
        bought(START + 2, 1, "o2"),
        feedback(START + 3, "csat", 5),
        opened(START + 4),
        feedback(START + 5, "csat", 1),
        resolved(START + 6),
        feedback(START + 7, "csat", 3),
        feedback(START + 8, "csat", 4),
        by=rules(levels=None),
    )

    assert story.told == [
        "cx-level.changed 1 2",
        "cx-level.changed 2 3",
        "cx-level.changed 3 2",
        "cx-level.changed 2 3",
    ]
    for output in story.outputs:
        decision = output.event["data"]["decision"]
        assert level_of(decision) == decision["after"] == str(output.event["data"]["to"])


def test_what_a_level_asks_one_of_is_a_list_of_alternatives_in_its_record() -> None:
    either = [{"measure": "nps_rise", "reach": 2, "keep": 1}, {"measure": "promoter_streak", "reach": 1}]
    policy = rules(levels=[{"level": 2, "all": [{"measure": "channels", "reach": 1}], "any": either}])
    story = given(touched(START), feedback(START + 1), by=policy)
    found = record(story)

    assert found["ladder"][0]["enter"] == [{"channels": 1, "nps_rise": 2}, {"channels": 1, "promoter_streak": 1}]
    assert found["ladder"][0]["keep"] == [{"channels": 1, "nps_rise": 1}, {"channels": 1, "promoter_streak": 1}]
    assert (level_of(found), found["measures"]) == ("2", {"channels": 1, "promoter_streak": 1})
    lost = record(story.when(feedback(START + 2, score=8)))
    assert (level_of(lost), lost["failed"]) == ("1", ["nps_rise >= 1", "promoter_streak >= 1"])


def test_a_condition_of_several_that_holds_unknown_asks_for_nothing_in_the_record() -> None:
    either = [{"measure": "last_csat", "reach": 4, "unknown": "holds"}, {"measure": "promoter_streak", "reach": 1}]
    found = record(given(touched(START), by=rules(levels=[{"level": 2, "any": either}])))

    assert found["ladder"][0]["enter"] == [{}, {"promoter_streak": 1}]
    assert level_of(found) == "2"


def test_a_level_record_names_thresholds_to_reach_and_to_keep() -> None:
    story = given(touched(START), by=rules(levels=None))
    found = record(story)

    assert found["rule"] == "cx-level:2"
    first, second, third = found["ladder"][:3]
    asked, kept = {"channels": 1, "informed_pct": 50}, {"channels": 1, "informed_pct": 40}
    assert first == {"name": "1", "enter": [asked], "keep": [kept], "at_most": []}
    assert second == {"name": "2", "enter": [{}], "keep": [{}], "at_most": []}, "nothing of it is known yet"
    assert third["enter"] == [{"orders": 2, "emotion": 50, "open_detractor_cases": 0}]
    assert third["keep"] == [{"orders": 2, "emotion": 45, "open_detractor_cases": 0}]
    assert third["at_most"] == ["open_detractor_cases"]
    assert (found["next_rung"], found["failed"]) == ("3", ["orders >= 2"])
    assert found["measures"] | {"channels": 1, "orders": 0, "emotion": 50} == found["measures"]
