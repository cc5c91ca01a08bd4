"""The policy file: everything a loyalty manager may set, as one YAML document."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
Score = Annotated[int, Field(ge=0, le=100)]
Amount = Annotated[int, Field(ge=0, le=10**12)]
Dimension = Literal["emotion", "interaction", "service", "product", "brand"]
Signal = Literal[
    "purchase", "repeat-purchase", "refund",
    "case-opened", "case-answered", "case-answered-late", "case-resolved", "case-reopened", "case-escalated",
    "nps", "csat", "ces", "review", "complaint",
    "care-accepted", "referral",
]  # fmt: skip
LevelMeasure = Literal[
    "channels", "answered_in_time_pct", "resolved_for_good_pct", "last_ces", "last_csat", "orders",
    "emotion", "interaction", "service", "product", "brand",
    "open_cases", "open_detractor_cases", "care_accepted", "nps_rise", "promoter_streak", "advocacy",
]  # fmt: skip


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = "is not a time zone of the IANA database, such as Asia/Ho_Chi_Minh"
        raise ValueError(message) from None
    return name


def _fault(message: str, *at: str | int) -> PydanticCustomError:
    """Return an error about the part *at* below the one that is being checked, so that its line can be named."""
    return PydanticCustomError("does_not_fit", "{message}", {"message": message, "at": at})


class Part(BaseModel):
    """Base of every part of the file: unknown keys are refused, because a typing slip must not pass as a default."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class ClockPolicy(Part):
    """How far time and lateness reach."""

    lateness_days: Annotated[int, Field(ge=1, le=90)] = 30
    future_minutes: Annotated[int, Field(ge=0, le=1440)] = 10
    refund_days: Annotated[int, Field(ge=1, le=400)] = 90
    recent_max: Annotated[int, Field(ge=10, le=10_000)] = 1_000


class SpendPolicy(Part):
    """Which amounts of an order qualify for a tier."""

    tax: bool = False
    shipping: bool = False
    excluded_categories: tuple[str, ...] = ()
    excluded_payments: tuple[Literal["points", "gift-card"], ...] = ("points", "gift-card")


class Thresholds(Part):
    """Least value of each measure, inclusive; all named ones must be reached."""

    spend: Amount | None = None
    orders: Annotated[int, Field(ge=0, le=10**6)] | None = None

    def as_dict(self) -> dict[str, int]:
        """Return the thresholds that are set, by measure."""
        return {name: value for name, value in (("spend", self.spend), ("orders", self.orders)) if value is not None}


class RungPolicy(Part):
    """One tier of the ladder and what it takes to be on it."""

    name: Name
    enter: Thresholds = Thresholds()
    benefits: tuple[Annotated[str, Field(max_length=200)], ...] = ()


class RollingWindow(Part):
    """The last *rolling_days* local days, today included."""

    rolling_days: Annotated[int, Field(ge=1, le=1_100)] = 365


class TiersPolicy(Part):
    """The ladder, lowest rung first; the first rung is everybody's and asks for nothing."""

    ladder: Annotated[tuple[RungPolicy, ...], Field(min_length=1, max_length=20)]
    window: RollingWindow = RollingWindow()
    no_promotion_while: tuple[Literal["open-detractor-case"], ...] = ()

    @model_validator(mode="after")
    def _ladder_rises(self) -> Self:
        if self.ladder[0].enter.as_dict():
            message = "the first rung is everybody's: it takes no thresholds"
            raise _fault(message, "ladder", 0, "enter")
        names = [rung.name for rung in self.ladder]
        if len(set(names)) != len(names):
            message = "each rung needs a name of its own"
            raise _fault(message, "ladder")
        for place, (lower, upper) in enumerate(pairwise(self.ladder), 1):
            below, above = lower.enter.as_dict(), upper.enter.as_dict()
            eased = any(above.get(measure, 0) < least for measure, least in below.items())
            if eased or not any(least > below.get(measure, 0) for measure, least in above.items()):
                message = f"rung {upper.name} must ask for more than rung {lower.name}"
                raise _fault(message, "ladder", place)
        return self


class Contribution(Part):
    """What one signal adds to one dimension: a value of 0 to 100 and the weight it counts with."""

    when: Signal
    dimension: Dimension
    value: Score | Literal["score"]
    weight: Annotated[int, Field(ge=1, le=100)] = 1


class Prior(Part):
    """What a customer of whom nothing is known scores, and how many unit weights that belief is worth."""

    value: Score = 50
    weight: Annotated[int, Field(ge=1, le=1_000)] = 4


class ScoresPolicy(Part):
    """Five dimension scores: decayed weighted means of contributions, pulled towards the prior."""

    half_life_days: Annotated[int, Field(ge=1, le=3_650)] = 90
    prior: Prior = Prior()
    contributions: tuple[Contribution, ...] = (
        Contribution(when="purchase", dimension="product", value=65),
        Contribution(when="purchase", dimension="interaction", value=60),
        Contribution(when="repeat-purchase", dimension="brand", value=75),
        Contribution(when="refund", dimension="product", value=25),
        Contribution(when="case-opened", dimension="interaction", value=35),
        Contribution(when="case-answered", dimension="service", value=80),
        Contribution(when="case-answered-late", dimension="service", value=20),
        Contribution(when="case-resolved", dimension="service", value=85, weight=2),
        Contribution(when="case-reopened", dimension="service", value=15, weight=2),
        Contribution(when="case-escalated", dimension="service", value=20),
        Contribution(when="nps", dimension="brand", value="score", weight=3),
        Contribution(when="csat", dimension="emotion", value="score", weight=3),
        Contribution(when="ces", dimension="interaction", value="score", weight=3),
        Contribution(when="review", dimension="product", value="score", weight=2),
        Contribution(when="complaint", dimension="emotion", value=10, weight=3),
        Contribution(when="care-accepted", dimension="interaction", value=80),
        Contribution(when="referral", dimension="brand", value=95, weight=2),
    )


