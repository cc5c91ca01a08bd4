"""A policy in plain sentences, English or Vietnamese: what the programme does, for whoever answers for it.

Each part of the file has one function here, which says it in both languages at once; a new part is a function more, in
`SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, get_args

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.screen.money import Lang, money, number
from cli.screen.parts import colour_of, plain
from schemas.policy import Dimension
from schemas.policy_file import policy_hash

if TYPE_CHECKING:
    from rich.console import RenderableType

    from schemas.policy import Condition, Contribution, Policy, RewardPolicy, RungPolicy

HASH_SHOWN: Final = 12  # hex digits: enough for people to tell two policies apart
_WIDTH: Final = 92
_LABEL_MAX: Final = 21

_LANGUAGES: Final = {"vi": ("Vietnamese", "tiếng Việt"), "en": ("English", "tiếng Anh")}
_PAYMENTS: Final = {"points": ("points", "điểm"), "gift-card": ("gift cards", "thẻ quà tặng")}
_GUARDS: Final = {
    "open-detractor-case": (
        "Nobody rises while they are dissatisfied and have a case open.",
        "Khách đang không hài lòng mà còn yêu cầu hỗ trợ chưa xử lý xong thì chưa được lên hạng.",
    ),
}
_LEVELS: Final = {
    1: ("informed", "được thông tin"),
    2: ("answered", "được phản hồi"),
    3: ("committed", "gắn bó"),
    4: ("anticipated", "được quan tâm trước"),
    5: ("advocate", "người ủng hộ"),
}
_DIMENSIONS: Final = {
    "emotion": ("emotion", "cảm xúc"),
    "interaction": ("interaction", "tương tác"),
    "service": ("service", "dịch vụ"),
    "product": ("product", "sản phẩm"),
    "brand": ("brand", "thương hiệu"),
}
_CRITERIA: Final = {
    "involvement": ("involvement", "mức độ tham gia"),
    "effort": ("effort", "công sức của khách"),
    "resolution": ("resolution", "chất lượng giải quyết"),
    "emotion": ("emotion", "cảm xúc"),
    "perception": ("perception", "thay đổi nhận thức"),
}
_PRIORITIES: Final = {
    "urgent": ("urgent", "khẩn cấp"),
    "high": ("high", "cao"),
    "normal": ("normal", "bình thường"),
    "low": ("low", "thấp"),
}
MEASURES: Final = {
    "channels": ("channels used", "số kênh đã dùng"),
    "answered_in_time_pct": ("cases answered in time", "tỷ lệ yêu cầu trả lời đúng hạn"),
    "resolved_for_good_pct": ("cases solved for good", "tỷ lệ yêu cầu giải quyết dứt điểm"),
    "last_ces": ("latest CES answer", "điểm CES gần nhất"),
    "last_csat": ("latest CSAT answer", "điểm CSAT gần nhất"),
    "orders": ("orders in the window", "số đơn hàng trong kỳ"),
    **{name: (f"{en} score", f"điểm {vi}") for name, (en, vi) in _DIMENSIONS.items()},
    "open_cases": ("open cases", "số yêu cầu còn mở"),
    "open_detractor_cases": ("open cases of somebody dissatisfied", "số yêu cầu còn mở của khách không hài lòng"),
    "care_accepted": ("offers of care accepted", "số lần nhận lời chăm sóc"),
    "nps_rise": ("rise of the latest NPS answer", "mức tăng của điểm NPS gần nhất"),
    "promoter_streak": ("NPS answers of 9 or 10 in a row", "số lần liên tiếp chấm NPS 9 hoặc 10"),
    "advocacy": ("referrals and praise", "số lần giới thiệu hoặc khen ngợi"),
}
SIGNALS: Final = {
    "purchase": ("purchase", "mua hàng"),
    "repeat-purchase": ("repeat purchase", "mua lại"),
    "refund": ("refund", "hoàn tiền"),
    "case-opened": ("case opened", "mở yêu cầu"),
    "case-answered": ("answered in time", "trả lời đúng hạn"),
    "case-answered-late": ("answered late", "trả lời trễ hạn"),
    "case-resolved": ("case solved", "giải quyết xong"),
    "case-reopened": ("case reopened", "mở lại yêu cầu"),
    "case-escalated": ("case escalated", "chuyển lên cấp trên"),
    "nps": ("NPS", "NPS"),
    "csat": ("CSAT", "CSAT"),
    "ces": ("CES", "CES"),
    "review": ("review", "đánh giá"),
    "complaint": ("complaint", "khiếu nại"),
    "care-accepted": ("care accepted", "nhận lời chăm sóc"),
    "referral": ("referral", "giới thiệu bạn bè"),
}


@dataclass(frozen=True, slots=True)
class Tongue:
    """A language: called with a text in each, it picks its own, and it writes numbers in its manner."""

    lang: Lang
    currency: str

    def __call__(self, en: str, vi: str) -> str:
        """Return that of the two texts which is in this language."""
        return en if self.lang == "en" else vi

    def name(self, key: str, names: dict[str, tuple[str, str]]) -> str:
        """Return what *key* of the policy is called; one that has no name yet stands for itself."""
        return self(*names.get(key, (key, key)))

    def number(self, value: int) -> str:
        """Return a whole number with its thousands set apart."""
        return number(value, self.lang)

    def money(self, value: int) -> str:
        """Return an amount of the programme's currency."""
        return money(value, self.currency, self.lang)

    def count(self, value: int, en: str, vi: str) -> str:
        """Return how many of something; *en* is its singular, to which an s makes the plural."""
        return f"{self.number(value)} {self(en if value == 1 else f'{en}s', vi)}"

    def listed(self, words: Iterable[str], en: str = "and", vi: str = "và") -> str:
        """Join *words* as a sentence does."""
        *first, last = words
        return f"{', '.join(first)} {self(en, vi)} {last}" if first else last


