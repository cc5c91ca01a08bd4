"""Strategies: event logs of one customer, in which the hard cases come often enough to be tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import given as over
from hypothesis import strategies as st

from cx import care
from cx.calendar import DAY, HOUR, iso_day
from cx.contacts import ORDERS_MAX
from cx.moments import AnyMoment, Purchased, Referred, Refunded, Touched
from cx.rules import Rules
from cx.state import LOOK_AGAIN, Life, Told, ToldHold
from tests.cx.lines import event_of, line
from tests.events import ticks
from tests.spec import (
    GIFT,
    GUARDED,
    LADDER,
    Spec,
    adjusted,
    answered,
    asked,
    at,
    became,
    bought,
    cancelled,
    chosen,
    feedback,
    freed,
    given,
    opened,
    profiled,
    refunded,
    reopened,
    resolved,
    reward,
    rules,
    touched,
)

START = at("2026-02-20T00:00")
LATENESS = 10 * DAY
SHORT = {"rolling_days": 20}  # so that deadlines fall among the events
REWARDS = [reward("gift", "silver"), reward("big", "gold", quantity=2)]

CLOCK = {"lateness_days": 10}

# All that can move a tier, a level or a reward, or calls for care, with a window and lateness short enough to matter.
EVERYTHING = rules(
    clock=CLOCK,
    tiers=GUARDED | {"window": SHORT},
    levels=None,
    rewards=REWARDS,
    rhythm={"least_gaps": 1},
    care={"tier_at_risk": {"days": 5}, "seam_days": 10},
)
# Levels that turn easily, by all that the table of levels measures and time alone can turn.
TURNING = [
    {"level": 1, "all": [{"measure": "informed_pct", "reach": 60, "keep": 40, "unknown": "holds"}]},
    {
        "level": 2,
        "all": [
            {"measure": "late_cases", "reach": 0, "at_most": True},
            {"measure": "answered_in_time_pct", "reach": 50, "keep": 30, "unknown": "holds"},
            {"measure": "seams", "reach": 0, "keep": 1, "at_most": True},
            {"measure": "emotion", "reach": 42, "keep": 38},
        ],
    },
    {
        "level": 3,
        "any": [
            {"measure": "in_rhythm", "reach": 1},
            {"measure": "care_accepted", "reach": 1},
            {"measure": "brand", "reach": 55, "keep": 52},
        ],
    },
    {
        "level": 4,
        "all": [{"measure": "contacts_rise", "reach": 0, "keep": 1, "at_most": True, "unknown": "holds"}],
        "any": [{"measure": "nps_rise", "reach": 2, "keep": 0}, {"measure": "orders", "reach": 2}],
    },
]
LEVELS = rules(
    clock=CLOCK,
    tiers=GUARDED | {"window": SHORT},
    levels=TURNING,
    rhythm={"factor_pct": 150, "least_gaps": 1},
    scores={"half_life_days": 4},
)
# Spend alone decides, and no window ends within a log: what property 3 speaks of.
SPEND_ALONE = rules(clock=CLOCK, tiers={"ladder": LADDER}, rewards=REWARDS)
CHOICES = [GIFT | {"valid_days": 12}, GIFT | {"id": "cake", "brand": "Paris", "valid_days": 20}]
# Rewards by all triggers, some with a choice, and gifts that run out among the events.
GIFTS = rules(
    clock=CLOCK,
    tiers=GUARDED | {"window": SHORT},
    levels=[{"level": 2, "all": [{"measure": "orders", "reach": 2}]}],
    points={"rates": [{"per": 10}]},
    rewards=[
        {"id": "tier", "when": {"tier_reached": "silver"}, "choices": CHOICES, "choose_days": 5, "remind_days": 3},
        {"id": "level", "when": {"level_reached": 2}, "gift": CHOICES[0], "remind_days": 5},
        {"id": "birth", "when": {"birthday": True}, "choices": CHOICES, "choose_days": 3, "unchosen": "none"},
        {"id": "sorry", "when": {"recovery": True}, "every": "occasion", "choices": CHOICES, "choose_days": 2}
        | {"limit": {"times": 1, "days": 30}},
        {"id": "refer", "when": {"promoter_refers": True}, "every": "occasion", "gift": GIFT, "cooldown_days": 9},
        {"id": "weeks", "when": {"streak": {"orders": 2, "within": "week"}}, "every": "occasion", "gift": CHOICES[0]},
        {"id": "mug", "when": {"redemption": {"points": 40}}, "every": "occasion", "gift": GIFT}
        | {"limit": {"times": 1, "days": 5}},
    ],
    velocity=[{"id": "many", "counts": "orders", "more_than": 1, "within_hours": 24}],
)
NUMBERS = ["", "", "-2"]
GIFT_KEYS = [
    "tier/2026/1", "tier/2026/1", "level/2026/1", "birth/2026/1", "sorry/k0\ndesk/1", "refer/g0\napp/1",
    "weeks/2026-W09/1", "weeks/2026-W10/1", "weeks/2026-W11/1", "mug/g0\napp/1",
]  # fmt: skip


@dataclass(frozen=True)
class Batch:
    """Moments that arrive together, and the tick that comes before them; 0 for none."""

    clock: int
    moments: tuple[AnyMoment, ...]


@dataclass(frozen=True)
class Log:
    """What happened to a customer, in total order, and the order, batches and ticks in which it arrives."""

    moments: tuple[AnyMoment, ...]
    batches: tuple[Batch, ...]

    def __repr__(self) -> str:
        """Show it as lines of a file, in the order in which they arrive, for `cx replay` to fold."""
        return "\n".join(self.lines)

    def _repr_pretty_(self, printer: Any, _: bool) -> None:  # noqa: FBT001  # Hypothesis asks for it
        printer.text(repr(self))

    @property
    def lines(self) -> list[str]:
        """The events as they arrive, with the ticks in between."""
        found = []
        for batch in self.batches:
            found += [line(ticks(batch.clock))] if batch.clock else []
            found += [line(event_of(moment)) for moment in batch.moments]
        return found

    @property
    def end(self) -> int:
        """An instant after all of it."""
        return max(self.moments[-1].at + DAY, *(batch.clock for batch in self.batches))

    def arrives(self, by: Rules, answers: dict[str, int] | None = None, known: Told | None = None) -> Spec:
        """Tell the log in its batches, and let the clock come to its end.

        *answers* are facts already, and so it is that the rewards and holds of *known* were told, but not what became
        of them.
        """
        story = given(by=by)
        if answers:
            story.customer.told.answers |= answers
        if known:
            never = (2 * self.end, 0, "", "")
            story.customer.told.rewards |= {key: Life("revoked", owed=never[0]) for key in known.rewards}
            story.customer.told.holds |= {name: ToldHold(never, never) for name in known.holds}
        for batch in self.batches:
            story = (story.tick(batch.clock) if batch.clock else story).when(*batch.moments)
        return story.tick(self.end)


@st.composite
def instants(draw: st.DrawFn, span: int = 40) -> int:
    """Return an instant of a coarse grid: equal times are common, and so are midnights, where deadlines fall."""
    return START + draw(st.integers(0, span)) * DAY + draw(st.sampled_from([0, 0, 10 * HOUR, 24 * HOUR - 1]))


@st.composite
def orders(draw: st.DrawFn, number: int) -> list[AnyMoment]:
    """Return a purchase with what is taken back of it, before or after."""
    name = f"o{number}"
    when = draw(instants())
    amount = draw(st.sampled_from([1_000, 600, 600, 400, 5_000, 4_000, 1, 0]))
    story: list[AnyMoment] = [bought(when, amount, name)]
    for count in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2]))):
        back = max(START, when + draw(st.sampled_from([-2 * DAY, -HOUR, 0, 1, HOUR, 3 * DAY, 15 * DAY])))
        part = draw(st.sampled_from([1, 500, 1_000, 9_000]))
        id_ = f"back-{name}-{count}"
        undone: list[AnyMoment] = [
            refunded(back, name, id=id_),
            refunded(back, name, ("l1", part), id=id_),
            cancelled(back, name, id=id_),
        ]
        story.append(draw(st.sampled_from(undone)))
    return story


@st.composite
def support(draw: st.DrawFn, number: int) -> list[AnyMoment]:
    """Return the life of a case, mostly of a detractor, or a part of it."""
    name = f"k{number}"
    times = sorted(draw(st.lists(instants(), min_size=5, max_size=5)))
    life: list[AnyMoment] = [
        opened(times[0], name, channel=("phone", "web")[number % 2]),
        feedback(times[1], "csat", 1, id=f"bad-{name}", case=name),
        answered(times[2], name),
        resolved(times[3], name),
        reopened(times[4], name),
    ]
    left_out = draw(st.sampled_from([(), (), (2,), (4,), (4,), (0,), (3,), (1, 4), (0, 1, 2)]))
    return [moment for place, moment in enumerate(life) if place not in left_out]


@st.composite
def answers(draw: st.DrawFn, number: int) -> list[AnyMoment]:
    """Return an answer, a contact or a referral."""
    when, name = draw(instants()), f"a{number}"
    contacts: list[AnyMoment] = [
        feedback(when, "nps", 2, id=name),
        feedback(when, "nps", 10, id=name),
        feedback(when, "csat", 1, id=name, case="k0"),
        feedback(when, "csat", 5, id=name),
        feedback(when, "complaint", None, id=name),
        feedback(when, "nps", 7, id=name),
        touched(when, id=name),
        touched(when, "use", "care", id=name, accepted=True),
        Referred(when, "app", name),
    ]
    return [draw(st.sampled_from(contacts))]


@st.composite
def contacts(draw: st.DrawFn, number: int) -> list[AnyMoment]:
    """Return a question or help that was accepted, mostly before the cases."""
    when, name = draw(instants(12)), f"c{number}"
    made: list[AnyMoment] = [
        touched(when, id=name),
        touched(when, id=name),
        touched(when, "use", "suggestion", id=name, accepted=True),
        touched(when, "use", "care", id=name, accepted=True),
    ]
    return [draw(st.sampled_from(made))]


@st.composite
def wishes(draw: st.DrawFn, number: int) -> list[AnyMoment]:
    """Return a request to spend points, or points given or taken by a person."""
    when, name = draw(instants()), f"w{number}"
    wished: list[AnyMoment] = [
        asked(when, draw(st.sampled_from([1, 40, 100, 400])), id=name),
        asked(when, draw(st.sampled_from([1, 40, 100, 400])), id=name),
        adjusted(when, draw(st.sampled_from([30, -30, 500, -500])), id=name),
    ]
    return [draw(st.sampled_from(wished))]


@st.composite
def gifts(draw: st.DrawFn, number: int) -> list[AnyMoment]:
    """Return what was said of a reward under `GIFTS`, of a hold or of the profile."""
    when, name = draw(instants()), f"g{number}"
    key = draw(st.sampled_from(GIFT_KEYS))
    said: list[AnyMoment] = [
        chosen(when, key, draw(st.sampled_from(["coffee", "cake", "yacht"])), id=name),
        became(
            when, key, draw(st.sampled_from(["delivered", "redeemed", "redeemed", "expired", "cancelled"])), id=name
        ),
        freed(
            when,
            f"many-{iso_day(GIFTS.calendar.day(when))}{draw(st.sampled_from(NUMBERS))}",
            released=draw(st.booleans()),
            id=name,
        ),
        profiled(when, birthday=draw(st.sampled_from(["03-01", "03-10", "03-20"])), id=name),
        profiled(when, preferences=draw(st.sampled_from([(), ("cake",), ("drink",)])), id=name),
        asked(when, 40, id=name, reward="mug"),
        Referred(when, "app", name),
    ]
    return [draw(st.sampled_from(said))]


@st.composite
def words(draw: st.DrawFn, number: int, bought_at: int) -> list[AnyMoment]:
    """Return a person's word on the hold of the day of an order, if there is one."""
    wait = draw(st.sampled_from([0, HOUR, DAY, 5 * DAY]))
    hold = f"many-{iso_day(GIFTS.calendar.day(bought_at))}"
    return [freed(bought_at + wait, hold, released=draw(st.booleans()), id=f"word-{number}")]


