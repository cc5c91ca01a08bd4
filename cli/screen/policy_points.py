"""What of an order counts, and what points it earns, in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.screen.money import money
from cli.screen.tongue import CHANNELS, PAYMENTS, Row, Section

if TYPE_CHECKING:
    from cli.screen.tongue import Tongue
    from schemas.policy import PointsPolicy, Policy, RatePolicy


def spend(policy: Policy, say: Tongue) -> Section:
    """Tell which amounts count."""
    counts_as = policy.spend
    extras = ((counts_as.tax, say("tax", "thuế")), (counts_as.shipping, say("shipping", "phí giao hàng")))
    counted = say.listed([say("goods", "tiền hàng"), *(name for counts, name in extras if counts)])
    left_out = [name for counts, name in extras if not counts]
    said = [say(f"{counted} count towards a tier", f"{counted} được tính để xét hạng").capitalize()]
    if left_out:
        others = say.listed(left_out)
        said[0] += say(f", {others} {'do' if len(left_out) > 1 else 'does'} not", f"; {others} thì không")
    said[0] += "."
    if counts_as.excluded_categories:
        categories = say.listed(counts_as.excluded_categories)
        of = say("category" if len(counts_as.excluded_categories) == 1 else "categories", "nhóm")
        said.append(
            say(f"Goods of the {of} {categories} do not count.", f"Hàng thuộc {of} {categories} không được tính.")
        )
    payments = say.listed([say.name(one, PAYMENTS) for one in counts_as.excluded_payments] or [""], "or", "hoặc")
    said.append(
        say(f"What is paid with {payments} does not count.", f"Phần trả bằng {payments} không được tính.")
        if payments
        else say("How an order is paid makes no difference.", "Trả bằng hình thức nào cũng được tính.")
    )
    said.append(
        say("A refund is taken off the day of its purchase.", "Khoản hoàn tiền được trừ vào đúng ngày đã mua hàng.")
    )
    said += [
        say(
            f"{_of(name, rate.units, say)} count as {say.money(rate.worth)}.",
            f"{_of(name, rate.units, say)} được tính là {say.money(rate.worth)}.",
        )
        for name, rate in policy.exchange_rates.items()
    ]
    return Section(say("What counts", "Chi tiêu được tính"), tuple(said))


def _of(currency: str, units: int, say: Tongue) -> str:
    return money(units, currency, say.lang)


def points(policy: Policy, say: Tongue) -> Section:
    """Tell what earns points, when they can be spent, and when they run out."""
    title = say("Points", "Điểm thưởng")
    rules = policy.points
    if not rules.rates and not rules.campaigns:
        none = say("No order earns points.", "Đơn hàng không tích điểm.")
        return Section(title, (none, _wait(rules, say), *_spending(rules, say)))
    first = say(
        "Each line of an order earns by the first rate that fits it.",
        "Mỗi dòng hàng tích điểm theo mức đầu tiên phù hợp.",
    )
    rows = [Row(say("rate", "mức tích"), (_rate(rate, say),)) for rate in rules.rates]
    rows += [Row(say("campaign, on top", "ưu đãi cộng thêm"), (_rate(rate, say),)) for rate in rules.campaigns]
    return Section(title, (first, _wait(rules, say), *_spending(rules, say)), tuple(rows))


def _wait(rules: PointsPolicy, say: Tongue) -> str:
    days = say.count(rules.pending_days, "day", "ngày")
    if not rules.pending_days:
        return say("Points can be spent at once.", "Điểm dùng được ngay.")
    return say(f"Points of an order can be spent {days} later.", f"Điểm của đơn hàng dùng được sau {days}.")


def _spending(rules: PointsPolicy, say: Tongue) -> tuple[str, ...]:
    said = []
    if rules.expiry.after_months:
        months = say.count(rules.expiry.after_months, "month", "tháng")
        said.append(
            say(
                f"Points run out at the end of the month that is {months} later.",
                f"Điểm hết hạn vào cuối tháng của {months} sau.",
            )
        )
    if rules.expiry.inactive_days:
        days = say.count(rules.expiry.inactive_days, "day", "ngày")
        said.append(say(f"Points run out after {days} without activity.", f"Điểm hết hạn sau {days} không hoạt động."))
    if not said:
        said.append(say("Points never run out.", "Điểm không hết hạn."))
    least = say.count(rules.redeem.min, "point", "điểm")
    step = say.number(rules.redeem.step)
    said.append(
        say(
            f"The smallest request is for {least}, and each is a multiple of {step}.",
            f"Mỗi lần dùng ít nhất {least}, và là bội số của {step}.",
        )
    )
    return tuple(said)


def _rate(rate: RatePolicy, say: Tongue) -> str:
    given = say.count(rate.points, "point", "điểm")
    parts = [say(f"{given} for each {say.money(rate.per)}", f"{given} cho mỗi {say.money(rate.per)}")]
    if rate.tiers:
        tiers = say.listed(rate.tiers)
        parts.append(say(f"for {tiers}", f"cho hạng {tiers}"))
    if rate.categories:
        categories = say.listed(rate.categories)
        parts.append(say(f"on {categories}", f"với nhóm {categories}"))
    if rate.channels:
        parts.append(say.listed([say.name(one, CHANNELS) for one in rate.channels], "or", "hoặc"))
    if rate.first:
        parts.append(say(f"from {rate.first.isoformat()}", f"từ ngày {rate.first.isoformat()}"))
    if rate.last:
        parts.append(say(f"to {rate.last.isoformat()}", f"đến ngày {rate.last.isoformat()}"))
    return ", ".join(parts)
