"""The product and the reference tell the same of every reward, where all comes in its order and customers answer."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any

import pytest

from cx import choices, holds, lives
from cx.calendar import DAY, micros, rfc3339
from cx.rules import Rules
from cx.state import NEVER, Head
from tests.generated.folded import Answers, Event, Fold, compiled
from tests.generated.logs import log_of, time_of
from tests.generated.programmes import ALL
from tests.generated.test_reference import EXAMPLES
from tests.reference.gifts import Giver, Step
from tests.reference.policy import whole
from tests.reference.states import RANKS, accepted

SHARE_PCT = 5
GIVING = {name: policy for name, policy in ALL.items() if policy.get("rewards")}
SEEDS = range(3)
MORE = range(max(len(SEEDS), EXAMPLES // (2 * len(GIVING))))


class Lived:
    """A log in which customers answer to what they are told."""

    def __init__(self, name: str, seed: int) -> None:
        self.draw, self.policy = random.Random(f"{name}/{seed}"), ALL[name]
        log, until = log_of(self.draw, self.policy)
        self.end, self.log, self.number = micros(until), list[Event](), count()
        self.fold = Fold(compiled(self.policy), {})
        own = [one for one in log if one["type"] in RANKS]
        self.queue = [
            (time_of(one), RANKS[one["type"]], one["source"], one["id"], next(self.number), one) for one in own
        ]
        heapify(self.queue)
        while self.queue:
            self.take({name: part for name, part in heappop(self.queue)[-1].items() if name != "recordedtime"})
        self.tick(max(self.end, micros(time_of(self.log[-1]))))

    def take(self, event: Event) -> None:
        self.log.append(event)
        self.tick(micros(time_of(event)))
        self.heard(lambda: self.fold.take(event))

    def tick(self, at: int) -> None:
        self.heard(lambda: self.fold.tick(at))

    def heard(self, do: Any) -> None:
        before = len(self.fold.outputs)
        do()
        for output in self.fold.outputs[before:]:
            if output.event["type"] in ("reward.offered", "reward.issued", "reward.revoked"):
                self.answer(output.event)

    def answer(self, told: dict[str, Any]) -> None:
        data, now = told["data"], max(self.fold.clock, micros(time_of(told)))
        kinds = {"reward.offered": ["reward.chosen"] * 2, "reward.revoked": ["gift.redeemed", ""]}
        others = ["gift.delivered", "gift.redeemed", "gift.redeemed", "gift.expired", "gift.cancelled", ""]
        for _ in range(2):
            kind = self.draw.choice([*kinds.get(told["type"], others), "", ""])
            at = now + self.draw.choice([1, 1, DAY // 24, DAY, 3 * DAY, 8 * DAY]) + self.draw.randrange(1, 60_000_000)
            if not kind or at > self.end:
                continue
            gifts = [one["gift_id"] for one in data.get("choices", [])]
            about = {"reward_id": data["reward_id"]}
            about |= {"gift_id": self.draw.choice([*gifts, "cake"])} if kind == "reward.chosen" else {}
            one = {
                "specversion": "1.0", "id": f"answer-{next(self.number)}", "source": "app", "type": kind,
                "time": rfc3339(at), "subject": told["subject"], "data": about,
            }  # fmt: skip
            place = time_of(one)
            heappush(self.queue, (place, RANKS[kind], one["source"], one["id"], next(self.number), one))

    def mine(self) -> dict[str, list[Step]]:
        found = dict[str, list[Step]]()
        for event in (output.event for output in self.fold.outputs if output.event["type"].startswith("reward.")):
            data, kind = event["data"], event["type"].removeprefix("reward.")
            what = [one["gift_id"] for one in data["choices"]] if kind == "offered" else data.get("reason")
            what = what or data.get("gift_id")
            step = (
                kind,
                data["rule"],
                data["occasion"],
                data["item"],
                micros(time_of(event)),
                what,
            )
            found.setdefault(event["subject"], []).append(step)
        return ordered(found)

    def theirs(self) -> dict[str, list[Step]]:
        full, answers = whole(self.policy), Answers()
        # What is given up in the end was there while rewards were told: a refund of no order may make a customer known.
        customers, clock = accepted(self.log, full | {"lateness": NEVER}, self.end, answers)
        found = dict[str, list[Step]]()
        for customer, events in customers.items():
            walk = Giver(full, events, answers, customer)
            walk.pass_time(max(clock, self.fold.clock, events[-1].at))
            found |= {customer: walk.story} if walk.story else {}
        return ordered(found)


def ordered(stories: dict[str, list[Step]]) -> dict[str, list[Step]]:
    """Return stories in the order of time; steps of one instant in that of their names."""
    return {name: sorted(story, key=lambda step: (step[4], str(step))) for name, story in stories.items()}


def met(lived: Lived, stories: dict[str, list[Step]]) -> set[str]:
    """Return the hard cases that a log has met."""
    found = {event["type"] for event in lived.log} & {"gift.redeemed"}
    for story in stories.values():
        kinds = [(step[0], step[5]) for step in story]
        found |= {kind for kind, _ in kinds} | {str(what) for kind, what in kinds if kind == "revoked"}
        given = Counter(step[1:4] for step in story if step[0] == "issued")
        offered = {step[1:4]: step for step in story if step[0] == "offered"}
        taken = [step for step in story if step[0] == "issued" and step[1:4] in offered]
        found |= {"given again"} if max(given.values(), default=0) > 1 else set()
        found |= {"another than the first" for step in taken if step[5] != offered[step[1:4]][5][0]}
        found |= {"by time" for step in taken if (step[4] - offered[step[1:4]][4]) % DAY == 0}
    return found


HARD = (
    "offered", "another than the first", "by time", "issued", "gift.redeemed", "expiring", "expired",
    "refund", "cancelled",
)  # fmt: skip


def differ(lived: Lived) -> bool:
    return lived.mine() != lived.theirs()


@lru_cache(len(SEEDS) * len(GIVING))
def lived_and_told(name: str, seed: int) -> tuple[Lived, dict[str, list[Step]]]:
    lived = Lived(name, seed)
    return lived, lived.theirs()


@pytest.mark.parametrize("name", sorted(GIVING))
def test_the_product_tells_of_rewards_what_the_reference_does(name: str) -> None:
    for seed in MORE:
        lived, theirs = lived_and_told(name, seed)
        assert lived.mine() == theirs, seed


def test_every_hard_case_of_rewards_is_met() -> None:
    logs = [met(*lived_and_told(name, seed)) for name in GIVING for seed in SEEDS]
    counts = Counter(case for cases in logs for case in cases)

    assert {case: counts[case] for case in HARD if counts[case] * 100 < SHARE_PCT * len(logs)} == {}


def deaf(kind: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Return the fault that nothing of a *kind* is heard."""
    say = lives.say

    def hear(head: Head, moment: lives.Said, rules: Rules) -> None:
        if getattr(moment, "kind", "chosen") != kind:
            say(head, moment, rules)

    return lambda patch: patch.setattr(lives, "say", hear)


def puts(of: Any, name: str, broken: Callable[..., Any]) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(of, name, broken)


LIVES = lives._Lives  # noqa: SLF001  # of the rules, which are broken here
FAULTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "days have a second more": puts(lives, "DAY", DAY + 1_000_000),  # type: ignore[arg-type]
    "what is preferred alone is offered": puts(
        choices, "order", lambda owed, rule, *_: owed.choices or (rule.gifts[0].id,)
    ),
    "a brand used before is not preferred": puts(choices, "_brands_used", lambda *_: Counter()),
    "a gift that was called off is not": deaf("cancelled"),
    "the vendor ends no gift": deaf("expired"),
    "the use of a gift is not heard": deaf("redeemed"),
    "nobody chooses": deaf("chosen"),
    "no reminder is told": puts(LIVES, "_reminder", lambda *_: NEVER),
    "a hold keeps nothing back": puts(holds, "free_from", lambda key, _: holds.Free(key[0])),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_life_of_rewards_is_seen(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[fault](monkeypatch)

    assert any(differ(Lived(name, seed)) for seed in SEEDS for name in GIVING)