@st.composite
def logs(draw: st.DrawFn, *, spend_only: bool = False, points: bool = False, rewards: bool = False) -> Log:
    """Return a log that arrives in any order inside the lateness bound, in any batches, some of it twice."""
    parts = [draw(orders(number)) for number in range(draw(st.integers(1, 7)))]
    if points:
        parts += [draw(wishes(number)) for number in range(draw(st.integers(1, 5)))]
    if rewards:
        parts += [draw(gifts(number)) for number in range(draw(st.integers(1, 6)))]
        bought_at = draw(st.permutations([part[0].at for part in parts if isinstance(part[0], Purchased)]))
        parts += [draw(words(number, at)) for number, at in enumerate(bought_at[:2])]
        parts += [[feedback(draw(instants()), "nps", 10, id="promotes")]]
        if draw(st.booleans()):
            parts += [[became(draw(instants()), draw(st.sampled_from(GIFT_KEYS[:3])), "redeemed", id="uses")]]
    if not spend_only:
        parts += [draw(support(number)) for number in range(draw(st.sampled_from([1, 1, 0, 2])))]
        parts += [draw(answers(number)) for number in range(draw(st.integers(0, 4)))]
        parts += [draw(contacts(number)) for number in range(draw(st.sampled_from([0, 1, 1, 2])))]
    moments = sorted((moment for part in parts for moment in part), key=lambda moment: moment.key)
    # Where ticks come in between, nothing may arrive after what waits for it has been given up.
    ticking = draw(st.booleans())
    latest = LATENESS // 2 if ticking else LATENESS
    delays = st.sampled_from([0, 0, HOUR, 2 * DAY, latest - HOUR, latest])
    coming = [(moment.at + draw(delays), place, moment) for place, moment in enumerate(moments)]
    coming += [(moment.at + draw(delays), -1, moment) for moment in moments if draw(st.integers(0, 9)) == 0]
    coming.sort(key=lambda one: one[:2])
    every = draw(st.sampled_from([1, 1, 2, 5, 50]))
    cuts = {0} | {place for place in range(1, len(coming)) if draw(st.integers(1, every)) == 1} | {len(coming)}
    batches = [
        Batch(coming[first][0] if ticking and draw(st.booleans()) else 0, tuple(one[2] for one in coming[first:end]))
        for first, end in pairwise(sorted(cuts))
    ]
    return Log(tuple(moments), tuple(batches))


