"""Why a customer stands where they stand, in plain sentences, English or Vietnamese."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Group
from rich.panel import Panel
from rich.text import Text

from cli.screen.alerts import told
from cli.screen.parts import plain
from cli.screen.policy import drawn
from cli.screen.policy_tiers import amount, terms
from cli.screen.tongue import GUARDS, LEVELS, REASONS, REASONS_OF_LOSS, STATUSES, Row, Section, Tongue
from cx.rules import at_most
from cx.words import CRITERIA, DIMENSIONS, conditions

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cli.screen.money import Lang
    from schemas.policy import Policy, RungPolicy

_WIDTH: Final = 92
_ORDERS_MAX: Final = 8
_MOST: Final = frozenset({"open_cases", "open_detractor_cases"})  # of which less is better under every policy
_MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_REWARDS_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of a customer, and how to say it.

    Attributes:
        known: As `cx.why.grounds` has it, of an instant that has been, or also what was told.
        policy: The one by which it was decided.
        zone: In which days are told.
    """

    known: Mapping[str, Any]
    policy: Policy
    zone: ZoneInfo
    say: Tongue

    def local(self, text: str) -> datetime:
        """Return an instant in local time."""
        return datetime.fromisoformat(text).astimezone(self.zone)

    def day(self, text: str) -> str:
        """Return the local day of an instant."""
        return self._day(self.local(text).date())

    def iso_day(self, text: str) -> str:
        """Return a day."""
        return self._day(date.fromisoformat(text))

    def moment(self, text: str) -> str:
        """Return an instant with its time of day."""
        at = self.local(text)
        return self.say(f"{self._day(at.date())}, {at:%H:%M}", f"{at:%H:%M} ngày {self._day(at.date())}")

    def until(self, text: str) -> str:
        """Return up to when something lasts; a day's first instant is the end of the day before."""
        at = self.local(text)
        if at.time() == datetime.min.time():
            day = self._day(at.date() - timedelta(days=1))
            return self.say(f"to the end of {day}", f"đến hết ngày {day}")
        return self.say(f"until {self.moment(text)}", f"đến {self.moment(text)}")

    def rung(self, name: str) -> RungPolicy | None:
        """Return what the policy says of a tier."""
        return next((rung for rung in self.policy.tiers.ladder if rung.name == name), None)

    def falls(self, change: Mapping[str, Any]) -> bool:
        """Tell whether a change of tier leads down; one that was brought along may be unknown here."""
        names = [rung.name for rung in self.policy.tiers.ladder]
        both = change["from"] in names and change["to"] in names
        return both and names.index(change["to"]) < names.index(change["from"])

    def _day(self, day: date) -> str:
        return self.say(f"{day.day} {_MONTHS[day.month - 1]} {day.year}", f"{day:%d/%m/%Y}")


def picture(known: Mapping[str, Any], policy: Policy, lang: Lang) -> RenderableType:
    """Draw why a customer's tier is what it is."""
    case = Case(known, policy, ZoneInfo(policy.time_zone), Tongue(lang, known["currency"]))
    sections = [section for tell in SECTIONS if (section := tell(case))]
    return Panel(
        Group(*[part for section in sections for part in (*drawn(section), Text())][:-1]),
        title=Text(plain(known["customer_id"]), "bold"),
        title_align="left",
        subtitle=case.say("as of ", "tính đến ") + case.moment(known["as_of"]),
        subtitle_align="right",
        box=box.ROUNDED,
        width=_WIDTH,
        padding=(0, 2),
    )


def _tier(case: Case) -> Section:
    known, say = case.known, case.say
    tier = known["tier"]
    said = [say(f"The tier is {tier}", f"Hạng hiện tại là {tier}") + _since(case, "tier_since") + "."]
    said += _word(case)
    rung = case.rung(tier)
    if rung is not None and rung is case.policy.tiers.ladder[0]:
        said.append(say("Everybody begins with it.", "Ai cũng bắt đầu từ hạng này."))
    elif rung is not None:
        said.append(say(f"It takes {terms(rung.enter, say)}", f"Hạng này cần {terms(rung.enter, say)}"))
        if rung.keep and rung.keep != rung.enter:
            said[-1] += say(f", and {terms(rung.keep, say)} to keep it", f"; để giữ hạng cần {terms(rung.keep, say)}")
        said[-1] += "."
    said.append(_counted(case))
    said.append(_changed(case))
    return Section(say("Tier", "Hạng"), tuple(said), tuple(_orders(case)))


