"""Decisions in words: what an output says, as a sentence for people."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Money = Callable[[int, str], str]  # minor units and their currency

Lang = Literal["en", "vi"]

# What things are called, in English and Vietnamese.
DIMENSIONS: Final = {
    "emotion": ("emotion", "cảm xúc"),
    "interaction": ("interaction", "tương tác"),
    "service": ("service", "dịch vụ"),
    "product": ("product", "sản phẩm"),
    "brand": ("brand", "thương hiệu"),
}
CRITERIA: Final = {
    "involvement": ("involvement", "mức độ tham gia"),
    "effort": ("effort", "công sức của khách"),
    "resolution": ("resolution", "chất lượng giải quyết"),
    "emotion": ("emotion", "cảm xúc"),
    "perception": ("perception", "thay đổi nhận thức"),
}
MEASURES: Final = {
    "channels": ("discovery channels", "số kênh tìm hiểu"),
    "informed_pct": ("questions that ended without a case", "tỷ lệ hỏi thông tin không phải mở yêu cầu"),
    "answered_in_time_pct": ("cases answered in time", "tỷ lệ yêu cầu trả lời đúng hạn"),
    "resolved_for_good_pct": ("cases solved for good", "tỷ lệ yêu cầu giải quyết dứt điểm"),
    "last_ces": ("latest CES answer", "điểm CES gần nhất"),
    "last_csat": ("latest CSAT answer", "điểm CSAT gần nhất"),
    "orders": ("orders in the window", "số đơn hàng trong kỳ"),
    "in_rhythm": ("buys in their own rhythm", "mua đúng nhịp riêng"),
    **{name: (f"{en} score", f"điểm {vi}") for name, (en, vi) in DIMENSIONS.items()},
    "open_cases": ("open cases", "số yêu cầu còn mở"),
    "open_detractor_cases": ("open cases of somebody dissatisfied", "số yêu cầu còn mở của khách không hài lòng"),
    "late_cases": ("open cases past their time without an answer", "số yêu cầu còn mở đã quá hạn trả lời"),
    "seams": ("times asked again over another channel", "số lần phải hỏi lại qua kênh khác"),
    "care_accepted": ("help accepted before any complaint", "số lần nhận hỗ trợ trước khi phải phàn nàn"),
    "contacts_rise": (
        "more contacts around the last three orders than the three before",
        "số lần liên hệ tăng thêm quanh ba đơn gần nhất so với ba đơn trước đó",
    ),
    "nps_rise": ("rise of the latest NPS answer", "mức tăng của điểm NPS gần nhất"),
    "promoter_streak": ("NPS answers of 9 or 10 in a row", "số lần liên tiếp chấm NPS 9 hoặc 10"),
    "advocacy": ("referrals and praise", "số lần giới thiệu hoặc khen ngợi"),
}
YES_OR_NO: Final = frozenset({"in_rhythm"})  # measures that are 1 or 0

_REASONS = {
    "spend": "spent {spend} in the window from {first} to {last}",
    "refund": "after a refund, {spend} are left in the window from {first} to {last}",
    "window": "older orders left the window; {spend} are left from {first} to {last}",
    "guard": "the case that held promotion back is closed; {spend} from {first} to {last}",
    "experience": "a score, a case or the CX level changed; {spend} from {first} to {last}",
    "joining": "the day of joining turned the window; {spend} from {first} to {last}",
    "override": "a person decided so",
    "override-ended": "a person's decision ended; {spend} from {first} to {last}",
    "import": "moved in from another system; {spend} from {first} to {last}",
    "correction": "an event that came late changed what had been told; {spend} from {first} to {last}",
}
_STEPS = {
    "spend": "a purchase reached the threshold",
    "refund": "a refund took spend away",
    "window": "older orders left the window",
    "guard": "the case that held promotion back is closed",
    "experience": "a score, a case or the CX level changed",
    "joining": "the day of joining turned the window",
    "override": "a person decided so",
    "override-ended": "a person's decision ended",
    "import": "moved in from another system",
    "correction": "an event came late",
}
_GROUNDS = {
    "level-reached": "for reaching a CX level",
    "birthday": "for the birthday",
    "recovery": "for a bad experience that was put right",
    "promoter-refers": "for bringing a customer",
    "streak": "for orders period after period",
    "redemption": "for points",
}
_LIVES = {
    "unavailable": "there is no gift for reward {rule}: {reason}",
    "expiring": "reward {rule} is about to run out",
    "expired": "reward {rule} ran out",
    "revoked": "reward {rule} was taken back: {reason}",
}
_POINTS = {
    "points.earned": "earned {points} points",
    "points.spent": "spent {points} points",
    "points.refused": "{points} points were asked for and refused",
    "points.expired": "{points} points ran out",
    "points.reversed": "{points} points were taken back",
}


_ALERTS = {
    "first-response": "no answer in {hours} hours to case {case} on {topic} over {channel}",
    "case-reopened": "case {case} on {topic} was reopened, {times} times by now",
    "dimension-falls": "the {dimension} score fell from {from} to {to} since {since}",
    "silent": "no order for {days} days, usually one in {usual_days}",
    "points-expiring": "{points} points run out after {last_day}",
    "tier-at-risk": "{tier} turns into {then} {when}{missing}",
    "seam": "asked on {topic} over {to}, after having asked over {from}",
    "gift-unavailable": "there is no {gift} for a reward: {reason}",
}


def plainly(value: int, currency: str) -> str:
    """Return so many minor units of a currency as they are."""
    return f"{value:,} {currency}".rstrip()


def sentence(event: dict[str, Any], currency: str = "VND", money: Money = plainly) -> str:
    """Say in one English sentence what an output event tells; *event* is the CloudEvent as plain data.

    *currency* is the programme's, and *money* says how amounts are written.
    """
    data = event["data"]
    match event["type"]:
        case "tier.upgraded" | "tier.downgraded" | "tier.corrected":
            return f"{data['from']} → {data['to']}: {_why(data, currency, money)}"
        case "cx-level.changed":
            return f"CX level {data['from']} → {data['to']}: {_evidence(data)}"
        case kind if kind.startswith("reward."):
            return _reward(kind.removeprefix("reward."), data, money)
        case kind if kind.startswith("hold."):
            return _hold(data)
        case "care.alerted":
            return f"{data['severity']}: {alert(data, currency, money)}{_help(data['help'])}"
    return _moved(event["type"], data) if event["type"] in _POINTS else str(event["type"])


def _moved(kind: str, data: Mapping[str, Any]) -> str:
    reason = f" ({data['reason'].replace('-', ' ')})" if data.get("reason") else ""
    moved = _POINTS[kind].format(points=f"{data['points']:,}")
    return f"{moved}{reason}; balance {data['balance']:,}"


def _hold(data: dict[str, Any]) -> str:
    facts = data.get("facts")
    if not facts:
        return f"the hold on rewards ended: {data['reason']}"
    return f"rewards are held back: {facts['count']} {data['kind']} in less than {facts['within_hours']} hours"


def _reward(kind: str, data: dict[str, Any], money: Money) -> str:
    match kind:
        case "offered":
            gifts = ", ".join(
                f"{gift['brand']} {money(gift['face_value'], gift['currency'])}" for gift in data["choices"]
            )
            return f"a gift to choose {_ground(data)}: {gifts}"
        case "issued":
            value = money(data["face_value"], data["currency"])
            return f"{data['brand']} {data['card_kind']} of {value} {_ground(data)}"
    if data.get("wait_until"):
        return f"reward {data['rule']} waits for stock until {data['wait_until'][:10]}"
    reason = str(data.get("reason", "")).replace("-", " ")
    return _LIVES.get(kind, "reward {rule}: {kind}").format(rule=data["rule"], reason=reason, kind=kind)


def _ground(data: dict[str, Any]) -> str:
    """Say what a reward is for; events of earlier versions name no trigger, but the tier that was reached."""
    if data.get("tier"):
        return f"for reaching {data['tier']}"
    return _GROUNDS.get(data.get("trigger", ""), f"by {data['rule']}")


def _why(data: dict[str, Any], currency: str, money: Money) -> str:
    decision = data["decision"]
    window = decision["window"] or {"first": "?", "last": "?"}
    text = _REASONS.get(data["reason"])
    why = str(data["reason"])  # one that a later version gives
    if text:
        why = text.format(spend=money(decision["measures"].get("spend", 0), currency), **window)
    if decision["next_rung"] and decision["missing"].get("spend"):
        why += f"; {money(decision['missing']['spend'], currency)} to {decision['next_rung']}"
    return why


def alert(data: Mapping[str, Any], currency: str, money: Money = plainly) -> str:
    """Say why somebody should look after a customer; *data* is what an alert tells."""
    facts = {name: f"{fact:,}" if isinstance(fact, int) else fact for name, fact in data["facts"].items()}
    text = _ALERTS.get(data["alert"])
    if text is None:  # one that a later version gives
        return str(data["alert"]).replace("-", " ")
    if data["alert"] == "tier-at-risk":
        gaps = {name: gap for name, gap in data["facts"].items() if name not in {"tier", "then"}}
        missing = " and ".join(amount(name, gap, currency, money) for name, gap in gaps.items())
        facts["missing"] = f", unless {missing} more are there by then" if missing else ""
        facts["when"] = f"on {data['deadline'][:10]}"
    return text.format(**facts)


def _help(words: Sequence[str]) -> str:
    helps = ", ".join(word.replace("-", " ") for word in words)
    return f" (may help: {helps})" if helps else ""


def _evidence(data: dict[str, Any]) -> str:
    lost = data["to"] < data["from"]  # then what holds all the same is no reason, else what is not known
    rows = conditions([row for row in data["evidence"] if (not row["ok"] if lost else row["value"] is not None)])
    return ", ".join(rows) or "the evidence of all lower levels holds"


def step(change: Mapping[str, Any]) -> str:
    """Say what a past tier change of a profile's history was: from which tier to which, and why."""
    return f"{change['from']} → {change['to']}: {_STEPS.get(change['reason'], change['reason'])}"


