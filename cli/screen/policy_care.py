"""What a policy says of care, in two languages: which alerts there are, how grave they are, and what may help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.screen.tongue import HELPS, PRIORITIES, SEVERITIES, Row, Section, Tongue

if TYPE_CHECKING:
    from schemas.policy import AlertPolicy, CarePolicy, FirstResponsePolicy, Policy


def care(policy: Policy, say: Tongue) -> Section:
    """Say when somebody should look after a customer."""
    care = policy.care
    seam = say.count(care.seam_days, "day", "ngày")
    return Section(
        say("Care", "Chăm sóc khách hàng"),
        (
            say(
                f"Asking again on a topic over another channel within {seam} is a seam.",
                f"Hỏi lại cùng một chủ đề qua kênh khác trong vòng {seam} là đứt gãy trải nghiệm.",
            ),
            say(
                "Alerts tell whom to look after, and what may help:",
                "Cảnh báo cho biết cần chăm sóc ai và nên làm gì:",
            ),
        ),
        (*_of_cases(care, say), *_of_time(care, say), *_of_gifts(care, say)),
    )


def _of_cases(care: CarePolicy, say: Tongue) -> list[Row]:
    times, points = say.count(care.case_reopened.times, "time", "lần"), care.dimension_falls.points
    days = say.count(care.dimension_falls.days, "day", "ngày")
    grave = care.first_response.severity.model_dump()
    levels = ", ".join(f"{say.name(name, PRIORITIES)} → {say.name(grave[name], SEVERITIES)}" for name in PRIORITIES)
    return [
        _row(
            say("no first answer", "chưa phản hồi"),
            say(
                f"a case has had no answer in its time; by its priority: {levels}",
                f"yêu cầu quá hạn mà chưa được trả lời; theo mức ưu tiên: {levels}",
            ),
            care.first_response,
            say,
        ),
        _row(
            say("case reopened", "mở lại yêu cầu"),
            say(f"a case was reopened {times}", f"một yêu cầu bị mở lại {times}"),
            care.case_reopened,
            say,
        ),
        _row(say("seam", "đứt gãy"), say("there was a seam", "khách bị đứt gãy trải nghiệm"), care.seam, say),
        _row(
            say("score falls", "điểm giảm mạnh"),
            say(
                f"a score fell by {points} or more within {days}",
                f"một điểm trải nghiệm giảm từ {points} trở lên trong vòng {days}",
            ),
            care.dimension_falls,
            say,
        ),
    ]


def _of_time(care: CarePolicy, say: Tongue) -> list[Row]:
    tiers = say.listed(care.silent.tiers, "or", "hoặc") if care.silent.tiers else ""
    who = say(f"somebody on {tiers}", f"khách hạng {tiers}") if tiers else say("somebody", "khách")
    least = say.count(care.points_expiring.least, "point", "điểm")
    soon = say.count(care.points_expiring.days, "day", "ngày")
    risk = say.count(care.tier_at_risk.days, "day", "ngày")
    return [
        _row(
            say("silent", "im lặng"),
            say(f"{who} is out of their own rhythm", f"{who} vắng lâu hơn nhịp mua riêng"),
            care.silent,
            say,
        ),
        _row(
            say("points run out", "điểm sắp hết hạn"),
            say(f"{least} or more run out within {soon}", f"từ {least} sẽ hết hạn trong vòng {soon}"),
            care.points_expiring,
            say,
        ),
        _row(
            say("tier at risk", "sắp mất hạng"),
            say(
                f"time takes the tier within {risk}; told once in so many",
                f"sẽ mất hạng trong vòng {risk}; mỗi {risk} chỉ báo một lần",
            ),
            care.tier_at_risk,
            say,
        ),
    ]


def _of_gifts(care: CarePolicy, say: Tongue) -> list[Row]:
    return [
        _row(
            say("no gift", "hết quà"),
            say("the gift desk has none for a reward", "kho quà không còn quà cho một phần thưởng"),
            care.gift_unavailable,
            say,
        )
    ]


def _row(name: str, when: str, alert: AlertPolicy | FirstResponsePolicy, say: Tongue) -> Row:
    if not alert.enabled:
        return Row(name, (say("switched off", "đã tắt"),))
    grave = f" ({say.name(alert.severity, SEVERITIES)})" if isinstance(alert.severity, str) else ""
    helps = ", ".join(say.name(word, HELPS) for word in alert.help)
    return Row(name, (f"{when}{grave}",), (helps,) if helps else ())
