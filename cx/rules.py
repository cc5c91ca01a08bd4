"""A policy made ready for use: thresholds by index, decay by day, signals by name."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from cx.calendar import DAY, HOUR, MINUTE, Calendar
from schemas.policy_file import policy_hash

if TYPE_CHECKING:
    from schemas import policy as policies
    from schemas.policy import Policy, RewardPolicy

DIMENSIONS = ("emotion", "interaction", "service", "product", "brand")
UNIT = 1 << 20  # fixed point: one unit of weight
_HALVINGS_MAX = 24  # after so many half-lives a contribution of any weight has gone below one fixed-point step


@dataclass(frozen=True, slots=True)
class Rung:
    """A tier with its thresholds by measure, inclusive."""

    name: str
    enter: dict[str, int]
    benefits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """One measure against what reaches a CX level and what keeps it; `at_most` turns the comparison round."""

    measure: str
    criterion: str
    reach: int
    keep: int
    at_most: bool
    unknown_holds: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """All that the folds ask a policy; built once per policy by `compile_policy`. Spans are in microseconds."""

    hash: str
    policy: Policy
    calendar: Calendar
    lateness: int
    future: int
    refund_horizon: int
    recent_max: int
    window_days: int
    rungs: tuple[Rung, ...]
    guards: frozenset[str]
    prior_value: int
    prior_weight: int
    decay: tuple[int, ...]  # decay[d] = UNIT * 2 ** (-d / half-life), d in whole days
    signals: dict[
        str, tuple[tuple[int, int | None, int], ...]
    ]  # signal -> (dimension, value or None = the score, weight)
    sla: dict[str, int]
    levels: dict[int, tuple[Condition, ...]]  # what each asks for beside all lower ones, from 2 upwards
    rewards_by_tier: dict[str, tuple[RewardPolicy, ...]]
    rewards: dict[str, RewardPolicy]

    def rung_of(self, name: str) -> int:
        """Return the place of a tier in the ladder; a name that the policy has lost counts as the lowest."""
        for index, rung in enumerate(self.rungs):
            if rung.name == name:
                return index
        return 0


def compile_policy(policy: Policy) -> Rules:
    """Prepare *policy* for folding."""
    signals: dict[str, list[tuple[int, int | None, int]]] = {}
    for item in policy.scores.contributions:
        value = None if item.value == "score" else item.value
        signals.setdefault(item.when, []).append((DIMENSIONS.index(item.dimension), value, item.weight))
    by_tier: dict[str, list[RewardPolicy]] = {}
    for rule in policy.rewards:
        by_tier.setdefault(rule.when.tier_reached, []).append(rule)
    return Rules(
        hash=policy_hash(policy),
        policy=policy,
        calendar=Calendar(policy.time_zone),
        lateness=policy.clock.lateness_days * DAY,
        future=policy.clock.future_minutes * MINUTE,
        refund_horizon=policy.clock.refund_days * DAY,
        recent_max=policy.clock.recent_max,
        window_days=policy.tiers.window.rolling_days,
        rungs=tuple(
            Rung(
                name=rung.name,
                enter=rung.enter.as_dict(),
                benefits=rung.benefits,
            )
            for rung in policy.tiers.ladder
        ),
        guards=frozenset(policy.tiers.no_promotion_while),
        prior_value=policy.scores.prior.value,
        prior_weight=policy.scores.prior.weight * UNIT,
        decay=_decay(policy.scores.half_life_days),
        signals={signal: tuple(items) for signal, items in signals.items()},
        sla={name: hours * HOUR for name, hours in policy.sla_hours.model_dump().items()},
        levels={rule.level: tuple(map(_condition, rule.all)) for rule in policy.levels},
        rewards_by_tier={tier: tuple(rules) for tier, rules in by_tier.items()},
        rewards={rule.id: rule for rule in policy.rewards},
    )


def _condition(condition: policies.Condition) -> Condition:
    return Condition(
        measure=condition.measure,
        criterion=condition.criterion,
        reach=condition.reach,
        keep=condition.reach if condition.keep is None else condition.keep,
        at_most=condition.at_most,
        unknown_holds=condition.unknown == "holds",
    )


def _decay(half_life_days: int) -> tuple[int, ...]:
    # Decimal is rounded the same way on every platform; the C library's pow is not.
    with localcontext() as context:
        context.prec = 30
        step = Decimal(2) ** (Decimal(-1) / Decimal(half_life_days))
        return tuple(int((UNIT * step**day).to_integral_value()) for day in range(half_life_days * _HALVINGS_MAX))
