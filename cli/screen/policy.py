"""A policy in plain sentences, English or Vietnamese: what the programme does, for whoever answers for it.

Each part of the file has one function here, which says it in both languages at once; a new part is a function more, in
`SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, get_args

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.screen.parts import plain
from cli.screen.policy_care import care
from cli.screen.policy_points import points, spend
from cli.screen.policy_rewards import rewards, segments, velocity
from cli.screen.policy_tiers import guards, tiers, window
from cli.screen.tongue import (
    LANGUAGES,
    LEVELS,
    PRIORITIES,
    SIGNALS,
    Row,
    Section,
    Tongue,
)
from cx.words import CRITERIA, DIMENSIONS, YES_OR_NO, found_of, needed_of
from schemas.policy import Dimension
from schemas.policy_file import policy_hash

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cli.screen.money import Lang
    from schemas.policy import Condition, Contribution, LevelPolicy, Policy

HASH_SHOWN: Final = 12  # hex digits: enough for people to tell two policies apart
_WIDTH: Final = 92
_LABEL_MAX: Final = 21


def picture(policy: Policy, lang: Lang) -> RenderableType:
    """Draw what *policy* does, in the language *lang*."""
    tongue = Tongue(lang, policy.currency)
    sections = [tell(policy, tongue) for tell in SECTIONS]
    return Panel(
        Group(*[part for section in sections for part in (*drawn(section), Text())][:-1]),
        title=Text(plain(policy.programme), "bold"),
        title_align="left",
        subtitle=tongue("policy ", "chính sách ") + policy_hash(policy)[:HASH_SHOWN],
        subtitle_align="right",
        box=box.ROUNDED,
        width=_WIDTH,
        padding=(0, 2),
    )


def drawn(section: Section) -> Iterable[RenderableType]:
    """Yield the parts of a section's picture."""
    yield Text(section.title, "bold")
    if section.sentences:
        yield Padding(Text(plain(" ".join(section.sentences))), (0, 0, 0, 2))
    if not section.rows:
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(max_width=_LABEL_MAX, overflow="fold")
    table.add_column(overflow="fold")
    for row in section.rows:
        said = Text("\n").join([*map(_line, row.lines), *(_line(aside, "bright_black") for aside in row.asides)])
        table.add_row(_line(row.label, f"bold {row.colour}".strip()), said)
    yield Padding(table, (0, 0, 0, 2))


def _line(text: str, style: str = "") -> Text:
    return Text(plain(text), style)


def _programme(policy: Policy, say: Tongue) -> Section:
    language = f"{say.name(policy.locale, LANGUAGES)} ({policy.locale})"
    return Section(
        say("Programme", "Chương trình"),
        (
            say(f"Amounts are in {policy.currency}.", f"Số tiền tính bằng {policy.currency}."),
            say(f"Days are those of {policy.time_zone}.", f"Ngày tính theo múi giờ {policy.time_zone}."),
            say(
                f"Whoever has chosen no language is written to in {language}.",
                f"Khách chưa chọn ngôn ngữ sẽ nhận tin bằng {language}.",
            ),
        ),
    )


def _levels(policy: Policy, say: Tongue) -> Section:
    first = say(*LEVELS[1])
    return Section(
        say("CX levels", "Cấp độ trải nghiệm (CX)"),
        (
            say(f"Everybody begins on level 1, {first}.", f"Ai cũng bắt đầu từ cấp 1 ({first})."),
            say(
                "A level is reached when all its conditions hold, and those of the levels below.",
                "Muốn lên một cấp, khách phải đạt mọi điều kiện của cấp đó và của các cấp dưới.",
            )
            if policy.levels
            else say("There is no other.", "Không có cấp nào khác."),
        ),
        tuple(Row(f"{rule.level} {say(*LEVELS[rule.level])}", tuple(_asked(rule, say))) for rule in policy.levels),
    )


def _asked(rule: LevelPolicy, say: Tongue) -> Iterable[str]:
    yield from (_condition(one, say) for one in rule.all)
    if rule.any:
        yield say("one of these:", "một trong các điều kiện sau:")
        yield from (f"- {_condition(one, say)}" for one in rule.any)
    if rule.level == 1:
        yield say("Whoever lacks it stays on level 1.", "Khách chưa đạt thì ở lại cấp 1.")


