"""Words: each output as a sentence for people."""

from typing import Any

import pytest

from cx.calendar import DAY
from cx.moments import Overridden
from cx.words import Lang, needed_of, sentence
from tests.spec import (
    GUARDED,
    Spec,
    asked,
    at,
    bought,
    feedback,
    freed,
    given,
    opened,
    refunded,
    resolved,
    reward,
    rules,
    touched,
)

START = at("2026-03-01T10:00")
FALL = at("2027-03-01T00:00")


def last(story: Spec) -> str:
    return sentence(story.outputs[-1].event)


def test_an_upgrade_says_what_was_spent_and_what_is_missing_for_the_next_tier() -> None:
    assert last(given(bought(START, 1_500))) == (
        "member → silver: spent 1,500 VND in the window from 2025-03-02 to 2026-03-01; 3,500 VND to gold"
    )


def test_at_the_top_nothing_is_said_to_be_missing() -> None:
    assert last(given(bought(START, 5_000))) == (
        "member → gold: spent 5,000 VND in the window from 2025-03-02 to 2026-03-01"
    )


def test_movements_of_points_have_their_words() -> None:
    policy = rules(points={"rates": [{"per": 1}], "expiry": {"after_months": 1}})
    story = given(bought(START, 1_500), asked(START + 1, 500), asked(START + 2, 1_001), by=policy)
    story = story.when(refunded(START + 3, "o1", ("l1", 200))).tick(at("2026-05-01T00:00"))
    assert [sentence(output.event) for output in story.outputs[1:]] == [
        "earned 1,500 points; balance 1,500",
        "spent 500 points; balance 1,000",
        "1,001 points were asked for and refused (not enough); balance 1,000",
        "200 points were taken back (refund); balance 800",
        "800 points ran out (date); balance 0",
    ]


def test_a_persons_word_and_moving_in_have_theirs() -> None:
    word = Overridden(START, "desk", "w", tier="gold", until=START + DAY, reason="sorry", person="p7")
    story = given(word)
    assert last(story) == "member → gold: a person decided so"
    assert story.outputs[-1].event["data"]["override"] == {"reason": "sorry", "until": "2026-03-02T03:00:00Z"}
    assert last(story.tick(START + DAY)).startswith("gold → member: a person's decision ended; 0 VND")


def test_each_reason_has_its_words() -> None:
    after_refund = given(bought(START, 1_500), refunded(START + 1, "o1", ("l1", 600)))
    assert last(after_refund) == (
        "silver → member: after a refund, 900 VND are left in the window from 2025-03-02 to 2026-03-01;"
        " 100 VND to silver"
    )
    assert last(given(bought(START)).tick(FALL)) == (
        "silver → member: older orders left the window; 0 VND are left from 2026-03-02 to 2027-03-01;"
        " 1,000 VND to silver"
    )
    held = given(opened(START), feedback(START, score=0), bought(START + 1), by=rules(tiers=GUARDED))
    freed = held.when(resolved(START + 2))
    assert last(freed).startswith("member → silver: the case that held promotion back is closed; 1,000 VND")
    late = given(bought(START, 600), bought(START + 2, 400, "o2")).when(refunded(START + 1, "o1", ("l1", 1)))
    assert last(late).startswith("silver → member: an event that came late changed what had been told; 999 VND")


def test_a_reason_of_a_later_version_is_said_as_it_is() -> None:
    event = given(bought(START)).outputs[-1].event
    event["data"]["reason"] = "override {0} {no_such_word}"

    assert sentence(event).startswith("member → silver: override {0} {no_such_word}")


def test_the_currency_is_that_of_the_programme() -> None:
    event = given(bought(START)).outputs[-1].event
    assert "spent 1,000 EUR in the window" in sentence(event, "EUR")
    said = sentence(event, "EUR", lambda value, currency: f"{value} of {currency}")
    assert "spent 1000 of EUR in the window" in said
    assert said.endswith("; 4000 of EUR to gold")


def test_a_level_change_says_its_evidence() -> None:
    asked = [{"measure": "channels", "reach": 1}, {"measure": "last_csat", "reach": 4, "keep": 3, "unknown": "holds"}]
    story = given(touched(START), by=rules(levels=[{"level": 2, "all": asked}]))
    assert last(story) == "CX level 1 → 2: discovery channels at least 1 (now 1)"

    assert last(story.when(feedback(START + 1, "csat", 2))) == (
        "CX level 2 → 1: latest CSAT answer at least 3 (now 2)"  # what holds all the same is no reason
    )


def test_a_level_without_conditions_of_its_own_still_has_a_sentence() -> None:
    event: dict[str, Any] = {"type": "cx-level.changed", "data": {"from": 1, "to": 2, "evidence": []}}

    assert sentence(event) == "CX level 1 → 2: the evidence of all lower levels holds"


