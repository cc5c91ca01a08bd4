"""Alerts on the screen: each reason in a sentence, in English and Vietnamese, with what may help or how it ended."""

from __future__ import annotations

from typing import Any

import pytest

from cli.screen.alerts import told
from cli.screen.tongue import Tongue

CASE = {"case": "K1", "topic": "delivery", "channel": "phone"}


def alert(reason: str, facts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"alert": reason, "facts": facts, "deadline": None, "answered": None, "help": [], "severity": "info"} | more


ALL = [
    (
        alert("first-response", CASE | {"priority": "high", "hours": 1}, help=["answer-now", "sing-a-song"]),
        "Case K1 on delivery (high) has had no answer in 1 hour. May help: answer now, sing-a-song.",
        "Yêu cầu K1 về delivery (ưu tiên cao) chưa được trả lời trong 1 giờ. Nên: trả lời ngay, sing-a-song.",
    ),
    (
        alert("case-reopened", CASE | {"times": 2}),
        "Case K1 on delivery was reopened 2 times.",
        "Yêu cầu K1 về delivery đã bị mở lại 2 lần.",
    ),
    (
        alert("seam", CASE | {"from": "email", "to": "phone"}, answered="2026-03-02"),
        "Asked on delivery over phone, after having asked over email. Care was accepted on <2026-03-02>.",
        "Khách hỏi về delivery qua tổng đài sau khi đã hỏi qua email. Khách đã nhận lời chăm sóc ngày <2026-03-02>.",
    ),
    (
        alert("dimension-falls", {"dimension": "brand", "from": 71, "to": 48, "since": "2026-03-01"}),
        "The brand score fell from 71 to 48 since <2026-03-01>.",
        "Điểm thương hiệu giảm từ 71 xuống 48 kể từ <2026-03-01>.",
    ),
    (
        alert("silent", {"days": 18, "usual_days": 7, "last_order": "2026-03-22"}),
        "There was no order for 18 days when it was told; usually there is one in 7 days.",
        "Khi cảnh báo, khách đã không mua gì trong 18 ngày; thường thì 7 ngày mua một lần.",
    ),
    (
        alert("points-expiring", {"points": 1_200, "last_day": "2026-04-30"}),
        "When it was told, 1,200 points would run out after <2026-04-30>.",
        "Khi cảnh báo, 1.200 điểm sắp hết hạn sau ngày <2026-04-30>.",
    ),
    (
        alert("tier-at-risk", {"tier": "gold", "then": "silver", "spend": 5_000, "orders": 1}, deadline="2027-03-01"),
        "When it was told, gold would turn into silver on <2027-03-01>; missing: 5,000 VND and 1 order.",
        "Khi cảnh báo, hạng gold sắp thành silver vào ngày <2027-03-01>; còn thiếu: 5.000 đ và 1 đơn hàng.",
    ),
    (
        alert("tier-at-risk", {"tier": "gold", "then": "silver"}, deadline="2027-03-01"),
        "When it was told, gold would turn into silver on <2027-03-01>.",
        "Khi cảnh báo, hạng gold sắp thành silver vào ngày <2027-03-01>.",
    ),
    (
        alert("gift-unavailable", {"gift": "cake-100k", "reason": "out-of-stock"}, help=["choose-another-gift"]),
        "There was no cake-100k for a reward: it is out of stock. May help: choose another gift.",
        "Không có cake-100k cho phần thưởng: đã hết hàng. Nên: đổi quà khác.",
    ),
    (
        alert("gift-unavailable", {"gift": "cake-100k", "reason": "budget-tier-month"}),
        "There was no cake-100k for a reward: its budget is used up.",
        "Không có cake-100k cho phần thưởng: đã hết ngân sách.",
    ),
    (alert("full-moon", {}), "full-moon.", "full-moon."),
]


@pytest.mark.parametrize(("one", "en", "vi"), ALL, ids=[one["alert"] for one, _, _ in ALL])
def test_an_alert_is_a_sentence_in_either_language(one: dict[str, Any], en: str, vi: str) -> None:
    said = [told(one, Tongue(lang, "VND"), lambda text: f"<{text}>") for lang in ("en", "vi")]
    assert said == [en, vi]
