"""What a policy gives rewards for, by what may happen: made once, so that a fold pays only for what there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from cx.calendar import DAY
from cx.moments import CaseOpened, CaseResolved, FeedbackGiven, Purchased, Referred, Requested

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cx.moments import AnyMoment
    from schemas.policy import GiftPolicy, Policy, RewardPolicy, SegmentPolicy, VelocityPolicy

Key = TypeVar("Key")
Rule = TypeVar("Rule")

# Topics hold no more, so what is as old as that cannot come in one batch with what is new: it has been told.
HISTORY_DAYS: Final = 400

_WATCHED: dict[str, tuple[type[AnyMoment], ...]] = {
    "recovery": (CaseOpened, CaseResolved),
    "promoter_refers": (FeedbackGiven, Referred),
    "streak": (Purchased,),
    "redemption": (Requested,),
}
_PERIOD_DAYS = {"week": 7, "month": 28}
_PERIOD_DAYS_MAX = {"week": 7, "month": 31}


@dataclass(frozen=True, slots=True)
class Triggers:
    """The reward rules by trigger, and what else decides on rewards."""

    kinds: dict[str, str]  # what entitles, as it is told, by the rule's id
    by_tier: dict[str, tuple[RewardPolicy, ...]]
    by_level: dict[int, tuple[RewardPolicy, ...]]
    birthday: tuple[RewardPolicy, ...]
    recovery: tuple[RewardPolicy, ...]
    promoter: tuple[RewardPolicy, ...]
    streaks: dict[str, tuple[RewardPolicy, ...]]  # week or month -> rules
    prices: dict[str, RewardPolicy]  # what points buy, by the rule's id
    watched: frozenset[type[AnyMoment]]  # kinds of moments that may be an occasion
    orders_for: dict[int, int]  # level -> how many orders it asks for, the levels below included
    periods: dict[str, int]  # week or month -> how many are remembered
    spans: dict[str, int]  # rule -> microseconds after which its occasions are forgotten; without those of years
    span_max: int
    velocities: dict[str, tuple[VelocityPolicy, ...]]  # by what they count
    segments: tuple[SegmentPolicy, ...]


def triggers_of(policy: Policy) -> Triggers:
    """Sort the rewards of *policy* by what entitles to them."""
    by_kind: dict[str, list[RewardPolicy]] = {}
    for rule in policy.rewards:
        by_kind.setdefault(rule.when.kind, []).append(rule)
    streaks: dict[str, tuple[RewardPolicy, ...]] = _grouped(
        (str(rule.when.streak.within), rule) for rule in by_kind.get("streak", ()) if rule.when.streak
    )
    back = policy.clock.refund_days + policy.clock.lateness_days
    spans = {rule.id: _span(rule, back) * DAY for rule in policy.rewards}
    return Triggers(
        kinds={rule.id: rule.when.kind.replace("_", "-") for rule in policy.rewards},
        by_tier=_grouped((rule.when.tier_reached or "", rule) for rule in by_kind.get("tier_reached", ())),
        by_level=_grouped((rule.when.level_reached or 0, rule) for rule in by_kind.get("level_reached", ())),
        birthday=tuple(by_kind.get("birthday", ())),
        recovery=tuple(by_kind.get("recovery", ())),
        promoter=tuple(by_kind.get("promoter_refers", ())),
        streaks=streaks,
        prices={rule.id: rule for rule in by_kind.get("redemption", ())},
        watched=frozenset(moment for kind in by_kind for moment in _WATCHED.get(kind, ())),
        orders_for=_orders_for(policy),
        periods={unit: _periods(rules, unit, back) for unit, rules in streaks.items()},
        spans={rule.id: spans[rule.id] for rule in policy.rewards if rule.every == "occasion"},
        span_max=max(spans.values(), default=0),
        velocities=_grouped((rule.counts, rule) for rule in policy.velocity),
        segments=policy.segments,
    )


def gift_of(rule: RewardPolicy, gift: str) -> GiftPolicy:
    """Return the gift of that id, or the rule's first where it has none such."""
    return next((one for one in rule.gifts if one.id == gift), rule.gifts[0])


def _grouped(pairs: Iterable[tuple[Key, Rule]]) -> dict[Key, tuple[Rule, ...]]:
    found: dict[Key, tuple[Rule, ...]] = {}
    for key, rule in pairs:
        found[key] = (*found.get(key, ()), rule)
    return found


def _span(rule: RewardPolicy, back: int) -> int:
    """Return the days after which nothing asks for an occasion: its gift has run out, and no late event moves it."""
    life, streak = rule.choose_days + max(gift.valid_days for gift in rule.gifts), rule.when.streak
    run = streak.orders * _PERIOD_DAYS_MAX[streak.within] if streak else 0
    return max(max(life, run, rule.cooldown_days, rule.limit.days if rule.limit else 0) + back, HISTORY_DAYS)


def _orders_for(policy: Policy) -> dict[int, int]:
    found, most = {}, 0
    for level in policy.levels:
        asked = [one.reach for one in level.all if one.measure == "orders" and not one.at_most]
        most = found[level.level] = max([most, *asked])
    return found


def _periods(rules: tuple[RewardPolicy, ...], unit: str, back: int) -> int:
    longest = max(rule.when.streak.orders for rule in rules if rule.when.streak)
    return 2 * longest + back // _PERIOD_DAYS[unit] + 1
