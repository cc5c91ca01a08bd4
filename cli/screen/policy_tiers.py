"""The ladder of a policy in plain sentences: its tiers, the window they are measured over, and how they are lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cli.screen.parts import colour_of
from cli.screen.tongue import CHANNELS, GUARDS, Row, Section
from cx.words import DIMENSIONS
from schemas.policy import TIER_MEASURES, AtMost

if TYPE_CHECKING:
    from cli.screen.tongue import Tongue
    from schemas.policy import Bound, Policy, RungPolicy, Terms, WindowPolicy

_COUNTS: Final = {
    "orders": ("order", "đơn hàng"),
    "visits": ("visit", "lượt ghé"),
    "points": ("point earned", "điểm tích được"),
    "open_cases": ("open case", "yêu cầu còn mở"),
    "open_detractor_cases": ("open case of somebody dissatisfied", "yêu cầu còn mở của khách không hài lòng"),
}


def tiers(policy: Policy, say: Tongue) -> Section:
    """Tell of each tier what it takes and what it brings."""
    ladder = policy.tiers.ladder
    return Section(
        say("Tiers", "Hạng thành viên"),
        (say(f"Everybody begins as {ladder[0].name}.", f"Ai cũng bắt đầu từ hạng {ladder[0].name}."),),
        tuple(
            Row(rung.name, _thresholds(rung, say), rung.benefits, colour_of(place)) for place, rung in enumerate(ladder)
        ),
    )


def _thresholds(rung: RungPolicy, say: Tongue) -> tuple[str, ...]:
    if not any(rung.enter.alternatives()):
        return (say("from the start", "ngay từ đầu"),)
    enter = f"{say('from', 'từ')} {terms(rung.enter, say)}"
    if rung.keep is None or rung.keep == rung.enter:
        return (enter,)
    return enter, f"{say('kept with', 'giữ hạng với')} {terms(rung.keep, say)}"


def terms(asked: Terms, say: Tongue) -> str:
    """Return what terms ask for, as a part of a sentence."""
    parts = [_bound(name, bound, say) for name in TIER_MEASURES if (bound := getattr(asked, name)) is not None] + [
        terms(one, say) for one in asked.all
    ]
    if asked.any:
        either = say.listed([terms(one, say) for one in asked.any], "or", "hoặc")
        parts.append(f"({either})" if parts else either)
    return say.listed(parts)


def _bound(measure: str, bound: Bound, say: Tongue) -> str:
    if isinstance(bound, AtMost):
        return f"{say('at most', 'tối đa')} {amount(measure, bound.at_most, say)}"
    return amount(measure, bound, say)


def amount(measure: str, value: int, say: Tongue) -> str:
    """Return so much of a measure of the ladder, as a part of a sentence."""
    if measure == "spend":
        return say.money(value)
    if measure in _COUNTS:
        return say.count(value, *_COUNTS[measure])
    if measure == "level":
        return say(f"CX level {value}", f"cấp CX {value}")
    score = say.name(measure, DIMENSIONS)
    return say(f"a score of {value} in {score}", f"điểm {score} {value}")


def window(policy: Policy, say: Tongue) -> Section:
    """Tell which days are measured, and how a tier is lost by time."""
    tiers = policy.tiers
    said = [_days(tiers.window, say), _visits(policy, say)]
    rolling = tiers.window.rolling_days is not None
    when = tiers.downgrade.when or ("at-once" if rolling else "period-end")
    said.append(say("Whoever reaches a tier rises at once.", "Đủ điều kiện thì lên hạng ngay."))
    said.append(_fall(tiers.downgrade.mode, when, say))
    if tiers.downgrade.grace_days:
        days = say.count(tiers.downgrade.grace_days, "day", "ngày")
        said.append(
            say(
                f"There are {days} of grace, in which what is bought can still save it.",
                f"Có {days} ân hạn; mua thêm trong thời gian này vẫn có thể giữ được hạng.",
            )
        )
    if tiers.downgrade.stay_days:
        days = say.count(tiers.downgrade.stay_days, "day", "ngày")
        said.append(say(f"A tier lasts {days} at least.", f"Mỗi hạng được giữ ít nhất {days}."))
    said.append(_refunds(tiers.refunds, say))
    return Section(say("Window", "Kỳ xét hạng"), tuple(said))


def _days(window: WindowPolicy, say: Tongue) -> str:
    if window.rolling_days is not None:
        days = say.count(window.rolling_days, "day", "ngày")
        return say(f"The last {days} count, today included.", f"Xét {days} gần nhất, kể cả hôm nay.")
    if window.calendar == "year":
        return say("The calendar year counts.", "Xét theo năm dương lịch.")
    if window.calendar == "quarter":
        return say("The calendar quarter counts.", "Xét theo quý dương lịch.")
    return say(
        "The year counts that begins on the anniversary of joining.",
        "Xét theo năm tính từ ngày kỷ niệm gia nhập.",
    )


def _visits(policy: Policy, say: Tongue) -> str:
    most = say.count(policy.visits.per_day, "visit", "lần")
    if not policy.visits.channels:
        return say(f"No purchase is a visit ({most} a day).", f"Không tính lượt ghé ({most} mỗi ngày).")
    counts = "counts" if policy.visits.per_day == 1 else "count"
    channels = say.listed([say.name(one, CHANNELS) for one in policy.visits.channels], "or", "hoặc")
    return say(
        f"A purchase {channels} is a visit; of a day no more than {most} {counts}.",
        f"Mua hàng {channels} là một lượt ghé; mỗi ngày tính tối đa {most}.",
    )


def _fall(mode: str, when: str, say: Tongue) -> str:
    if mode == "none":
        return say("A tier is never lost by time.", "Hạng không bị mất theo thời gian.")
    far = say(
        "by one tier, for a whole period" if mode == "one-step" else "to what is still reached",
        "xuống một hạng, trong trọn một kỳ" if mode == "one-step" else "xuống hạng còn đủ điều kiện",
    )
    if when == "at-once":
        return say(
            f"It falls at once when the window holds too little for it: {far}.",
            f"Khi trong kỳ không còn đủ thì xuống hạng ngay: {far}.",
        )
    return say(
        f"It falls at the end of a period that held too little for it: {far}.",
        f"Hết kỳ mà không đủ thì xuống hạng: {far}.",
    )


def _refunds(mode: str, say: Tongue) -> str:
    if mode == "at-once":
        return say("A refund may take a tier at once.", "Hoàn tiền có thể làm mất hạng ngay.")
    if mode == "keep":
        return say(
            "A tier outlasts a refund for as long as it would have lasted.",
            "Hoàn tiền không làm mất hạng trước thời hạn vốn có.",
        )
    return say("A refund takes a tier at the end of the period.", "Hoàn tiền chỉ làm mất hạng khi hết kỳ.")


def guards(policy: Policy, say: Tongue) -> Section:
    """Tell what holds a promotion back."""
    said = tuple(say.name(guard, GUARDS) for guard in policy.tiers.no_promotion_while)
    free = say("Nothing holds a promotion back.", "Không có gì giữ lại việc lên hạng.")
    return Section(say("Held back", "Tạm giữ lên hạng"), said or (free,))
