"""Rewards whose gifts come from the gift desk: both sides, and what is told of it, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given as given_examples
from hypothesis import strategies as st

from cx.calendar import DAY, HOUR
from cx.choices import order
from cx.desk.state import Claim, Code
from cx.lives import request_id, reward_id
from cx.moments import parted
from cx.state import NEVER
from cx.words import sentence
from tests.cx.desk.counter import uuid
from tests.cx.shop import Shop, from_desk, instant
from tests.spec import GIFT, at, became, bought, chosen, refunded, reward

if TYPE_CHECKING:
    from cx.moments import AnyMoment
    from cx.rules import Rules

START = at("2026-03-10T10:00")
KEY = "gift/2026/1"
CAKE = {"id": "cake", "brand": "Paris", "face_value": 60_000}


def stocked(by: Rules | None = None, *codes: str, **terms: Any) -> Shop:
    """Return a shop with *codes* for coffee, whose listing says *terms*."""
    shop = Shop.opened(START, by)
    shop.desk.lists("coffee", **({"face_value": 50_000, "valid_days": 30} | terms))
    shop.desk.adds("coffee", *codes)
    return shop


def claim_of(shop: Shop, times: int = 1) -> Claim:
    found = shop.desk.entry(Claim, "r", request_id("lan", KEY, times))
    assert isinstance(found, Claim)
    return found


def test_what_is_owed_is_asked_for_and_issued_with_what_the_desk_gave() -> None:
    shop = stocked(None, "c1")

    assert shop.when(bought(START)) == [
        "tier.upgraded member silver",
        "gift.requested coffee",
        "reward.issued gift 2026 1",
    ]
    event = shop.story.outputs[-1].event
    gift = event["data"]
    assert (gift["gift_id"], gift["brand"], gift["face_value"], gift["masked"]) == ("coffee", "Coffee", 50_000, "*c1")
    assert gift["valid_until"] == "2026-04-09T03:00:00Z", "as the catalogue has it, not the policy"
    assert gift["claim_id"] == request_id("lan", KEY, 1)
    assert event["causationid"] == shop.desk.told[-1]["id"]
    assert shop.status == "issued"
    assert shop.story.customer.told.due == NEVER, "time alone does nothing to it: the desk says when it ends"


def test_nothing_is_issued_before_the_desk_has_answered() -> None:
    shop = stocked(None, "c1")
    shop.story = shop.story.when(bought(START))

    assert shop.story.statuses == {"gift/2026": "requested"}
    request = shop.story.outputs[-1].event
    assert (request["subject"], request["type"]) == ("shop", "gift.requested")
    assert request["data"] == {
        "request_id": request_id("lan", KEY, 1),
        "reward_id": reward_id("lan", KEY),
        "customer_id": "lan",
        "gifts": ["coffee"],
        "tier": "silver",
        "campaign": "gift",
        "wait_days": 0,
    }
    assert request["causationid"] == "buy-o1"


def test_the_profile_has_the_code_as_the_desk_sealed_it_for_as_long_as_it_may_be_shown() -> None:
    shop = stocked(None, "c1", returns=False)
    shop.when(bought(START))

    (shown,) = shop.story.profile["rewards"]
    assert (shown["masked"], shown["key_id"], shown["ciphertext"], shown["unsealed"]) == ("*c1", "k1", "YzE=", None)
    shop.desk.take("reveal.requested", {"request_id": shown["claim_id"]})
    shop.talk()
    assert shop.story.profile["rewards"][0]["unsealed"] == "2026-03-10T03:00:00Z"

    assert shop.when(refunded(START + DAY))[-2:] == ["reward.revoked gift 2026 1", "claim.withdrawn refund"]
    assert "ciphertext" not in shop.story.profile["rewards"][0]


@pytest.mark.parametrize("kind", ["delivered", "redeemed"])
def test_what_a_vendor_said_something_of_before_it_was_shown_can_still_be_shown(kind: str) -> None:
    shop = stocked(None, "c1")
    shop.when(bought(START))
    shop.when(became(START + HOUR, KEY, kind))
    (shown,) = shop.story.profile["rewards"]
    assert (shown["ciphertext"], shown["unsealed"]) == ("YzE=", None)

    shop.desk.take("reveal.requested", {"request_id": shown["claim_id"]})
    shop.talk()
    (shown,) = shop.story.profile["rewards"]
    assert (shown["status"], shown["unsealed"] is None) == (kind, False)


def test_what_there_is_none_of_is_told_with_its_reason_and_calls_for_care() -> None:
    shop = stocked(from_desk(care={"gift_unavailable": {}}))

    said = shop.when(bought(START))
    assert said[1:] == [
        "gift.requested coffee",
        "reward.unavailable gift 2026 1",
        "care.alerted gift-unavailable warning",
    ]
    unavailable, alert = (output.event for output in shop.story.outputs[-2:])
    assert (unavailable["data"]["reason"], unavailable["data"]["gift_id"]) == ("out-of-stock", "coffee")
    assert sentence(unavailable) == "there is no gift for reward gift: out of stock"
    assert alert["data"]["facts"] == {"gift": "coffee", "reason": "out-of-stock"}
    assert sentence(alert).startswith("warning: there is no coffee for a reward: out-of-stock")
    assert shop.status == "unavailable"

    shop.desk.adds("coffee", "c1")
    assert shop.tick(START + 90 * DAY) == [], "no is no"


def test_what_falls_back_is_issued_as_what_it_is() -> None:
    shop = stocked(from_desk(reward("gift", "silver", fallbacks=["tea", "coffee", "cake"])))
    shop.desk.lists("cake")
    shop.desk.adds("cake", "p1")

    assert shop.when(bought(START))[1:] == ["gift.requested coffee tea cake", "reward.issued gift 2026 1"]
    assert shop.story.outputs[-1].event["data"]["brand"] == "Cake"


def test_who_waits_is_told_until_when_and_gets_what_comes() -> None:
    shop = stocked(from_desk(reward("gift", "silver", wait_days=14)))

    assert shop.when(bought(START))[2:] == ["reward.unavailable gift 2026 1"]
    told = shop.story.outputs[-1].event
    assert (told["data"]["reason"], told["data"]["wait_until"]) == ("waitlisted", "2026-03-24T03:00:00Z")
    assert sentence(told) == "reward gift waits for stock until 2026-03-24"
    assert shop.story.profile["rewards"][0]["wait_until"] == "2026-03-24T03:00:00Z"

    shop.desk.adds("coffee", "c1")
    assert shop.tick(START + HOUR) == ["reward.issued gift 2026 1"]


def test_who_waited_in_vain_is_told_so_under_another_id() -> None:
    shop = stocked(from_desk(reward("gift", "silver", wait_days=14)))
    shop.when(bought(START))

    assert shop.tick(START + 14 * DAY) == ["reward.unavailable gift 2026 1"]
    assert [output.event["data"]["reason"] for output in shop.story.outputs[2:]] == ["waitlisted", "out-of-stock"]
    assert len({output.event["id"] for output in shop.story.outputs}) == len(shop.story.outputs)


def test_who_loses_the_ground_while_waiting_is_told_and_waits_no_more() -> None:
    shop = stocked(from_desk(reward("gift", "silver", wait_days=14)))
    shop.when(bought(START))

    assert shop.when(refunded(START + DAY))[1:] == ["reward.revoked gift 2026 1", "claim.withdrawn refund"]
    shop.desk.adds("coffee", "c1")
    assert (shop.tick(START + 2 * DAY), shop.desk.stock("coffee")) == ([], 1)


def test_who_loses_the_ground_before_the_answer_never_hears_of_the_gift() -> None:
    shop = stocked(None, "c1")
    shop.story = shop.story.when(bought(START))
    shop.ask()
    shop.story = shop.story.when(refunded(START + 1))

    assert shop.story.told[2:] == ["tier.downgraded silver member", "claim.withdrawn refund"]
    shop.talk()
    assert (shop.status, shop.desk.stock("coffee")) == ("revoked", 1)
    assert not any(line.startswith("reward.") for line in shop.story.told)


@pytest.mark.parametrize(("lost", "said"), [(-1, []), (1, ["reward.issued gift 2026 1", "reward.revoked gift 2026 1"])])
def test_of_an_answer_and_a_lost_ground_in_one_batch_the_earlier_counts(lost: int, said: list[str]) -> None:
    shop = stocked(None, "c1")
    shop.story = shop.story.when(bought(START))
    shop.desk.now = instant(START + HOUR)
    shop.ask()
    shop.story = shop.story.when(shop.moment(shop.desk.told[-1]), refunded(START + HOUR + lost))

    assert [line for line in shop.story.told if line.startswith("reward.")] == said
    assert shop.story.told[-1] == "claim.withdrawn refund"


def test_what_is_said_late_of_an_earlier_request_is_not_said_of_the_next() -> None:
    shop = stocked(None, "c1")
    shop.when(bought(START))
    shop.story = shop.story.when(refunded(START + DAY)).when(bought(START + 2 * DAY, order="o2"))
    shop.desk.now = instant(START + 3 * DAY)
    shop.talk()

    assert [event["type"] for event in shop.desk.told[1:]] == ["gift.withdrawn", "gift.allocated"]
    assert shop.status == "issued"


def test_of_a_reward_that_comes_and_goes_the_last_20_answers_are_kept() -> None:
    shop = stocked(None, "c1")
    for number in range(12):
        shop.when(bought(START + number * HOUR, order=f"o{number}"))
        assert shop.status == "issued"
        shop.when(refunded(START + number * HOUR + 1, f"o{number}"))

    (said,) = shop.story.customer.head.said.values()
    assert len(said) == 20


def test_a_gift_that_was_taken_back_and_is_owed_again_is_asked_for_again() -> None:
    shop = stocked(None, "c1", "c2", returns=False)
    shop.when(bought(START))
    shop.when(refunded(START + DAY))

    assert shop.when(bought(START + 2 * DAY, order="o2"))[1:] == ["gift.requested coffee", "reward.issued gift 2026 1"]
    assert shop.story.outputs[-1].event["data"]["masked"] == "*c2"


def test_the_desk_says_when_a_gift_is_about_to_run_out_and_when_it_did() -> None:
    shop = stocked(from_desk(reward("gift", "silver", remind_days=7)), "c1", remind_days=10)
    shop.when(bought(START))

    assert shop.tick(START + 20 * DAY - 1) == []
    assert shop.tick(START + 20 * DAY) == ["reward.expiring gift 2026 1"], "as the catalogue has it, not the policy"
    assert shop.tick(START + 23 * DAY) == []
    assert shop.tick(START + 30 * DAY) == ["reward.expired gift 2026 1"]
    assert (shop.status, shop.desk.stock("coffee")) == ("expired", 1)
    assert shop.tick(START + 300 * DAY) == []


@pytest.mark.parametrize(
    ("kind", "said", "claim"),
    [
        ("delivered", ["claim.delivered"], "delivered"),
        ("redeemed", ["claim.redeemed"], "redeemed"),
        ("expired", ["reward.expired gift 2026 1", "claim.withdrawn expired"], "withdrawn"),
        ("cancelled", ["reward.revoked gift 2026 1", "claim.withdrawn cancelled"], "withdrawn"),
    ],
)
def test_what_a_vendor_says_of_a_gift_reaches_the_desk_once(kind: str, said: list[str], claim: str) -> None:
    shop = stocked(None, "c1")
    shop.when(bought(START))

    assert shop.when(became(START + HOUR, KEY, kind)) == said
    assert shop.when(became(START + 2 * HOUR, KEY, kind, id="again")) == []
    assert claim_of(shop).status == claim
    assert shop.desk.stock("coffee") == 0, "what a vendor ended goes to nobody else"


def test_what_the_desk_takes_back_by_itself_is_revoked_and_not_given_again() -> None:
    shop = stocked(None, "c1")
    shop.when(bought(START))
    shop.desk.take("claim.withdrawn", {"request_id": request_id("lan", KEY, 1), "reason": "recalled"})

    shop.talk()
    assert shop.story.told[-1] == "reward.revoked gift 2026 1"
    assert shop.story.outputs[-1].event["data"]["reason"] == "withdrawn"
    assert shop.when(bought(START + DAY, order="o2")) == []


def test_what_was_chosen_is_asked_for_and_its_brand_is_remembered() -> None:
    rule = {"id": "gift", "when": {"tier_reached": "silver"}, "choices": [GIFT, CAKE]}
    shop = stocked(from_desk(rule), "c1")
    shop.desk.lists("cake", brand="Highlands")
    shop.desk.adds("cake", "p1")

    assert shop.when(bought(START))[1:] == ["reward.offered gift 2026 1"]
    assert shop.when(chosen(START + HOUR, KEY, "cake")) == ["gift.requested cake", "reward.issued gift 2026 1"]
    assert shop.when(became(START + DAY, KEY, "redeemed")) == ["claim.redeemed"]
    customer, by = shop.story.customer, shop.story.rules
    owed = msgspec.structs.replace(customer.head.entitlements[KEY], at=START + 2 * DAY, choices=("cake", "coffee"))
    assert order(owed, by.rewards["gift"], customer.told, by)[0] == "coffee", "of the brand that the desk gave"


def test_an_answer_to_another_request_is_none_to_this_one() -> None:
    shop = stocked(None, "c1")
    shop.story = shop.story.when(bought(START))
    names = {"reward_id": reward_id("lan", KEY), "customer_id": "lan", "gifts": ["coffee"]}
    shop.desk.take("gift.requested", {"request_id": uuid("other")} | names)
    shop.answer()

    assert shop.status == "requested"


# What a claim at the desk may be where a customer's reward is in that state.
AGREE = {
    "issued": {"allocated", "unsealed"},
    "delivered": {"delivered"},
    "redeemed": {"redeemed", "withdrawn", "expired"},  # the last two where it was used after its code had gone back
    "revoked": {"withdrawn", "refused"},
    "expired": {"expired"},
    "unavailable": {"refused"},
}


def happens_at_the_desk(shop: Shop, what: str) -> None:
    request = request_id("lan", KEY, 1)
    if what == "stock":
        shop.desk.adds("coffee", f"c{len(shop.desk.of(Code))}")
    elif shop.desk.entry(Claim, "r", request):
        shop.desk.take("reveal.requested", {"request_id": request})


def happens_to_the_customer(shop: Shop, what: str, now: int) -> None:
    match what:
        case "buy":
            moment: AnyMoment = bought(now, order=f"o{now}")
        case "refund":
            moment = refunded(now, parted(next(reversed(shop.story.customer.head.open_orders), "none"))[0])
        case _:
            moment = became(now, KEY, what)
    shop.story = shop.story.when(moment)


@given_examples(
    st.lists(
        st.sampled_from(["buy", "refund", "ask", "answer", "stock", "tick", "reveal", "delivered", "redeemed"]),
        max_size=25,
    )
)
def test_in_whatever_order_they_hear_of_each_other_both_sides_agree_in_the_end(steps: list[str]) -> None:
    shop = stocked(from_desk(reward("gift", "silver", wait_days=5)), "c0")
    now = START
    for step in steps:
        now += HOUR
        if step == "tick":
            now += 3 * DAY
            shop.tick(now)
        elif step in {"ask", "answer"}:
            getattr(shop, step)()
        elif step in {"stock", "reveal"}:
            happens_at_the_desk(shop, step)
        else:
            happens_to_the_customer(shop, step, now)
        shop.desk.now = instant(now)
    shop.talk()
    shop.tick(now + 6 * DAY)

    events = [output.event for output in shop.story.outputs]
    assert len({event["id"] for event in events}) == len(events), "nothing is told twice"
    for life in shop.story.customer.told.rewards.values():
        assert claim_of(shop, life.times).status in AGREE[life.status]
        assert life.card is None or life.card.claim == request_id("lan", KEY, life.times)
