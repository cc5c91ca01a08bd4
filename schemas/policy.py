"""The policy file: everything a loyalty manager may set, as one YAML document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.base import Currency, Day, Short
from schemas.care import Severity
from schemas.currencies import CODES, near
from schemas.gift_requests import FALLBACKS_MAX, WAIT_DAYS_MAX

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
Score = Annotated[int, Field(ge=0, le=100)]
Amount = Annotated[int, Field(ge=0, le=10**12)]
Help = Annotated[tuple[Name, ...], Field(max_length=10)]
Channel = Literal["store", "web", "app", "partner"]
Dimension = Literal["emotion", "interaction", "service", "product", "brand"]
Signal = Literal[
    "purchase", "repeat-purchase", "refund",
    "case-opened", "case-answered", "case-answered-late", "case-resolved", "case-reopened", "case-escalated",
    "nps", "csat", "ces", "review", "complaint",
    "care-accepted", "referral", "seam",
]  # fmt: skip
LevelMeasure = Literal[
    "channels", "informed_pct", "answered_in_time_pct", "resolved_for_good_pct", "last_ces", "last_csat",
    "orders", "in_rhythm", "emotion", "interaction", "service", "product", "brand",
    "open_cases", "open_detractor_cases", "late_cases", "seams", "care_accepted", "contacts_rise",
    "nps_rise", "promoter_streak", "advocacy",
]  # fmt: skip

LevelBound = Annotated[int, Field(ge=-(10**6), le=10**6)]


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


class VisitsPolicy(Part):
    """What a visit is: a purchase over one of *channels*, and how many of a day count."""

    channels: tuple[Channel, ...] = ("store",)
    per_day: Annotated[int, Field(ge=1, le=100)] = 1


class ExchangeRate(Part):
    """So many minor units of another currency are worth so many of the programme's."""

    units: Annotated[int, Field(ge=1, le=10**9)]
    worth: Annotated[int, Field(ge=1, le=10**12)]


class RatePolicy(Part):
    """So many points for each `per` minor units of what fits: a line by its category, an order by the rest.

    `tiers` are those held just before the order; `first` and `last` are local days, both counted. What is left out
    fits everything; shipping and tax, where they count as spend, have no category.
    """

    points: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    per: Annotated[int, Field(ge=1, le=10**12)]
    tiers: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    categories: Annotated[tuple[Short, ...], Field(max_length=50)] = ()
    channels: Annotated[tuple[Channel, ...], Field(max_length=4)] = ()
    first: Day | None = None
    last: Day | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.first and self.last and self.last < self.first:
            message = "must not be before first"
            raise _fault(message, "last")
        return self


class ExpiryPolicy(Part):
    """When points run out: at the end of the month that is so many months on, or after so many days without activity.

    Activity is an order that was not undone, points spent, an adjustment or an import. Both may be set.
    """

    after_months: Annotated[int, Field(ge=1, le=120)] | None = None
    inactive_days: Annotated[int, Field(ge=1, le=3_650)] | None = None


class RedeemPolicy(Part):
    """The smallest number of points that can be spent at once, and the number of which it must be a multiple."""

    min: Annotated[int, Field(ge=1, le=10**9)] = 1
    step: Annotated[int, Field(ge=1, le=10**9)] = 1


class PointsPolicy(Part):
    """What earns points, when they can be spent, and when they run out.

    A line earns by the first of `rates` that fits it, and by every one of `campaigns` that does. Points can be spent
    from the start of the local day that is `pending_days` after the order's.
    """

    rates: Annotated[tuple[RatePolicy, ...], Field(max_length=50)] = ()
    campaigns: Annotated[tuple[RatePolicy, ...], Field(max_length=50)] = ()
    pending_days: Annotated[int, Field(ge=0, le=400)] = 0
    expiry: ExpiryPolicy = ExpiryPolicy()
    redeem: RedeemPolicy = RedeemPolicy()


class AtMost(Part):
    """A bound from above, for measures of which less is better."""

    at_most: Amount