def _since(case: Case, name: str) -> str:
    since = case.known[name]
    return case.say(f", since {case.day(since)}", f", từ ngày {case.day(since)}") if since else ""


def _word(case: Case) -> list[str]:
    given, say = case.known.get("given"), case.say
    if not given:
        return []
    until = case.until(given["until"]) if given["until"] else say("for good", "vô thời hạn")
    if not given["person"] and not given["reason"]:
        return [
            say(
                f"It was brought along from another system, {until}.",
                f"Hạng được chuyển từ hệ thống khác sang, {until}.",
            )
        ]
    said = [
        say(
            f"{given['person']} set it to {given['tier']}, {until} ({given['reason']}).",
            f"{given['person']} đã đặt hạng {given['tier']}, {until} ({given['reason']}).",
        )
    ]
    if given["pinned"]:
        said.append(say("That is less than had been reached.", "Hạng này thấp hơn mức khách đã đạt."))
    return said


def _counted(case: Case) -> str:
    known, say = case.known, case.say
    measures = dict(known["measures"])
    spend, orders = measures.pop("spend"), measures.pop("orders")
    count = say.count(orders, "order", "đơn hàng")
    parts = [say(f"{say.money(spend)} in {count}", f"{say.money(spend)} với {count}")]
    parts += [amount(name, value, say) for name, value in measures.items()]
    window = known.get("window")
    if not window:
        return say(f"What counts is {say.listed(parts)}.", f"Được tính: {say.listed(parts)}.")
    first, last = case.iso_day(window["first"]), case.iso_day(window["last"])
    return say(
        f"From {first} to {last} there are {say.listed(parts)}.",
        f"Từ {first} đến {last} có {say.listed(parts)}.",
    )


def _changed(case: Case) -> str:
    known, say = case.known, case.say
    change = known.get("change") or (known["history"][-1] if known["history"] else None)
    if not change:
        return say("It has not changed yet.", "Hạng chưa thay đổi lần nào.")
    why = say.name(change["reason"], REASONS | REASONS_OF_LOSS if case.falls(change) else REASONS)
    if change.get("order"):
        why += say(f" (order {change['order']})", f" (đơn {change['order']})")
    when = case.moment(change["at"])
    return say(
        f"It changed last on {when}, from {change['from']} to {change['to']}: {why}.",
        f"Lần thay đổi gần nhất: {when}, từ {change['from']} sang {change['to']}: {why}.",
    )


def _orders(case: Case) -> list[Row]:
    known, say = case.known, case.say
    orders, rest = known.get("orders", ()), known.get("rest")
    rows = [
        Row(one["order"], (f"{case.iso_day(one['day'])}: {say.money(one['amount'])}",)) for one in orders[-_ORDERS_MAX:]
    ]
    more = list(orders[:-_ORDERS_MAX])
    count = len(more) + (rest["orders"] if rest else 0)
    if not more and not rest:
        return rows
    first = min(([more[0]["day"]] if more else []) + ([rest["first"]] if rest else []))
    last = max(([more[-1]["day"]] if more else []) + ([rest["last"]] if rest else []))
    total = sum(one["amount"] for one in more) + (rest["amount"] if rest else 0)
    days = case.iso_day(first)
    if last != first:
        days = say(f"{days} to {case.iso_day(last)}", f"{days} đến {case.iso_day(last)}")
    number = say.count(count, "order", "đơn hàng")
    return [Row(say("others", "các đơn khác"), (f"{days}: {say.money(total)}, {number}",)), *rows]


