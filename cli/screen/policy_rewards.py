"""Rewards of a policy in plain sentences: what entitles to them, what can be chosen, and what holds them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cli.screen.tongue import LEVELS, Row, Section, Tongue

if TYPE_CHECKING:
    from schemas.policy import ChoicePolicy, GiftPolicy, Policy, RewardPolicy, RewardTrigger, SegmentPolicy

_COUNTED: Final = {
    "orders": ("order", "đơn hàng"),
    "refunds": ("refund", "lần hoàn tiền"),
    "redemptions": ("redemption", "lần đổi điểm"),
}
_UNITS: Final = {"week": ("week", "tuần"), "month": ("month", "tháng")}
_OFTEN: Final = {
    "year": ("once a calendar year", "mỗi năm dương lịch một lần"),
    "ever": ("once and never again", "chỉ một lần duy nhất"),
    "occasion": ("each time", "mỗi lần"),
}


def rewards(policy: Policy, say: Tongue) -> Section:
    """Say what is given, for what, and how often."""
    title = say("Rewards", "Quà tặng")
    if not policy.rewards:
        return Section(title, (say("There are none.", "Chưa có quà nào."),))
    sentences = [
        say(
            "They are taken back when a refund takes away what earned them, unless they have been used.",
            "Quà chưa dùng bị thu hồi khi hoàn tiền làm khách không còn đủ điều kiện đã đạt.",
        )
    ]
    if policy.gifts_from == "desk":
        desk = say(
            "Gifts come from the gift desk, from stock and within budgets; how long they are valid says its catalogue.",
            "Quà lấy từ kho quà, theo tồn kho và ngân sách; hạn dùng theo danh mục của kho.",
        )
        sentences.append(desk)
    if any(rule.when.tier_reached for rule in policy.rewards):
        tier = say(
            "A tier gives them when it is reached or passed.", "Quà theo hạng: tặng khi khách đạt hoặc vượt qua hạng."
        )
        sentences.insert(0, tier)
    return Section(title, tuple(sentences), tuple(_row(rule, say) for rule in policy.rewards))


def _row(rule: RewardPolicy, say: Tongue) -> Row:
    first = f"{_trigger(rule.when, say)}, {say.name(rule.every, _OFTEN)}:"
    if rule.gift:
        gifts = [_gift(rule.gift, rule.quantity, say)]
    else:
        days = say.count(rule.choose_days, "day", "ngày")
        gifts = [
            say(f"one of these to choose within {days}:", f"chọn một trong các quà sau trong {days}:"),
            *[f"- {_choice(one, rule.quantity, say)}" for one in rule.choices],
        ]
        if rule.unchosen == "none":
            gifts.append(say("who has not chosen by then gets none", "quá hạn mà chưa chọn thì không còn quà"))
    return Row(rule.id, (first, *gifts), tuple(_bounds(rule, say)))


def _trigger(when: RewardTrigger, say: Tongue) -> str:
    if when.streak:
        streak = when.streak
        run = say.count(streak.orders, *_UNITS[streak.within])
        return say(f"for an order in each of {run} in a row", f"khi mua hàng liên tiếp trong {run}")
    if when.redemption:
        points = say.count(when.redemption.points, "point", "điểm")
        return say(f"for {points}", f"khi đổi {points}")
    if when.level_reached:
        level = f"{when.level_reached} ({say(*LEVELS[when.level_reached])})"
        return say(f"for CX level {level}", f"khi đạt cấp trải nghiệm {level}")
    if when.tier_reached:
        return say(f"for {when.tier_reached}", f"khi đạt hạng {when.tier_reached}")
    plain = {
        "birthday": ("for the birthday", "dịp sinh nhật"),
        "recovery": (
            "when a case is solved that was answered late, reopened, or of somebody dissatisfied",
            "khi giải quyết xong yêu cầu bị trả lời trễ, bị mở lại hoặc của khách không hài lòng",
        ),
        "promoter_refers": (
            "when somebody who answers NPS with 9 or 10 brings a customer",
            "khi khách chấm NPS 9 hoặc 10 giới thiệu được khách mới",
        ),
    }
    return say.name(when.kind, plain)


def _gift(gift: GiftPolicy, quantity: int, say: Tongue) -> str:
    face, days = say.money(gift.face_value), say.count(gift.valid_days, "day", "ngày")
    cards = say.count(quantity, f"{gift.card_kind} card", f"thẻ {gift.card_kind}")
    if quantity > 1:
        cards += say(f" of {face} each", f", mỗi thẻ trị giá {face}")
    else:
        cards += say(f" of {face}", f" trị giá {face}")
    return say(
        f"{cards}, {gift.brand}, valid for {days} ({gift.id})",
        f"{cards}, {gift.brand}, hạn dùng {days} ({gift.id})",
    )


def _choice(choice: ChoicePolicy, quantity: int, say: Tongue) -> str:
    said = _gift(choice, quantity, say)
    if choice.tiers:
        tiers = say.listed(choice.tiers, "or", "hoặc")
        said += say(f", for {tiers}", f", cho hạng {tiers}")
    if choice.segments:
        kinds = say.listed(choice.segments, "or", "hoặc")
        said += say(f", for customers who are {kinds}", f", cho nhóm khách {kinds}")
    return said


def _bounds(rule: RewardPolicy, say: Tongue) -> list[str]:
    said = []
    if rule.limit:
        times, days = say.count(rule.limit.times, "time", "lần"), say.count(rule.limit.days, "day", "ngày")
        said.append(say(f"at most {times} in {days}", f"tối đa {times} trong {days}"))
    if rule.cooldown_days:
        days = say.count(rule.cooldown_days, "day", "ngày")
        said.append(say(f"not again within {days}", f"lần sau cách ít nhất {days}"))
    if rule.remind_days:
        days = say.count(rule.remind_days, "day", "ngày")
        said.append(say(f"a reminder {days} before it runs out", f"nhắc trước khi hết hạn {days}"))
    if rule.fallbacks:
        others = ", ".join(rule.fallbacks)
        said.append(say(f"instead, where there is none: {others}", f"nếu hết thì thay bằng: {others}"))
    if rule.wait_days:
        days = say.count(rule.wait_days, "day", "ngày")
        said.append(say(f"waits up to {days} for stock", f"chờ hàng tối đa {days}"))
    return said


def velocity(policy: Policy, say: Tongue) -> Section:
    """Say what holds rewards back until a person decides."""
    title = say("Holds", "Tạm giữ quà")
    if not policy.velocity:
        return Section(title, (say("Nothing holds rewards back.", "Không có gì làm quà bị tạm giữ."),))
    return Section(
        title,
        (
            say(
                "Rewards wait until a person decides after:",
                "Quà chờ nhân viên quyết định sau khi có:",
            ),
        ),
        tuple(
            Row(
                rule.id,
                (
                    say(
                        f"more than {say.count(rule.more_than, *_COUNTED[rule.counts])}"
                        f" in less than {say.count(rule.within_hours, 'hour', 'giờ')}",
                        f"hơn {say.count(rule.more_than, *_COUNTED[rule.counts])}"
                        f" trong chưa đầy {say.count(rule.within_hours, 'hour', 'giờ')}",
                    ),
                ),
            )
            for rule in policy.velocity
        ),
    )


def segments(policy: Policy, say: Tongue) -> Section:
    """Say what kinds of customers there are."""
    title = say("Kinds of customers", "Nhóm khách hàng")
    if not policy.segments:
        return Section(title, (say("All are of one kind.", "Không chia nhóm."),))
    return Section(
        title,
        (
            say(
                "The first that fits counts, by the orders of the tiers' window.",
                "Xét nhóm đầu tiên phù hợp, theo các đơn hàng trong kỳ xét hạng.",
            ),
        ),
        tuple(Row(one.id, (_segment(one, say),)) for one in policy.segments),
    )


def _segment(segment: SegmentPolicy, say: Tongue) -> str:
    said = []
    if segment.recency_days is not None:
        days = say.count(segment.recency_days, "day", "ngày")
        said.append(say(f"the last order at most {days} ago", f"mua gần nhất cách đây không quá {days}"))
    if segment.orders is not None:
        orders = say.count(segment.orders, *_COUNTED["orders"])
        said.append(say(f"at least {orders}", f"ít nhất {orders}"))
    if segment.spend is not None:
        spend = say.money(segment.spend)
        said.append(say(f"at least {spend}", f"chi tiêu ít nhất {spend}"))
    return ", ".join(said) or say("everybody else", "mọi khách còn lại")
