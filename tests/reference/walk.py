"""The walk through the events of one customer, in total order, with the starts of days and other terms in between."""

from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Self

from tests.reference.books import DETRACTING, UNDOING, Books, Event, Order, worth
from tests.reference.cases import seam_ends
from tests.reference.cx_levels import conditions, criteria, level_after
from tests.reference.days import DAY, NEVER, day_of, first_of, instant, later, next_of, ordinal, start_of, written
from tests.reference.experience import evidence, lateness
from tests.reference.ledger import Ledger
from tests.reference.policy import Bounds, Policy
from tests.reference.scores import DIMENSIONS, Score, felt, shown

SCALES = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7), "review": (1, 5)}
Values = dict[str, int]
Answers = dict[tuple[str, str], int]


@dataclass
class Standing:
    """Where a customer is on the ladder; `given`: by a person on which rung, until when, and whether below."""

    rung: int
    since: int
    checked: int  # the day from which the running period counts
    failing: int = 0  # since when the tier is not kept any more, while a respite runs
    hold: int = 0  # not lost by time before
    given: tuple[int, int, bool] = (0, NEVER, False)


@dataclass
class Mood:
    """How things stood after event *number*, or at the start of a later day: all but the orders."""

    number: int
    at: int
    joined: int
    scores: list[Score]
    values: Values