def _condition(condition: Condition, say: Tongue) -> str:
    said = needed_of(condition.measure, condition.reach, say.lang, at_most=condition.at_most)
    if condition.measure in YES_OR_NO and condition.keep == 0 and not condition.at_most:
        said += say(", kept without", ", sau đó không cần để giữ cấp")
    elif condition.keep not in {None, condition.reach}:
        kept = found_of(condition.measure, condition.keep or 0, say.lang)
        said += (
            say(f", kept up to {kept}", f", giữ cấp nếu không quá {kept}")
            if condition.at_most
            else say(f", kept from {kept}", f", giữ cấp nếu còn từ {kept}")
        )
    if condition.unknown == "holds":
        said += say(", or nothing known yet", ", hoặc chưa có dữ liệu")
    return f"{said} ({say.name(condition.criterion, CRITERIA)})"


def _sla(policy: Policy, say: Tongue) -> Section:
    hours = policy.sla_hours.model_dump()
    due = ", ".join(
        f"{say.name(priority, PRIORITIES)} {say.count(hours[priority], 'hour', 'giờ')}"
        for priority in sorted(hours, key=lambda priority: (hours[priority], priority))
    )
    return Section(
        say("First answer", "Phản hồi đầu tiên"),
        (
            say(f"A case is to be answered within its time: {due}.", f"Yêu cầu phải được trả lời đúng hạn: {due}."),
            say("Nights and holidays count.", "Tính cả ban đêm và ngày nghỉ."),
        ),
    )


def _rhythm(policy: Policy, say: Tongue) -> Section:
    rhythm = policy.rhythm
    gaps = say.count(rhythm.least_gaps, "gap", "khoảng cách")
    return Section(
        say("A customer's own rhythm", "Nhịp mua riêng của khách"),
        (
            say(
                f"It is the median gap between the days of the last orders, once {gaps} are known.",
                f"Là trung vị khoảng cách giữa các ngày mua gần nhất, khi đã biết ít nhất {gaps}.",
            ),
            say(
                f"Whoever buys nothing for more than {rhythm.factor_pct} % of it is silent.",
                f"Khách không mua gì trong hơn {rhythm.factor_pct} % nhịp đó được coi là im lặng.",
            ),
        ),
    )


def _scores(policy: Policy, say: Tongue) -> Section:
    scores = policy.scores
    half_life = say.count(scores.half_life_days, "day", "ngày")
    value, weight = scores.prior.value, say.number(scores.prior.weight)
    return Section(
        say("Five scores", "Năm điểm trải nghiệm"),
        (
            say(
                f"What happens moves scores of 0 to 100, and weighs half after {half_life}.",
                f"Mỗi sự việc làm thay đổi các điểm từ 0 đến 100, và sau {half_life} chỉ còn nửa trọng số.",
            ),
            say(
                f"Whoever is not known yet has {value}, with a weight of {weight}.",
                f"Khách chưa có dữ liệu được {value} điểm, với trọng số {weight}.",
            ),
        ),
        tuple(
            Row(
                say(*DIMENSIONS[dimension]).capitalize(),
                (
                    ", ".join(_moved(one, say) for one in scores.contributions if one.dimension == dimension)
                    or say("nothing moves it", "không có gì làm thay đổi"),
                ),
            )
            for dimension in get_args(Dimension)
        ),
    )


def _moved(contribution: Contribution, say: Tongue) -> str:
    value = say("as scored", "theo điểm chấm") if contribution.value == "score" else str(contribution.value)
    weight = "" if contribution.weight == 1 else say(" (weight {})", " (trọng số {})").format(contribution.weight)
    return f"{say.name(contribution.when, SIGNALS)} {value}{weight}"


def _clock(policy: Policy, say: Tongue) -> Section:
    clock = policy.clock
    late, fast = say.count(clock.lateness_days, "day", "ngày"), say.count(clock.future_minutes, "minute", "phút")
    refundable = say.count(clock.refund_days, "day", "ngày")
    recent = say.count(clock.recent_max, "event", "sự kiện")
    return Section(
        say("Time", "Thời gian"),
        (
            say(
                f"Events may come up to {late} late, and from clocks up to {fast} fast.",
                f"Sự kiện được phép đến trễ tối đa {late}; đồng hồ nơi gửi được phép nhanh tối đa {fast}.",
            ),
            say(
                f"An order can be refunded for {refundable}.",
                f"Đơn hàng được hoàn tiền trong vòng {refundable}.",
            ),
            say(
                f"The newest {recent} of a customer can still be put in another order.",
                f"Với mỗi khách, {recent} gần nhất vẫn có thể xếp lại thứ tự.",
            ),
        ),
    )


# In the order of the questions that people ask.
SECTIONS: Final[tuple[Callable[[Policy, Tongue], Section], ...]] = (
    _programme,
    tiers,
    window,
    guards,
    spend,
    points,
    rewards,
    velocity,
    segments,
    _levels,
    _sla,
    _rhythm,
    care,
    _scores,
    _clock,
)