Bound = Amount | AtMost
CountBound = Annotated[int, Field(ge=0, le=10**6)] | AtMost
TIER_MEASURES: Final = (
    "spend", "orders", "visits", "points", "level",
    "emotion", "interaction", "service", "product", "brand",
    "open_cases", "open_detractor_cases",
)  # fmt: skip
ALTERNATIVES_MAX: Final = 16
_NO_BOUND: Final = 10**12 + 1


class Terms(Part):
    """What it takes: every named measure reaches its bound, every one of `all` holds, and one of `any` does.

    Amounts and counts are over the policy's window; level, scores and cases are those of now. Bounds are inclusive.
    """

    spend: Bound | None = None
    orders: CountBound | None = None
    visits: CountBound | None = None
    points: Bound | None = None
    level: Annotated[int, Field(ge=2, le=5)] | None = None
    emotion: Score | AtMost | None = None
    interaction: Score | AtMost | None = None
    service: Score | AtMost | None = None
    product: Score | AtMost | None = None
    brand: Score | AtMost | None = None
    open_cases: AtMost | None = None
    open_detractor_cases: AtMost | None = None
    all: Annotated[tuple[Terms, ...], Field(max_length=10)] = ()
    any: Annotated[tuple[Terms, ...], Field(max_length=10)] = ()

    def alternatives(self) -> tuple[dict[str, Bound], ...]:
        """Return the same as a list of alternatives, in each of which all bounds must be reached.

        Raises:
            TooManyError: there are more than `ALTERNATIVES_MAX`, or one asks for a measure both ways.
        """
        found: list[dict[str, Bound]] = [
            {name: bound for name in TIER_MEASURES if (bound := getattr(self, name)) is not None}
        ]
        for part in self.all:
            found = _joined(found, part.alternatives())
        if self.any:
            found = _joined(found, [one for part in self.any for one in part.alternatives()])
        return tuple(found)


class TermsError(ValueError):
    """Terms that cannot be put as a short list of alternatives."""


def _joined(some: Sequence[dict[str, Bound]], others: Sequence[dict[str, Bound]]) -> list[dict[str, Bound]]:
    if len(some) * len(others) > ALTERNATIVES_MAX:
        message = f"comes to more than {ALTERNATIVES_MAX} alternatives"
        raise TermsError(message)
    return [_stricter(one, other) for one in some for other in others]


def _stricter(one: dict[str, Bound], other: dict[str, Bound]) -> dict[str, Bound]:
    both = one | other
    for name in one.keys() & other.keys():
        mine, theirs = one[name], other[name]
        if isinstance(mine, AtMost) and isinstance(theirs, AtMost):
            both[name] = min(mine, theirs, key=lambda bound: bound.at_most)
        elif isinstance(mine, int) and isinstance(theirs, int):
            both[name] = max(mine, theirs)
        else:
            message = f"asks for at least and at most of {name}"
            raise TermsError(message)
    return both


class RungPolicy(Part):
    """One tier of the ladder, what it takes to get on it, and what to stay; `keep` is `enter` where it is absent."""

    name: Name
    enter: Terms = Terms()
    keep: Terms | None = None
    benefits: tuple[Annotated[str, Field(max_length=200)], ...] = ()


class WindowPolicy(Part):
    """Which local days are measured: the last so many, today included; or those since the last start of a period.

    A calendar period begins on 1 January, or with a quarter; an anniversary period on the day of joining.
    """

    rolling_days: Annotated[int, Field(ge=1, le=1_100)] | None = None
    calendar: Literal["year", "quarter"] | None = None
    anniversary: Literal["year"] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(kind is not None for kind in (self.rolling_days, self.calendar, self.anniversary)) != 1:
            message = "takes one of rolling_days, calendar and anniversary"
            raise _fault(message)
        return self


