"""Events out: bounds, names in JSON, and what a subscriber in Python reads back."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka
from cloudevents.core.formats.json import JSONFormat
from pydantic import ValidationError

from schemas.care import Alert, CareAlerted, Hold, HoldEnd, HoldLifted, HoldPlaced
from schemas.decision import Decision, EventRef, GivenTier, Rest, Rung, Span, Standing
from schemas.envelope import STRUCTURED, encode, encode_binary
from schemas.errors import Reason, UnknownTopicError, Unreadable
from schemas.level_changes import Evidence, LevelChange, LevelChanged
from schemas.outputs import READERS, TOPIC_OF, OutputEvent, read
from schemas.points import PointsEarned, PointsExpired, PointsMoved, PointsRefused, PointsReversed, PointsSpent
from schemas.rewards import (
    Choice,
    RewardExpired,
    RewardExpiring,
    RewardExpiringData,
    RewardIssued,
    RewardIssuedData,
    RewardOffered,
    RewardOfferedData,
    RewardReasonData,
    RewardRevoked,
    RewardUnavailable,
    RewardUnavailableData,
)
from schemas.tier_changes import TierChange, TierCorrected, TierDowngraded, TierUpgraded
from tests.schemas.samples import UUID, changed, without, written

NOW = datetime(2025, 3, 1, 3, 0, tzinfo=UTC)
DAY = date(2025, 3, 1)
WHO: dict[str, Any] = {"id": UUID, "time": NOW, "subject": "lan", "causationid": "e1"}
DECISION = Decision(
    policy="0af" + "9" * 61,
    rule="tier:gold",
    window=Span(first=date(2024, 3, 2), last=DAY),
    measures={"spend": 12_000_000, "orders": 3},
    ladder=(
        Rung(name="silver", enter=({"spend": 3_000_000},), keep=({"spend": 2_000_000},)),
        Rung(name="gold", enter=({"spend": 10_000_000},), keep=({"spend": 8_000_000},)),
    ),
    guards={"detractor-case-open": False},
    standing=Standing(at=NOW, terms="enter", mode="one-step", given=GivenTier(tier="silver", way="floor")),
    before="silver",
    after="gold",
    decisive=(EventRef(source="shop/web", id="e1"),),
    rest=Rest(first=date(2024, 5, 1), last=date(2024, 6, 1), count=2, amount=4_000_000),
    failed=("spend >= 30000000",),
    missing={"spend": 18_000_000},
    next_rung="diamond",
    next_deadline=NOW,
)
NOTICE: dict[str, Any] = {"locale": "vi-VN", "notify": True, "decision": DECISION}
TIER = TierChange(from_tier="silver", to_tier="gold", since=NOW, reason="spend", **NOTICE)
REWARD: dict[str, Any] = {
    "reward_id": UUID,
    "rule": "gold-gift",
    "occasion": "2025",
    "tier": "gold",
    "item": 1,
} | NOTICE
GIFT: dict[str, Any] = {
    "gift_id": "g1",
    "brand": "tea-house",
    "card_kind": "e-voucher",
    "face_value": 100_000,
    "currency": "VND",
}
MOVED = PointsMoved(points=10, balance=-5, lot="2025-03", reason="refund", request_id="e1")

OUTPUTS: list[OutputEvent] = [
    TierUpgraded(data=TIER, **WHO),
    TierDowngraded(data=TIER, **WHO),
    TierCorrected(data=TIER, **WHO),
    LevelChanged(
        data=LevelChange(
            from_level=1,
            to_level=2,
            since=NOW,
            evidence=(Evidence(level=2, criterion="effort", measure="last-ces", value=6, needed=5, ok=True),),
            **NOTICE,
        ),
        **WHO,
    ),
    RewardOffered(data=RewardOfferedData(choices=(Choice(**GIFT),), choose_until=NOW, **REWARD), **WHO),
    RewardIssued(data=RewardIssuedData(claim_id="c1", masked="****1234", valid_until=NOW, **GIFT, **REWARD), **WHO),
    RewardUnavailable(data=RewardUnavailableData(reason="waitlisted", gift_id="g1", wait_until=NOW, **REWARD), **WHO),
    RewardExpiring(data=RewardExpiringData(gift_id="g1", valid_until=NOW, **REWARD), **WHO),
    RewardExpired(data=RewardExpiringData(gift_id="g1", valid_until=NOW, **REWARD), **WHO),
    RewardRevoked(data=RewardReasonData(reason="tier-lost", **REWARD), **WHO),
    PointsEarned(data=MOVED, **WHO),
    PointsSpent(data=MOVED, **WHO),
    PointsRefused(data=MOVED, **WHO),
    PointsExpired(data=MOVED, **WHO),
    PointsReversed(data=MOVED, **WHO),
    CareAlerted(
        data=Alert(
            alert="seam",
            severity="warning",
            deadline=NOW,
            help=("call",),
            facts={"topic": "delivery", "days": 3},
            notify=True,
        ),
        **WHO,
    ),
    HoldPlaced(data=Hold(hold_id="h1", kind="velocity", facts={"orders": 30}), **WHO),
    HoldLifted(data=HoldEnd(hold_id="h1", reason="checked"), **WHO),
]


def test_there_is_a_sample_of_every_type() -> None:
    assert {event.type for event in OUTPUTS} == set(TOPIC_OF)
    assert sum(len(reader.types) for reader in READERS.values()) == len(OUTPUTS)


@pytest.mark.parametrize("event", OUTPUTS, ids=lambda event: event.type)
def test_what_we_write_is_read_back_whole(event: OutputEvent) -> None:
    topic = TOPIC_OF[event.type]
    assert read(topic, encode(event)) == event
    value, headers = encode_binary(event)
    assert read(topic, value, headers) == event.model_copy(update={"datacontenttype": "application/json"})


@pytest.mark.parametrize("event", OUTPUTS, ids=lambda event: event.type)
def test_the_package_reads_what_we_write(event: OutputEvent) -> None:
    value, headers = encode_binary(event)
    for message in (
        KafkaMessage({"content-type": STRUCTURED}, None, encode(event)),
        KafkaMessage(dict(headers), None, value),
    ):
        there = from_kafka(message, JSONFormat())
        assert (there.get_type(), there.get_source(), there.get_subject()) == (event.type, "cxstream", "lan")
        assert (there.get_id(), there.get_extension("causationid")) == (UUID, "e1")
        assert there.get_time() == NOW
        assert there.get_data() == json.loads(value)


def test_from_and_to_have_their_plain_names_in_json() -> None:
    data = json.loads(encode(OUTPUTS[0]))["data"]
    assert (data["from"], data["to"]) == ("silver", "gold")
    assert not {"from_tier", "to_tier"} & data.keys()
    data = json.loads(encode(OUTPUTS[3]))["data"]
    assert (data["from"], data["to"]) == (1, 2)


def test_a_decision_is_written_with_all_its_parts() -> None:
    decision = json.loads(encode(OUTPUTS[0]))["data"]["decision"]
    assert decision.keys() == Decision.model_fields.keys()
    assert decision["window"] == {"first": "2024-03-02", "last": "2025-03-01"}
    assert decision["ladder"][1] == {
        "name": "gold",
        "enter": [{"spend": 10_000_000}],
        "keep": [{"spend": 8_000_000}],
        "at_most": [],
    }
    assert decision["rest"] == {"first": "2024-05-01", "last": "2024-06-01", "count": 2, "amount": 4_000_000}


@pytest.mark.parametrize(
    ("name", "path", "inside", "outside"),
    [
        ("tier.upgraded", "source", "cxstream", "shop"),
        ("tier.upgraded", "data.decision.policy", "a" * 64, "A" * 64),
        ("tier.upgraded", "data.decision.policy", "0" * 64, "0" * 63),
        ("tier.upgraded", "data.decision.measures", {"spend": -1}, {"spend": 0.5}),
        ("tier.upgraded", "data.decision.guards", {"g": True}, {"g": 1}),
        ("tier.upgraded", "data.notify", False, None),
        ("tier.upgraded", "data.locale", None, "VI"),
        ("cx-level.changed", "data.from", 1, 0),
        ("cx-level.changed", "data.to", 5, 6),
        ("reward.offered", "data.choices", [GIFT] * 100, []),
        ("reward.issued", "data.item", 1, 0),
        ("reward.issued", "data.face_value", 0, -1),
        ("reward.issued", "data.currency", "USD", "dollar"),
        ("points.spent", "data.points", 1, 0),
        ("points.spent", "data.balance", -1, "-1"),
        ("care.alerted", "data.severity", "urgent", "panic"),
        ("care.alerted", "data.facts", {"a": "b", "c": 1}, {"a": 1.5}),
    ],
)
def test_a_bound_of_an_output_has_two_sides(name: str, path: str, inside: object, outside: object) -> None:
    event = json.loads(encode(next(event for event in OUTPUTS if event.type == name)))
    read(TOPIC_OF[name], written(changed(event, path, inside)))
    with pytest.raises(Unreadable) as refused:
        read(TOPIC_OF[name], written(changed(event, path, outside)))
    assert f"{refused.value.loc}.".startswith(f"{path}.")


def test_what_a_notifier_needs_is_always_there() -> None:
    for event in OUTPUTS:
        decided = event.type.startswith(("tier.", "cx-level.", "reward."))
        for needed in ["data.notify"] * (decided or event.type == "care.alerted") + ["data.decision"] * decided:
            with pytest.raises(Unreadable) as refused:
                read(TOPIC_OF[event.type], written(without(json.loads(encode(event)), needed)))
            assert (refused.value.loc, refused.value.error_type) == (needed, "missing")


def test_an_output_made_wrongly_in_python_is_refused_without_quoting_it() -> None:
    for wrong in ({"points": True}, {"points": "10"}, {"points": 0}, {"points": 10, "reason": "lone \ud800"}):
        with pytest.raises(ValidationError) as refused:
            PointsMoved(**({"points": 1, "balance": 0} | wrong))
        assert "input_value" not in str(refused.value)
    with pytest.raises(ValidationError):
        HoldLifted(data=HoldEnd(hold_id="h1", reason="r"), **(WHO | {"time": NOW.replace(tzinfo=None)}))


def test_reading_refuses_a_null_value_and_a_topic_that_it_does_not_know() -> None:
    with pytest.raises(Unreadable) as refused:
        read("cx.care", None)
    assert refused.value.reason is Reason.NULL_VALUE
    with pytest.raises(UnknownTopicError):
        read("cx.dead-letters", b"{}")