@dataclass(frozen=True, slots=True)
class Row:
    """One of several things of a kind: its name, what is said of it, and what only some want to know."""

    label: str
    lines: tuple[str, ...]
    asides: tuple[str, ...] = ()
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """What is said of one part of the policy."""

    title: str
    sentences: tuple[str, ...]
    rows: tuple[Row, ...] = ()


def picture(policy: Policy, lang: Lang) -> RenderableType:
    """Draw what *policy* does, in the language *lang*."""
    tongue = Tongue(lang, policy.currency)
    sections = [tell(policy, tongue) for tell in SECTIONS]
    return Panel(
        Group(*[part for section in sections for part in (*_drawn(section), Text())][:-1]),
        title=Text(plain(policy.programme), "bold"),
        title_align="left",
        subtitle=tongue("policy ", "chính sách ") + policy_hash(policy)[:HASH_SHOWN],
        subtitle_align="right",
        box=box.ROUNDED,
        width=_WIDTH,
        padding=(0, 2),
    )


def _drawn(section: Section) -> Iterable[RenderableType]:
    yield Text(section.title, "bold")
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
    language = f"{say.name(policy.locale, _LANGUAGES)} ({policy.locale})"
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


def _spend(policy: Policy, say: Tongue) -> Section:
    spend = policy.spend
    extras = ((spend.tax, say("tax", "thuế")), (spend.shipping, say("shipping", "phí giao hàng")))
    counted = say.listed([say("goods", "tiền hàng"), *(name for counts, name in extras if counts)])
    left_out = [name for counts, name in extras if not counts]
    said = [say(f"{counted} count towards a tier", f"{counted} được tính để xét hạng").capitalize()]
    if left_out:
        others = say.listed(left_out)
        said[0] += say(f", {others} {'do' if len(left_out) > 1 else 'does'} not", f"; {others} thì không")
    said[0] += "."
    if spend.excluded_categories:
        categories = say.listed(spend.excluded_categories)
        of = say("category" if len(spend.excluded_categories) == 1 else "categories", "nhóm")
        said.append(
            say(f"Goods of the {of} {categories} do not count.", f"Hàng thuộc {of} {categories} không được tính.")
        )
    payments = say.listed([say.name(one, _PAYMENTS) for one in spend.excluded_payments] or [""], "or", "hoặc")
    said.append(
        say(f"What is paid with {payments} does not count.", f"Phần trả bằng {payments} không được tính.")
        if payments
        else say("How an order is paid makes no difference.", "Trả bằng hình thức nào cũng được tính.")
    )
    said.append(
        say("A refund is taken off the day of its purchase.", "Khoản hoàn tiền được trừ vào đúng ngày đã mua hàng.")
    )
    return Section(say("What counts", "Chi tiêu được tính"), tuple(said))


def _tiers(policy: Policy, say: Tongue) -> Section:
    ladder = policy.tiers.ladder
    return Section(
        say("Tiers", "Hạng thành viên"),
        (say(f"Everybody begins as {ladder[0].name}.", f"Ai cũng bắt đầu từ hạng {ladder[0].name}."),),
        tuple(
            Row(rung.name, (_thresholds(rung, say),), rung.benefits, colour_of(place))
            for place, rung in enumerate(ladder)
        ),
    )


def _thresholds(rung: RungPolicy, say: Tongue) -> str:
    needed = [_at_least(measure, least, say) for measure, least in rung.enter.as_dict().items()]
    return f"{say('from', 'từ')} {say.listed(needed)}" if needed else say("from the start", "ngay từ đầu")


def _at_least(measure: str, least: int, say: Tongue) -> str:
    if measure == "spend":
        return say.money(least)
    return say.count(least, "order", "đơn hàng") if measure == "orders" else f"{say.number(least)} {measure}"