class DowngradePolicy(Part):
    """How a tier is lost by time: how far, when that is looked at, after which respite, and never before which stay.

    `when` is at-once by default for a rolling window, else period-end. In the `grace_days` after a check that failed,
    what is bought still counts for the period that ended. `stay_days` count from the instant the tier was reached. Days
    are local ones: they end at the time of day at which they began, whatever the clocks did.
    """

    mode: Literal["none", "one-step", "to-qualified"] = "to-qualified"
    when: Literal["at-once", "period-end"] | None = None
    grace_days: Annotated[int, Field(ge=0, le=366)] = 0
    stay_days: Annotated[int, Field(ge=0, le=1_100)] = 0


class TiersPolicy(Part):
    """The ladder, lowest rung first; the first rung is everybody's and asks for nothing."""

    ladder: Annotated[tuple[RungPolicy, ...], Field(min_length=1, max_length=20)]
    window: WindowPolicy = WindowPolicy(rolling_days=365)
    downgrade: DowngradePolicy = DowngradePolicy()
    refunds: Literal["at-once", "at-period-end", "keep"] = "at-once"
    no_promotion_while: tuple[Literal["open-detractor-case", "open-case"], ...] = ()

    @model_validator(mode="after")
    def _ladder_rises(self) -> Self:
        if self.ladder[0].enter != Terms() or self.ladder[0].keep is not None:
            message = "the first rung is everybody's: it takes no thresholds"
            raise _fault(message, "ladder", 0, "enter")
        names = [rung.name for rung in self.ladder]
        if len(set(names)) != len(names):
            message = "each rung needs a name of its own"
            raise _fault(message, "ladder")
        ways: dict[str, bool] = {}
        enters: list[tuple[dict[str, Bound], ...]] = [({},)]
        for place, rung in enumerate(self.ladder[1:], 1):
            enters.append(_checked(rung, "enter", rung.enter, place, ways))
            if _eased(*enters[-2:]):
                message = f"rung {rung.name} must ask for more than rung {self.ladder[place - 1].name}"
                raise _fault(message, "ladder", place)
            if rung.keep is not None:
                keeps = _checked(rung, "keep", rung.keep, place, ways)
                # Else a tier would be lost while its customer has what it takes to reach it, and come and go.
                if not all(any(_within(keep, enter) for keep in keeps) for enter in enters[-1]):
                    message = "keeping a tier cannot be harder than reaching it: whatever reaches it has to keep it"
                    raise _fault(message, "ladder", place, "keep")
        return self


def _checked(
    rung: RungPolicy, name: str, terms: Terms, place: int, ways: dict[str, bool]
) -> tuple[dict[str, Bound], ...]:
    """Return the alternatives of *terms*; *ways* says of each measure so far whether its bound is from above."""
    try:
        alternatives = terms.alternatives()
    except TermsError as error:
        raise _fault(str(error), "ladder", place, name) from None
    for measure, bound in ((m, b) for one in alternatives for m, b in one.items()):
        if ways.setdefault(measure, isinstance(bound, AtMost)) is not isinstance(bound, AtMost):
            message = f"the ladder asks for at least and at most of {measure}"
            raise _fault(message, "ladder", place, name)
    if not all(alternatives):
        message = f"rung {rung.name} must ask for something"
        raise _fault(message, "ladder", place, name)
    return alternatives


def _eased(lower: tuple[dict[str, Bound], ...], upper: tuple[dict[str, Bound], ...]) -> bool:
    """Tell whether *upper* asks for less than *lower*, or for no more; told of single lists only."""
    if len(lower) != 1 or len(upper) != 1:
        return False
    return not _within(lower[0], upper[0]) or _within(upper[0], lower[0])


def _within(easy: dict[str, Bound], hard: dict[str, Bound]) -> bool:
    """Tell whether what reaches all bounds of *hard* reaches those of *easy* as well."""
    return all(_least(hard.get(measure), bound) >= _least(bound, bound) for measure, bound in easy.items())