@pytest.mark.parametrize(
    ("needed", "lang", "said"),
    [
        (1, "en", "buys in their own rhythm"),
        (0, "en", "buys in their own rhythm or not"),
        (0, "vi", "mua đúng nhịp riêng hay không"),
    ],
)
def test_what_is_no_number_is_not_said_as_one(needed: int, lang: Lang, said: str) -> None:
    assert needed_of("in_rhythm", needed, lang, at_most=False) == said


def test_rewards_are_said_as_gifts() -> None:
    story = given(bought(START), by=rules(rewards=[reward("gift", "silver")]))
    assert last(story) == "Highlands e-voucher of 50,000 VND for reaching silver"
    assert "of 50000 x for" in sentence(story.outputs[-1].event, money=lambda value, _: f"{value} x")

    assert last(story.when(refunded(START + 1))) == "reward gift was taken back: refund"


def test_each_step_of_a_reward_is_said() -> None:
    gift = {"brand": "Highlands", "card_kind": "drink", "face_value": 50_000, "currency": "VND"}
    data: dict[str, Any] = {"rule": "gift", "trigger": "birthday", "choices": [gift, gift | {"brand": "Paris"}]}
    said = {
        "offered": "a gift to choose for the birthday: Highlands 50,000 VND, Paris 50,000 VND",
        "expiring": "reward gift is about to run out",
        "expired": "reward gift ran out",
        "revoked": "reward gift was taken back: hold confirmed",
        "unavailable": "there is no gift for reward gift: hold confirmed",
        "lent": "reward gift: lent",
    }

    for kind, words in said.items():
        assert sentence({"type": f"reward.{kind}", "data": data | {"reason": "hold-confirmed"}}) == words
    assert sentence({"type": "reward.issued", "data": gift | {"rule": "gift"}}).endswith("50,000 VND by gift")


def test_a_hold_says_what_it_rests_on_and_how_it_ended() -> None:
    velocity = [{"id": "many", "counts": "orders", "more_than": 1, "within_hours": 24}]
    story = given(bought(START), bought(START + 1, 1, "o2"), by=rules(velocity=velocity))
    assert last(story) == "rewards are held back: 2 orders in less than 24 hours"

    assert last(story.when(freed(START + 2, "many-2026-03-01"))) == "the hold on rewards ended: released"


def test_an_output_without_words_is_named() -> None:
    assert sentence({"type": "moon.rose", "data": {}}) == "moon.rose"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            {"alert": "first-response", "severity": "urgent", "help": ["call-back"]}
            | {"facts": {"hours": 2, "case": "K1", "topic": "delivery", "channel": "phone", "priority": "urgent"}},
            "urgent: no answer in 2 hours to case K1 on delivery over phone (may help: call back)",
        ),
        (
            {"alert": "tier-at-risk", "severity": "warning", "help": [], "deadline": "2027-03-01T00:00:00Z"}
            | {"facts": {"tier": "gold", "then": "silver", "spend": 500_000, "orders": 2}},
            "warning: gold turns into silver on 2027-03-01, unless 500,000 VND and 2 orders more are there by then",
        ),
        (
            {"alert": "points-expiring", "severity": "info", "help": ["suggest-a-reward", "call"]}
            | {"facts": {"points": 1_200, "last_day": "2026-04-30"}},
            "info: 1,200 points run out after 2026-04-30 (may help: suggest a reward, call)",
        ),
        (
            {"alert": "case-reopened", "severity": "urgent", "help": []}
            | {"facts": {"case": "K1", "topic": "delivery", "channel": "phone", "times": 2}},
            "urgent: case K1 on delivery was reopened, 2 times by now",
        ),
        (
            {"alert": "dimension-falls", "severity": "warning", "help": ["apology"]}
            | {"facts": {"dimension": "emotion", "from": 71, "to": 48, "since": "2026-03-01"}},
            "warning: the emotion score fell from 71 to 48 since 2026-03-01 (may help: apology)",
        ),
        (
            {"alert": "silent", "severity": "warning", "help": []}
            | {"facts": {"days": 18, "usual_days": 7, "last_order": "2026-03-22"}},
            "warning: no order for 18 days, usually one in 7",
        ),
        (
            {"alert": "seam", "severity": "warning", "help": []}
            | {"facts": {"case": "K2", "topic": "delivery", "channel": "chat", "from": "phone", "to": "chat"}},
            "warning: asked on delivery over chat, after having asked over phone",
        ),
        (
            {"alert": "tier-at-risk", "severity": "info", "help": [], "deadline": "2027-03-01T00:00:00Z"}
            | {"facts": {"tier": "gold", "then": "silver"}},
            "info: gold turns into silver on 2027-03-01",
        ),
        ({"alert": "full-moon", "severity": "info", "help": [], "facts": {}}, "info: full moon"),
    ],
)
def test_an_alert_says_why_how_grave_it_is_and_what_may_help(data: dict[str, Any], said: str) -> None:
    assert sentence({"type": "care.alerted", "data": data}) == said