class Walk(Books):
    """One customer, walked through step by step."""

    def __init__(self, policy: Policy, events: list[Event], answers: Answers) -> None:
        super().__init__(policy)
        self.answers, self.ledger, self.zone = answers, Ledger(policy), policy["time_zone"]
        self.brought = list[tuple[int, int, Policy]]()
        self.scores, at, today = [(0, 0, 0)] * 5, events[0].at, self.day(events[0].at)
        self.standing, self.moods = Standing(0, at, today), [Mood(0, at, today, self.scores, {"level": 1})]
        self.turned = at  # when the CX level last changed
        self.asked = {one["measure"] for rule in policy["levels"] for some in conditions(rule) for one in some}
        self.start, self.fresh = self.standing, 0  # from where, and from which mood, the ladder is walked again
        for event in events:
            self.pass_time(event.at)
            self.happen(event)

    def day(self, at: int) -> int:
        return day_of(at, self.zone)

    def pass_time(self, until: int) -> None:
        while (at := self.next_step(until)) <= until:
            self.step(at)

    def next_step(self, until: int) -> int:  # noqa: ARG002  # of those who look further ahead
        """Return the next instant at which time may change something, if that is up to an instant."""
        return self.next_look(self.standing, self.moods[-1].at)

    def step(self, at: int) -> None:
        """Let time come to the next look."""
        self.ledger.settle(self.day(at))
        before = self.moods[-1]
        self.feel(at, before.joined)
        self.stand(self.settled(self.standing, at, self.moods[-1], ended=before))

    def next_look(self, standing: Standing, at: int) -> int:
        """Return the next instant at which time may change something: the start of a day, or the end of a term."""
        terms = [standing.given[1], self.respite_end(standing), *lateness(self), *seam_ends(self.cases.values())]
        return min([start_of(self.day(at) + 1, self.zone), *(one for one in terms if one > at)])

    def happen(self, event: Event) -> None:
        """Let an event take effect: first on what is known, then on points, the CX level and the tier."""
        data, joined = event.data, event.data.get("joined")
        lasting = self.lasting(event.at) if event.kind in UNDOING else 0
        undone = self.enter(event, self.policy["names"][self.standing.rung])
        if event.kind == "purchase.completed":
            self.ledger.bought(self.orders[-1])
            undone = []  # nothing rests yet on what was undone before it counted
        for order in undone:
            self.ledger.undo(order)
        self.ledger.enter(event, self.answers)
        self.ledger.settle(self.day(event.at))
        self.brought += [(self.number, ordinal(one["day"]), one | data) for one in data.get("days") or ()]
        self.experience(event)
        self.feel(event.at, ordinal(joined) if joined else self.moods[-1].joined)
        now = replace(self.standing, hold=max(self.standing.hold, lasting if undone else 0))
        now = self.settled(self.given(event) if data.get("tier") else now, event.at, self.moods[-1], refund=undone)
        self.stand(now, undone, rewarding=event.kind != "customer.imported")
        if event.kind in ("tier.overridden", "customer.imported"):
            self.start, self.fresh = now, len(self.moods) - 1

    # What the customer says and feels

    def signal(self, name: str, at: int, percent: int | None = None, only: str | None = None) -> None:
        self.facts.append((name, at))
        if name == "purchase" and self.sums(self.day(at), self.moods[-1])["orders"]:
            name = "repeat-purchase"
        for item in self.policy["scores"]["contributions"]:
            value = percent if item["value"] == "score" else item["value"]
            if item["when"] == name and value is not None:
                place, weight = DIMENSIONS.index(only or item["dimension"]), item.get("weight", 1)
                self.scores[place] = felt(self.scores[place], value, weight, self.day(at), self.policy["scores"])

    def shown(self, scores: list[Score], at: int) -> Values:
        return shown(scores, self.day(at), self.policy["scores"])

    def experience(self, event: Event) -> None:
        """Take feedback, of which a bad one makes cases those of a detractor, a contact, or a referral."""
        name, score, about = event.data.get("instrument", ""), event.data.get("score"), event.data.get("case_id")
        if event.kind == "feedback.submitted":
            low, high = SCALES.get(name, (0, 1))
            percent = None if score is None else (score - low) * 100 // (high - low)
            bad = score is None or score <= DETRACTING[name]
            self.facts += [("detracted", event.at)] if bad else []
            self.signal(name, event.at, percent, event.data.get("dimension"))
            self.said[name] = ([] if score is None else [score]) + self.said.get(name, [])
            for key, case in self.cases.items():
                meant = not about or key == (event.source, about)
                meant |= key[1] == about and (event.source, about) not in self.cases
                case.angry |= meant and case.open and bad
        elif event.data.get("stage") in ("discover", "consider"):
            self.channels.add(event.data["channel"])
        self.facts += [("asked", event.at)] if event.data.get("intent") == "information" else []
        self.signal({"referral.converted": "referral"}.get(event.kind, ""), event.at)
        if event.data.get("intent") in ("care", "suggestion") and event.data.get("accepted"):
            self.signal("care-accepted", event.at)
        self.counts["advocacy"] += event.kind == "referral.converted" or (name == "review" and event.data["score"] >= 4)

    def feel(self, at: int, joined: int) -> None:
        """Bring the CX level in line with the evidence, and note how the customer feels."""
        opened = [case.angry for case in self.cases.values() if case.open]
        values = {"open_cases": len(opened), "open_detractor_cases": sum(opened)}
        mood = Mood(self.number, at, joined, list(self.scores), values)
        before = self.moods[-1].values["level"]
        values["level"] = level_after(before, self.policy["levels"], self.evidence(mood, at))
        self.turned = self.turned if before == values["level"] else at
        self.moods.append(mood)

    def evidence(self, mood: Mood, at: int) -> dict[str, int | None]:
        """Return the measures that the levels ask for, as of an instant; None where there is no evidence."""
        if not self.policy["levels"]:
            return {}
        orders = self.sums(self.day(at), mood)["orders"]
        scores = self.shown(mood.scores, at) if self.asked & {*DIMENSIONS} else {}
        return evidence(self, at, self.asked) | mood.values | {"orders": orders} | scores

    # The ladder

    def sums(self, last: int, mood: Mood, first: int | None = None) -> Values:
        """Return what orders, as they are left, and days brought along come to in a window, up to a mood's event."""
        first = first_of(last, self.policy["window"], mood.joined) if first is None else first
        orders = [o for o in self.orders if o.number <= mood.number and first <= o.day <= last and not o.undone]
        days = [one for number, day, one in self.brought if number <= mood.number and first <= day <= last]
        seen = [(one.day, int(one.data["channel"] in self.policy["visits"]["channels"])) for one in orders]
        seen += [(ordinal(one["day"]), one.get("visits") or 0) for one in days]
        of_day = {day: sum(n for d, n in seen if d == day) for day, _ in seen if "visits" in self.policy["measures"]}
        spend = sum(o.spend for o in orders) + sum(worth(d.get("spend") or 0, d["currency"], self.policy) for d in days)
        return {
            "spend": spend, "orders": len(orders) + sum(one.get("orders") or 0 for one in days),
            "visits": sum(min(count, self.policy["visits"]["per_day"]) for count in of_day.values()),
            "points": sum(one.points() for one in orders if "points" in self.policy["measures"]),
        }  # fmt: skip

    def measures(self, at: int, mood: Mood, last: int | None = None, first: int | None = None) -> Values:
        """Return what the ladder asks for, as of an instant when things stand as in a mood."""
        found = self.sums(last or self.day(at), mood, first)
        if mood.values and not found.keys() >= self.policy["measures"]:
            found |= mood.values | self.shown(mood.scores, at)
        return {name: value for name, value in found.items() if name in self.policy["measures"]}

    def settled(
        self, before: Standing, at: int, mood: Mood, refund: list[Order] | None = None, *, ended: Mood | None = None
    ) -> Standing:
        """Return what a standing becomes at an instant: up at once, down as the policy says.

        A period that ended is judged by how things stood in it, its last mood.
        """
        day, over = self.day(at), before.given[1] <= at and before.rung <= before.given[0]
        now = Standing(before.rung, before.since, day) if over else replace(before)
        now.given = now.given if now.given[1] > at else Standing.given  # a word below what was earned just ends
        while self.policy["by_period"] and now.rung and (ends := self.period_end(now.checked, now.checked, mood)) <= at:
            now.checked = self.day(ends)
            keeps = holds(self.measures(ends, ended or mood, last=now.checked - 1), self.policy["keep"][now.rung])
            now.failing = 0 if keeps else ends
        rung = self.earned_rung(at, mood)
        guards = [name.replace("-", "_") + "s" for name in self.policy["tiers"]["no_promotion_while"]]
        if rung <= now.rung or now.given[2] or any(mood.values.get(name) for name in guards):
            rung = self.kept(now, at, mood, ended=over)
        never = self.walked_again() if refund and rung and self.policy["tiers"]["refunds"] == "at-once" else now
        rung = rung if never is now else min(rung, max(never.rung, now.given[0]))
        after = now if rung == now.rung else Standing(rung, at, day, given=now.given)
        if rung < now.rung and self.policy["mode"] == "one-step" and not refund:
            after.hold = self.period_end(day, day, mood)  # and now for a whole period
            self.kept(after, at, mood, ended=False)
        if never.rung == rung:  # not only the tier is as if nothing had been bought, but its term as well
            after = replace(after, checked=never.checked, failing=never.failing, hold=never.hold)
        return after

    def kept(self, now: Standing, at: int, mood: Mood, *, ended: bool) -> int:
        """Return the rung that is held still, or after a fall; a respite begins, runs on or ends."""
        by_period, floor, mode, keep = self.policy["by_period"], now.given[0], self.policy["mode"], self.policy["keep"]
        if now.rung <= floor or (not ended and (mode == "none" or (by_period and not now.failing))):
            return now.rung
        # In a respite the period that ended counts as well.
        longer = now.failing and by_period and self.policy["window"][0] != "rolling_days"
        first = first_of(now.checked - 1, self.policy["window"], mood.joined) if longer else None
        values = self.measures(at, mood, first=first)
        now.failing = 0 if holds(values, keep[now.rung]) else now.failing or at
        if not now.failing or (at < self.respite_end(now) and not ended):
            return now.rung
        lower = [rung for rung in range(floor, now.rung) if rung == floor or holds(values, keep[rung])]
        return now.rung - 1 if mode == "one-step" else lower[-1]

    def walked_again(self) -> Standing:
        """Walk the ladder again, from the last word of a person, over the orders as they are left.

        Nothing but sums counts, for this never lifts anybody, and an order counts in the evening of its day.
        """
        now, mood, end = self.start, replace(self.moods[self.fresh], values={}), self.moods[-1].at
        at, orders = mood.at, {order.number for order in self.orders}
        for then in self.moods[self.fresh + 1 :]:
            day, buys = self.day(then.at), then.number in orders and then.number > mood.number
            while (look := self.next_look(now, at)) <= (start_of(day, self.zone) if buys else then.at):
                now, at = self.settled(now, look, mood), look
            at = max(at, min(start_of(day + 1, self.zone) - 1, end) if buys else then.at)
            mood = replace(then, values={})
            now = self.settled(now, at, mood)
        return now

    def earned_rung(self, at: int, mood: Mood) -> int:
        values = self.measures(at, mood)
        return max(rung for rung, terms in enumerate(self.policy["enter"]) if holds(values, terms))

    def period_end(self, day: int, since: int, mood: Mood) -> int:
        return start_of(next_of(day, self.policy["window"], mood.joined, since), self.zone)

    def respite_end(self, now: Standing) -> int:
        """Return until when a tier that is not kept is held all the same; 0 where it is kept."""
        if not now.failing:
            return 0
        grace, stay = (later(at, self.policy[n], self.zone) for at, n in ((now.failing, "grace"), (now.since, "stay")))
        return max(grace, stay, now.hold)

    def lasting(self, at: int) -> int:
        """Return until when a refund at an instant leaves the tier alone: as long as it would last without it."""
        refunds, rung = self.policy["tiers"]["refunds"], self.standing.rung
        if refunds == "at-once" or self.policy["mode"] == "none":
            return 0
        twin, look = self.twin_of_now(), at
        while twin.standing.rung >= rung > 0 and look < at + 1_500 * DAY:
            look = twin.next_look(twin.standing, look)
            Walk.step(twin, look)
        ends = self.period_end(self.day(at), self.standing.checked, self.moods[-1])
        return 0 if twin.standing.rung >= rung else look if refunds == "keep" else min(look, ends)

    def twin_of_now(self) -> Self:
        """Return a twin through whom time may pass: all that it changes are points, of no matter here, and moods."""
        twin = copy(self)
        twin.ledger, twin.moods = Ledger(self.policy), list(self.moods)
        return twin

    def given(self, event: Event) -> Standing:
        """Return where a person, or the system that the customer comes from, puts the customer."""
        now, day, data = self.standing, self.day(event.at), event.data
        rung = self.policy["names"].index(data["tier"])
        if event.kind == "tier.overridden":
            until = instant(data["until"]) if data.get("until") else NEVER
            below = rung < self.earned_rung(event.at, self.moods[-1])
            return Standing(rung, now.since if rung == now.rung else event.at, day, given=(rung, until, below))
        since = start_of(ordinal(data["tier_since"]), self.zone) if data.get("tier_since") else event.at
        last = data.get("tier_until")
        given = (rung, start_of(ordinal(last) + 1, self.zone), False) if last else (0, NEVER, False)
        higher = rung > now.rung or self.number == 1 or not last  # else more than that was reached here already
        after = Standing(rung, since, day, given=given) if higher else replace(now, given=given)
        return after if event.at < given[1] else now

    def stand(
        self,
        after: Standing,
        undone: list[Order] | None = None,  # noqa: ARG002  # of those who owe
        *,
        rewarding: bool = True,  # noqa: ARG002  # of those who owe
    ) -> None:
        """Take a new standing."""
        self.standing = after

    def state(self, customer: str, at: int) -> dict[str, Any]:
        """Return what is seen of the customer as of an instant."""
        mood, rung, names, ledger = self.moods[-1], self.standing.rung, self.policy["names"], self.ledger
        values, above = self.measures(at, mood), [*self.policy["enter"], [{}]][rung + 1]
        points = {name: ledger.sums[name] for name in ("earned", "spent", "expired", "reversed")}
        points |= {"balance": ledger.balance, "pending": sum(lot.points for lot in ledger.lots if lot.pending)}
        missing = min((lacking(values, bounds) for bounds in above), key=lambda gaps: gaps[0])[1]
        return {
            "customer_id": customer, "tier": names[rung], "tier_since": written(self.standing.since),
            "cx_level": mood.values["level"], "cx_level_since": written(self.turned),
            "criteria": criteria(mood.values["level"], self.policy["levels"], self.evidence(mood, at)),
            "dimensions": self.shown(self.scores, at), "measures": values,
            "points": points, "progress": {"next": [*names, None][rung + 1], "missing": missing},
        }  # fmt: skip


def holds(values: Values, terms: list[Bounds]) -> bool:
    """Tell whether values reach all bounds of one of the alternatives."""
    return any(not lacking(values, bounds)[1] for bounds in terms)


def lacking(values: Values, bounds: Bounds) -> tuple[int, Values]:
    """Return what values lack of the bounds of one alternative: in thousandths of them, and by measure."""
    asked = [(name, bound, -1 if most else 1) for name, (bound, most) in bounds.items() if name in values]
    gaps = {name: (bound - values[name]) * way for name, bound, way in asked if (bound - values[name]) * way > 0}
    return sum(gap * 1_000 // max(bounds[name][0], 1) for name, gap in gaps.items()), gaps
