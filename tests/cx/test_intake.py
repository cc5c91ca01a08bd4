"""Intake: what of each validated event becomes a moment, and what cannot be taken."""

import json
from typing import Any

import msgspec
import pytest

from cx.calendar import SECOND, instant
from cx.intake import NotTakenError, moment_of
from cx.moments import (
    AnyMoment,
    Cancelled,
    Card,
    CaseEscalated,
    CaseOpened,
    CaseReopened,
    CaseResolved,
    CaseResponded,
    Chosen,
    Enrolled,
    FeedbackGiven,
    GiftAnswered,
    GiftTold,
    HoldDecided,
    Line,
    ProfileUpdated,
    Purchased,
    Referred,
    Refunded,
    Touched,
)
from schemas.errors import Reason
from schemas.inputs import TOPIC_OF, parse
from tests.schemas.samples import LEAST, MORE, OTHER_UUID, UUID
from tests.spec import at, day, rules

NOW = at("2026-03-01T10:00")
HEAD = (NOW, "shop", "e1")


def taken(kind: str, data: dict[str, Any], **parts: Any) -> AnyMoment:
    event = {"specversion": "1.0", "id": "e1", "source": "shop", "type": kind, "time": "2026-03-01T10:00:00+07:00",
             "subject": "lan", "data": data}  # fmt: skip
    return moment_of(parse(TOPIC_OF[kind], b"lan", json.dumps(event).encode()), rules(**parts))