def _least(bound: Bound | None, like: Bound) -> int:
    """Return a bound as a number that grows as it gets harder to reach; of the kind of *like* where there is none."""
    if isinstance(like, AtMost):
        return -bound.at_most if isinstance(bound, AtMost) else -_NO_BOUND
    return bound if isinstance(bound, int) else 0


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
        Contribution(when="seam", dimension="interaction", value=20, weight=2),
    )


_PCT, _COUNT = (0, 100), (0, 10**6)
# The least and the most that a measure of the CX levels can come to; of NPS the last two answers are looked at.
MEASURE_RANGES: Final[dict[LevelMeasure, tuple[int, int]]] = {
    "informed_pct": _PCT, "answered_in_time_pct": _PCT, "resolved_for_good_pct": _PCT,
    "last_ces": (1, 7), "last_csat": (1, 5), "in_rhythm": (0, 1), "nps_rise": (-10, 10), "promoter_streak": (0, 2),
    "emotion": _PCT, "interaction": _PCT, "service": _PCT, "product": _PCT, "brand": _PCT,
    "channels": _COUNT, "orders": _COUNT, "open_cases": _COUNT, "open_detractor_cases": _COUNT,
    "late_cases": _COUNT, "seams": _COUNT, "care_accepted": _COUNT, "advocacy": _COUNT,
    "contacts_rise": (-(10**6), 10**6),
}  # fmt: skip


class Condition(Part):
    """One measure against the value that reaches the level and the value below which it is lost again.

    `at_most` turns the comparison round, for measures of which less is better. A measure of which
    there is no evidence yet counts as `unknown` says.
    """

    measure: LevelMeasure
    reach: LevelBound
    keep: LevelBound | None = None
    at_most: bool = False
    unknown: Literal["holds", "fails"] = "fails"
    criterion: Literal["involvement", "effort", "resolution", "emotion", "perception"] = "involvement"

    @model_validator(mode="after")
    def _keeping_is_easier(self) -> Self:
        if self.keep is not None and (self.keep < self.reach if self.at_most else self.keep > self.reach):
            message = "keeping a level cannot be harder than reaching it"
            raise _fault(message, "keep")
        return self

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        least, most = MEASURE_RANGES[self.measure]
        if self.at_most and self.reach < least:
            message = f"{self.measure} is never below {least}"
            raise _fault(message, "reach")
        if not self.at_most and self.reach > most:
            message = f"{self.measure} is never above {most}"
            raise _fault(message, "reach")
        return self


class LevelPolicy(Part):
    """What must hold, beside all lower levels, for CX level *level*: every one of `all`, and one of `any`.

    Level 1 is everybody's whatever it asks for; who lacks something of that rises no higher.
    """

    level: Annotated[int, Field(ge=1, le=5)]
    all: Annotated[tuple[Condition, ...], Field(max_length=10)] = ()
    any: Annotated[tuple[Condition, ...], Field(max_length=10)] = ()

    @model_validator(mode="after")
    def _each_measure_once(self) -> Self:
        asked = [condition.measure for condition in (*self.all, *self.any)]
        if not asked:
            message = f"level {self.level} must ask for something"
            raise _fault(message)
        if len(set(asked)) != len(asked):
            message = f"level {self.level} asks for the same measure twice"
            raise _fault(message, "all" if self.all else "any")
        return self


