"""Two languages at once: what the parts of a policy are called, and sentences about them, in English and Vietnamese."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cli.screen.money import Lang, money, number

if TYPE_CHECKING:
    from collections.abc import Iterable

LANGUAGES: Final = {"vi": ("Vietnamese", "tiếng Việt"), "en": ("English", "tiếng Anh")}
CHANNELS: Final = {
    "store": ("in a store", "tại cửa hàng"),
    "web": ("on the web", "trên web"),
    "app": ("in the app", "trên ứng dụng"),
    "partner": ("at a partner", "tại đối tác"),
}
WAYS: Final = {  # short enough for a cell of the map
    "store": ("store", "cửa hàng"),
    "web": ("web", "web"),
    "app": ("app", "ứng dụng"),
    "phone": ("phone", "tổng đài"),
    "chat": ("chat", "chat"),
    "email": ("email", "email"),
    "social": ("social", "MXH"),
    "partner": ("partner", "đối tác"),
    "event": ("event", "sự kiện"),
}
PAYMENTS: Final = {"points": ("points", "điểm"), "gift-card": ("gift cards", "thẻ quà tặng")}
GUARDS: Final = {
    "open-case": (
        "Nobody rises while they have a case open.",
        "Khách còn yêu cầu hỗ trợ chưa xử lý xong thì chưa được lên hạng.",
    ),
    "open-detractor-case": (
        "Nobody rises while they are dissatisfied and have a case open.",
        "Khách đang không hài lòng mà còn yêu cầu hỗ trợ chưa xử lý xong thì chưa được lên hạng.",
    ),
}
LEVELS: Final = {
    1: ("informed", "được thông tin"),
    2: ("answered", "được phản hồi"),
    3: ("committed", "gắn bó"),
    4: ("anticipated", "được quan tâm trước"),
    5: ("advocate", "người ủng hộ"),
}
SEVERITIES: Final = {
    "info": ("for information", "thông tin"),
    "warning": ("warning", "cảnh báo"),
    "urgent": ("urgent", "khẩn cấp"),
}
STAGES: Final = {
    "discover": ("discover", "khám phá"),
    "consider": ("consider", "cân nhắc"),
    "purchase": ("purchase", "mua hàng"),
    "use": ("use", "sử dụng"),
    "support": ("support", "hỗ trợ"),
    "advocate": ("advocate", "ủng hộ"),
}
GROUPS: Final = {
    "people": ("people", "con người"),
    "product": ("product", "sản phẩm"),
    "digital": ("digital", "kênh số"),
}
HELPS: Final = {
    "answer-now": ("answer now", "trả lời ngay"),
    "apology": ("apology", "xin lỗi"),
    "ask-what-went-wrong": ("ask what went wrong", "hỏi điều chưa hài lòng"),
    "call": ("call", "gọi điện hỏi thăm"),
    "call-back": ("call back", "gọi lại"),
    "choose-another-gift": ("choose another gift", "đổi quà khác"),
    "one-agent-for-both": ("one agent for both", "giao cho một người lo cả hai"),
    "personal-suggestion": ("personal suggestion", "gợi ý riêng"),
    "say-what-is-missing": ("say what is missing", "báo còn thiếu gì"),
    "say-we-miss-you": ("say we miss you", "nhắn lời hỏi thăm"),
    "senior-agent": ("senior agent", "chuyển nhân viên cấp cao"),
    "suggest-a-reward": ("suggest a reward", "gợi ý đổi quà"),
}
PRIORITIES: Final = {
    "urgent": ("urgent", "khẩn cấp"),
    "high": ("high", "cao"),
    "normal": ("normal", "bình thường"),
    "low": ("low", "thấp"),
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
    "seam": ("asked again elsewhere", "phải hỏi lại ở kênh khác"),
}
# Why a tier changed, and what is said otherwise where it fell.
REASONS: Final = {
    "spend": ("a purchase reached it", "một lần mua đã đủ điều kiện"),
    "refund": ("a refund took away what it rested on", "hoàn tiền làm không còn đủ điều kiện"),
    "window": ("older days count no more", "các ngày cũ không còn được tính"),
    "guard": ("a support case does not hold it back any more", "yêu cầu hỗ trợ không còn giữ lại việc lên hạng"),
    "experience": ("a score, a case or the CX level changed", "điểm trải nghiệm, yêu cầu hoặc cấp CX thay đổi"),
    "joining": ("the day of joining turned the window", "ngày gia nhập làm kỳ xét hạng thay đổi"),
    "override": ("a person decided so", "do nhân viên quyết định"),
    "override-ended": ("a tier given for a while ended", "thời hạn giữ hạng đã hết"),
    "import": ("it was brought along from another system", "chuyển từ hệ thống khác sang"),
    "correction": ("an event came late", "có sự kiện đến muộn"),
}
REASONS_OF_LOSS: Final = {
    "guard": ("a support case stands against it", "yêu cầu hỗ trợ làm không còn đủ điều kiện"),
    "import": (
        "what was brought along from another system is not enough for it",
        "dữ liệu chuyển từ hệ thống khác sang không đủ để giữ hạng",
    ),
}
# What has become of a reward.
STATUSES: Final = {
    "owed": ("earned", "đã đạt"),
    "held": ("held back until a person decides", "tạm giữ chờ nhân viên quyết định"),
    "requested": ("asked for", "đang xin quà"),
    "waiting": ("waits for stock", "chờ có hàng"),
    "unavailable": ("cannot be given", "không còn quà"),
    "offered": ("waits for a choice", "chờ khách chọn quà"),
    "issued": ("given", "đã tặng"),
    "delivered": ("delivered", "đã giao"),
    "redeemed": ("used", "đã dùng"),
    "expired": ("ran out", "đã hết hạn"),
    "revoked": ("taken back", "đã thu hồi"),
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
