"""Samples of the contract: for each input type the least data it needs and the most it can say."""

import copy
import json
from typing import Any

from schemas.inputs import TOPIC_OF, Event, parse

UUID = "3f2b8c1e-0d4a-5b6c-8e7f-1a2b3c4d5e6f"
OTHER_UUID = "9a8b7c6d-5e4f-5a3b-9c2d-1e0f9a8b7c6d"

LINE = {"line_id": "l1", "sku": "sku-1", "category": "dairy", "quantity": 2, "amount": 50_000}

LEAST: dict[str, dict[str, Any]] = {
    "purchase.completed": {"order_id": "o1", "channel": "web", "currency": "VND", "lines": [LINE]},
    "purchase.refunded": {"order_id": "o1"},
    "purchase.cancelled": {"order_id": "o1"},
    "case.opened": {"case_id": "k1", "channel": "phone", "topic": "delivery"},
    "case.responded": {"case_id": "k1"},
    "case.resolved": {"case_id": "k1"},
    "case.reopened": {"case_id": "k1"},
    "case.escalated": {"case_id": "k1"},
    "feedback.submitted": {"instrument": "nps", "score": 9},
    "customer.enrolled": {"joined": "2024-02-29"},
    "customer.imported": {"currency": "VND"},
    "touchpoint.recorded": {"stage": "discover", "group": "digital", "channel": "web", "intent": "information"},
    "referral.converted": {"referred": "mai"},
    "profile.updated": {},
    "tier.overridden": {"tier": "gold", "reason": "apology", "person": "p7"},
    "points.redemption-requested": {"points": 100},
    "points.adjusted": {"points": -5, "reason": "typo", "person": "p7"},
    "hold.released": {"hold_id": "h1", "reason": "checked", "person": "p7"},
    "hold.confirmed": {"hold_id": "h1", "reason": "fraud", "person": "p7"},
    "customer.merged": {"into": "mai"},
    "customer.erased": {"reason": "request"},
    "reward.chosen": {"reward_id": UUID, "gift_id": "g1"},
    "gift.delivered": {"reward_id": UUID},
    "gift.redeemed": {"reward_id": UUID},
    "gift.expired": {"reward_id": UUID},
    "gift.cancelled": {"reward_id": UUID},
    "gift.allocated": {
        "reward_id": UUID,
        "request_id": OTHER_UUID,
        "gift_id": "g1",
        "claim_id": "c1",
        "masked": "****1234",
        "ciphertext": "c2VjcmV0Cg==",
        "key_id": "key-1",
        "face_value": 100_000,
        "currency": "VND",
    },
    "gift.refused": {"reward_id": UUID, "request_id": OTHER_UUID, "reason": "budget"},
    "gift.waitlisted": {"reward_id": UUID, "request_id": OTHER_UUID},
    "gift.unsealed": {"reward_id": UUID, "request_id": OTHER_UUID, "gift_id": "g1"},
    "reveal.refused": {"reward_id": UUID, "request_id": OTHER_UUID, "reason": "withdrawn"},
    "gift.expiring": {"reward_id": UUID, "request_id": OTHER_UUID, "gift_id": "g1"},
    "gift.lapsed": {"reward_id": UUID, "request_id": OTHER_UUID, "returned": True},
    "gift.withdrawn": {"reward_id": UUID, "request_id": OTHER_UUID, "returned": False},
    "clock.ticked": {},
}

