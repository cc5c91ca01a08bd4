"""Both sides of every bound, and what is required, of the events in."""

from typing import Any

import pytest

from schemas.errors import Reason, Unreadable
from schemas.inputs import TOPIC_OF, parse
from tests.schemas.samples import LEAST, LINE, UUID, accepted, changed, full, least, without, written

OK_LINES = [{**LINE, "line_id": f"l{n}"} for n in range(200)]
A_DAY = {"day": "2024-05-05"}
A_LOT = {"points": 1, "earned": "2024-05-05"}

# Type, path, the last value inside the bound and the first outside.
BOUNDS: list[tuple[str, str, Any, Any]] = [
    ("case.resolved", "specversion", "1.0", "0.3"),
    ("case.resolved", "id", "x", ""),
    ("case.resolved", "id", "é" * 128, "é" * 129),
    ("case.resolved", "source", "x", ""),
    ("case.resolved", "source", "x" * 256, "x" * 257),
    ("case.resolved", "dataschema", "x" * 256, "x" * 257),
    ("case.resolved", "datacontenttype", "x" * 256, "x" * 257),
    ("case.resolved", "causationid", "x" * 128, "x" * 129),
    ("case.resolved", "cxreply", "x" * 256, "x" * 257),
    ("case.resolved", "time", "1900-01-01T00:00:00Z", "1899-12-31T23:59:59Z"),
    ("case.resolved", "time", "8999-12-31T23:59:59Z", "9000-01-01T00:00:00Z"),
    ("case.resolved", "time", "2024-02-29T00:00:00.123456789Z", "2025-02-29T00:00:00Z"),
    ("case.resolved", "time", "2025-01-01T23:59:59-14:00", "2025-01-01T24:00:00Z"),
    ("case.resolved", "time", "2025-01-01t00:00:00z", "2025-01-01 00:00:00Z"),
    ("case.resolved", "time", "2025-01-01T00:00:00+07:00", "2025-01-01T00:00:00+0700"),
    ("case.resolved", "time", "2025-01-01T00:00:00Z", "1735689600"),
    ("case.resolved", "time", "2025-01-01T00:00:00Z", 1_735_689_600),
    ("case.resolved", "time", "2025-01-01T00:00:00Z", "2025-01-01"),
    ("case.resolved", "recordedtime", "2025-01-01T00:00:00Z", "yesterday"),
    ("purchase.completed", "data.order_id", "x", ""),
    ("purchase.completed", "data.order_id", "ệ" * 64, "ệ" * 65),
    ("purchase.completed", "data.order_id", "7", 7),
    ("purchase.completed", "data.channel", "partner", "phone"),
    ("purchase.completed", "data.store", None, ""),
    ("purchase.completed", "data.currency", "VND", "vnd"),
    ("purchase.completed", "data.currency", "USD", "USDT"),
    ("purchase.completed", "data.currency", "EUR", "EUR "),
    ("purchase.completed", "data.lines", [LINE], []),
    ("purchase.completed", "data.lines", OK_LINES, [*OK_LINES, LINE]),
    ("purchase.completed", "data.lines", [LINE, {**LINE, "line_id": "l2"}], [LINE, LINE]),
    ("purchase.completed", "data.lines.0.line_id", "x" * 64, "x" * 65),
    ("purchase.completed", "data.lines.0.quantity", 1, 0),
    ("purchase.completed", "data.lines.0.quantity", 1_000_000, 1_000_001),
    ("purchase.completed", "data.lines.0.quantity", 3, "3"),
    ("purchase.completed", "data.lines.0.quantity", 3, 3.5),
    ("purchase.completed", "data.lines.0.quantity", 1, 1.0),
    ("purchase.completed", "data.lines.0.quantity", 1, True),
    ("purchase.completed", "data.lines.0.amount", 0, -1),
    ("purchase.completed", "data.lines.0.amount", 10**12, 10**12 + 1),
    ("purchase.completed", "data.lines.0.amount", 1, 2**64),
    ("purchase.completed", "data.lines.0.amount", 1, 10**400),
    ("purchase.completed", "data.lines.0.amount", 1, None),
    ("purchase.completed", "data.shipping", 0, -1),
    ("purchase.completed", "data.tax", 10**12, 10**12 + 1),
    (
        "purchase.completed",
        "data.payments",
        [{"kind": "money", "amount": 0}] * 10,
        [{"kind": "money", "amount": 0}] * 11,
    ),
    ("purchase.completed", "data.payments.0.kind", "points", "cash"),
    ("purchase.completed", "data.payments.0.amount", 0, -1),
    ("purchase.refunded", "data.lines", [{"line_id": "l", "amount": 1}] * 200, [{"line_id": "l", "amount": 1}] * 201),
    ("purchase.refunded", "data.lines.0.amount", 1, 0),
    ("purchase.refunded", "data.lines.0.quantity", 1, 0),
    ("purchase.refunded", "data.shipping", 0, -1),
    ("purchase.cancelled", "data.reason", "x" * 64, "x" * 65),
    ("case.opened", "data.case_id", "x" * 64, "x" * 65),
    ("case.opened", "data.channel", "social", "partner"),
    ("case.opened", "data.topic", "x" * 64, "x" * 65),
    ("case.opened", "data.priority", "low", "lowest"),
    ("case.responded", "data.channel", None, "partner"),
    ("case.escalated", "data.priority", None, "lowest"),
    ("case.reopened", "data.reason", None, ""),
    ("feedback.submitted", "data.score", 0, -1),
    ("feedback.submitted", "data.score", 10, 11),
    ("feedback.submitted", "data.score", 9, None),
    ("feedback.submitted", "data", {"instrument": "csat", "score": 1}, {"instrument": "csat", "score": 0}),
    ("feedback.submitted", "data", {"instrument": "csat", "score": 5}, {"instrument": "csat", "score": 6}),
    ("feedback.submitted", "data", {"instrument": "ces", "score": 1}, {"instrument": "ces", "score": 0}),
    ("feedback.submitted", "data", {"instrument": "ces", "score": 7}, {"instrument": "ces", "score": 8}),
    ("feedback.submitted", "data", {"instrument": "review", "score": 1}, {"instrument": "review", "score": 0}),
    ("feedback.submitted", "data", {"instrument": "review", "score": 5}, {"instrument": "review", "score": 6}),
    ("feedback.submitted", "data", {"instrument": "complaint"}, {"instrument": "complaint", "score": 1}),
    ("feedback.submitted", "data", {"instrument": "complaint", "score": None}, {"instrument": "poll", "score": 1}),
    ("feedback.submitted", "data.text", "x" * 10_000, "x" * 10_001),
    ("feedback.submitted", "data.touchpoint", "product", "service"),
    ("feedback.submitted", "data.dimension", "brand", "people"),
    ("customer.enrolled", "data.joined", "2024-02-29", "2025-02-29"),
    ("customer.enrolled", "data.joined", "1900-01-01", "1899-12-31"),
    ("customer.enrolled", "data.joined", "8999-12-31", "9000-01-01"),
    ("customer.enrolled", "data.joined", "2024-01-01", "2024-01-01T00:00:00Z"),
    ("customer.enrolled", "data.joined", "2024-01-01", "1704067200"),
    ("customer.imported", "data.lots", [A_LOT] * 200, [A_LOT] * 201),
    ("customer.imported", "data.lots.0.points", 1, 0),
    ("customer.imported", "data.days", [A_DAY] * 1100, [A_DAY] * 1101),
    ("customer.imported", "data.days.0.spend", 0, -1),
    ("customer.imported", "data.days.0.orders", 0, -1),
    ("customer.imported", "data.days.0.visits", 0, -1),
    ("touchpoint.recorded", "data.stage", "advocate", "after"),
    ("touchpoint.recorded", "data.group", "people", "human"),
    ("touchpoint.recorded", "data.channel", "event", "fax"),
    ("touchpoint.recorded", "data.intent", "other", "none"),
    ("touchpoint.recorded", "data.accepted", False, 0),
    ("referral.converted", "data.referred", "é" * 32, "é" * 32 + "x"),
    ("referral.converted", "data.referred", "x\0", "\0x"),
    ("profile.updated", "data.birthday", "02-29", "02-30"),
    ("profile.updated", "data.birthday", "04-30", "04-31"),
    ("profile.updated", "data.birthday", "12-31", "13-01"),
    ("profile.updated", "data.birthday", "01-01", "00-01"),
    ("profile.updated", "data.birthday", "01-01", "1990-01-01"),
    ("profile.updated", "data.locale", "vi", "vietnamese"),
    ("profile.updated", "data.locale", "vi-VN", "vi_VN"),
    ("profile.updated", "data.preferences", ["x"] * 20, ["x"] * 21),
    ("profile.updated", "data.consent", {"notify": True}, {"notify": "yes"}),
    ("tier.overridden", "data.until", None, "2026-01-01"),
    ("points.redemption-requested", "data.points", 1, 0),
    ("points.adjusted", "data.points", 1, 0),
    ("points.adjusted", "data.points", 10**12, 10**12 + 1),
    ("points.adjusted", "data.points", -(10**12), -(10**12) - 1),
    ("customer.merged", "data.into", "x" * 64, "x" * 65),
    ("reward.chosen", "data.reward_id", UUID.upper(), UUID.replace("-", "")),
    ("reward.chosen", "data.reward_id", UUID, UUID + "0"),
    ("reward.chosen", "data.reward_id", UUID, "g" + UUID[1:]),
    ("gift.allocated", "data.ciphertext", "A" * 2048, "A" * 2049),
    ("gift.allocated", "data.ciphertext", "YWI=", "not base64"),
    ("gift.allocated", "data.face_value", 0, -1),
    ("gift.allocated", "data.valid_until", None, "2026-01-01"),
    ("clock.ticked", "subject", None, 5),
    ("clock.ticked", "data.upto", None, {"cx.purchases": -1}),
    ("clock.ticked", "data.upto", {"cx.purchases": 2**63 - 1}, {"cx.purchases": 2**63}),
    ("clock.ticked", "data.upto", {}, {"a name with blanks": 1}),
]