def amount(measure: str, value: int, currency: str, money: Money = plainly) -> str:
    """Say how much of a measure: money with its currency, anything else by its name."""
    return money(value, currency) if measure == "spend" else f"{value:,} {measure.replace('_', ' ')}"


def condition(row: Mapping[str, Any], lang: Lang = "en") -> str:
    """Say what a condition of a CX level needs, and what there is."""
    return _condition(row["measure"], row["value"], row["comparison"], row["needed"], lang)


@lru_cache(maxsize=1 << 12)  # few values, and a level change says many of them
def _condition(measure: str, value: int | None, comparison: str, needed: int, lang: Lang) -> str:
    found = "nothing known yet" if lang == "en" else "chưa có dữ liệu"
    if value is not None:
        found = f"{'now' if lang == 'en' else 'hiện tại'} {found_of(measure, value, lang)}"
    return f"{needed_of(measure, needed, lang, at_most=comparison == '<=')} ({found})"


def conditions(rows: Sequence[Mapping[str, Any]], lang: Lang = "en") -> list[str]:
    """Say what conditions of a CX level need; those of which one has to hold are said as one."""
    said = [condition(row, lang) for row in rows if not row["one_of"]]
    either = [condition(row, lang) for row in rows if row["one_of"]]
    return said + ([(" or " if lang == "en" else " hoặc ").join(either)] if either else [])


def needed_of(measure: str, needed: int, lang: Lang, *, at_most: bool) -> str:
    """Say what a measure of a CX level has to be."""
    name = MEASURES.get(measure, (measure, measure))[lang == "vi"]
    if measure in YES_OR_NO and not at_most:
        return name if needed else f"{name} {('or not', 'hay không')[lang == 'vi']}"
    bound = ("at most", "tối đa") if at_most else ("at least", "tối thiểu")
    return f"{name} {bound[lang == 'vi']} {found_of(measure, needed, lang)}"


def found_of(measure: str, value: int, lang: Lang) -> str:
    """Say what a measure of a CX level is."""
    if measure in YES_OR_NO:
        return (("no", "yes") if lang == "en" else ("không", "có"))[value > 0]
    number = f"{value:,}" if lang == "en" else f"{value:,}".replace(",", ".")
    return f"{number}%" if measure.endswith("_pct") else number
