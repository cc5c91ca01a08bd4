"""A policy made ready for use: thresholds by index, decay by day, signals by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from cx import alerts
from cx.calendar import DAY, HOUR, MINUTE, Calendar
from cx.periods import Anniversary, Rolling, Window, window_of
from cx.triggers import Triggers, triggers_of
from schemas.policy import TIER_MEASURES, AtMost, DowngradePolicy
from schemas.policy_file import policy_hash

if TYPE_CHECKING:
    from schemas import policy as policies
    from schemas.policy import Policy, RatePolicy, RewardPolicy, RungPolicy, Terms

DIMENSIONS = ("emotion", "interaction", "service", "product", "brand")
UNIT = 1 << 20  # fixed point: one unit of weight
_LAST_DAY = date.max.toordinal()
_HALVINGS_MAX = 24  # after so many half-lives a contribution of any weight has gone below one fixed-point step


Alternatives = tuple[dict[str, int], ...]  # bounds by measure: all of one of them have to be reached


@dataclass(frozen=True, slots=True)
class Rung:
    """A tier with what it takes to enter and to keep it; bounds are inclusive."""

    name: str
    enter: Alternatives
    keep: Alternatives
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
class Asked:
    """What a CX level asks for beside all lower ones: every one of `all`, and one of `any` if there is any."""

    all: tuple[Condition, ...] = ()
    any: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Rate:
    """So many `points` for each `per` minor units; None fits everything, days are ordinals, both counted."""

    points: int
    per: int
    tiers: frozenset[str] | None
    categories: frozenset[str] | None
    channels: frozenset[str] | None
    first: int
    last: int

    def takes(self, category: str) -> bool:
        """Tell whether a line of *category* earns by this rate."""
        return self.categories is None or category in self.categories


@dataclass(frozen=True, slots=True)
class Care:
    """What calls for care; spans are in microseconds, and 0, or nothing, is what an alert has that is switched off."""

    alerts: dict[str, policies.AlertPolicy | policies.FirstResponsePolicy]  # those that are on, by reason
    seam_span: int
    reopened_times: int
    fall: int  # of a score, in points
    fall_days: int
    silent: frozenset[str]  # tiers on which silence counts
    expiring_least: int
    expiring_days: int
    risk_span: int


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """All that the folds ask a policy; built once per policy by `compile_policy`. Spans are in microseconds."""

    hash: str
    policy: Policy
    calendar: Calendar
    lateness: int
    future: int
    refund_horizon: int
    recent_max: int
    window: Window
    rungs: tuple[Rung, ...]
    at_most: frozenset[str]  # measures of the ladder of which less is better
    measured: tuple[str, ...]  # all measures of the ladder
    score_bounds: tuple[tuple[str, int], ...]  # (dimension, bound) of the ladder: fading, a score may cross these
    guards: frozenset[str]
    downgrade: Literal["none", "one-step", "to-qualified"]
    by_period: bool  # a tier is lost when a period has ended, not at once
    grace_days: int
    stay_days: int
    refunds: Literal["at-once", "at-period-end", "keep"]
    visit_channels: frozenset[str]
    visits_max: int  # of one day
    exchange: dict[str, tuple[int, int]]  # currency -> (its units, what they are worth)
    rates: tuple[Rate, ...]
    campaigns: tuple[Rate, ...]
    pending_days: int
    after_months: int  # 0 where points do not run out by date
    inactive_days: int  # 0 where they do not run out by silence
    redeem_min: int
    redeem_step: int
    prior_value: int
    prior_weight: int
    decay: tuple[int, ...]  # decay[d] = UNIT * 2 ** (-d / half-life), d in whole days
    signals: dict[
        str, tuple[tuple[int, int | None, int, bool], ...]
    ]  # signal -> (dimension, value or None = the score, weight, whether a fall by it is looked for)
    sla: dict[str, int]
    rhythm_pct: int
    rhythm_least: int
    levels: dict[int, Asked]  # upwards, from 1 or 2
    fading: dict[int, Asked]  # what of it time alone may change
    losing: dict[int, Asked]  # what of that time alone may take from who has it
    rewards: dict[str, RewardPolicy]

    places: dict[str, int]  # of the tiers in the ladder, by name
    earns: bool  # orders earn points
    counts_only: bool  # the ladder asks for nothing but sums over the window
    by_joining: bool  # the window depends on the day of joining
    replays: bool  # a tier is more than what the window holds: after a refund the ladder is climbed again
    remembers: bool  # days before the window are needed
    anchor_days: int
    triggers: Triggers

    care: Care

    def rung_of(self, name: str) -> int:
        """Return the place of a tier in the ladder; a name that the policy has lost counts as the lowest."""
        return self.places.get(name, 0)


@lru_cache
def sums_of(rules: Rules) -> Rules:
    """Return *rules* with a ladder that asks for sums over the window alone."""

    def only(alternatives: Alternatives) -> Alternatives:
        return tuple({name: bound for name, bound in one.items() if name in COUNTED} for one in alternatives)

    rungs = tuple(replace(rung, enter=only(rung.enter), keep=only(rung.keep)) for rung in rules.rungs)
    measured = tuple(name for name in rules.measured if name in COUNTED)
    return replace(rules, rungs=rungs, measured=measured, guards=frozenset(), score_bounds=(), counts_only=True)


COUNTED = ("spend", "orders", "visits", "points")
# Measures of levels that change with time alone.
FADING = frozenset({"orders", "in_rhythm", "answered_in_time_pct", "late_cases", "seams", *DIMENSIONS})


def compile_policy(policy: Policy) -> Rules:
    """Prepare *policy* for folding."""
    signals: dict[str, list[tuple[int, int | None, int, bool]]] = {}
    for item in policy.scores.contributions:
        value = None if item.value == "score" else item.value
        # What the table holds for no worse than nothing known only thins a higher score out.
        watched = policy.care.dimension_falls.enabled and (value is None or value < policy.scores.prior.value)
        signals.setdefault(item.when, []).append((DIMENSIONS.index(item.dimension), value, item.weight, watched))
    levels = {
        rule.level: Asked(tuple(map(_condition, rule.all)), tuple(map(_condition, rule.any))) for rule in policy.levels
    }
    tiers = policy.tiers
    rungs = tuple(map(_rung, tiers.ladder))
    window = window_of(tiers.window)
    when = tiers.downgrade.when or ("at-once" if isinstance(window, Rolling) else "period-end")
    bounds = {pair for rung in rungs for terms in (rung.enter, rung.keep) for one in terms for pair in one.items()}
    measured = tuple(name for name in TIER_MEASURES if name in {name for name, _ in bounds} | {"spend", "orders"})
    plain = (
        when == "at-once"
        and tiers.downgrade == DowngradePolicy(when=tiers.downgrade.when)
        and all(rung.enter == rung.keep for rung in rungs)
    )
    by_period = when == "period-end"
    replays = tiers.refunds == "at-once" and not plain
    return Rules(
        hash=policy_hash(policy),
        policy=policy,
        calendar=Calendar(policy.time_zone),
        lateness=policy.clock.lateness_days * DAY,
        future=policy.clock.future_minutes * MINUTE,
        refund_horizon=policy.clock.refund_days * DAY,
        recent_max=policy.clock.recent_max,
        window=window,
        rungs=rungs,
        at_most=at_most(policy),
        measured=measured,
        score_bounds=tuple(sorted((name, bound) for name, bound in bounds if name in DIMENSIONS)),
        guards=frozenset(tiers.no_promotion_while),
        downgrade=tiers.downgrade.mode,
        by_period=by_period,
        grace_days=tiers.downgrade.grace_days,
        stay_days=tiers.downgrade.stay_days,
        refunds=tiers.refunds,
        visit_channels=frozenset(policy.visits.channels),
        visits_max=policy.visits.per_day,
        exchange={name: (rate.units, rate.worth) for name, rate in policy.exchange_rates.items()},
        rates=tuple(map(_rate, policy.points.rates)),
        campaigns=tuple(map(_rate, policy.points.campaigns)),
        pending_days=policy.points.pending_days,
        after_months=policy.points.expiry.after_months or 0,
        inactive_days=policy.points.expiry.inactive_days or 0,
        redeem_min=policy.points.redeem.min,
        redeem_step=policy.points.redeem.step,
        prior_value=policy.scores.prior.value,
        prior_weight=policy.scores.prior.weight * UNIT,
        decay=_decay(policy.scores.half_life_days),
        signals={signal: tuple(items) for signal, items in signals.items()},
        sla={name: hours * HOUR for name, hours in policy.sla_hours.model_dump().items()},
        rhythm_pct=policy.rhythm.factor_pct,
        rhythm_least=policy.rhythm.least_gaps,
        levels=levels,
        fading={level: fading for level, asked in levels.items() if (fading := _fading(asked)) != Asked()},
        losing={level: losing for level, asked in levels.items() if (losing := _losing(asked, policy)) != Asked()},
        rewards={rule.id: rule for rule in policy.rewards},
        places={rung.name: place for place, rung in enumerate(rungs)},
        earns=bool(policy.points.rates or policy.points.campaigns),
        counts_only=all(name in COUNTED for name in measured),
        by_joining=isinstance(window, Anniversary),
        replays=replays,
        remembers=replays
        or isinstance(window, Anniversary)
        or (when == "period-end" and not isinstance(window, Rolling)),
        anchor_days=policy.clock.refund_days + 1,
        triggers=triggers_of(policy),
        care=_care(policy),
    )


def _care(policy: Policy) -> Care:
    care = policy.care
    named: dict[str, policies.AlertPolicy | policies.FirstResponsePolicy] = {
        alerts.FIRST_RESPONSE: care.first_response,
        alerts.REOPENED: care.case_reopened,
        alerts.FALLS: care.dimension_falls,
        alerts.SILENT: care.silent,
        alerts.EXPIRING: care.points_expiring,
        alerts.AT_RISK: care.tier_at_risk,
        alerts.SEAM: care.seam,
        alerts.UNAVAILABLE: care.gift_unavailable,
    }
    silent = care.silent.tiers or [rung.name for rung in policy.tiers.ladder]
    return Care(
        alerts={name: alert for name, alert in named.items() if alert.enabled},
        seam_span=care.seam_days * DAY,
        reopened_times=care.case_reopened.times,
        fall=care.dimension_falls.points if care.dimension_falls.enabled else 0,
        fall_days=care.dimension_falls.days,
        silent=frozenset(silent) if care.silent.enabled else frozenset(),
        expiring_least=care.points_expiring.least,
        expiring_days=care.points_expiring.days if care.points_expiring.enabled else 0,
        risk_span=care.tier_at_risk.days * DAY if care.tier_at_risk.enabled else 0,
    )


def _rung(policy: RungPolicy) -> Rung:
    enter = _alternatives(policy.enter)
    return Rung(policy.name, enter, _alternatives(policy.keep) if policy.keep else enter, policy.benefits)


def _rate(policy: RatePolicy) -> Rate:
    return Rate(
        points=policy.points,
        per=policy.per,
        tiers=frozenset(policy.tiers) or None,
        categories=frozenset(policy.categories) or None,
        channels=frozenset(policy.channels) or None,
        first=policy.first.toordinal() if policy.first else 0,
        last=policy.last.toordinal() if policy.last else _LAST_DAY,
    )


def _alternatives(terms: Terms) -> Alternatives:
    return tuple(
        {name: bound.at_most if isinstance(bound, AtMost) else bound for name, bound in one.items()}
        for one in terms.alternatives()
    )


def at_most(policy: Policy) -> frozenset[str]:
    """Return the measures of the ladder of which less is better."""
    every = [terms for rung in policy.tiers.ladder for terms in (rung.enter, rung.keep or rung.enter)]
    return frozenset(
        name
        for terms in every
        for one in terms.alternatives()
        for name, bound in one.items()
        if isinstance(bound, AtMost)
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


def _fading(asked: Asked) -> Asked:
    """Return what of *asked* time alone may take away: of `any` all, where it may take one."""
    fades = any(one.measure in FADING for one in asked.any)
    return Asked(tuple(one for one in asked.all if one.measure in FADING), asked.any if fades else ())


def _losing(asked: Asked, policy: Policy) -> Asked:
    """Return what of *asked* time alone may take from who keeps it: a score fades towards the prior, and no further."""
    prior, fading = policy.scores.prior.value, _fading(asked)
    safe = [
        one
        for one in fading.all
        if one.measure in DIMENSIONS and (one.keep >= prior if one.at_most else one.keep <= prior)
    ]
    return Asked(tuple(one for one in fading.all if one not in safe), fading.any)


def _decay(half_life_days: int) -> tuple[int, ...]:
    # Decimal is rounded the same way on every platform; the C library's pow is not.
    with localcontext() as context:
        context.prec = 30
        step = Decimal(2) ** (Decimal(-1) / Decimal(half_life_days))
        return tuple(int((UNIT * step**day).to_integral_value()) for day in range(half_life_days * _HALVINGS_MAX))
