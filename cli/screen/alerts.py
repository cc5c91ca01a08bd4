"""Alerts in two languages: why somebody should look after a customer, and what may help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cli.screen.policy_tiers import amount
from cli.screen.tongue import HELPS, PRIORITIES, WAYS, Tongue
from cx.words import DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

COLOURS: Final = {"info": "bright_cyan", "warning": "bright_yellow", "urgent": "bright_red"}

_REFUSALS: Final = {  # by the gift desk
    "out-of-stock": ("it is out of stock", "đã hết hàng"),
    "unknown-gift": ("the desk does not know it", "kho quà không có quà này"),
    "not-listed": ("it is not given any more", "quà này đã ngừng phát"),
    "budget": ("its budget is used up", "đã hết ngân sách"),
}


def told(alert: Mapping[str, Any], say: Tongue, day: Callable[[str], str]) -> str:
    """Say what an alert of a profile says, and how it was answered; *day* writes a day, or that of an instant."""
    facts = alert["facts"]
    match alert["alert"]:
        case "first-response":
            priority, hours = say.name(facts["priority"], PRIORITIES), say.count(facts["hours"], "hour", "giờ")
            said = say(
                f"Case {facts['case']} on {facts['topic']} ({priority}) has had no answer in {hours}.",
                f"Yêu cầu {facts['case']} về {facts['topic']} (ưu tiên {priority}) chưa được trả lời trong {hours}.",
            )
        case "case-reopened":
            times = say.count(facts["times"], "time", "lần")
            said = say(
                f"Case {facts['case']} on {facts['topic']} was reopened {times}.",
                f"Yêu cầu {facts['case']} về {facts['topic']} đã bị mở lại {times}.",
            )
        case "seam":
            over, before = say.name(facts["to"], WAYS), say.name(facts["from"], WAYS)
            said = say(
                f"Asked on {facts['topic']} over {over}, after having asked over {before}.",
                f"Khách hỏi về {facts['topic']} qua {over} sau khi đã hỏi qua {before}.",
            )
        case "dimension-falls":
            name, since = say.name(facts["dimension"], DIMENSIONS), day(facts["since"])
            said = say(
                f"The {name} score fell from {facts['from']} to {facts['to']} since {since}.",
                f"Điểm {name} giảm từ {facts['from']} xuống {facts['to']} kể từ {since}.",
            )
        case "gift-unavailable":
            reason = say.name("budget" if facts["reason"].startswith("budget-") else facts["reason"], _REFUSALS)
            said = say(
                f"There was no {facts['gift']} for a reward: {reason}.",
                f"Không có {facts['gift']} cho phần thưởng: {reason}.",
            )
        case _:
            said = _in_time(alert, say, day)
    return f"{said} {_answer(alert, say, day)}".rstrip()


def _in_time(alert: Mapping[str, Any], say: Tongue, day: Callable[[str], str]) -> str:
    facts = alert["facts"]
    match alert["alert"]:
        case "silent":
            days, usual = say.count(facts["days"], "day", "ngày"), say.count(facts["usual_days"], "day", "ngày")
            return say(
                f"There was no order for {days} when it was told; usually there is one in {usual}.",
                f"Khi cảnh báo, khách đã không mua gì trong {days}; thường thì {usual} mua một lần.",
            )
        case "points-expiring":
            points, last = say.count(facts["points"], "point", "điểm"), day(facts["last_day"])
            return say(
                f"When it was told, {points} would run out after {last}.",
                f"Khi cảnh báo, {points} sắp hết hạn sau ngày {last}.",
            )
        case "tier-at-risk":
            gaps = [amount(name, gap, say) for name, gap in facts.items() if name not in {"tier", "then"}]
            until = day(alert["deadline"])
            missing = say(f"; missing: {say.listed(gaps)}", f"; còn thiếu: {say.listed(gaps)}") if gaps else ""
            return say(
                f"When it was told, {facts['tier']} would turn into {facts['then']} on {until}{missing}.",
                f"Khi cảnh báo, hạng {facts['tier']} sắp thành {facts['then']} vào ngày {until}{missing}.",
            )
    return f"{alert['alert']}."  # one that a later version gives


def _answer(alert: Mapping[str, Any], say: Tongue, day: Callable[[str], str]) -> str:
    if alert["answered"]:
        when = day(alert["answered"])
        return say(f"Care was accepted on {when}.", f"Khách đã nhận lời chăm sóc ngày {when}.")
    helps = ", ".join(say.name(word, HELPS) for word in alert["help"])
    return say(f"May help: {helps}.", f"Nên: {helps}.") if helps else ""