def _default_levels() -> tuple[LevelPolicy, ...]:
    def need(measure: LevelMeasure, reach: int, keep: int | None = None, **more: object) -> Condition:
        return Condition.model_validate({"measure": measure, "reach": reach, "keep": keep, **more})

    return (
        LevelPolicy(level=1, all=(
            need("channels", 1, criterion="involvement"),
            need("informed_pct", 50, 40, unknown="holds", criterion="involvement"),
        )),
        LevelPolicy(level=2, all=(
            need("answered_in_time_pct", 80, 70, unknown="holds", criterion="resolution"),
            need("resolved_for_good_pct", 70, 60, unknown="holds", criterion="resolution"),
            need("last_ces", 4, 3, unknown="holds", criterion="effort"),
        )),
        LevelPolicy(level=3, all=(
            need("orders", 2, criterion="emotion"),
            need("in_rhythm", 1, unknown="holds", criterion="emotion"),
            need("last_csat", 4, 3, unknown="holds", criterion="emotion"),
            need("emotion", 50, 45, criterion="emotion"),
            need("open_detractor_cases", 0, at_most=True, criterion="emotion"),
        )),
        LevelPolicy(level=4, all=(
            need("care_accepted", 1, criterion="involvement"),
            need("contacts_rise", 0, 2, at_most=True, unknown="holds", criterion="effort"),
            need("late_cases", 0, at_most=True, criterion="effort"),
        )),
        LevelPolicy(level=5, all=(
            need("advocacy", 1, criterion="perception"),
            need("brand", 65, 55, criterion="perception"),
        ), any=(
            need("nps_rise", 2, 0, criterion="perception"),
            need("promoter_streak", 2, 1, criterion="perception"),
        )),
    )  # fmt: skip


class SlaPolicy(Part):
    """Hours until the first answer, by priority of the case."""

    low: Annotated[int, Field(ge=1, le=720)] = 48
    normal: Annotated[int, Field(ge=1, le=720)] = 24
    high: Annotated[int, Field(ge=1, le=720)] = 8
    urgent: Annotated[int, Field(ge=1, le=720)] = 2


class RhythmPolicy(Part):
    """When a customer is out of their own rhythm: `factor_pct` of the median gap of their last orders have gone by.

    `least_gaps` is how many gaps have to be known; orders of one local day count as one.
    """

    factor_pct: Annotated[int, Field(ge=100, le=2_000)] = 250
    least_gaps: Annotated[int, Field(ge=1, le=8)] = 3


class AlertPolicy(Part):
    """How grave an alert is, and what may help, in the order to try; `enabled: false` switches it off."""

    enabled: bool = True
    severity: Severity = "warning"
    help: Help = ()


class SeverityByPriority(Part):
    """How grave it is that a case had no answer in time, by its priority."""

    low: Severity = "info"
    normal: Severity = "warning"
    high: Severity = "urgent"
    urgent: Severity = "urgent"


class FirstResponsePolicy(Part):
    """A case had no answer within its hours."""

    enabled: bool = True
    severity: SeverityByPriority = SeverityByPriority()
    help: Help = ("answer-now", "call-back")


class CaseReopenedPolicy(AlertPolicy):
    """A case was reopened so many times."""

    times: Annotated[int, Field(ge=1, le=10)] = 2
    severity: Severity = "urgent"
    help: Help = ("senior-agent", "apology")


class DimensionFallsPolicy(AlertPolicy):
    """A score fell by so many points or more within so many days."""

    points: Annotated[int, Field(ge=1, le=100)] = 15
    days: Annotated[int, Field(ge=1, le=90)] = 30
    help: Help = ("ask-what-went-wrong", "apology")


class SilentPolicy(AlertPolicy):
    """A customer on one of *tiers*, or on any if there is none, is out of their own rhythm."""

    tiers: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    help: Help = ("personal-suggestion", "call")


class PointsExpiringPolicy(AlertPolicy):
    """So many points or more run out within so many days."""

    least: Annotated[int, Field(ge=1, le=10**9)] = 100
    days: Annotated[int, Field(ge=1, le=60)] = 14
    severity: Severity = "info"
    help: Help = ("suggest-a-reward",)


class TierAtRiskPolicy(AlertPolicy):
    """Time takes the tier within so many days; told once in so many."""

    days: Annotated[int, Field(ge=1, le=90)] = 30
    help: Help = ("say-what-is-missing", "personal-suggestion")


class SeamPolicy(AlertPolicy):
    """The customer had to ask again over another channel."""

    help: Help = ("one-agent-for-both", "apology")


class GiftUnavailablePolicy(AlertPolicy):
    """The gift desk has no gift for a reward that is owed."""

    help: Help = ("choose-another-gift", "apology")


