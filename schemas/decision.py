"""The decision record: why a tier, a level or a reward is what it is, in every event that tells of one."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Count, Day, EventId, Measure, Moment, Record, Short, Source

Measures = dict[Short, Measure]
# A condition as people read it, such as `spend >= 10000000`.
Condition = Annotated[str, Field(min_length=1, max_length=256)]


class Span(Record):
    """Whole local days of the programme's zone, from `first` to `last`, both counted."""

    first: Day
    last: Day


class Rung(Record):
    """Bounds of one rung, by measure and inclusive: to enter it, and to keep it.

    Attributes:
        enter: Alternatives; all bounds of one of them have to be reached.
        keep: The same, for one who holds the rung already.
        at_most: The measures of which less is better, and which are not to exceed their bounds.
    """

    name: Short
    enter: tuple[Measures, ...]
    keep: tuple[Measures, ...]
    at_most: tuple[Short, ...] = ()


class EventRef(Record):
    """The identity of an event."""

    source: Source
    id: EventId


class Rest(Record):
    """What counted but whose ids are no longer held: its days, number of events and sum in minor units."""

    first: Day
    last: Day
    count: Count
    amount: Measure


class GivenTier(Record):
    """A tier that a person gave, or that a customer brought along.

    Attributes:
        until: None for good.
        way: `set`, just then; `floor`, the least since; `exact`, neither more nor less, for one below what was earned.
    """

    tier: Short
    until: Moment | None = None
    way: Literal["set", "floor", "exact"]


class Standing(Record):
    """What beside measures and thresholds decides a tier.

    It begins with the tier `before`. A `given` one is the outcome, or the least. Else it is the highest rung whose
    `enter` is reached, if that is above `before` and no guard holds it back. Else `before` stays where `mode` is none,
    before `held_until`, or where its `keep` is reached. Else it is one rung less, or the highest below whose `keep` is
    reached, as `mode` has it.

    Attributes:
        at: When it was decided, and what was measured as of.
        terms: Which terms of the ladder decided; None where nothing measured would have made a difference.
        mode: How far a tier falls.
        held_until: Until when `before` was held, whatever was measured: to a period's end, or that of a respite.
    """

    at: Moment
    terms: Literal["enter", "keep"] | None = None
    mode: Literal["none", "one-step", "to-qualified"]
    held_until: Moment | None = None
    given: GivenTier | None = None


class Decision(Record):
    """From its measures and thresholds the outcome can be recomputed, and its measures from the log.

    Attributes:
        policy: SHA-256 of the policy in force, in hex.
        rule: The rule that decided, such as `tier:gold`.
        window: The days that were measured, of a period that ended those too; None for a rule without a window.
        measures: Value of each measure that the rule reads; amounts in minor units.
        ladder: Rungs with their thresholds, lowest first; empty for a rule without a ladder.
        guards: By name, whether it holds promotion back.
        standing: Of a tier, what else decides it.
        before: Outcome from which the measures led to this one, such as a tier's name; not always the one told last.
        after: Outcome from now on; None for one that ends.
        decisive: Events that counted and whose ids are still held, oldest first.
        rest: The others that counted; None when all are in `decisive`.
        failed: Conditions that failed, of the next rung.
        missing: What is missing for the next rung, by measure.
        next_rung: The rung above; None at the top.
        next_deadline: When the outcome is next looked at without an event; None for never.
    """

    policy: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    rule: Annotated[str, Field(min_length=1, max_length=128)]
    window: Span | None = None
    measures: Measures = Field(default_factory=dict)
    ladder: tuple[Rung, ...] = ()
    guards: dict[Short, bool] = Field(default_factory=dict)
    standing: Standing | None = None
    before: Short | None = None
    after: Short | None = None
    decisive: tuple[EventRef, ...] = ()
    rest: Rest | None = None
    failed: tuple[Condition, ...] = ()
    missing: Measures = Field(default_factory=dict)
    next_rung: Short | None = None
    next_deadline: Moment | None = None
