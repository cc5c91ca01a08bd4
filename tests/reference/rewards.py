"""What a customer is owed: rewards by all triggers, each once for its occasion, and the holds on them."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tests.reference.books import Event, Order
from tests.reference.care import Life
from tests.reference.cases import Case
from tests.reference.days import DAY, HOUR, NEVER, first_of, ordinal, written
from tests.reference.policy import Policy
from tests.reference.walk import Answers, Mood, Standing

PROMOTES, WAITS, WAITING, FORGOTTEN = 9, 90 * DAY, 20, 400 * DAY
COUNTED = {"purchase": "orders", "refund": "refunds", "granted": "redemptions"}
WORDS = ("hold.released", "hold.confirmed")
Occasion = tuple[str, ...]


@dataclass
class Owed:
    """A reward that is, or was, owed for an occasion; *ends* is the last period of a streak."""

    rule: Policy
    tier: str
    rung: int
    mood: Mood
    since: int
    earned: bool = True
    lost: bool = False
    ends: Any = None
    choices: list[str] = field(default_factory=list)


@dataclass
class Hold:
    """A hold, since when it stands, and since when no more; 0 for not yet."""

    rule: str
    placed: int
    ended: int = 0
    released: bool = False


class Member(Life):
    """A life, with what is owed to it."""

    def __init__(self, policy: Policy, events: list[Event], answers: Answers) -> None:
        self.owed, self.birthday, self.preferences = dict[tuple[str, Occasion], Owed](), "", list[str]()
        self.referrals, self.slow = list[tuple[int, str, str]](), list[Case]()  # that wait; cases answered late
        self.solved = list[Case]()  # by the event of now, and bad before
        self.bursts, self.holds = dict[str, list[int]](), dict[str, Hold]()
        self.words, self.rise = list[Event](), (0, 0)  # words on holds that are not placed; rungs before and after
        super().__init__(policy, events, answers)

    # What happens

    def happen(self, event: Event) -> None:
        self.solved, level, before = [], self.moods[-1].values["level"], len(self.facts)
        wanted = event.data.get("reward") if self.rules("redemption") else None
        if wanted:
            self.answers.setdefault((event.source, event.id), self.price_of(event))
        super().happen(event)
        if event.kind == "customer.imported":
            return
        granted = self.answers.get((event.source, event.id), 0) if event.kind == "points.redemption-requested" else 0
        self.levelled(level)
        self.put_right()
        self.refers(event)
        self.tells(event)
        if event.kind == "purchase.completed":
            self.streaks(self.orders[-1], bought=True)
        for rule in self.rules("redemption") if granted else []:
            if rule["id"] == wanted:
                self.owe(rule, (event.id, event.source), granted=True)
        for what in [*(what for what, _ in self.facts[before:]), *(["granted"] if granted else [])]:
            self.burst(what)

    def step(self, at: int) -> None:
        """Let time come to the next look, and see birthdays and levels at their instants."""
        level, day = self.moods[-1].values["level"], self.day(self.now)
        super().step(at)
        self.levelled(level)
        today = date.fromordinal(self.day(at))
        leaps = today.year % 4 == 0 and (today.year % 100 or not today.year % 400)
        birthday = "03-01" if self.birthday == "02-29" and not leaps else self.birthday
        for rule in self.rules("birthday") if self.day(at) > day and f"{today:%m-%d}" == birthday else []:
            self.owe(rule, ())

    def stand(self, after: Standing, undone: list[Order] | None = None, *, rewarding: bool = True) -> None:
        """Take a new standing, owe the rewards of a rise, and look again at those that rest on what was undone."""
        before = self.standing.rung
        super().stand(after, undone, rewarding=rewarding)
        mood, names = self.moods[-1], self.policy["names"]
        earned = self.earned_rung(mood.at, mood) if undone or after.rung > before else before
        for rule in self.rules("tier_reached") if rewarding else ():
            rung = names.index(rule["when"]["tier_reached"])
            if before < rung <= after.rung:
                self.owe(rule, (), rung=rung, earned=earned >= rung)
        for order in undone or ():
            for owed in [one for one in self.owed.values() if not one.lost]:
                first = first_of(self.day(owed.mood.at), self.policy["window"], mood.joined)
                if order.number <= owed.mood.number and order.day >= first:
                    self.look_at_ground(owed, earned, order)
            self.streaks(order)

    def look_at_ground(self, owed: Owed, earned: int, order: Order) -> None:
        """Take back what rested on an order that is undone, unless there is another ground by now."""
        if "tier_reached" in owed.rule["when"] and owed.earned:
            if self.earned_rung(owed.mood.at, owed.mood) < owed.rung:
                if owed.rung <= self.standing.rung:
                    owed.mood, owed.earned, owed.since = self.moods[-1], earned >= owed.rung, self.now
                owed.lost = owed.rung > self.standing.rung
        elif "level_reached" in owed.rule["when"] and order.undone:
            level = owed.rule["when"]["level_reached"]
            asked = [one for rule in self.policy["levels"] if rule["level"] <= level for one in rule.get("all") or ()]
            least = [one["reach"] for one in asked if one["measure"] == "orders" and not one.get("at_most")]
            counted = self.sums(self.day(owed.mood.at), owed.mood)["orders"]
            if counted < max(least, default=0):
                owed.lost = self.moods[-1].values["level"] < level
                if not owed.lost:
                    owed.mood, owed.since = self.moods[-1], self.now

    def levelled(self, before: int) -> None:
        for rule in self.rules("level_reached"):
            if before < rule["when"]["level_reached"] <= self.moods[-1].values["level"]:
                self.owe(rule, ())

    def _follow(self, case: Case, kind: str, at: int) -> None:
        answered, was_open = case.answered, case.open
        super()._follow(case, kind, at)
        self.slow += [case] if case.answered and not answered and at > case.due else []
        if was_open and not case.open and (case.angry or case.came_back or case in self.slow):
            self.solved.append(case)

    def put_right(self) -> None:
        for case in [one for one in self.solved if not one.open]:  # which may have come back at the same instant
            key = next(key for key, one in self.cases.items() if one is case)
            for rule in self.rules("recovery"):
                self.owe(rule, (key[1], key[0]))

    def tells(self, event: Event) -> None:
        """Take what a customer tells of themselves, or a person's word on a hold."""
        if event.kind == "profile.updated":
            self.birthday = event.data.get("birthday") or self.birthday
            told = event.data.get("preferences")
            self.preferences = self.preferences if told is None else [one.casefold() for one in told]
        if event.kind in WORDS:
            self.word(event)

    def refers(self, event: Event) -> None:
        """Let a referral wait for an answer of a promoter, and owe what waits for it."""
        if event.kind == "referral.converted":
            self.referrals = [*self.referrals, (event.at, event.id, event.source)][-WAITING:]
        elif event.data.get("instrument") != "nps":
            return
        if self.said.get("nps", [0])[0] >= PROMOTES:
            for at, name, source in self.referrals:
                for rule in self.rules("promoter_refers") if event.at < at + WAITS else []:
                    self.owe(rule, (name, source))
            self.referrals = []

    # Streaks

    def streaks(self, order: Order, *, bought: bool = False) -> None:
        """Look at the runs that an order, bought or undone, completes or breaks: at those of its period and later."""
        for rule in self.rules("streak"):
            asked = rule["when"]["streak"]
            live = Counter(period(one.day, asked["within"]) for one in self.orders if not one.undone)
            own = period(order.day, asked["within"])
            ends = [own] if bought and live[own] == 1 and not order.undone else []
            if order.undone and not live[own]:
                ends = sorted(one for one in live if one > own)
                for owed in self.standing_of(rule):
                    owed.lost = own in run(owed.ends, asked)
            for last in ends:
                taken = [one for owed in self.standing_of(rule) for one in run(owed.ends, asked)]
                if all(live[one] and one not in taken for one in run(last, asked)):
                    year, name = year_of(last, asked["within"]), named(last, asked["within"])
                    self.owe(rule, (name,), year=year, ends=last)

    # What is owed

    def rules(self, trigger: str) -> list[Policy]:
        return [rule for rule in self.policy["rewards"] if rule["when"].get(trigger)]

    def standing_of(self, rule: Policy) -> list[Owed]:
        return [owed for owed in self.owed.values() if owed.rule is rule and not owed.lost]

    def occasion(self, rule: Policy, name: Occasion, year: int | None = None) -> Occasion:
        every = rule.get("every", "year")
        return name if every == "occasion" else ("ever",) if every == "ever" else (str(year or self.year()),)

    def year(self) -> int:
        return date.fromordinal(self.day(self.now)).year

    def owe(self, rule: Policy, name: Occasion, *, year: int | None = None, granted: bool = False, **more: Any) -> None:
        """Owe a reward for an occasion, unless it is owed, not allowed so soon, or there is nothing to give."""
        key = rule["id"], self.occasion(rule, name, year)
        before, choices = self.owed.get(key), self.choices(rule)
        if (before and not before.lost) or not (granted or self.is_allowed(rule, key)):
            return
        if granted and choices == []:
            choices = self.liked(rule["choices"])
        if choices != []:
            self.owed = {other: one for other, one in self.owed.items() if self.now < one.since + self.span(one.rule)}
            rung = more.pop("rung", 0)
            tier = self.policy["names"][rung] if rung else ""
            self.owed[key] = Owed(rule, tier, rung, self.moods[-1], self.now, choices=choices or [], **more)

    def span(self, rule: Policy) -> int:
        """Return for how long an occasion of a rule is kept; those of a year, or for ever, always are."""
        lasts = rule.get("choose_days", 7) + max(
            one.get("valid_days", 90) for one in rule.get("choices", [rule.get("gift")])
        )
        streak, limit = rule["when"].get("streak"), rule.get("limit") or {"days": 0}
        runs = streak["orders"] * (7 if streak["within"] == "week" else 31) if streak else 0
        days = max(lasts, runs, rule.get("cooldown_days", 0), limit["days"]) * DAY
        late = self.policy["horizon"] + self.policy["lateness"]
        return max(days + late, FORGOTTEN) if rule.get("every") == "occasion" else NEVER

    def is_allowed(self, rule: Policy, key: tuple[str, Occasion]) -> bool:
        """Tell whether limit and cooldown allow another occasion of a rule."""
        today, limit = self.day(self.now), rule.get("limit")
        others = [one for other, one in self.owed.items() if one.rule is rule and other != key and not one.lost]
        days = [self.day(one.since) for one in others]
        within = sum(day > today - limit["days"] for day in days) < limit["times"] if limit else True
        return within and all(today >= day + rule.get("cooldown_days", 0) for day in days)

    def choices(self, rule: Policy) -> list[str] | None:
        """Return what the customer may choose, what they prefer first; None where there is nothing to choose."""
        if "choices" not in rule:
            return None
        tier, segment = self.policy["names"][self.standing.rung], self.segment(self.now)
        fit = [one for one in rule["choices"] if tier in (one.get("tiers") or [tier])]
        return self.liked([one for one in fit if segment in (one.get("segments") or [segment])])

    def liked(self, choices: list[Policy]) -> list[str]:
        def is_liked(one: Policy) -> bool:
            words = (one["id"], one["brand"], one.get("card_kind", "e-voucher"))
            return any(word.casefold() in self.preferences for word in words)

        return [one["id"] for one in sorted(choices, key=lambda one: not is_liked(one))]

    def segment(self, at: int) -> str | None:
        """Return the first segment that fits, over the window of the tiers."""
        today, mood = self.day(at), self.moods[-1]
        sums, first = self.sums(today, mood), first_of(today, self.policy["window"], mood.joined)
        days = [one.day for one in self.orders if not one.undone]
        days += [ordinal(one["day"]) for _, _, one in self.brought if one.get("orders")]
        last = max([day for day in days if first <= day <= today], default=None)
        for one in self.policy["segments"]:
            recent = one.get("recency_days") is None or (last is not None and today - last <= one["recency_days"])
            if recent and all(sums[name] >= (one.get(name) or 0) for name in ("orders", "spend")):
                return str(one["id"])
        return None

    def price_of(self, event: Event) -> int:
        """Return the points that a request which names a reward is granted; 0 where it is refused."""
        rule = next((one for one in self.rules("redemption") if one["id"] == event.data["reward"]), None)
        points, self.now = event.data["points"], event.at
        if rule is None or points != rule["when"]["redemption"]["points"]:
            return 0
        fits = self.is_allowed(rule, (rule["id"], (event.id, event.source))) and self.choices(rule) != []
        return int(points) if fits and points <= self.ledger.balance else 0

    # Holds

    def burst(self, what: str) -> None:
        """Count what makes a hold, and place one where it is too much in too short a time."""
        for rule in self.policy["velocity"] if what in COUNTED else ():
            if rule["counts"] != COUNTED[what] or any(
                o.rule == rule["id"] and not o.ended for o in self.holds.values()
            ):
                continue
            since = [one for one in self.bursts.get(rule["id"], []) if one > self.now - rule["within_hours"] * HOUR]
            self.bursts[rule["id"]] = [*since, self.now]
            if len(since) >= rule["more_than"]:
                name = f"{rule['id']}-{date.fromordinal(self.day(self.now))}"
                number = sum(other == name or other.startswith(f"{name}-") for other in self.holds)
                name += f"-{number + 1}" if number else ""
                self.holds[name], self.bursts[rule["id"]] = Hold(rule["id"], self.now), []
                early = [one for one in self.words if one.data["hold_id"] == name]
                for word in [one for one in early if one.at >= self.now - self.policy["future"]][:1]:
                    self.words.remove(word)
                    self.word(word)

    def word(self, event: Event) -> None:
        """Let a person's word end a hold; only the first counts."""
        hold = self.holds.get(event.data["hold_id"])
        if hold is None:
            self.words.append(event)
        elif not hold.ended:
            hold.ended, hold.released = max(event.at, hold.placed), event.kind == "hold.released"

    # What is seen

    def state(self, customer: str, at: int) -> dict[str, Any]:
        owed = [
            {
                "rule": one.rule["id"], "occasion": key[1][0], "item": item, "tier": one.tier or None,
                "since": None if one.tier else written(one.since), "status": "lost" if one.lost else "owed",
                "choices": one.choices,
            }
            for key, one in sorted(self.owed.items(), key=lambda pair: (pair[0], pair[1].since))
            for item in range(1, 1 + one.rule.get("quantity", 1))
        ]  # fmt: skip
        holds = {name: (one.placed, one.ended, one.released) for name, one in sorted(self.holds.items())}
        return super().state(customer, at) | {"rewards": owed, "segment": self.segment(at), "holds": holds}


def period(day: int, within: str) -> int:
    """Return the number of the local month, or of the week from Monday, of a day."""
    at = date.fromordinal(day)
    return at.year * 12 + at.month - 1 if within == "month" else (day - 1) // 7


def run(ends: int, asked: Policy) -> range:
    return range(ends - asked["orders"] + 1, ends + 1)


def year_of(number: int, within: str) -> int:
    """Return the year of a period; that of a week is the year of its Thursday."""
    return number // 12 if within == "month" else (date.fromordinal(number * 7 + 1) + timedelta(days=3)).year


def named(number: int, within: str) -> str:
    if within == "month":
        return f"{number // 12}-{number % 12 + 1:02d}"
    return "{0[0]}-W{0[1]:02d}".format(date.fromordinal(number * 7 + 1).isocalendar())