def case_name(value: object) -> str:
    """Name a test's parameter without filling the screen."""
    return str(value)[:32]


@pytest.mark.parametrize(("name", "path", "inside", "outside"), BOUNDS, ids=case_name)
def test_a_bound_lets_its_last_value_in_and_the_next_one_out(name: str, path: str, inside: Any, outside: Any) -> None:
    accepted(changed(full(name), path, inside))
    with pytest.raises(Unreadable) as refused:
        accepted(changed(full(name), path, outside))
    assert refused.value.reason is Reason.INVALID
    # A refused value may hold the fault deeper down.
    assert f"{refused.value.loc}.".startswith(f"{path}.")


@pytest.mark.parametrize("name", LEAST)
def test_the_least_and_the_fullest_event_of_each_type_are_read(name: str) -> None:
    for event in (least(name), full(name)):
        read = accepted(event)
        assert (read.type, read.id, read.source) == (name, "e1", "shop/web")
        assert read.subject == event.get("subject")
        assert read.time.isoformat() == "2025-03-01T10:00:00+07:00"


def test_optional_attributes_are_kept() -> None:
    read = accepted(full("case.opened"))
    assert (read.causationid, read.cxreply, read.dataschema) == ("e0", "till-1", "urn:cxstream:1")
    assert read.recordedtime is not None
    assert read.recordedtime.isoformat() == "2025-03-01T10:00:01.500000+00:00"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (name, path)
        for name in LEAST
        for path in [*least(name), *(f"data.{field}" for field in LEAST[name])]
        if (name, path) != ("clock.ticked", "data")
    ],
)
def test_what_the_least_event_has_is_required(name: str, path: str) -> None:
    with pytest.raises(Unreadable) as refused:
        parse(TOPIC_OF[name], b"lan", written(without(least(name), path)))
    assert refused.value.reason is Reason.INVALID
    assert (refused.value.loc, refused.value.error_type) == (path, "missing")


def test_upper_case_uuids_are_the_same_ids() -> None:
    chosen = accepted(changed(full("reward.chosen"), "data.reward_id", UUID.upper()))
    assert chosen.type == "reward.chosen"
    assert chosen.data.reward_id == UUID