class CarePolicy(Part):
    """When somebody should look after a customer.

    A seam is a case on a topic within `seam_days` of the last sign of life of a case on that topic over another
    channel. It moves the scores also where its alert is switched off.
    """

    seam_days: Annotated[int, Field(ge=1, le=90)] = 7
    first_response: FirstResponsePolicy = FirstResponsePolicy()
    case_reopened: CaseReopenedPolicy = CaseReopenedPolicy()
    dimension_falls: DimensionFallsPolicy = DimensionFallsPolicy()
    silent: SilentPolicy = SilentPolicy()
    points_expiring: PointsExpiringPolicy = PointsExpiringPolicy()
    tier_at_risk: TierAtRiskPolicy = TierAtRiskPolicy()
    seam: SeamPolicy = SeamPolicy()
    gift_unavailable: GiftUnavailablePolicy = GiftUnavailablePolicy()


class GiftPolicy(Part):
    """The gift that a reward gives: an e-gift card with a face value in the programme's currency."""

    id: Name
    brand: Annotated[str, Field(min_length=1, max_length=64)]
    card_kind: Name = "e-voucher"
    face_value: Amount
    valid_days: Annotated[int, Field(ge=1, le=1_100)] = 90


class ChoicePolicy(GiftPolicy):
    """A gift to choose; what asks for `tiers` or `segments` is only for who is on one of them when it is owed."""

    tiers: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    segments: Annotated[tuple[Name, ...], Field(max_length=20)] = ()


class StreakPolicy(Part):
    """An order in each of so many local months, or weeks from Monday, one after another."""

    orders: Annotated[int, Field(ge=2, le=60)]
    within: Literal["week", "month"]


class PricePolicy(Part):
    """How many points a request that names the reward has to spend, neither more nor less."""

    points: Annotated[int, Field(ge=1, le=10**9)]


class RewardTrigger(Part):
    """What entitles a customer; one of these.

    `recovery` is a case, a dissatisfied customer's, answered late or opened again, that was solved; `promoter_refers` a
    referral of somebody whose last NPS answer is 9 or 10.
    """

    tier_reached: Name | None = None
    level_reached: Annotated[int, Field(ge=2, le=5)] | None = None
    birthday: Literal[True] | None = None
    recovery: Literal[True] | None = None
    promoter_refers: Literal[True] | None = None
    streak: StreakPolicy | None = None
    redemption: PricePolicy | None = None

    @property
    def kind(self) -> str:
        """The name of the one that is set."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = type(self).model_fields
        if sum(getattr(self, name) is not None for name in kinds) != 1:
            message = f"takes one of {', '.join(kinds)}"
            raise _fault(message)
        return self


_CHOOSE_DAYS: Final = 7


class LimitPolicy(Part):
    """At most so many occasions within so many local days, that of the new one included."""

    times: Annotated[int, Field(ge=1, le=100)]
    days: Annotated[int, Field(ge=1, le=1_100)]


class RewardPolicy(Part):
    """One reward rule: the trigger, how often one customer may get it, what is given and how many of it.

    It gives `gift`, or one of `choices`, which the customer has `choose_days` to choose; who has not by then gets what
    `unchosen` says, the `first` of the offer or `none`, so that it expires. `every` says whether there is one a local
    year, one for ever, or one for each occasion: a case, a referral, a streak or a request. The next is not owed in the
    `cooldown_days` after the last. A reminder comes `remind_days` before a gift runs out; 0 for none.

    Where gifts come from the desk, `fallbacks` are gifts of its catalogue that are given instead, in this order, and
    `wait_days` is how long a customer waits for stock; how long a gift is valid, and when that is reminded of, is the
    catalogue's.
    """

    id: Name
    when: RewardTrigger
    every: Literal["year", "ever", "occasion"] = "year"
    quantity: Annotated[int, Field(ge=1, le=20)] = 1
    gift: GiftPolicy | None = None
    choices: Annotated[tuple[ChoicePolicy, ...], Field(max_length=20)] = ()
    choose_days: Annotated[int, Field(ge=1, le=90)] = _CHOOSE_DAYS
    unchosen: Literal["first", "none"] = "first"
    limit: LimitPolicy | None = None
    cooldown_days: Annotated[int, Field(ge=0, le=1_100)] = 0
    remind_days: Annotated[int, Field(ge=0, le=90)] = 7
    fallbacks: Annotated[tuple[Name, ...], Field(max_length=FALLBACKS_MAX)] = ()
    wait_days: Annotated[int, Field(ge=0, le=WAIT_DAYS_MAX)] = 0

    @property
    def gifts(self) -> tuple[GiftPolicy, ...]:
        """All that it may give, in the policy's order."""
        return (self.gift,) if self.gift else self.choices

    @model_validator(mode="after")
    def _gives_something(self) -> Self:
        if (self.gift is None) == (not self.choices):
            message = "takes one of gift and choices"
            raise _fault(message)
        if len({choice.id for choice in self.choices}) != len(self.choices):
            message = "each choice needs an id of its own"
            raise _fault(message, "choices")
        if self.gift and self.choose_days != _CHOOSE_DAYS:
            message = "is only for choices"
            raise _fault(message, "choose_days")
        if self.gift and self.unchosen != "first":
            message = "is only for choices"
            raise _fault(message, "unchosen")
        if len(set(self.fallbacks)) != len(self.fallbacks):
            message = "no gift stands twice"
            raise _fault(message, "fallbacks")
        return self

    @model_validator(mode="after")
    def _occasions_fit(self) -> Self:
        kind = self.when.kind
        if kind == "redemption" and self.every != "occasion":
            message = "must be occasion where points are paid for it"
            raise _fault(message, "every")
        if kind in {"tier_reached", "level_reached", "birthday"} and self.every == "occasion":
            message = f"must be year or ever for {kind}"
            raise _fault(message, "every")
        return self