@pytest.mark.parametrize(
    ("kind", "data", "moment"),
    [
        (
            "purchase.completed",
            {
                "order_id": "o1", "channel": "store", "store": "hcm-1", "currency": "VND", "shipping": 15, "tax": 5,
                "lines": [{"line_id": "l1", "sku": "s", "category": "dairy", "quantity": 2, "amount": 50}],
                "payments": [{"kind": "money", "amount": 60}, {"kind": "gift-card", "amount": 10}],
            },
            Purchased(*HEAD, order="o1", channel="store", store="hcm-1", lines=(Line("l1", "dairy", 50),), shipping=15,
                      tax=5, not_money=(("gift-card", 10),)),
        ),
        ("purchase.refunded", {"order_id": "o1"}, Refunded(*HEAD, order="o1", lines=(), shipping=0, tax=0)),
        (
            "purchase.refunded",
            {"order_id": "o1", "lines": [{"line_id": "l1", "amount": 25}], "shipping": 1, "tax": 2},
            Refunded(*HEAD, order="o1", lines=(("l1", 25),), shipping=1, tax=2),
        ),
        ("purchase.cancelled", {"order_id": "o1"}, Cancelled(*HEAD, order="o1")),
        (
            "case.opened",
            {"case_id": "k1", "channel": "phone", "topic": "delivery"},
            CaseOpened(*HEAD, case="k1", channel="phone", topic="delivery", priority="normal"),
        ),
        ("case.responded", {"case_id": "k1"}, CaseResponded(*HEAD, case="k1")),
        ("case.resolved", {"case_id": "k1"}, CaseResolved(*HEAD, case="k1")),
        ("case.reopened", {"case_id": "k1"}, CaseReopened(*HEAD, case="k1")),
        ("case.escalated", {"case_id": "k1"}, CaseEscalated(*HEAD, case="k1", priority="")),
        ("case.escalated", {"case_id": "k1", "priority": "high"}, CaseEscalated(*HEAD, case="k1", priority="high")),
        (
            "feedback.submitted",
            {"instrument": "nps", "score": 9, "text": "Cảm ơn", "dimension": "service", "case_id": "k1"},
            FeedbackGiven(*HEAD, instrument="nps", score=9, dimension="service", case="k1"),
        ),
        (
            "feedback.submitted",
            {"instrument": "complaint"},
            FeedbackGiven(*HEAD, instrument="complaint", score=None, dimension=None, case=None),
        ),
        ("customer.enrolled", {"joined": "2024-02-29"}, Enrolled(*HEAD, joined=day("2024-02-29"))),
        (
            "touchpoint.recorded",
            {"stage": "use", "group": "people", "channel": "store", "intent": "care", "accepted": True, "store": "h1"},
            Touched(*HEAD, stage="use", group="people", channel="store", intent="care", accepted=True, store="h1"),
        ),
        ("referral.converted", {"referred": "mai"}, Referred(*HEAD)),
        (
            "profile.updated",
            {"birthday": "02-29", "locale": "vi-VN", "preferences": ["tea"], "consent": {"notify": False}},
            ProfileUpdated(*HEAD, birthday="02-29", locale="vi-VN", preferences=("tea",), notify=False),
        ),
        ("reward.chosen", {"reward_id": UUID, "gift_id": "g1"}, Chosen(*HEAD, reward=UUID, gift="g1")),
        ("gift.delivered", {"reward_id": UUID}, GiftTold(*HEAD, reward=UUID, kind="delivered", gift="")),
        ("gift.redeemed", {"reward_id": UUID, "gift_id": "g1"},
         GiftTold(*HEAD, reward=UUID, kind="redeemed", gift="g1")),
        ("gift.allocated", {"reward_id": UUID, "request_id": OTHER_UUID, "gift_id": "g1", "claim_id": "c1",
                            "masked": "*34", "ciphertext": "YzE=", "key_id": "k1", "face_value": 5,
                            "currency": "VND", "brand": "Highlands", "valid_until": "2026-04-01T00:00:00Z"},
         GiftAnswered(*HEAD, reward=UUID, request=OTHER_UUID, kind="allocated", gift="g1",
                      until=at("2026-04-01T07:00"), card=Card("c1", "*34", "k1", b"c1", "Highlands", "", 5))),
        ("gift.waitlisted", {"reward_id": UUID, "request_id": OTHER_UUID, "wait_until": "2026-04-01T00:00:00Z"},
         GiftAnswered(*HEAD, reward=UUID, request=OTHER_UUID, kind="waitlisted", until=at("2026-04-01T07:00"))),
        ("gift.refused", {"reward_id": UUID, "request_id": OTHER_UUID, "reason": "out-of-stock",
                          "tried": [{"gift_id": "g1", "reason": "out-of-stock"}]},
         GiftAnswered(*HEAD, reward=UUID, request=OTHER_UUID, kind="refused", gift="g1", reason="out-of-stock")),
        ("gift.withdrawn", {"reward_id": UUID, "request_id": OTHER_UUID, "returned": True},
         GiftAnswered(*HEAD, reward=UUID, request=OTHER_UUID, kind="withdrawn")),
        ("hold.released", {"hold_id": "many-1", "reason": "checked", "person": "p7"},
         HoldDecided(*HEAD, hold="many-1", released=True)),
        ("hold.confirmed", {"hold_id": "many-1", "reason": "fraud", "person": "p7"},
         HoldDecided(*HEAD, hold="many-1", released=False)),
        ("profile.updated", {}, ProfileUpdated(*HEAD, birthday=None, locale=None, preferences=None, notify=None)),
    ],
)  # fmt: skip
def test_an_event_becomes_the_moment_of_its_kind(kind: str, data: dict[str, Any], moment: AnyMoment) -> None:
    found = taken(kind, data)

    assert found.content
    assert msgspec.structs.replace(found, content=0) == moment
    assert type(found) is type(moment)


LATER = {"customer.merged", "customer.erased"}


@pytest.mark.parametrize("kind", sorted(LEAST.keys() - {"clock.ticked"}))
def test_every_type_is_taken_or_refused_as_not_yet_supported(kind: str) -> None:
    for data in (LEAST[kind], LEAST[kind] | MORE.get(kind, {})):
        if kind in LATER:
            with pytest.raises(NotTakenError) as caught:
                taken(kind, data)
            assert (caught.value.reason, caught.value.loc) == (Reason.NOT_YET_SUPPORTED, "type")
        else:
            assert taken(kind, data).id == "e1"