def in_total_order(moments: Sequence[AnyMoment]) -> Log:
    """Return the log of *moments* that all arrive in time, one by one."""
    ordered = tuple(sorted(moments, key=lambda moment: moment.key))
    return Log(ordered, tuple(Batch(0, (moment,)) for moment in ordered))


def overlooked(story: Spec) -> set[str]:
    """Return the alerts that are there when somebody looks, and that time and events had not brought."""
    head = story.customer.head.copy()
    head.care_due = LOOK_AGAIN
    care.settle(head, story.clock, story.rules)
    return set(head.alerts.keys() - story.customer.head.alerts.keys())


def hard_cases(log: Log, by: Rules) -> set[str]:
    """Return which of the hard cases a log holds."""
    found = _turned_round(log)
    if any(len(list(group)) > 1 for _, group in groupby(log.moments, key=lambda moment: moment.at)):
        found.add("equal times")
    story, newest = given(by=by), 0
    for batch in log.batches:
        brought = story.tick(batch.clock) if batch.clock else story
        story = brought.when(*batch.moments)
        if min(moment.at for moment in batch.moments) < newest and brought.tier not in {"", story.tier}:
            found.add("late changes tier")
        newest = max(newest, *(moment.at for moment in batch.moments))
    history = story.customer.head.history
    alerts = [output.event["data"]["alert"] for output in story.outputs if output.event["type"] == "care.alerted"]
    found |= {f"alert {alert}" for alert in alerts}
    seen = {
        "deadline between events": any(c.reason == "window" and c.at < log.moments[-1].at for c in history),
        "held back and freed": any(c.reason == "guard" for c in history),
        "base": story.customer.settled > 0,
        "correction": any(output.event["type"] == "tier.corrected" for output in story.outputs),
        "given up in between": bool(story.refusals),
    }
    return found | {case for case, there in seen.items() if there}