class VelocityPolicy(Part):
    """More than so many orders, refunds or granted redemptions in less than so many hours hold rewards back."""

    id: Name
    counts: Literal["orders", "refunds", "redemptions"]
    more_than: Annotated[int, Field(ge=1, le=100)]
    within_hours: Annotated[int, Field(ge=1, le=720)]


class SegmentPolicy(Part):
    """A kind of customer: the last order at most so many local days ago, so many orders and so much spend at least.

    All of it over the window of the tiers; a customer belongs to the first that fits.
    """

    id: Name
    recency_days: Annotated[int, Field(ge=0, le=1_100)] | None = None
    orders: Annotated[int, Field(ge=1, le=10**6)] | None = None
    spend: Amount | None = None


class Policy(Part):
    """The whole programme. Its hash is taken over the validated content, so comments and order of keys do not count."""

    format: Literal[1] = 1
    programme: Name
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Ho_Chi_Minh"
    locale: Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")] = "vi"
    clock: ClockPolicy = ClockPolicy()
    spend: SpendPolicy = SpendPolicy()
    exchange_rates: Annotated[dict[Currency, ExchangeRate], Field(max_length=50)] = {}
    visits: VisitsPolicy = VisitsPolicy()
    points: PointsPolicy = PointsPolicy()
    tiers: TiersPolicy
    scores: ScoresPolicy = ScoresPolicy()
    sla_hours: SlaPolicy = SlaPolicy()
    rhythm: RhythmPolicy = RhythmPolicy()
    care: CarePolicy = CarePolicy()
    levels: Annotated[tuple[LevelPolicy, ...], Field(max_length=5)] = _default_levels()
    rewards: Annotated[tuple[RewardPolicy, ...], Field(max_length=200)] = ()
    gifts_from: Literal["policy", "desk"] = "policy"
    velocity: Annotated[tuple[VelocityPolicy, ...], Field(max_length=10)] = ()
    segments: Annotated[tuple[SegmentPolicy, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _currencies_exist(self) -> Self:
        # A slip would send every purchase to the dead letters.
        for code, path in (
            (self.currency, ("currency",)),
            *((one, ("exchange_rates", one)) for one in self.exchange_rates),
        ):
            if code not in CODES:
                close = f"; like it are {', '.join(found)}" if (found := near(code)) else ""
                message = f"{code} is no currency of ISO 4217{close}"
                raise _fault(message, *path)
        return self

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        every = {rung.name for rung in self.tiers.ladder}
        if unknown := set(self.care.silent.tiers) - every:
            message = f"{min(unknown)} is no tier; allowed: {', '.join(sorted(every))}"
            raise _fault(message, "care", "silent", "tiers")
        levels = [rule.level for rule in self.levels]
        first = min(levels[:1], default=2)
        if first not in {1, 2} or levels != list(range(first, first + len(levels))):
            message = "levels are listed from 1 or 2 upwards, none left out"
            raise _fault(message, "levels")
        highest = max(levels, default=1)
        for place, rung in enumerate(self.tiers.ladder):
            asked = [terms.get("level", 1) for terms in rung.enter.alternatives()]
            if not any(isinstance(level, int) and level <= highest for level in asked):
                message = f"asks for a CX level that nobody reaches; the highest of levels is {highest}"
                raise _fault(message, "tiers", "ladder", place, "enter")
        return self

    @model_validator(mode="after")
    def _rewards_fit(self) -> Self:
        every = [rung.name for rung in self.tiers.ladder]
        levels = [str(rule.level) for rule in self.levels if rule.level > 1]  # level 1 is everybody's
        for place, rule in enumerate(self.rewards):
            # Nobody ever reaches the first tier: all begin on it.
            if rule.when.tier_reached is not None and rule.when.tier_reached not in every[1:]:
                message = f"is no tier that can be reached; allowed: {', '.join(sorted(every[1:])) or 'none'}"
                raise _fault(message, "rewards", place, "when", "tier_reached")
            if rule.when.level_reached is not None and str(rule.when.level_reached) not in levels:
                message = f"is no level that can be reached; allowed: {', '.join(levels) or 'none'}"
                raise _fault(message, "rewards", place, "when", "level_reached")
            for number, choice in enumerate(rule.choices):
                for part, known in (("tiers", every), ("segments", [one.id for one in self.segments])):
                    if unknown := set(getattr(choice, part)) - set(known):
                        message = f"{min(unknown)} is not among them; allowed: {', '.join(sorted(known)) or 'none'}"
                        raise _fault(message, "rewards", place, "choices", number, part)
        for name in ("rewards", "velocity", "segments"):
            ids = [one.id for one in getattr(self, name)]
            if len(set(ids)) != len(ids):
                message = f"each of {name} needs an id of its own"
                raise _fault(message, name)
        return self

    @model_validator(mode="after")
    def _desk_fits(self) -> Self:
        for place, rule in enumerate(self.rewards):
            for part in ("fallbacks", "wait_days"):
                if getattr(rule, part) and self.gifts_from != "desk":
                    message = "is only for gifts from the desk: gifts_from: desk"
                    raise _fault(message, "rewards", place, part)
        return self

    @model_validator(mode="after")
    def _points_fit(self) -> Self:
        every = {rung.name for rung in self.tiers.ladder}
        for kind, rates in (("rates", self.points.rates), ("campaigns", self.points.campaigns)):
            for place, rate in enumerate(rates):
                if unknown := set(rate.tiers) - every:
                    message = f"{min(unknown)} is no tier; allowed: {', '.join(sorted(every))}"
                    raise _fault(message, "points", kind, place, "tiers")
        if self.currency in self.exchange_rates:
            message = f"{self.currency} is the programme's own currency"
            raise _fault(message, "exchange_rates")
        months = self.points.expiry.after_months
        if months is not None and self.points.pending_days > months * 28:
            message = "points would run out before they can be spent"
            raise _fault(message, "points", "pending_days")
        if self.points.pending_days > self.clock.refund_days:
            message = f"must not be above refund_days, {self.clock.refund_days}"
            raise _fault(message, "points", "pending_days")
        return self