def _next(case: Case) -> Section:
    known, say = case.known, case.say
    progress = known["progress"]
    following = progress["next"]
    if following is None:
        return Section(say("Higher", "Hạng cao hơn"), (say("There is no higher tier.", "Không còn hạng nào cao hơn."),))
    said = []
    rung = case.rung(following)
    if rung is not None:
        said.append(say(f"It takes {terms(rung.enter, say)}.", f"Cần {terms(rung.enter, say)}."))
    if progress["missing"]:
        missing = _gaps(progress["missing"], case)
        said.append(say(f"Still missing: {missing}.", f"Còn thiếu: {missing}."))
        said += _in_time(case)
    elif progress["held_back_by"]:
        said.append(say("All of it is there, but it is held back:", "Khách đã đủ điều kiện nhưng đang bị tạm giữ:"))
        said += [say.name(guard, GUARDS) for guard in progress["held_back_by"]]
    else:
        said.append(say("Nothing of it is missing.", "Không còn thiếu gì."))
        if (known.get("given") or {}).get("pinned"):
            said.append(say("A person's word holds it down.", "Hạng đang được giữ theo quyết định của nhân viên."))
    return Section(say(f"To reach {following}", f"Để lên hạng {following}"), tuple(said))


def _in_time(case: Case) -> list[str]:
    window, say = case.known.get("window"), case.say
    if not window:
        return []
    if window["ends"]:
        day = case.iso_day(window["ends"])
        return [say(f"What is bought by {day} counts.", f"Chỉ tính các đơn mua đến hết ngày {day}.")]
    days = say.count(case.policy.tiers.window.rolling_days or 0, "day", "ngày")
    return [say(f"Every order counts for {days}.", f"Mỗi đơn hàng được tính trong {days}.")]


def _keep(case: Case) -> Section | None:
    known, say = case.known, case.say
    progress, tier = known["progress"], known["tier"]
    lowest = tier == case.policy.tiers.ladder[0].name
    if lowest or "keep" not in progress:
        return None
    title, kept = say(f"To keep {tier}", f"Để giữ hạng {tier}"), progress["keep"]
    if kept is None:
        return Section(title, (say("Time alone does not take it.", "Hạng không bị mất theo thời gian."),))
    said, until = [], case.until(kept["until"])
    if known["failing_since"]:
        said.append(_respite(case))
    if kept["then"] != tier:
        said.append(
            say(
                f"If nothing more happens it is held {until}; then {kept['then']} follows.",
                f"Nếu không có thêm phát sinh, hạng được giữ {until}, sau đó là {kept['then']}.",
            )
        )
    else:
        said.append(
            say(
                f"It is held {until}, and what there is so far keeps it then as well.",
                f"Hạng được giữ {until}; kết quả hiện có cũng đủ để giữ hạng sau đó.",
            )
        )
    if kept["missing"]:
        missing = _gaps(kept["missing"], case)
        said.append(say(f"Missing by then to keep it: {missing}.", f"Để giữ hạng, đến lúc đó cần thêm: {missing}."))
    return Section(title, tuple(said))


def _respite(case: Case) -> str:
    say, since = case.say, case.day(case.known["failing_since"])
    said = say(
        f"Since {since} there has been too little for it, and a respite runs",
        f"Từ ngày {since} không còn đủ điều kiện và đang trong thời gian ân hạn",
    )
    if case.known["window"]["ends"]:
        said += say(", in which the period before counts as well", ", trong đó kỳ trước vẫn được tính")
    return f"{said}."


def _gaps(missing: Mapping[str, int], case: Case) -> str:
    return case.say.listed([_gap(measure, gap, case) for measure, gap in missing.items()])


def _gap(measure: str, gap: int, case: Case) -> str:
    say = case.say
    if measure in _MOST or measure in at_most(case.policy):
        said = amount(measure, gap, say)
        return say(f"{said} less", f"bớt {said}")
    if measure == "level":
        return say.count(gap, "CX level", "cấp CX")
    if measure in DIMENSIONS:
        score = say.name(measure, DIMENSIONS)
        return say(f"{gap} more in the {score} score", f"thêm {gap} ở điểm {score}")
    return amount(measure, gap, say)


def _points(case: Case) -> Section | None:
    points, say = case.known.get("points"), case.say
    earns = bool(case.policy.points.rates or case.policy.points.campaigns)
    if not points or not (earns or any(points.values())):
        return None
    balance, pending, expiry = points["balance"], points["pending"], points["next_expiry"]
    held = say.count(abs(balance), "point", "điểm")
    if balance < 0:
        are = "is" if balance == -1 else "are"
        said = [
            say(f"{held} {are} owed: more was spent than is left", f"Khách đang nợ {held} do đã dùng quá số còn lại")
        ]
    else:
        said = [say(f"{held} can be spent", f"Có {held} dùng được")]
    if pending:
        said[0] += say(f", {say.number(pending)} cannot yet", f", {say.number(pending)} điểm còn chờ")
    said[0] += "."
    if expiry:
        gone, last = expiry["points"], case.iso_day(expiry["last_day"])
        some = say.number(gone)
        runs = "runs" if gone == 1 else "run"
        said.append(say(f"{some} of them {runs} out after {last}.", f"Trong đó {some} điểm hết hạn sau ngày {last}."))
    return Section(say("Points", "Điểm thưởng"), tuple(said))


