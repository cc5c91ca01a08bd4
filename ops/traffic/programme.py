"""The programme, as far as customers and the back office act on what it tells: birthday gifts, prices, holds."""

from dataclasses import dataclass
from typing import Literal, Self

from schemas.policy import Policy, RewardPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Birthday:
    """A reward that everybody gets each birthday who has told theirs, whatever else they do.

    Attributes:
        quantity: How many there are each time.
        gifts: Those to choose from; one where there is no choice.
        choose_days: Days in which one can be chosen.
        valid_days: Days in which a gift of it can be used.
    """

    rule: str
    quantity: int
    gifts: tuple[str, ...]
    choose_days: int
    valid_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Velocity:
    """More than so many of something in less than so many hours hold rewards back."""

    rule: str
    counts: Literal["orders", "refunds"]
    more_than: int
    within_hours: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """What of a policy there is to act on.

    A run is made before anybody decides on it, and whoever reads it may do so in any order. So of all rewards only
    those are here of which is known beforehand that they will be told: nothing takes a birthday back.

    Attributes:
        prices: Points that rewards cost, by rule.
    """

    name: str
    birthdays: tuple[Birthday, ...]
    velocities: tuple[Velocity, ...]
    prices: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, policy: Policy) -> Self:
        """Take it from a policy."""
        return cls(
            name=policy.programme,
            birthdays=tuple(_birthday(rule) for rule in policy.rewards if rule.when.birthday and _is_sure(rule)),
            velocities=tuple(
                Velocity(rule=rule.id, counts=rule.counts, more_than=rule.more_than, within_hours=rule.within_hours)
                for rule in policy.velocity
                if rule.counts != "redemptions"  # whether one is granted nobody knows beforehand
            ),
            prices=tuple((rule.id, rule.when.redemption.points) for rule in policy.rewards if rule.when.redemption),
        )


def _is_sure(rule: RewardPolicy) -> bool:
    """Tell whether a reward is given to everybody each year."""
    return rule.every == "year" and rule.limit is None and not rule.cooldown_days and bool(_for_all(rule))


def _for_all(rule: RewardPolicy) -> tuple[str, ...]:
    if rule.gift is not None:
        return (rule.gift.id,)
    return tuple(one.id for one in rule.choices if not one.tiers and not one.segments)


def _birthday(rule: RewardPolicy) -> Birthday:
    return Birthday(
        rule=rule.id,
        quantity=rule.quantity,
        gifts=_for_all(rule),
        choose_days=rule.choose_days,
        valid_days=min(gift.valid_days for gift in rule.gifts),
    )
