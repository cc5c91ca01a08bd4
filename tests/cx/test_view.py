"""The profile: what everybody outside sees, as of an instant."""

import json

from cx.calendar import DAY
from cx.moments import Enrolled
from cx.state import Customer, canonical, encode
from cx.view import profile_of
from tests.spec import GUARDED, at, bought, day, feedback, given, opened, refunded, reward, rules

START = at("2026-03-01T10:00")
FALL = at("2027-03-01T00:00")


def test_a_profile_says_where_the_customer_stands() -> None:
    seen = given(
        Enrolled(START - DAY, "app", "e1", joined=day("2026-02-28")),
        bought(START, 1_500),
        by=rules(rewards=[reward("gift", "silver")], tiers={"ladder": [
            {"name": "member"}, {"name": "silver", "enter": {"spend": 1_000}, "benefits": ["free delivery"]},
            {"name": "gold", "enter": {"spend": 5_000}},
        ]}),
    ).profile  # fmt: skip

    assert seen["customer_id"] == "lan"
    assert (seen["tier"], seen["tier_since"], seen["tier_until"]) == (
        "silver",
        "2026-03-01T03:00:00Z",
        "2027-02-28T17:00:00Z",
    )
    assert seen["benefits"] == ("free delivery",)
    assert seen["measures"] == {"spend": 1_500, "orders": 1}
    assert seen["progress"] == {"next": "gold", "missing": {"spend": 3_500}, "held_back_by": []}
    assert seen["history"] == [{"at": "2026-03-01T03:00:00Z", "from": "member", "to": "silver", "reason": "spend"}]
    assert seen["rewards"] == [
        {
            "reward_id": "93a9a933-d565-5a9d-acb2-35343b9ae50a",
            "rule": "gift",
            "occasion": "2026",
            "tier": "silver",
            "since": "2026-03-01T03:00:00Z",
            "status": "issued",
            "gift": "coffee",
            "valid_until": "2026-04-30T03:00:00Z",
        }
    ]
    assert (seen["enrolled"], seen["first_seen"]) == ("2026-02-28", "2026-02-28T03:00:00Z")
    assert (seen["locale"], seen["notify"], seen["waiting"], seen["events_held"]) == ("vi", True, 0, 2)
    assert seen["dimensions"].keys() == {"emotion", "interaction", "service", "product", "brand"}


def test_of_a_customer_never_seen_there_is_a_profile_of_nothing() -> None:
    seen = profile_of(Customer("lan"), START, rules())

    assert (seen["tier"], seen["tier_since"], seen["tier_until"], seen["first_seen"]) == ("member", None, None, None)
    assert (seen["cx_level"], seen["cx_level_since"], seen["enrolled"]) == (1, None, None)


def test_looking_changes_nothing() -> None:
    story = given(bought(START), refunded(START + 1, "o9"))
    before = encode(story.customer, story.rules.lateness)
    profile_of(story.customer, FALL + 500 * DAY, story.rules)

    assert encode(story.customer, story.rules.lateness) == before


def test_a_profile_can_be_written_as_json() -> None:
    seen = given(bought(START)).profile
    written = canonical(seen)

    assert written == json.dumps(seen, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_scores_and_window_are_shown_as_of_the_instant() -> None:
    story = given(bought(START, 900), feedback(START, "csat", 5))

    assert story.tick(START + 2_000 * DAY).profile["dimensions"]["emotion"] == 50
    assert story.profile["dimensions"]["emotion"] > 50
    assert story.tick(FALL).profile["progress"]["missing"] == {"spend": 1_000}


def test_what_holds_a_promotion_back_is_shown_only_while_it_does() -> None:
    story = given(opened(START), feedback(START + 1, score=0), by=rules(tiers=GUARDED))

    assert story.profile["progress"]["held_back_by"] == []
    assert story.when(bought(START + 2)).profile["progress"]["held_back_by"] == ["open-detractor-case"]


def test_what_waits_and_what_is_refused_so_far_is_counted() -> None:
    story = given(bought(START), refunded(START + 1, "o9"), refunded(START + 2, "o1", ("l1", 9_999)))

    assert (story.profile["waiting"], story.profile["events_held"]) == (2, 3)


def test_a_reward_lost_before_anyone_was_told_is_not_shown() -> None:
    by = rules(rewards=[reward("gift", "silver")])

    assert given(by=by).when(bought(START), refunded(START + 1)).profile["rewards"] == []
    assert [one["status"] for one in given(bought(START), refunded(START + 1), by=by).profile["rewards"]] == ["revoked"]