def _level(case: Case) -> Section:
    known, say = case.known, case.say
    level = known["cx_level"]
    name = say(*LEVELS[level])
    said = [say(f"Level {level}, {name}", f"Cấp {level} ({name})") + _since(case, "cx_level_since") + "."]
    rows = known["cx_level_missing"]
    if rows:
        following = say(*LEVELS[level + 1])
        said.append(
            say(f"Missing for level {level + 1}, {following}:", f"Để lên cấp {level + 1} ({following}) còn thiếu:")
            + " "
            + "; ".join(conditions(rows, say.lang))
            + "."
        )
    if held := _criteria(case):
        said.append(held)
    scores = [f"{say.name(key, DIMENSIONS)} {value}" for key, value in known["dimensions"].items()]
    said.append(say(f"Scores, of 100: {say.listed(scores)}.", f"Điểm trên thang 100: {say.listed(scores)}."))
    return Section(say("CX level", "Cấp độ trải nghiệm (CX)"), tuple(said))


def _criteria(case: Case) -> str:
    say = case.say
    parts = [
        say(f"{one['holds']} of {one['of']} for {name}", f"{one['holds']}/{one['of']} về {name}")
        for key, one in case.known["criteria"].items()
        if one["of"]
        for name in (say.name(key, CRITERIA),)
    ]
    if not parts:
        return ""
    if not case.known["cx_level_missing"]:
        return say(
            f"Of what the levels ask, there are {say.listed(parts)}.",
            f"Trong các điều kiện của mọi cấp, khách đạt {say.listed(parts)}.",
        )
    return say(
        f"Of what the levels up to the next one ask, there are {say.listed(parts)}.",
        f"Trong các điều kiện đến hết cấp kế tiếp, khách đạt {say.listed(parts)}.",
    )


def _rewards(case: Case) -> Section | None:
    """Tell the latest rewards, and the segment by which gifts are chosen; what lost its ground is none."""
    known, say = case.known, case.say
    rewards = sorted((one for one in known["rewards"] if one["status"] != "lost"), key=lambda one: str(one["since"]))
    segment = known["segment"]
    said = [say(f"The segment is {segment}.", f"Nhóm khách hàng: {segment}.")] if segment else []
    for hold in known.get("holds", ()):
        since, name = case.moment(hold["since"]), plain(hold["hold_id"])
        said.append(say(f"Rewards are held back since {since} ({name}).", f"Đang tạm giữ từ {since} ({name})."))
    if not rewards and not said:
        return None
    rows = [Row(case.day(one["since"]), (_reward(one, case),)) for one in rewards[-_REWARDS_MAX:]]
    return Section(say("Rewards", "Phần thưởng"), tuple(said), tuple(rows))


def _reward(reward: Mapping[str, Any], case: Case) -> str:
    say = case.say
    gifts = [reward["gift"]] if reward.get("gift") else list(reward.get("choices", ()))
    named = f" ({', '.join(gifts)})" if gifts else ""
    for_tier = say(f", for {reward['tier']}", f", cho hạng {reward['tier']}") if reward["tier"] else ""
    return f"{reward['rule']}{for_tier}: {say.name(reward['status'], STATUSES)}{named}."


def _care(case: Case) -> Section | None:
    alerts, say = case.known.get("alerts"), case.say
    if not alerts:
        return None
    rows = [Row(_short(case, alert["since"]), (told(alert, say, lambda text: _short(case, text)),)) for alert in alerts]
    return Section(say("Care", "Chăm sóc khách hàng"), (), tuple(rows))


def _short(case: Case, text: str) -> str:
    return case.day(text) if "T" in text else case.iso_day(text)


SECTIONS: Final[tuple[Callable[[Case], Section | None], ...]] = (
    _tier, _next, _keep, _points, _level, _rewards, _care,
)  # fmt: skip