MORE: dict[str, dict[str, Any]] = {
    "purchase.completed": {
        "store": "hcm-1",
        "shipping": 15_000,
        "tax": 5_000,
        "payments": [{"kind": "money", "amount": 60_000}, {"kind": "gift-card", "amount": 10_000}],
    },
    "purchase.refunded": {
        "lines": [{"line_id": "l1", "amount": 25_000, "quantity": 1}],
        "shipping": 1,
        "tax": 2,
        "reason": "broken",
    },
    "purchase.cancelled": {"reason": "changed-mind"},
    "case.opened": {"priority": "urgent", "order_id": "o1"},
    "case.responded": {"channel": "chat", "agent": "a1"},
    "case.resolved": {"agent": "a1"},
    "case.reopened": {"reason": "again"},
    "case.escalated": {"priority": "high", "agent": "a1"},
    "feedback.submitted": {
        "touchpoint": "people",
        "dimension": "service",
        "order_id": "o1",
        "case_id": "k1",
        "text": "thank you, Ms Hoa",
    },
    "customer.imported": {
        "joined": "2020-01-01",
        "tier": "gold",
        "tier_since": "2024-01-01",
        "tier_until": "2025-01-01",
        "lots": [{"points": 10, "earned": "2024-05-05", "expires": "2025-05-31"}],
        "days": [{"day": "2024-05-05", "spend": 1_000, "orders": 1, "visits": 2}],
    },
    "touchpoint.recorded": {"accepted": True, "topic": "sizes", "store": "hcm-1"},
    "referral.converted": {"order_id": "o9"},
    "profile.updated": {
        "birthday": "02-29",
        "locale": "vi-VN",
        "preferences": ["tea", "books"],
        "consent": {"notify": False},
    },
    "tier.overridden": {"until": "2027-01-01T00:00:00+07:00"},
    "points.redemption-requested": {"reward": "voucher-50"},
    "gift.delivered": {"gift_id": "g1"},
    "gift.redeemed": {"gift_id": "g1", "store": "hcm-1"},
    "gift.expired": {"gift_id": "g1"},
    "gift.cancelled": {"gift_id": "g1"},
    "gift.allocated": {
        "valid_until": "2026-01-01T00:00:00Z",
        "brand": "Highlands",
        "card_kind": "voucher",
        "cost": 95_000,
        "tried": [{"gift_id": "g0", "reason": "out-of-stock"}],
    },
    "gift.refused": {"tried": [{"gift_id": "g1", "reason": "budget-tier-month"}]},
    "gift.waitlisted": {"wait_until": "2026-01-01T00:00:00Z"},
    "gift.unsealed": {"valid_until": "2026-01-01T00:00:00Z"},
    "gift.expiring": {"valid_until": "2026-01-01T00:00:00Z"},
    "gift.lapsed": {"gift_id": "g1"},
    "gift.withdrawn": {"gift_id": "g1"},
    "clock.ticked": {"upto": {"cx.purchases": 17, "cx.support": 0}},
}


def least(name: str) -> dict[str, Any]:
    """Return an event of type *name* with only what is required."""
    event = {
        "specversion": "1.0",
        "id": "e1",
        "source": "shop/web",
        "type": name,
        "time": "2025-03-01T10:00:00+07:00",
        "data": copy.deepcopy(LEAST[name]),
    }
    return event if name == "clock.ticked" else {**event, "subject": "lan"}


def full(name: str) -> dict[str, Any]:
    """Return an event of type *name* with every field there is."""
    event = least(name) | {
        "dataschema": "urn:cxstream:1",
        "datacontenttype": "application/json",
        "causationid": "e0",
        "recordedtime": "2025-03-01T10:00:01.5Z",
        "cxreply": "till-1",
    }
    event["data"] |= copy.deepcopy(MORE.get(name, {}))
    return event


def changed(event: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return *event* with *value* at the dotted *path*."""
    event = copy.deepcopy(event)
    *parents, last = path.split(".")
    part: Any = event
    for step in parents:
        part = part[int(step)] if step.isdigit() else part[step]
    part[last] = value
    return event


def without(event: dict[str, Any], path: str) -> dict[str, Any]:
    """Return *event* with nothing at the dotted *path*."""
    event = copy.deepcopy(event)
    *parents, last = path.split(".")
    part: Any = event
    for step in parents:
        part = part[int(step)] if step.isdigit() else part[step]
    del part[last]
    return event


def written(event: object) -> bytes:
    """Write *event* as JSON."""
    return json.dumps(event, ensure_ascii=False).encode()


def accepted(event: dict[str, Any]) -> Event:
    """Parse *event* as if it had come on its own topic under its own key."""
    return parse(TOPIC_OF[event["type"]], str(event.get("subject", "")).encode(), written(event))