def _turned_round(log: Log) -> set[str]:
    arriving = [moment for batch in log.batches for moment in batch.moments]
    place = {moment.identity: number for number, moment in reversed(list(enumerate(arriving)))}
    purchases = {moment.order: moment for moment in log.moments if isinstance(moment, Purchased)}
    found = set()
    for moment in log.moments:
        if isinstance(moment, Refunded) and moment.at < purchases[moment.order].at:
            found.add("refund before purchase by time")
        elif isinstance(moment, Refunded) and place[moment.identity] < place[purchases[moment.order].identity]:
            found.add("refund before purchase by arrival")
    return found


def turns(log: Log) -> set[str]:
    """Return which turns of the CX level a log holds, under levels that turn easily."""
    story, found, newest = given(by=LEVELS), set(), 0
    for moment in log.moments:
        due = story.customer.head.level_due
        if due <= moment.at:
            before = story.customer.head.level
            head = story.tick(due).customer.head
            found |= {"falls by time"} if head.level < before else set()
            found |= {"rises by time"} if head.level > before else set()
        before, story = story.customer.head.level, story.when(moment)
        found |= {"falls with an event"} if story.customer.head.level < before else set()
        newest = max(newest, story.customer.head.level)
    head = story.customer.head
    seen = {
        "a case followed a question": head.informed.led > 0,
        "help came after a complaint": any(_is_help(one) for one in log.moments)
        and not head.counts.get("care_accepted"),
        "help came before a complaint": head.counts.get("care_accepted", 0) > 0,
        "contacts of six orders": len(head.contacts) == ORDERS_MAX,
        "the highest": newest == len(TURNING),
    }
    return found | {turn for turn, there in seen.items() if there}