def _window(policy: Policy, say: Tongue) -> Section:
    days = say.count(policy.tiers.window.rolling_days, "day", "ngày")
    return Section(
        say("Window", "Kỳ xét hạng"),
        (
            say(
                f"The last {days} count, today included.",
                f"Xét {days} gần nhất, kể cả hôm nay.",
            ),
            say(
                "Whoever reaches a tier rises at once, and falls at once when the window holds too little for it.",
                "Đủ điều kiện thì lên hạng ngay; khi trong kỳ không còn đủ thì xuống hạng ngay.",
            ),
        ),
    )


def _guards(policy: Policy, say: Tongue) -> Section:
    guards = tuple(say.name(guard, _GUARDS) for guard in policy.tiers.no_promotion_while)
    free = say("Nothing holds a promotion back.", "Không có gì giữ lại việc lên hạng.")
    return Section(say("Held back", "Tạm giữ lên hạng"), guards or (free,))


def _levels(policy: Policy, say: Tongue) -> Section:
    first = say(*_LEVELS[1])
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
        tuple(
            Row(f"{rule.level} {say(*_LEVELS[rule.level])}", tuple(_condition(one, say) for one in rule.all))
            for rule in policy.levels
        ),
    )


def _condition(condition: Condition, say: Tongue) -> str:
    unit = "%" if condition.measure.endswith("_pct") else ""
    bound = say("at most", "tối đa") if condition.at_most else say("at least", "tối thiểu")
    said = f"{say.name(condition.measure, MEASURES)}: {bound} {say.number(condition.reach)}{unit}"
    if condition.keep not in {None, condition.reach}:
        kept = f"{say.number(condition.keep or 0)}{unit}"
        said += (
            say(f", kept up to {kept}", f", giữ cấp nếu không quá {kept}")
            if condition.at_most
            else say(f", kept from {kept}", f", giữ cấp nếu còn từ {kept}")
        )
    if condition.unknown == "holds":
        said += say(", or nothing known yet", ", hoặc chưa có dữ liệu")
    return f"{said} ({say.name(condition.criterion, _CRITERIA)})"


def _sla(policy: Policy, say: Tongue) -> Section:
    hours = policy.sla_hours.model_dump()
    due = ", ".join(
        f"{say.name(priority, _PRIORITIES)} {say.count(hours[priority], 'hour', 'giờ')}"
        for priority in sorted(hours, key=lambda priority: (hours[priority], priority))
    )
    return Section(
        say("First answer", "Phản hồi đầu tiên"),
        (
            say(f"A case is to be answered within its time: {due}.", f"Yêu cầu phải được trả lời đúng hạn: {due}."),
            say("Nights and holidays count.", "Tính cả ban đêm và ngày nghỉ."),
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
                say(*_DIMENSIONS[dimension]).capitalize(),
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


def _rewards(policy: Policy, say: Tongue) -> Section:
    title = say("Rewards", "Quà tặng")
    if not policy.rewards:
        return Section(title, (say("There are none.", "Chưa có quà nào."),))
    return Section(
        title,
        (
            say("A tier gives them when it is reached or passed.", "Tặng khi khách đạt hoặc vượt qua một hạng."),
            say(
                "They are taken back when a refund takes away what earned them.",
                "Quà bị thu hồi khi hoàn tiền làm khách không còn đủ điều kiện đã đạt.",
            ),
        ),
        tuple(Row(rule.id, (_occasion(rule, say), _gift(rule, say))) for rule in policy.rewards),
    )


def _occasion(rule: RewardPolicy, say: Tongue) -> str:
    often = say("once a calendar year", "mỗi năm dương lịch một lần") if rule.every == "year" else ""
    often = often or say("once and never again", "chỉ một lần duy nhất")
    tier = rule.when.tier_reached
    return say(f"for {tier}, {often}:", f"khi đạt hạng {tier}, {often}:")


def _gift(rule: RewardPolicy, say: Tongue) -> str:
    gift = rule.gift
    face, days = say.money(gift.face_value), say.count(gift.valid_days, "day", "ngày")
    cards = say.count(rule.quantity, f"{gift.card_kind} card", f"thẻ {gift.card_kind}")
    if rule.quantity > 1:
        cards += say(f" of {face} each", f", mỗi thẻ trị giá {face}")
    else:
        cards += say(f" of {face}", f" trị giá {face}")
    return say(
        f"{cards}, {gift.brand}, valid for {days} ({gift.id})",
        f"{cards}, {gift.brand}, hạn dùng {days} ({gift.id})",
    )


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
    _tiers,
    _window,
    _guards,
    _spend,
    _rewards,
    _levels,
    _sla,
    _scores,
    _clock,
)
