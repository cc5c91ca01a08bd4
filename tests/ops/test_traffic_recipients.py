"""What customers do with rewards: most choose, all get what is issued, many use it, and each does it once."""

from __future__ import annotations

from uuid import NAMESPACE_OID, uuid5

from ops.traffic.instants import DAY, HOUR
from ops.traffic.recipients import Recipients
from schemas.inputs import parse
from schemas.outputs import OutputEvent, read
from tests.schemas.samples import written

DECISION = {"policy": "0" * 64, "rule": "reward:welcome", "measures": {}}
GIFT = {"gift_id": "coffee", "brand": "Highlands", "card_kind": "e-gift", "face_value": 100, "currency": "VND"}


def told(kind: str, number: int, **data: object) -> OutputEvent:
    reward = {"reward_id": str(uuid5(NAMESPACE_OID, f"{number}")), "rule": "welcome", "occasion": "2026", "item": 1}
    event = {
        "specversion": "1.0",
        "id": f"{kind} {number}",
        "source": "cxstream",
        "type": f"reward.{kind}",
        "time": "2026-03-01T10:00:00Z",
        "subject": f"kh-{number}",
        "data": {**reward, "notify": True, "decision": DECISION, **data},
    }
    return read("cx.rewards", written(event))


def heard(seed: int = 1) -> Recipients:
    recipients = Recipients(seed)
    for number in range(200):
        recipients.hear(told("offered", number, choices=[GIFT, GIFT | {"gift_id": "cake"}]), DAY)
        recipients.hear(told("issued", number, **GIFT), DAY)
        recipients.hear(told("revoked", number, reason="refund"), DAY)
    return recipients


def test_rewards_are_chosen_delivered_and_used_in_their_order_and_events_keep_the_contract() -> None:
    recipients = heard()
    assert recipients.due(DAY) == []
    first = recipients.due(DAY + HOUR)
    done = first + recipients.due(40 * DAY)

    assert [arrival.type for arrival in first].count("gift.delivered") == 200
    for arrival in done:
        assert parse(arrival.topic, arrival.key, arrival.value).type == arrival.type
    assert len({arrival.value for arrival in done}) == len(done)
    assert recipients.due(400 * DAY) == []
    assert 120 < recipients.events["reward.chosen"] < 160
    assert 100 < recipients.events["gift.redeemed"] < 140
    assert recipients.events.total() == recipients.customers.total() == len(done)


def test_the_same_seed_makes_the_same_customers() -> None:
    assert heard().due(40 * DAY) == heard().due(40 * DAY) != heard(seed=2).due(40 * DAY)