def _is_help(moment: AnyMoment) -> bool:
    return isinstance(moment, Touched) and bool(moment.accepted)


TURNS = {
    "falls by time",
    "rises by time",
    "falls with an event",
    "a case followed a question",
    "help came after a complaint",
    "help came before a complaint",
    "contacts of six orders",
    "the highest",
}
HARD = {
    "refund before purchase by time",
    "refund before purchase by arrival",
    "equal times",
    "late changes tier",
    "deadline between events",
    "correction",
    "base",
    "held back and freed",
    "given up in between",
    "alert first-response",
    "alert dimension-falls",
    "alert silent",
    "alert tier-at-risk",
    "alert seam",
}


def rare(
    wanted: Iterable[str], drawn: st.SearchStrategy[Log], found_in: Callable[[Log], Iterable[str]]
) -> dict[str, float]:
    """Return those of *wanted* that are found in less than one log of twenty, and in how many.

    Logs that are drawn one after the other are like each other, so those of several beginnings are looked at.
    """
    found: Counter[str] = Counter()
    count = 0

    def look(log: Log) -> None:
        nonlocal count
        count += 1
        found.update(found_in(log))

    drawing = settings(
        max_examples=150,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    for number in range(4):
        seed(number)(drawing(over(drawn)(look)))()

    assert count >= 600
    return {case: found[case] / count for case in wanted if found[case] < count / 20}