def test_a_sealed_code_of_a_length_that_no_base64_has_is_refused() -> None:
    with pytest.raises(NotTakenError) as caught:
        taken("gift.allocated", LEAST["gift.allocated"] | {"ciphertext": "YzE"})

    assert (caught.value.reason, caught.value.loc) == (Reason.INVALID, "data.ciphertext")


def test_another_currency_than_the_programmes_is_refused() -> None:
    with pytest.raises(NotTakenError) as caught:
        taken("purchase.completed", LEAST["purchase.completed"] | {"currency": "EUR"})

    assert (caught.value.reason, caught.value.loc) == (Reason.CURRENCY, "data.currency")
    assert "EUR" not in str(caught.value)


STEEP: dict[str, Any] = {"exchange_rates": {"USD": {"units": 1, "worth": 10**12}}}
GENEROUS: dict[str, Any] = {"points": {"rates": [{"per": 1}, {"per": 1, "points": 3}], "campaigns": [{"per": 1}]}}


@pytest.mark.parametrize(
    ("parts", "currency", "amount", "fits"),
    [
        ({}, "VND", 202 * 10**12, True),
        (STEEP, "USD", 202, True),
        (STEEP, "USD", 203, False),
        (GENEROUS, "VND", 101 * 10**12 // 2, True),
        (GENEROUS, "VND", 101 * 10**12 // 2 + 1, False),
    ],
)
def test_an_order_whose_worth_or_points_would_lead_beyond_64_bits_is_refused(
    parts: dict[str, Any], currency: str, amount: int, *, fits: bool
) -> None:
    line = LEAST["purchase.completed"]["lines"][0]
    most, rest = 10**12, max(amount - 200 * 10**12, 0)
    amounts = [max(min(most, amount - rest - most * place), 0) for place in range(200)]
    lines = [line | {"line_id": str(place), "amount": share} for place, share in enumerate(amounts)]
    order = {"currency": currency, "lines": lines, "shipping": rest // 2, "tax": rest - rest // 2}
    assert sum(amounts) + rest == amount
    if fits:
        taken("purchase.completed", LEAST["purchase.completed"] | order, **parts)
        return
    with pytest.raises(NotTakenError) as caught:
        taken("purchase.completed", LEAST["purchase.completed"] | order, **parts)
    assert (caught.value.reason, caught.value.loc) == (Reason.TOO_LARGE, "data.lines")


@pytest.mark.parametrize(("spend", "fits"), [(202, True), (203, False)])
def test_a_day_of_before_is_worth_no_more_than_an_order_may_be(spend: int, *, fits: bool) -> None:
    data = {"currency": "USD", "days": [{"day": "2026-02-01", "spend": spend}]}
    if fits:
        taken("customer.imported", data, **STEEP)
        return
    with pytest.raises(NotTakenError) as caught:
        taken("customer.imported", data, **STEEP)
    assert (caught.value.reason, caught.value.loc) == (Reason.TOO_LARGE, "data.days")


@pytest.mark.parametrize("seconds", [-1, 0])
def test_a_word_that_is_over_before_it_is_given_is_refused(seconds: int) -> None:
    word = {"tier": "silver", "reason": "goodwill", "person": "p7"}
    with pytest.raises(NotTakenError) as caught:
        taken("tier.overridden", word | {"until": instant(NOW + seconds * SECOND).isoformat()})

    assert (caught.value.reason, caught.value.loc) == (Reason.INVALID, "data.until")
    assert taken("tier.overridden", word | {"until": instant(NOW + SECOND).isoformat()}).id == "e1"


def test_an_offset_says_the_same_instant() -> None:
    assert taken("purchase.cancelled", {"order_id": "o1"}).at == NOW