class Condition(Part):
    """One measure against the value that reaches the level and the value below which it is lost again.

    `at_most` turns the comparison round, for measures of which less is better. A measure of which
    there is no evidence yet counts as `unknown` says.
    """

    measure: LevelMeasure
    reach: int
    keep: int | None = None
    at_most: bool = False
    unknown: Literal["holds", "fails"] = "fails"
    criterion: Literal["involvement", "effort", "resolution", "emotion", "perception"] = "involvement"

    @model_validator(mode="after")
    def _keeping_is_easier(self) -> Self:
        if self.keep is not None and (self.keep < self.reach if self.at_most else self.keep > self.reach):
            message = "keeping a level cannot be harder than reaching it"
            raise _fault(message, "keep")
        return self


class LevelPolicy(Part):
    """What must hold, beside all lower levels, for CX level *level*."""

    level: Annotated[int, Field(ge=2, le=5)]
    all: Annotated[tuple[Condition, ...], Field(min_length=1, max_length=10)]

    @model_validator(mode="after")
    def _each_measure_once(self) -> Self:
        if len({condition.measure for condition in self.all}) != len(self.all):
            message = f"level {self.level} asks for the same measure twice"
            raise _fault(message, "all")
        return self


def _default_levels() -> tuple[LevelPolicy, ...]:
    def need(measure: LevelMeasure, reach: int, keep: int | None = None, **more: object) -> Condition:
        return Condition.model_validate({"measure": measure, "reach": reach, "keep": keep, **more})

    return (
        LevelPolicy(level=2, all=(
            need("channels", 1, criterion="involvement"),
            need("answered_in_time_pct", 80, 70, unknown="holds", criterion="resolution"),
            need("resolved_for_good_pct", 70, 60, unknown="holds", criterion="resolution"),
            need("last_ces", 4, 3, unknown="holds", criterion="effort"),
        )),
        LevelPolicy(level=3, all=(
            need("orders", 2, criterion="emotion"),
            need("last_csat", 4, 3, unknown="holds", criterion="emotion"),
            need("emotion", 50, 45, criterion="emotion"),
            need("open_detractor_cases", 0, at_most=True, criterion="emotion"),
        )),
        LevelPolicy(level=4, all=(
            need("care_accepted", 1, criterion="involvement"),
            need("open_cases", 0, 1, at_most=True, criterion="effort"),
        )),
        LevelPolicy(level=5, all=(
            need("promoter_streak", 2, 1, criterion="perception"),
            need("advocacy", 1, criterion="perception"),
            need("brand", 65, 55, criterion="perception"),
        )),
    )  # fmt: skip


class SlaPolicy(Part):
    """Hours until the first answer, by priority of the case."""

    low: Annotated[int, Field(ge=1, le=720)] = 48
    normal: Annotated[int, Field(ge=1, le=720)] = 24
    high: Annotated[int, Field(ge=1, le=720)] = 8
    urgent: Annotated[int, Field(ge=1, le=720)] = 2


class GiftPolicy(Part):
    """The gift that a reward gives: an e-gift card with a face value in the programme's currency."""

    id: Name
    brand: Annotated[str, Field(min_length=1, max_length=64)]
    card_kind: Name = "e-voucher"
    face_value: Amount
    valid_days: Annotated[int, Field(ge=1, le=1_100)] = 90


class RewardTrigger(Part):
    """What entitles a customer."""

    tier_reached: Name


class RewardPolicy(Part):
    """One reward rule: the trigger, how often one customer may get it, what is given and how many of it."""

    id: Name
    when: RewardTrigger
    every: Literal["year", "ever"] = "year"
    quantity: Annotated[int, Field(ge=1, le=20)] = 1
    gift: GiftPolicy


class Policy(Part):
    """The whole programme. Its hash is taken over the validated content, so comments and order of keys do not count."""

    format: Literal[1] = 1
    programme: Name
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Ho_Chi_Minh"
    locale: Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")] = "vi"
    clock: ClockPolicy = ClockPolicy()
    spend: SpendPolicy = SpendPolicy()
    tiers: TiersPolicy
    scores: ScoresPolicy = ScoresPolicy()
    sla_hours: SlaPolicy = SlaPolicy()
    levels: Annotated[tuple[LevelPolicy, ...], Field(max_length=4)] = _default_levels()
    rewards: Annotated[tuple[RewardPolicy, ...], Field(max_length=200)] = ()

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        tiers = {rung.name for rung in self.tiers.ladder[1:]}  # nobody ever reaches the first: all begin on it
        for place, rule in enumerate(self.rewards):
            if rule.when.tier_reached not in tiers:
                message = f"is no tier that can be reached; allowed: {', '.join(sorted(tiers)) or 'none'}"
                raise _fault(message, "rewards", place, "when", "tier_reached")
        if len({rule.id for rule in self.rewards}) != len(self.rewards):
            message = "each reward needs an id of its own"
            raise _fault(message, "rewards")
        levels = [rule.level for rule in self.levels]
        if levels != list(range(2, 2 + len(levels))):
            message = "levels are listed from 2 upwards, none left out"
            raise _fault(message, "levels")
        return self
