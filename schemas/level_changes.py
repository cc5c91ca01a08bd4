"""Level changes: a customer's CX level, 1 informed to 5 advocate; topic `cx.level-changes`."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Measure, Moment, Record, Short
from schemas.output import Notice, OutputEnvelope

Level = Annotated[int, Field(ge=1, le=5)]


class Evidence(Record):
    """One measure behind a level's criterion, the value that was found and the one that is needed, inclusive.

    Attributes:
        value: None where there is no evidence yet.
        comparison: How `value` has to compare with `needed`.
        ok: Whether the condition holds; without evidence, as the policy says.
        one_of: Of all conditions of a level that have this, one has to hold.
        text: The same in words: Vietnamese where `locale` is, else English.
    """

    level: Level
    criterion: Short
    measure: Short
    value: Measure | None = None
    comparison: Literal[">=", "<="] = ">="
    needed: Measure
    ok: bool
    one_of: bool = False
    text: Annotated[str, Field(max_length=256)] = ""


class LevelChange(Notice):
    """From which level to which; `from` and `to` in JSON."""

    from_level: Level = Field(validation_alias="from", serialization_alias="from")
    to_level: Level = Field(validation_alias="to", serialization_alias="to")
    since: Moment
    evidence: tuple[Evidence, ...] = ()


class LevelChanged(OutputEnvelope):
    """The customer's CX level changed."""

    type: Literal["cx-level.changed"] = "cx-level.changed"
    data: LevelChange


LevelChangeEvent = LevelChanged
